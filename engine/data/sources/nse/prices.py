"""Closes, futures and corporate actions of the National Stock Exchange's files."""

from fractions import Fraction

import numpy as np
import polars as pl

from engine.data.arrange import on_dates
from engine.data.parquet import collect, session_dates
from engine.data.quotes.clean import QualityReport
from engine.data.sources.file_actions import file_actions
from engine.data.sources.nse.files import ACTIONS, CASH, FO, INDEX, derivatives
from engine.data.tables import contracts as tables
from engine.data.tables.judged_files import read_judged
from engine.data.tables.moves import Moves, moves
from engine.data.tables.strike_cash import with_factors


def all_closes(folder, report: QualityReport) -> pl.DataFrame:
    """Closes of the indices and of the stocks, as quoted that day: date, asset, close."""
    files = (folder / name for name in (INDEX, CASH))
    rows = pl.concat(read_judged(tables.PRICES, file, report, names={"ticker": "symbol"}) for file in files)
    return rows.rename({"ticker": "asset"})


def closes(folder, dates, symbols, report: QualityReport) -> np.ndarray:
    """Closes of indices and members, (T, A)."""
    return on_dates(all_closes(folder, report), "close", dates, symbols)


def futures(rows: pl.LazyFrame, folder, symbols) -> pl.DataFrame:
    """Closes of the futures that traded: date, asset, expiry, forward. Index and stocks share the monthly expiries."""
    traded = rows.filter(
        pl.col("instrument").str.starts_with("FUT")
        & pl.col("symbol").is_in(symbols)
        & (pl.col("contracts") > 0)
        & (pl.col("close") > 0.0)
    )
    columns = ("date", pl.col("symbol").alias("asset"), "expiry", pl.col("close").alias("forward"))
    return collect(traded.select(*columns), folder / FO).unique(["date", "asset", "expiry"], maintain_order=True)


def moves_of(folder, dates, names, end, report: QualityReport) -> Moves:
    """What corporate actions do; factors are NaN for a demerger of unknown terms.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
        The last sessions of the file up to `end`.
    end : str or None
    """
    listed = session_dates(derivatives(folder, end=end), folder / FO)
    return moves(priced_actions(folder, report), dates, listed, names)


def corporate_actions(folder, report: QualityReport) -> pl.DataFrame:
    """Corporate actions: date, asset, kind, factor on prices (NaN where it is not known), and what ends names."""
    actions = file_actions(folder / ACTIONS, report, "symbol")
    factor = [_exact(kind, given) for kind, given in actions.select("kind", "factor").iter_rows()]
    return actions.rename({"ticker": "asset"}).with_columns(factor=pl.Series(factor, dtype=pl.Float64))


def priced_actions(folder, report: QualityReport) -> pl.DataFrame:
    """Corporate actions, those that take cash off strikes with the factor by which they move prices."""
    return with_factors(corporate_actions(folder, report), all_closes(folder, report), str(folder / ACTIONS))


def _exact(kind: str, factor: float | None) -> float:
    """Return the factor of a corporate action, NaN where its terms are not known.

    Splits and bonuses are ratios of small whole numbers, by which contracts were restated. The file has seven digits of
    them, recovered from prices, so the ratio itself is restored.
    """
    if factor is None:
        return float("nan")
    ratio = Fraction(factor).limit_denominator(100)
    whole = kind == "split_or_bonus" and abs(float(ratio) / factor - 1.0) < 1e-6
    return float(ratio) if whole else factor
