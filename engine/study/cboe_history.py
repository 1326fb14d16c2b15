"""What the published indices say over twenty years: season, drivers, forecasts, as frames to be shown."""

import numpy as np
import polars as pl

from engine.correlation import (
    TopWeights,
    correlation_premium,
    forward_realized_correlation,
    pairwise_correlation,
    realized_correlation,
    smoothed_for_display,
)
from engine.statistics import (
    Regression,
    asymmetric_regression,
    forward_sum,
    hac_regression,
    mincer_zarnowitz,
    predictive_regression,
    rolling_regression,
)
from engine.study.seasonality import earnings_effect, quarter_seasonality
from engine.study.weekend import trading_day_factor, weekend_effect

MONTH, QUARTER = 21, 63  # sessions
MEASURED = (("COR1M", MONTH), ("COR3M", QUARTER))  # published correlation, and the sessions its tenor holds


def season_table(series, names=("COR1M",), start=None, end=None, calendar: str = "XNYS") -> pl.DataFrame:
    """Season of indices by trading day of the quarter.

    Parameters
    ----------
    series : DailySeries
        From `load_published`, or of levels of one's own.
    names : sequence of str
    calendar : str
        exchange_calendars code.

    Returns
    -------
    frame
        index, phase (1 .. 63), factor, error (standard error), quarters.
    """
    parts = []
    for name in names:
        levels = series.common(name, start=start, end=end)
        season = quarter_seasonality(levels[name], levels.dates, calendar)
        parts.append(pl.DataFrame({"phase": season.phase, **_columns(season, "factor", "error", "quarters")}))
        parts[-1] = parts[-1].select(pl.lit(name).alias("index"), pl.all())
    return pl.concat(parts)


def driver_table(series, start=None, end=None) -> pl.DataFrame:
    """What moves the published indices: the market, VIX, reports, weekends; every row with its HAC t.

    Parameters
    ----------
    series : DailySeries
        `load_published(path).joined(load_market_returns(path))`.

    Returns
    -------
    frame
        question, sample, term, coefficient, t, r2, n, lags. Changes in points, returns in percent.
    """
    fits = {}
    for index in ("COR1M", "VIX"):
        both = series.common(index, "COR1M", "market", start=start, end=end)
        change, market = np.diff(both[index]), 100.0 * both["market"][1:]
        fits[f"change of {index} on the US market's return", _span(both)] = hac_regression(
            change, market, None, ["market"]
        )
        sides = asymmetric_regression(change, market)
        fits[f"change of {index} on rises and falls of the US market", _span(both)] = sides
    both = series.common("COR1M", "SPX", start=start, end=min(end or "2018-12-31", "2018-12-31"))  # then SPX has a hole
    returns = 100.0 * (both["SPX"][1:] / both["SPX"][:-1] - 1.0)
    fits["change of COR1M on SPX's return", _span(both)] = hac_regression(
        np.diff(both["COR1M"]), returns, names=["SPX"]
    )
    both = series.common("COR1M", "VIX", start=start, end=end)
    fits["change of COR1M on that of VIX", _span(both)] = hac_regression(
        np.diff(both["COR1M"]), np.diff(both["VIX"]), names=["VIX"]
    )
    fits["level of COR1M on that of VIX", _span(both)] = hac_regression(both["COR1M"], both["VIX"], MONTH, ["VIX"])
    for index in ("COR1M", "COR3M", "VIXEQ", "DSPX"):
        levels = series.common(index, start=start, end=end)
        fits[f"log {index} over trend on the share of reporting days ahead", _span(levels)] = earnings_effect(
            levels[index], levels.dates
        )
    return pl.concat([_rows(fits), weekend_table(series, ("COR1M", "COR3M", "VIX", "VIXEQ"), start, end)])


def weekend_table(series, names=("COR1M", "COR3M"), start=None, end=None) -> pl.DataFrame:
    """Friday effect: do indices move otherwise from Friday to Monday than from day to day? As `driver_table`.

    VIX, where it is among the names, stands there twice: as published, and on the clock of trading days.
    """
    fits = {}
    for name in names:
        levels = series.common(name, names[0], start=start, end=end)  # VIX has rows on holidays too
        fits[f"change of {name}, Friday to Monday less other days", _span(levels)] = weekend_effect(
            levels[name], levels.dates
        )
        if name == "VIX":
            on_trading_days = levels["VIX"] * trading_day_factor(levels.dates, [30])[:, 0]
            key = "change of VIX on trading days, Friday to Monday less other days", _span(levels)
            fits[key] = weekend_effect(on_trading_days, levels.dates)
    return _rows(fits)


def rolling_table(series, window: int = 252, start=None, end=None) -> pl.DataFrame:
    """Rolling regressions of the change of COR1M on the market's return and on the change of VIX.

    Returns
    -------
    frame
        date, and for `market` (points per percent) and `vix` (points per point) slope, t (HAC) and correlation; null
        before the first full window.
    """
    both = series.common("COR1M", "VIX", "market", start=start, end=end)
    change = np.diff(both["COR1M"])
    columns = {"date": both.dates[1:]}
    for name, x in (("market", 100.0 * both["market"][1:]), ("vix", np.diff(both["VIX"]))):
        fit = rolling_regression(change, x, window)
        columns |= {f"{name}_{part}": getattr(fit, part) for part in ("slope", "t", "correlation")}
    return pl.DataFrame(columns).with_columns(pl.exclude("date").fill_nan(None))


