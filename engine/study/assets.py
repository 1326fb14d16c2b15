"""A basket of assets beyond an index: what its option is worth at a correlation, and what its own option implies."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.calendar import year_fraction
from engine.correlation import (
    CorrelationStatus,
    implied_correlation,
    market_returns,
    realized_correlation,
    rolling_correlation,
)
from engine.correlation.market_returns import matched_window
from engine.data.arrange import on_dates
from engine.data.tables.contracts import BASKET_OPTION, PORTFOLIO, PRICES
from engine.data.tables.tickers import spelt_otherwise
from engine.data.tables.whole_file import read_whole
from engine.errors import InputError
from engine.pricing import straddle
from engine.report.tables import aligned
from engine.study.levels import middle_delta
from engine.study.portfolio import SUM_TOLERANCE

BESIDE_WINDOW = 21  # common sessions with what a basket is set beside, or those asked for


@dataclass(frozen=True, eq=False)
class Assets:
    """What a user asks of a basket: frames as `read_assets` reads them."""

    weights: pl.DataFrame
    option: pl.DataFrame | None
    beside: pl.DataFrame | None


@dataclass(frozen=True, eq=False)
class AssetBasket:
    """A basket on each date: correlation and prices per tenor, and correlation with other series."""

    rows: pl.DataFrame
    beside: pl.DataFrame | None

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the files of the run by name."""
        return {"assets": self.rows} | ({} if self.beside is None else {"beside": self.beside})

    def lines(self, market) -> list[str]:
        """Return the last date on one screen."""
        last = self.rows.filter(pl.col("date") == self.rows["date"].max())
        lines = [
            f"Basket of {market.info.name} on {last['date'][0]}: correlations, volatilities, calls at the forward as "
            "shares of it",
            *("", *(f"  {line}" for line in aligned(last.drop("date")))),
        ]
        if self.beside is not None:
            known = self.beside.drop_nulls("correlation").group_by("series", maintain_order=True).last()
            lines += ["", "Rolling correlation with", *(f"  {line}" for line in aligned(known))]
            counts = self.beside.group_by("series", maintain_order=True).len()
            for series, count in counts.join(known, on="series", how="anti", maintain_order="left").iter_rows():
                lines.append(
                    f"  {series}: {count} common sessions, too few for the window; realized_window=N shortens it"
                )
        return lines


def read_assets(weights: str | Path | None, option: str | Path | None, beside: str | Path | None) -> Assets | None:
    """Read a basket (name, weight), or None; volatilities of options on it (date, tenor, iv), closes to set it beside.

    Raises
    ------
    InputError
        When a file is not what its contract says, there is one without a basket, or the weights are not positive
        shares that sum to 1.
    """
    if weights is None:
        if option is not None or beside is not None:
            raise InputError("option=FILE and beside=FILE are of a basket: add assets=FILE, of name and weight")
        return None
    held = read_whole(PORTFOLIO, weights, setting="assets")
    total = float(held["weight"].sum())
    if (held["weight"] <= 0.0).any() or abs(total - 1.0) > SUM_TOLERANCE or held.height < 2:
        raise InputError(
            f"{weights}: a basket is of two assets or more, in positive weights that sum to 1; these are "
            f"{held.height}, and sum to {total:.6g}"
        )
    return Assets(
        held,
        None if option is None else read_whole(BASKET_OPTION, option, setting="option"),
        None if beside is None else read_whole(PRICES, beside, setting="beside"),
    )


