"""Research on correlation as tables and series."""
