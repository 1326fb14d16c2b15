"""Tickers that two tables spell differently: NVDA US for NVDA, BRK/B for BRK.B."""

import difflib
import re
from collections.abc import Iterable

SHOWN = 8
_SUFFIX = re.compile(r"\s+(US|UW|UN|UQ|UP|LN|GY|GR|FP|JT|IN|EQUITY|INDEX|US EQUITY)$")


def plain(ticker: str) -> str:
    """Return a ticker without what vendors write differently: case, the exchange after it, marks within it.

    Examples
    --------
    >>> plain("NVDA US Equity"), plain("brk/b") == plain("BRK.B")
    ('NVDA', True)
    """
    word = ticker.strip().upper()
    while (shorter := _SUFFIX.sub("", word)) != word:
        word = shorter
    return re.sub(r"[^A-Z0-9]", "", word)


def nearest(ticker: str, known: Iterable[str]) -> str:
    """Return the known ticker that is meant, in all likelihood; "" where none is near.

    Examples
    --------
    >>> nearest("GOOG/L", ["GOOG", "GOOGL"]), nearest("VIX", ["AAPL"])
    ('GOOGL', '')
    """
    known = sorted(known)
    alike = [other for other in known if plain(other) == plain(ticker)]
    close = alike or difflib.get_close_matches(ticker, known, n=1, cutoff=0.8)
    return close[0] if close else ""


def spelt_otherwise(missing: Iterable[str], known: Iterable[str]) -> str:
    """Name tickers that are missing in a table, each with the one there that may be meant.

    Examples
    --------
    >>> spelt_otherwise(["NVDA US", "XOM"], ["AAPL", "NVDA"])
    'NVDA US (NVDA there), XOM'
    """
    known = list(known)
    said = [f"{ticker} ({other} there)" if (other := nearest(ticker, known)) else ticker for ticker in sorted(missing)]
    return ", ".join(said[:SHOWN]) + (f" and {len(said) - SHOWN:,} more" if len(said) > SHOWN else "")


def same_but_spelt(missing: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Return which of the others is the same ticker but for case, exchange and marks.

    Examples
    --------
    >>> same_but_spelt(["BRK.B", "GOOG"], ["BRK/B", "GOOGL"])
    {'BRK.B': 'BRK/B'}
    """
    by_plain = {plain(other): other for other in sorted(others)}
    return {ticker: by_plain[plain(ticker)] for ticker in sorted(missing) if plain(ticker) in by_plain}
