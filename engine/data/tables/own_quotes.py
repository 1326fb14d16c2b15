"""The surfaces of a market of one's own, from option quotes: fitted month by month, read a few sessions at a time."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl

from engine.data.contract_quotes import ContractQuotes
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock
from engine.data.quotes.filters import QuoteLimits
from engine.data.quotes.fitted_quotes import QUOTES_AT_ONCE, FittedQuotes, fitted_quotes, joined_fits
from engine.data.quotes.quoted_smiles import QuotedSmiles
from engine.data.quotes.quoted_surface import surface_of
from engine.data.records import DELTAS, TENORS
from engine.data.store.kept import Made
from engine.data.tables.choices import Choices
from engine.data.tables.dated_rows import DatedRows
from engine.data.tables.judge import COUNTS
from engine.data.tables.own_surface import SurfaceBlock

LISTED_EXPIRIES = 24
_SIDES = ("mid", "bid", "ask")


class QuotedSurfaces:
    """Surfaces of judged option quotes, every one of which is counted; as `engine.data.tables.own_surface.Surfaces`.

    Parameters
    ----------
    rows : DatedRows
    closes : frame of date, ticker, close
    rate : array (T,)
    dates : array (T,), datetime64[D]
        All on which one of the tickers has a quote.
    tickers : list (1 + N,) of str
        The index first.
    choices : Choices
    dividends : frame, as the contract of `dividends` keeps it, or None

    Attributes
    ----------
    offsets : frame of date, asset, spot_offset
        As for `engine.data.tables.in_common.check_closes`.
    """

    def __init__(self, rows: DatedRows, closes, rate, dates, tickers, choices: Choices, dividends=None):
        self.tenors, self.deltas = np.array(TENORS), np.array(DELTAS)
        self.nodes: dict[str, pl.DataFrame] = {}
        self._rows, self._dates, self._tickers, self._choices = rows, dates, tickers, choices
        self._closes = closes.filter(pl.col("ticker").is_in(tickers)).sort("date", "ticker")
        self._rate = pl.DataFrame({"date": dates, "rate": rate})
        self._dividends = None if dividends is None else dividends.rename({"ticker": "asset", "date": "ex_date"})
        self._clock = Clock(quotes=choices.quotes_at, pm=choices.settles_at)
        sizes = rows.days.filter(pl.col("ticker").is_in(tickers)).group_by("date").agg(pl.col("rows").sum())
        self._sizes = sizes.sort("date")["rows"].to_numpy().astype(int)
        self.contracts: ContractQuotes | None = ContractQuotes.of(self._ours(rows.all()).rename({"price": "last"}))
        self._fits = [self._fit(days) for days in _months(dates)]
        self.used = pl.concat([fit.frame("used") for _, fit in self._fits])
        checks = pl.concat([fit.frame("checks") for _, fit in self._fits])
        self.checks = checks.group_by("check").agg(pl.col("count", "of").sum()).sort("check")
        self.offsets = pl.concat([_offsets(fit.frame("forwards")) for _, fit in self._fits])
        self._width = min(LISTED_EXPIRIES, max(fit.facts["widest"] for _, fit in self._fits))
        self._two_sided = any(fit.facts["two_sided"] for _, fit in self._fits)
        self.empty = not any(fit.facts["smiles"] for _, fit in self._fits)

    def block(self, dates: np.ndarray) -> SurfaceBlock:
        """Return the surfaces of consecutive sessions."""
        fits = [fit for days, fit in self._fits if days[0] <= dates[-1] and dates[0] <= days[-1]]
        found = surface_of(
            joined_fits([_read(fit) for fit in fits]),
            dates,
            self._tickers,
            width=self._width,
            clock=self._clock,
            max_extrapolation_days=self._choices.max_extrapolation_days,
        )
        return SurfaceBlock(found.iv, found.status, found.listed(), found.band() if self._two_sided else None)

    def _fit(self, days: np.ndarray) -> tuple[np.ndarray, Made]:
        """Fit the smiles of a month; of the session before it, only which of its smiles are stale is told."""
        at = int(np.searchsorted(self._dates, days[0]))
        before = self._dates[max(at - 1, 0)]
        close, rate = (
            frame.filter(pl.col("date").is_between(before, days[-1])) for frame in (self._closes, self._rate)
        )
        told = [month.made_of for month in self._rows.months if _overlap(month.days, before, days[-1])]
        choices = self._choices
        settings = (choices.index, choices.index_style, choices.style, choices.quotes_at, choices.settles_at)

        def make(put):
            fitted, report, widest = [], QualityReport(), 1
            for some in self._runs(days):
                start = int(np.searchsorted(self._dates, some[0]))
                quotes = self._ours(self._rows.between(self._dates[max(start - 1, 0)], some[-1])).collect()
                listed = quotes.filter(pl.col("date") >= some[0]).group_by("date").agg(pl.col("expiry").n_unique())
                widest = max(widest, int(listed["expiry"].to_numpy().max(initial=1)))
                fitted.append(self._fitted(quotes, close, rate, some[0], report))
            fit = joined_fits(fitted)
            sides = {side: pl.Series(getattr(fit.smiles, side)) for side in _SIDES}
            put("smiles", fit.smiles.smiles.with_columns(**sides))
            put("forwards", fit.forwards)
            put("checks", fit.checks)
            odd = fit.checks.filter(pl.col("count") > 0)
            odd = odd.select("asset", pl.format("surface.{}", "check").alias("reason"), pl.col("count").alias("rows"))
            counts = (report.frame(), odd)
            put("used", pl.concat([one.select(pl.col(n).cast(kind) for n, kind in COUNTS.items()) for one in counts]))
            found = {side: bool(np.isfinite(getattr(fit.smiles, side)).any()) for side in _SIDES}
            return {"widest": widest, "two_sided": found["bid"], "smiles": found["mid"]}

        key = self._rows.kept.key(__file__, told, sorted(self._tickers), close, rate, settings, self._dividends)
        return days, self._rows.kept.made("smiles", key, make)

    def _fitted(self, quotes: pl.DataFrame, closes, rate, first, report: QualityReport) -> FittedQuotes:
        on_index = pl.when(pl.col("ticker") == self._tickers[0]).then(pl.lit(self._choices.index_style))
        styled = quotes.with_columns(style=pl.coalesce("style", on_index.otherwise(pl.lit(self._choices.style))))
        return fitted_quotes(
            styled,
            closes,
            rate,
            first,
            report,
            clock=self._clock,
            limits=QuoteLimits(style=self._choices.style),
            dividends=self._dividends,
            at_once=self._rows.at_once,
        )

    def _ours(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.filter(pl.col("ticker").is_in(self._tickers))

    def _runs(self, days: np.ndarray) -> Iterator[np.ndarray]:
        """Cut sessions where their quotes are as many as memory is asked for at a time."""
        taken, cuts = 0, [0]
        for i, rows in enumerate(self._sizes[np.searchsorted(self._dates, days)].tolist()):
            if taken and taken + rows > (self._rows.at_once or QUOTES_AT_ONCE):
                taken, cuts = 0, [*cuts, i]
            taken += rows
        for first, last in pairwise([*cuts, len(days)]):
            yield days[first:last]


def _months(dates: np.ndarray) -> list[np.ndarray]:
    """Cut dates by calendar month."""
    months = dates.astype("datetime64[M]")
    return [dates[months == month] for month in np.unique(months)]


def _overlap(days: pl.DataFrame, start, end) -> bool:
    first, last = (np.datetime64(days["date"][row], "D") for row in (0, -1))
    return bool(first <= end and start <= last)


def _offsets(forwards: pl.DataFrame) -> pl.DataFrame:
    return forwards.unique(["date", "asset"], keep="first").select("date", "asset", "spot_offset")


def _read(fit: Made) -> FittedQuotes:
    smiles = fit.frame("smiles")
    sides = {side: smiles[side].to_numpy() for side in _SIDES}
    return FittedQuotes(QuotedSmiles(smiles.drop(_SIDES), **sides), fit.frame("forwards"), fit.frame("checks"))
