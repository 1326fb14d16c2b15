"""The kinds of corporate actions: what moves contracts, what moves returns alone, and what ends a name."""

# These move the contracts too: strikes are restated by the factor, as prices are.
MOVES_CONTRACTS = (
    "split",
    "reverse_split",
    "bonus",
    "split_or_bonus",
    "stock_dividend",
    "demerger",
    "spinoff",
    "rights",
    "adjusted_dividend",  # a special one for which an exchange restates strikes and contracts by the ratio of prices
)
STRIKE_DIVIDEND = "strike_dividend"  # a special one whose cash is taken off strikes, as the OCC does
MOVES_RETURNS = ("special_dividend", "dividend", "cash_dividend")
# After these a name trades no more: what is paid for a share, or how many shares of another name.
PAID_IN_CASH = ("cash_merger", "delisting", "bankruptcy")
STOCK_MERGER = "stock_merger"
MIXED_MERGER = "cash_and_stock_merger"  # options deliver both; where no terms are told they are sold before it
GOES_ON_AS = (STOCK_MERGER, MIXED_MERGER)  # shares of another name
ENDS = (*PAID_IN_CASH, STOCK_MERGER, MIXED_MERGER)
RENAME = "rename"  # goes on under another ticker
MOVES = {kind: kind for kind in (*MOVES_CONTRACTS, *MOVES_RETURNS)}
WITHOUT_RENAMES = MOVES | {kind: kind for kind in (STRIKE_DIVIDEND, *ENDS)}
KINDS = WITHOUT_RENAMES | {RENAME: RENAME}
