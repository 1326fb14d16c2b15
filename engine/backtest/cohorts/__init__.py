"""Legs together: sizing, the trade book of all cohorts, exits, costs, the account of a strategy."""
