"""The statistics of a track record: earnings with errors and intervals, drawdowns, years, regimes and factors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.backend import to_host
from engine.backtest.metrics import SESSIONS_PER_YEAR, drawdown, hac_t, sharpe
from engine.backtest.outcome.performance import (
    LEAST_LAGS,
    drawdowns,
    expected_shortfall,
    gains_over_losses,
    hit_rate,
    parts_of,
    sharpe_error,
    sortino,
    tail_ratio,
)
from engine.backtest.outcome.trades import spans
from engine.backtest.signals.transforms import expanding_rank
from engine.backtest.text import as_text, columns
from engine.errors import InputError
from engine.selection.deflated import moments
from engine.selection.intervals import bootstrap_interval
from engine.statistics import hac_lags, hac_regression

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult

LEAST = 252  # sessions that a regime is ranked among, at least
LEVELS = ("low", "middle", "high")
QUARTER = 63
MOST_DRAWDOWNS = 5
FACTORS = ("index return", "implied volatility change", "implied correlation change")


@dataclass(frozen=True, eq=False)
class TrackRecord:
    """Statistics of daily net P&L, in decimals of the fixed capital unless a column says otherwise.

    Sharpe ratios are above `risk_free`, as the summary's; all else is of the P&L itself.

    Parameters
    ----------
    metrics : frame
        `metric`, `value`, `error`, `low`, `high`: standard error where there is a formula, and the 95 % interval of the
        stationary bootstrap; null where some of its samples hold no trade, and so no ratio, and of samples not longer
        than twice the lags of the t-statistic: 95 % of noise would lie in an interval of 75 %.
    drawdowns : frame
        The deepest: `start`, `trough`, `end` (null while it lasts), `depth`, `sessions` under water, `to_trough`.
    periods : frame
        A row per calendar `year`: `sessions`, `mean_annual`, `sharpe`, `t`.
    regimes : frame or None
        The same by regime known at the close before each day: volatility, correlation and trend of the index, each
        ranked among all its values until then; `t_apart` is that of the last state less the first.
    spans : frame
        The best and worst day, week, month, quarter and year: `engine.backtest.outcome.trades.spans`.
    factors : frame or None
        `factor`, `coefficient`, `error`, `t`, of one regression with HAC errors; `r2` of all. Factors that do not move,
        or repeat another, are left out; None of a sample not longer than twice the lags.
    """

    metrics: pl.DataFrame
    drawdowns: pl.DataFrame
    periods: pl.DataFrame
    spans: pl.DataFrame
    regimes: pl.DataFrame | None = None
    factors: pl.DataFrame | None = None

    def __repr__(self) -> str:
        """Each as an aligned table, under a line that says what it is."""
        out = []
        for words, frame in (
            ("Net P&L on capital, with standard errors and 95 % bootstrap intervals", self.metrics),
            ("Deepest drawdowns", self.drawdowns),
            ("By year", self.periods),
            ("Best and worst", self.spans),
            ("By regime, as known the day before", self.regimes),
            ("Regression of net P&L on factors (HAC)", self.factors),
        ):
            if frame is not None:
                rows = [tuple(name.replace("_", " ") for name in frame.columns), *map(_texts, frame.iter_rows())]
                out += [words, *columns(rows, "<" + ">" * (frame.width - 1)), ""]
        return "\n".join(out[:-1])


def track_record(
    dates: np.ndarray,
    pnl: Floats,
    capital: float,
    holding_days: int,
    *,
    risk_free: float = 0.0,
    repetitions: int = 500,
    seed: int = 0,
) -> TrackRecord:
    """Compute the statistics of daily net P&L that need nothing of the market.

    Parameters
    ----------
    dates : array (T,) datetime64
    pnl : array (T,)
        In currency; `capital` : float, in the same.
    holding_days : int
        Longest life of a cohort.
    risk_free : float
        A year, that Sharpe ratios are measured against.
    repetitions, seed : int
        Of the bootstrap.

    Raises
    ------
    InputError
        Where a day's P&L is not known: it would count as the best day, or as none.
    """
    dates, daily = np.asarray(dates).astype("datetime64[D]"), np.asarray(pnl, dtype=float) / capital
    if not np.isfinite(daily).all():
        raise InputError(f"P&L of {dates[int(np.argmin(np.isfinite(daily)))]} is not known; leave out what is not")
    years = dates.astype("datetime64[Y]").astype(int) + 1970
    named = tuple(str(year) for year in np.unique(years))
    hurdle = risk_free / SESSIONS_PER_YEAR
    return TrackRecord(
        metrics=_metrics(daily, hurdle, holding_days, repetitions, seed),
        drawdowns=_deepest(dates, daily),
        periods=_parts(daily, hurdle, years - years.min(), _all_years(named), holding_days)
        .drop("t_apart")
        .rename({"state": "year"}),
        spans=spans(dates, daily),
    )


def record_of(result: "BacktestResult", p: int = 0, *, repetitions: int = 500, seed: int = 0) -> TrackRecord:
    """Compute the statistics of a parameter set, those by regime and on factors of its market too."""
    capital, held, risk_free = result.capital(p), result.book.days, result.accounts.risk_free
    series = result.dates, result.pnl_net[p], capital, held
    plain = track_record(*series, risk_free=risk_free, repetitions=repetitions, seed=seed)
    daily = result.pnl_net[p] / capital
    volatility, correlation, index = _series(result)
    tables = []
    for words, series in (("volatility", volatility), ("correlation", correlation), ("trend", _trailing(index))):
        state = _known_before(expanding_rank(series, LEAST))
        if (state >= 0).any():
            found = _parts(daily, risk_free / SESSIONS_PER_YEAR, state, LEVELS, held)
            tables.append(found.select(pl.lit(words).alias("regime"), pl.all()))
    factors = np.stack([index, np.diff(volatility, prepend=np.nan), np.diff(correlation, prepend=np.nan)], axis=1)
    return TrackRecord(
        plain.metrics,
        plain.drawdowns,
        plain.periods,
        plain.spans,
        pl.concat(tables) if tables else None,
        _factors(daily, factors, held),
    )


def _metrics(daily: Floats, hurdle: float, holding_days: int, repetitions: int, seed: int) -> pl.DataFrame:
    year = SESSIONS_PER_YEAR
    (_,), (skew,), (kurtosis,) = moments(daily[None])

    def drawn(days: Floats) -> Floats:
        return np.array([year * days.mean(), sharpe(days, hurdle), expected_shortfall(days), drawdown(days).min()])

    moves = np.ptp(daily) > 0.0 and len(daily) >= 10
    sure = moves and len(daily) > LEAST_LAGS * hac_lags(len(daily), holding_days)
    none = np.full(4, np.nan)
    low, high = (
        bootstrap_interval(daily, drawn, holding_days, repetitions=repetitions, seed=seed) if sure else (none, none)
    )
    t = float(hac_t(daily[None], holding_days)[0])
    mean = year * daily.mean()
    deepest, worst = drawdowns(daily), float(drawdown(daily).min())
    longest = max((_end(one, len(daily)) - one.start for one in deepest), default=0)
    rows = [
        ("mean, a year", mean, mean / t if sure and t else np.nan, low[0], high[0]),
        ("volatility, a year", np.sqrt(year) * daily.std(ddof=1), None, None, None),
        (
            "Sharpe ratio",
            float(sharpe(daily, hurdle)),
            sharpe_error(daily - hurdle) if sure else np.nan,
            low[1],
            high[1],
        ),
        ("Sortino ratio", sortino(daily), None, None, None),
        ("mean over worst drawdown (Calmar)", mean / -worst if worst < 0.0 else np.nan, None, None, None),
        ("gains over losses, of days", gains_over_losses(daily), None, None, None),
        ("best over worst 5 %, of days", tail_ratio(daily), None, None, None),
        ("t-statistic (HAC)", t, None, None, None),
        ("skew", skew, None, None, None),
        ("kurtosis (3 = normal)", kurtosis, None, None, None),
        ("hit rate, of days", hit_rate(daily), None, None, None),
        ("mean of the worst 5 % of days", expected_shortfall(daily), None, low[2], high[2]),
        ("worst drawdown", worst, None, low[3], high[3]),
        ("longest drawdown, years", longest / year, None, None, None),
    ]
    schema = {"metric": pl.String, "value": pl.Float64, "error": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.selectors.float().fill_nan(None))


def _deepest(dates: np.ndarray, daily: Floats) -> pl.DataFrame:
    found = drawdowns(daily)[:MOST_DRAWDOWNS]
    return pl.DataFrame(
        {
            "start": [dates[max(one.start, 0)].item() for one in found],
            "trough": [dates[one.trough].item() for one in found],
            "end": [None if one.end is None else dates[one.end].item() for one in found],
            "depth": [one.depth for one in found],
            "sessions": [_end(one, len(dates)) - one.start for one in found],
            "to_trough": [one.trough - one.start for one in found],
        },
        schema_overrides={"start": pl.Date, "trough": pl.Date, "end": pl.Date, "depth": pl.Float64},
    )


def _end(one, sessions: int) -> int:
    return sessions - 1 if one.end is None else one.end


def _all_years(named: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(year) for year in range(int(named[0]), int(named[-1]) + 1))


def _parts(daily: Floats, hurdle: float, part: np.ndarray, labels: tuple[str, ...], holding_days: int) -> pl.DataFrame:
    found = parts_of(daily, part, labels, holding_days)
    ratios = [float(sharpe(daily[part == labels.index(label)], hurdle)) for label in found.labels]
    frame = {
        "state": list(found.labels),
        "sessions": found.sessions,
        "mean_annual": SESSIONS_PER_YEAR * found.mean,
        "sharpe": ratios,
        "t": found.t,
        "t_apart": [None] * (len(ratios) - 1) + [found.apart],
    }
    return pl.DataFrame(frame, schema_overrides={"t_apart": pl.Float64}).with_columns(
        pl.selectors.float().fill_nan(None)
    )


def _series(result: "BacktestResult") -> tuple[Floats, Floats, Floats]:
    """Implied volatility and correlation of the index at the tenor nearest to 30 days, and its simple returns, (T,)."""
    tenors = result.market.tenors
    tenor, view = int(tenors[np.abs(np.asarray(tenors) - 30).argmin()]), result.view
    delta = int(result.market.deltas[np.abs(np.asarray(result.market.deltas) - 50).argmin()])
    found = view.index_iv(tenor, delta), view.implied_correlation(tenor, delta), view.index_returns
    volatility, correlation, index = (np.asarray(to_host(series), dtype=float) for series in found)
    return volatility, correlation, index


def _trailing(returns: Floats) -> Floats:
    """Sum of the returns of a quarter up to each day, (T,); NaN where one of them is not known."""
    out = np.full(len(returns), np.nan)
    if len(returns) >= QUARTER:
        out[QUARTER - 1 :] = np.lib.stride_tricks.sliding_window_view(returns, QUARTER).sum(axis=1)
    return out


def _known_before(rank: Floats) -> np.ndarray:
    """Third of the ranks that the close before each day was in, (T,); -1 where it was not known."""
    third = np.where(np.isfinite(rank), np.digitize(rank, (1 / 3, 2 / 3)), -1)
    return np.concatenate([[-1], third[:-1]])


def _factors(daily: Floats, factors: Floats, holding_days: int) -> pl.DataFrame | None:
    known = np.isfinite(factors).all(axis=1)
    lags = hac_lags(int(known.sum()), holding_days)
    if known.sum() <= max(10, LEAST_LAGS * lags):
        return None
    # Of a market whose volatility stands still nothing can be said by its changes: such factors are left out.
    told = _independent(factors[known])
    if not told:
        return None
    fit = hac_regression(daily, factors[:, told], lags, [FACTORS[j] for j in told])
    frame = {"factor": list(fit.names), "coefficient": fit.coefficients, "error": fit.errors, "t": fit.t}
    return pl.DataFrame(frame).with_columns(pl.lit(fit.r2).alias("r2"))


def _independent(columns: Floats) -> list[int]:
    """Positions of the columns, of (T, J), that a constant and those before do not make up."""
    count = len(columns)
    whole = np.column_stack([np.ones(count), columns])
    ranks = [
        np.linalg.matrix_rank(whole[:, :j], rtol=count * np.finfo(float).eps) for j in range(1, whole.shape[1] + 1)
    ]
    return np.flatnonzero(np.diff(ranks)).tolist()


def _texts(row: tuple) -> tuple[str, ...]:
    return tuple("" if v is None else as_text(v, "decimals") if isinstance(v, float) else str(v) for v in row)