def realized_table(series, history, index: str = "COR3M", window: int = QUARTER, top: int = 50) -> pl.DataFrame:
    """Realised correlation of today's large members beside a published index; survivors only.

    Parameters
    ----------
    series : DailySeries
    history : PriceHistory
        From `load_sp500_history`.
    index : str
        Published correlation of the tenor that `window` sessions fill.

    Returns
    -------
    frame
        date, index, window and, in decimals: implied, realized (the index formula, the fund as the index leg, as
        Cboe's), pairs_equal and pairs_weighted (means over pairs), premium (implied less realized),
        realized_display_only (smoothed: for charts) and forward_not_tradable (realised over the sessions after).
    """
    weights = TopWeights(top).select(history.weights, np.array(history.names))
    implied = series.on(history.dates, index) / 100.0
    leg = {"index_returns": history.index_returns}
    realized = realized_correlation(history.returns, weights, window, **leg).clean
    pairs = pairwise_correlation(history.returns, weights, window)
    return pl.DataFrame(
        {
            "date": history.dates,
            "index": pl.Series([index]).new_from_index(0, len(history.dates)),
            "window": pl.Series([window], dtype=pl.Int32).new_from_index(0, len(history.dates)),
            "implied": implied,
            "realized": realized,
            "pairs_equal": pairs.equal,
            "pairs_weighted": pairs.weighted,
            "premium": correlation_premium(implied, realized),
            "realized_display_only": smoothed_for_display(realized, MONTH),
            "forward_not_tradable": forward_realized_correlation(history.returns, weights, window, **leg).clean,
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def realized_tables(series, history) -> pl.DataFrame:
    """Return `realized_table` of each published correlation over the sessions that its tenor holds, as one frame."""
    return pl.concat(realized_table(series, history, index, window) for index, window in MEASURED)


def forecast_table(series, history=None, start=None, end=None, realized=None) -> pl.DataFrame:
    """Forecasts: is the implied unbiased, is there a premium, and does it say what comes?

    Parameters
    ----------
    series : DailySeries
        `load_published(path).joined(load_market_returns(path))`.
    history : PriceHistory or None
        Adds the correlation indices against what was realised; survivors only.
    realized : frame or None
        What was, if `realized_tables` of the two is at hand.

    Returns
    -------
    frame
        As `driver_table`, with `unbiased_p`, the p-value of a = 0 and b = 1, in rows of Mincer and Zarnowitz.
    """
    fits, unbiased = {}, {}
    both = series.common("VIX", "COR1M", "market", start=start, end=end)
    vix, market, none = both["VIX"] / 100.0, both["market"], np.empty((len(both.dates), 0))
    came = 252.0 / MONTH * forward_sum(market**2, MONTH)
    key = "volatility of the US market over the next month on VIX", _span(both)
    fits[key] = mincer_zarnowitz(np.sqrt(came), vix, MONTH)
    unbiased[key] = fits[key].wald((0.0, 1.0))[1]
    fits["variance premium: VIX^2 less the market's variance of the next month", _span(both)] = hac_regression(
        vix**2 - came, none, MONTH - 1
    )
    for sessions in (MONTH, QUARTER):
        fits[f"US market's return over the next {sessions} sessions on COR1M", _span(both)] = predictive_regression(
            both["COR1M"] / 100.0, market, sessions
        )
    if history is not None:
        realized = realized_tables(series, history) if realized is None else realized
        for index, window in MEASURED:
            table = realized.filter(pl.col("index") == index)
            implied, premium, later = (table[c].to_numpy() for c in ("implied", "premium", "forward_not_tradable"))
            span = f"{history.dates[0]} .. {history.dates[-1]}, survivors"
            key = f"correlation realised over the next {window} sessions on {index}", span
            fits[key] = mincer_zarnowitz(later, implied, window)
            unbiased[key] = fits[key].wald((0.0, 1.0))[1]
            none = np.empty((len(implied), 0))
            fits[f"correlation premium: {index} less what was realised after", span] = hac_regression(
                implied - later, none, window - 1
            )
            fits[f"SPY's return over the next {window} sessions on the trailing premium", span] = predictive_regression(
                premium, history.index_returns, window
            )
            fits[f"{index} less what was realised after, on the trailing premium", span] = hac_regression(
                implied - later, premium, window - 1, ["premium"]
            )
    return _rows(fits).with_columns(
        pl.Series("unbiased_p", [unbiased.get(key) for key, fit in fits.items() for _ in fit.names], dtype=pl.Float64)
    )


def _rows(fits: dict[tuple, Regression]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"question": question, "sample": sample, "term": term, "coefficient": value, "t": t, "r2": fit.r2}
            | {"n": fit.n, "lags": fit.lags}
            for (question, sample), fit in fits.items()
            for term, value, t in _terms(fit)
        ]
    ).with_columns(pl.col("r2").fill_nan(None))


def _terms(fit: Regression) -> list[tuple]:
    terms = list(zip(fit.names, map(float, fit.coefficients), map(float, fit.t), strict=True))
    if fit.names[1:] == ("rises", "falls"):
        terms.append(("falls less rises", *fit.contrast((0.0, -1.0, 1.0))))
    return terms


def _span(series) -> str:
    return f"{series.dates[0]} .. {series.dates[-1]}"


def _columns(record, *names) -> dict:
    return {name: getattr(record, name) for name in names}