def assets_found(market, assets: Assets, window: int | None = None) -> AssetBasket:
    """Measure a basket of a market's names, its index among them if wanted, at the middle delta.

    `realized_correlation` is of the sessions that the tenor holds, or of `window`. `breakeven_vol` is the basket's
    volatility if its members keep their implied ones and that correlation comes out, `breakeven` what a call on the
    basket at its forward is worth then, and `call_at_0` and `call_at_1` at those correlations. Where the basket's own
    option is given, `implied_correlation` is what it implies, whatever that is (`status`), and `price` what it costs.

    Parameters
    ----------
    market : MarketPanel
    assets : Assets
    window : int or None

    Raises
    ------
    InputError
        When the market does not have an asset.
    """
    names = [str(name) for name in market.names]
    known = [*names, market.info.index]
    if missing := sorted(set(assets.weights["ticker"]) - set(known)):
        raise InputError(f"assets that {market.info.name} does not have: {spelt_otherwise(missing, known)}")
    at = [known.index(ticker) for ticker in assets.weights["ticker"]]
    d, returns = middle_delta(market), market_returns(market)
    vols = np.concatenate([to_host(market.component_iv[..., d]), to_host(market.index_iv[:, None, :, d])], axis=1)[
        :, at
    ]
    moves = np.concatenate([to_host(returns.names), to_host(returns.legs[market.info.index])[:, None]], axis=1)[:, at]
    weight = assets.weights["weight"].to_numpy()
    weight = weight / weight.sum()
    by_date = np.broadcast_to(weight, moves.shape)
    frames = []
    for k, tenor in enumerate(market.tenors):
        sessions = matched_window(int(tenor)) if window is None else window
        realized = realized_correlation(moves, by_date, sessions, min_coverage=1.0).clean[returns.at]
        x = weight * vols[:, :, k].astype(float)
        own, whole = (x**2).sum(axis=1), x.sum(axis=1)
        vol = np.sqrt(own + realized * (whole**2 - own))
        columns = {
            "realized_correlation": realized,
            "breakeven_vol": vol,
            "breakeven": _call(vol, int(tenor)),
            "call_at_0": _call(np.sqrt(own), int(tenor)),
            "call_at_1": _call(whole, int(tenor)),
        }
        if assets.option is not None:
            quoted = assets.option.filter(pl.col("tenor") == int(tenor)).with_columns(asset=pl.lit("option"))
            iv = on_dates(quoted, "iv", market.dates, ["option"])[:, 0]
            used = np.broadcast_to(weight, x.shape)
            implied = implied_correlation(iv, vols[:, :, k], used, min_coverage=1.0)
            texts = np.array([status.text for status in CorrelationStatus])
            columns |= {"implied_correlation": implied.clean, "price": _call(iv, int(tenor))}
            columns["status"] = texts[implied.status]
        tenors = pl.Series("tenor", [int(tenor)], dtype=pl.Int32).new_from_index(0, len(market))
        frames.append(pl.DataFrame({"date": market.dates, "tenor": tenors, **columns}))
    rows = (
        pl.concat(frames).sort("date", "tenor", maintain_order=True).with_columns(pl.selectors.float().fill_nan(None))
    )
    basket = (moves * weight).sum(axis=1)
    beside = None if assets.beside is None else _beside(returns.dates, basket, assets.beside, window or BESIDE_WINDOW)
    return AssetBasket(rows, beside)


def _call(vol: np.ndarray, tenor: int) -> np.ndarray:
    """Worth of a call at the forward, as a share of it, not discounted: half of a straddle."""
    return 0.5 * straddle(np.ones(len(vol)), np.ones(len(vol)), vol, np.full(len(vol), year_fraction(tenor))).value


def _beside(dates: np.ndarray, basket: np.ndarray, closes: pl.DataFrame, window: int) -> pl.DataFrame:
    """Rolling correlation of the basket with each series, both from one common session to the next."""
    known = np.isfinite(basket)
    level = np.where(known | (np.arange(len(basket)) == 0), np.cumprod(1.0 + np.where(known, basket, 0.0)), np.nan)
    frames = []
    for ticker in closes["ticker"].unique(maintain_order=True):
        series = on_dates(closes.rename({"ticker": "asset"}), "close", dates, [ticker])[:, 0]
        common = np.flatnonzero(np.isfinite(series) & np.isfinite(level))
        both = [
            np.concatenate([[np.nan], of[common][1:] / of[common][:-1] - 1.0])[: len(common)] for of in (series, level)
        ]
        found = rolling_correlation(both[0], both[1], window, min_known=1.0)
        frames.append(pl.DataFrame({"date": dates[common], "series": [ticker] * len(common), "correlation": found}))
    return pl.concat(frames).with_columns(pl.col("correlation").fill_nan(None))
