"""What diversifies a portfolio of the user's: its expected volatility, and what a rise of correlation costs it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from engine.backend import blocks, namespace, to_host
from engine.correlation import (
    CorrelationStatus,
    ImpliedMatrix,
    diversification,
    implied_matrix,
    market_returns,
    realized_matrix,
    sessions_in_a_row,
    volatility_contribution,
)
from engine.correlation.sectors import Chosen
from engine.data.tables.contracts import PORTFOLIO
from engine.data.tables.tickers import spelt_otherwise
from engine.data.tables.whole_file import read_whole
from engine.errors import InputError
from engine.report.tables import aligned
from engine.study.levels import FRONT, middle_delta

WINDOW = 252  # sessions of the realised matrix, or as many as the data have in a row
SUM_TOLERANCE = 0.001  # of long weights, which people round to a tenth of a per cent
MOST_GROSS = 10.0  # times the capital: more is percent
SHOWN = 10  # names on the terminal
_BLOCK_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class Monitor:
    """A portfolio on each date and tenor, as frames.

    Parameters
    ----------
    rows : frame
        A row per date and tenor; volatilities and correlations in decimals, null where there is no matrix.
    names : frame
        A row per date, tenor and name of the portfolio; contributions sum to the volatility.
    basket : str
        Whose options price the correlations.
    window : int
        Sessions of the realised correlations that tell the pairs apart.
    rise : float
        Of the basket's correlation, decimals.
    """

    rows: pl.DataFrame
    names: pl.DataFrame
    basket: str
    window: int
    rise: float

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the files of the run by name."""
        return {"portfolio": self.rows, "portfolio_names": self.names}

    def lines(self, market) -> list[str]:
        """Return the last date on one screen: a row per tenor, then the names by what they add at the front tenor."""
        last = self.rows.filter(pl.col("date") == self.rows["date"].max())
        front = int(min(market.tenors, key=lambda tenor: abs(int(tenor) - FRONT)))
        names = self.names.filter(pl.col("date") == self.names["date"].max(), pl.col("tenor") == front)
        shown = names.sort("share", descending=True, nulls_last=True).head(SHOWN)
        head = f"Portfolio of {names.height} names on {last['date'][0]}, priced by {market.info.index} on {self.basket}"
        heading = f"By tenor, x 100: volatilities, correlation; what {100.0 * self.rise:g} points more of it cost"
        adds = f"What each adds at {front} days, x 100; of {names.height} the first {shown.height}"
        lines = [
            f"{head}; {self.window} sessions tell the pairs apart",
            *("", heading, *(f"  {line}" for line in aligned(_times_100(last.drop("date"))))),
            *("", adds, *(f"  {line}" for line in aligned(_times_100(shown.drop("date", "tenor"))))),
        ]
        if (missing := names.filter(pl.col("vol").is_null())).height:
            lines.append(
                f"Caution: not in the basket, or without a volatility: {', '.join(missing['name'])}; the others bear "
                "the weight, and coverage is below 100"
            )
        most = max(self.rows["names"])
        if (names["weight"] < 0.0).any() and self.window < most:
            lines.append(
                f"Caution: {self.window} sessions do not tell {most} names apart: longs against shorts may look safer "
                "than they are"
            )
        return lines


def read_portfolio(path: str | Path) -> pl.DataFrame:
    """Read a portfolio, ticker and weight: shares of capital, short positions negative.

    Weights of a portfolio that is long only sum to 1. With a short position they may sum to anything, 0 say.

    Raises
    ------
    InputError
        When there is no such file, a name stands there twice, or the weights are no shares of capital.
    """
    portfolio = read_whole(PORTFOLIO, path)
    weight = portfolio["weight"]
    total, gross = float(weight.sum()), float(weight.abs().sum())
    if gross == 0.0:
        raise InputError(f"{path}, column weight: no weight is above 0; give each name its share of the capital")
    if gross > MOST_GROSS:
        raise InputError(
            f"{path}, column weight: the weights come to {gross:.6g} times the capital; if they are in percent, divide "
            "them by 100"
        )
    if (weight >= 0.0).all() and abs(total - 1.0) > SUM_TOLERANCE:
        raise InputError(
            f"{path}, column weight: the weights sum to {total:.6g}; give shares that sum to 1, leaving out cash, or "
            "negative ones for what is short"
        )
    return portfolio


