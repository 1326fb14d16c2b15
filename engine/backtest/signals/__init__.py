"""When to trade: what a strategy is, signals, thresholds, statistics of the past alone."""
