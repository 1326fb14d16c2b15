"""What each leg is worth on each day: marks, events on it, hedges, its P&L by source."""
