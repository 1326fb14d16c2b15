"""A trade book as lines of text."""

from typing import TYPE_CHECKING

from engine.backend import to_host
from engine.backtest.legs.attribution import PARTS
from engine.backtest.text import columns

if TYPE_CHECKING:
    from engine.backtest.cohorts.book import TradeBook


def book_lines(book: "TradeBook") -> list[str]:
    """Return a trade book as aligned lines of text: how it is made, what it holds, and its P&L by source."""
    entered = to_host(book.entered)
    made = book.recipe
    rows = [
        ("Structure", str(made.structure)),
        ("Sizing", str(made.sizing)),
        ("Hedge", str(made.hedge)),
        ("Marks", str(made.marks)),
        ("Cohorts entered", f"{entered.sum():,} of {len(entered):,}"),
        ("held at once at most", f"{book.most_held:,}"),
        ("Longest life", f"{book.days} sessions"),
    ]
    sums = to_host(book.explain).sum(axis=(0, 1)).T  # source, leg class
    parts = [*zip(PARTS, sums, strict=True), ("gross", sums.sum(axis=0))]
    table = [
        ("P&L in vol points", "index", "members", "both"),
        *((part.replace("_", " "), *(f"{v:,.2f}" for v in (*legs, legs.sum()))) for part, legs in parts),
    ]
    return [
        "Trade book, of every cohort at full exposure, before costs",
        *columns(rows, "<<"),
        "",
        *columns(table, "<>>>"),
    ]
