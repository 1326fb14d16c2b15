"""Many backtests as few: composed, made into jobs, cut into batches, computed here or on a cluster, kept."""
