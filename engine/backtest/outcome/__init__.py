"""What a backtest leaves: result, ledger, summary, cautions, track record, several as one book."""
