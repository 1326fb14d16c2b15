"""US option chains with the vendor's volatilities and deltas: SPY, QQQ or SPX against members of the S&P 500.

`source` builds the market, `files` names the files and their columns, `holdings` and `prices` read what is known of a
date before any option is read, `quotes` reads the options.
"""
