"""Research on correlation as tables and series: what a correlation run reports beside the levels themselves."""