def monitor_portfolio(
    market, chosen: Sequence[Chosen], portfolio: pl.DataFrame, rise: float, min_coverage: float
) -> Monitor:
    """Measure what diversifies a portfolio, per date and tenor at the middle delta.

    The correlations are those that the options of a basket imply (`implied_matrix`): of the first basket that has an
    index leg and holds all of the portfolio, else of the one that holds most of it.

    Parameters
    ----------
    market : MarketPanel
    chosen : sequence of Chosen
    portfolio : frame of ticker, weight
    rise : float
        Of the basket's correlation, decimals.
    min_coverage : float
        Least share of the basket's weight that must be quoted.

    Raises
    ------
    InputError
        When a name is none of the market's, or no basket has an index leg.
    """
    known = [str(name) for name in market.names]
    if missing := sorted(set(portfolio["ticker"]) - set(known)):
        raise InputError(
            f"portfolio has names that are none of {market.info.name}'s {len(known)}: {spelt_otherwise(missing, known)}"
        )
    weight = np.zeros(len(known))
    weight[[known.index(ticker) for ticker in portfolio["ticker"]]] = portfolio["weight"].to_numpy()
    with_leg = [(basket, basket.index_iv) for basket in chosen if basket.index_iv is not None]
    if not with_leg:
        raise InputError(f"no basket of {market.info.name} has an index leg, which alone tells correlation")
    held = [np.abs(weight)[to_host((basket.weights > 0.0).any(axis=0))].sum() for basket, _ in with_leg]
    basket, index_iv = with_leg[int(np.argmax(held))]
    returns = market_returns(market)
    window = max(min(WINDOW, int(sessions_in_a_row(returns).max())), 1)
    asarray = namespace(index_iv).asarray
    own, at = asarray(weight), np.flatnonzero(weight)
    rows, names = [], []
    # Of all dates at once the matrices of all members would be gigabytes.
    for part in blocks(len(market), 40 * len(known) ** 2 + 8 * window * len(known), _BLOCK_BYTES):
        realized = _realized(returns, basket, window, part)
        for k, tenor in enumerate(market.tenors):
            d = middle_delta(market)
            index, members = index_iv[part, k, d], asarray(market.component_iv[part, :, k, d])
            matrix = implied_matrix(index, members, realized, min_coverage=min_coverage)
            rows.append(_rows(market, part, int(tenor), matrix, own, rise))
            names.append(_names(market, part, int(tenor), matrix, own, at))
    by_date, by_name = (pl.concat(frames).sort("date", "tenor", maintain_order=True) for frames in (rows, names))
    return Monitor(by_date, by_name, basket.label, window, rise)


def _times_100(frame: pl.DataFrame) -> pl.DataFrame:
    scaled = [name for name, kind in frame.schema.items() if kind.is_float() and name != "diversification_ratio"]
    return frame.with_columns(pl.col(scaled) * 100.0)


def _realized(returns, basket: Chosen, window: int, part: slice):
    """Return the realised matrices of a block of the market's dates, among all dates that have returns."""
    xp = namespace(basket.weights)
    at = returns.at[part]
    weights = xp.zeros(returns.names.shape)
    weights[xp.asarray(at)] = basket.weights[part]
    found = realized_matrix(returns.names, weights, window, dates=slice(int(at[0]), int(at[-1]) + 1))
    kept = xp.asarray(at - at[0])
    return replace(found, **{name: array[kept] for name, array in vars(found).items()})


def _rows(market, part: slice, tenor: int, matrix: ImpliedMatrix, weight, rise: float) -> pl.DataFrame:
    found = {name: to_host(array) for name, array in vars(diversification(matrix, weight, rise)).items()}
    status = pl.Series([s.text for s in CorrelationStatus]).gather(to_host(matrix.status))
    return pl.DataFrame(
        {
            "date": market.dates[part],
            "tenor": pl.Series([tenor], dtype=pl.Int32).new_from_index(0, len(status)),
            "vol": found["vol"],
            "undiversified_vol": found["undiversified_vol"],
            "diversification_ratio": found["ratio"],
            "correlation": found["correlation"],
            "basket_correlation": to_host(matrix.level),
            "stressed_vol": found["stressed_vol"],
            "rise_costs": found["benefit_lost"],
            "rise_costs_share": found["benefit_lost"] / np.where(found["vol"] > 0.0, found["vol"], np.nan),
            "names": to_host(matrix.names),
            "coverage": found["coverage"],
            "status": status,
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def _names(market, part: slice, tenor: int, matrix: ImpliedMatrix, weight, at: np.ndarray) -> pl.DataFrame:
    vols = np.full((len(matrix.position), len(weight)), np.nan)
    vols[np.arange(len(vols))[:, None], to_host(matrix.position)] = to_host(matrix.vol)
    contribution = to_host(volatility_contribution(matrix, weight))
    vol, added = vols[:, at], contribution[:, at]
    added = np.where(np.isfinite(vol), added, np.nan)
    total = contribution.sum(axis=1, keepdims=True)
    dates, names = np.meshgrid(market.dates[part], np.asarray(market.names, dtype=object)[at], indexing="ij")
    columns = {
        "weight": np.broadcast_to(to_host(weight)[at], vol.shape),
        "vol": vol,
        "contribution": added,
        "share": added / total,
    }
    return pl.DataFrame(
        {
            "date": dates.ravel(),
            "tenor": pl.Series([tenor], dtype=pl.Int32).new_from_index(0, dates.size),
            "name": pl.Series(names.ravel().tolist(), dtype=pl.String),
            **{name: values.ravel() for name, values in columns.items()},
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
