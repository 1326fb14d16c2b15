"""Known dividends of the shares that options are on: those within the life of each smile, on an axis of their own."""

import numpy as np
import polars as pl

from engine.calendar import DAYS_PER_YEAR


def ex_dates(smiles: pl.DataFrame, dividends: pl.DataFrame | None) -> tuple[np.ndarray, np.ndarray]:
    """Return time to and amount of each dividend that goes ex after the date and up to the expiry.

    Parameters
    ----------
    smiles : frame of date, asset, expiry; S rows
    dividends : frame of asset, ex_date, amount (per share, of the share as quoted) and known, or None
        `known` is the day from which a dividend was known; null, or no such column: on all dates.

    Returns
    -------
    ex_years, amounts : array (S, M)
        Padded with NaN and 0; M = 0 without dividends.
    """
    if dividends is None:
        return np.empty((smiles.height, 0)), np.empty((smiles.height, 0))
    keyed = smiles.select("date", "asset", "expiry").with_row_index("smile")
    inside = (pl.col("ex_date") > pl.col("date")) & (pl.col("ex_date") <= pl.col("expiry"))
    if "known" in dividends.columns:
        inside &= pl.col("known").is_null() | (pl.col("known") <= pl.col("date"))
    rows = keyed.join(dividends, on="asset").filter(inside).sort("smile", "ex_date")
    rows = rows.with_columns(place=pl.int_range(pl.len()).over("smile"))
    most = 0 if rows.is_empty() else int(rows["place"].to_numpy().max()) + 1
    ex_years, amounts = np.full((smiles.height, most), np.nan), np.zeros((smiles.height, most))
    at = (rows["smile"].to_numpy(), rows["place"].to_numpy())
    ex_years[at] = (rows["ex_date"] - rows["date"]).dt.total_days().to_numpy() / DAYS_PER_YEAR
    amounts[at] = rows["amount"].to_numpy()
    return ex_years, amounts


def escrowed(rate: np.ndarray, ex_years: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Worth of the dividends of each smile, (S,), at its rate (S,).

    Examples
    --------
    >>> escrowed(np.array([0.0]), np.array([[0.1, np.nan]]), np.array([[0.5, 0.0]])).tolist()
    [0.5]
    """
    return np.nansum(amounts * np.exp(-rate[:, None] * ex_years), axis=1)
