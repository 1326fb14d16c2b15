"""A day's P&L taken apart, and repriced at other spots and volatilities."""
