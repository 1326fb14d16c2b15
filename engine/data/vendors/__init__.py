"""Vendors' files: recognised, and read into the tables that every market is made of."""
