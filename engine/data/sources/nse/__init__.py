"""Exchange files of the National Stock Exchange of India: NIFTY or BANKNIFTY against their members.

`source` builds the market, `files` names the files and their columns, `weights` and `prices` read what is known of a
date before any option is read, `quotes` inverts the options.
"""
