"""A market of option quotes: everything but its surface as of any tables, the surface made block of dates by block."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.data.clean import QualityReport
from engine.data.clock import Clock
from engine.data.judge import Judged
from engine.data.panel import MarketPanel
from engine.data.quote_filters import QuoteLimits
from engine.data.quoted_surface import quoted_surface
from engine.data.records import DELTAS, TENORS, ListedSmiles, MarketInfo
from engine.data.tables_to_panel import TabledMarket, tables_to_market

LISTED_EXPIRIES = 24


@dataclass(frozen=True, eq=False)
class QuotedMarket:
    """A market whose volatilities are read from quotes.

    Parameters
    ----------
    base : TabledMarket
        Axes, prices, weights, rates and factors; of its surface only where there is one: dates and tickers.
    quotes : frame
        As judged, of the index and the names.
    closes : frame of date, ticker, close
    report : QualityReport
        Takes the count of every quote, by asset and reason.
    clock : Clock
    limits : QuoteLimits
    max_extrapolation_days : float
        How far beyond the quoted expiries a tenor may take the nearest one's volatility.
    """

    base: TabledMarket
    quotes: pl.DataFrame
    closes: pl.DataFrame
    report: QualityReport
    clock: Clock
    limits: QuoteLimits
    max_extrapolation_days: float

    @property
    def dates(self) -> np.ndarray:
        """The sessions, (T,) datetime64[D]."""
        return self.base.dates

    def block(self, rows: slice) -> MarketPanel:
        """Build some of the sessions."""
        dates, assets = self.dates[rows], [self.base.info.index, *self.base.names]
        of_block = pl.col("date").is_between(dates[0], dates[-1])
        found = quoted_surface(
            self.quotes.filter(of_block),
            self.closes.filter(of_block),
            pl.DataFrame({"date": dates, "rate": self.base.rate[rows]}),
            dates,
            assets,
            self.report,
            width=LISTED_EXPIRIES,
            clock=self.clock,
            limits=self.limits,
            max_extrapolation_days=self.max_extrapolation_days,
        )
        # The base has no volatilities of its own; its panel without any is only the frame that these are put into.
        frame = replace(self.base, surface=self.base.surface.clear()).block(rows)
        return replace(
            frame,
            index_iv=found.iv[:, 0],
            component_iv=found.iv[:, 1:],
            index_status=found.status[:, 0],
            component_status=found.status[:, 1:],
            listed=ListedSmiles(
                expiry=found.slots,
                index_iv=found.smiles[:, 0],
                iv=found.smiles[:, 1:],
                index_forward=found.forward[:, 0],
                forward=found.forward[:, 1:],
            ),
        )


def quoted_market(
    tables: dict[str, Judged],
    info: MarketInfo,
    *,
    weights_known: str = "close",
    rate: float | None = None,
    clock: Clock | None = None,
    limits: QuoteLimits | None = None,
    max_extrapolation_days: float = 14.0,
) -> QuotedMarket:
    """Find the axes of a market of quotes.

    Parameters
    ----------
    tables : dict of name -> Judged
        quotes and prices; weights, or none for equal ones; rates, actions, forwards, sectors where there are any.
    info, weights_known, rate
        As for `tables_to_market`.
    clock, limits, max_extrapolation_days
        As for `quoted_surface`.

    Raises
    ------
    InputError
        As `tables_to_market`.
    """
    quotes = tables["quotes"]
    there = quotes.kept.select("date", "ticker").unique(maintain_order=True)
    none = there.select("date", "ticker", tenor=pl.lit(float(TENORS[0])), delta=pl.lit(50.0)).with_columns(
        right=pl.lit(None, pl.String), iv=pl.lit(None, pl.Float64)
    )
    stands_for = Judged("surface", quotes.file, none, quotes.rejected.clear(), quotes.counts.clear())
    others = {name: table for name, table in tables.items() if name not in ("quotes", "surface")}
    base = tables_to_market(others | {"surface": stands_for}, info, weights_known, rate)
    base = replace(base, tenors=np.array(TENORS), deltas=np.array(DELTAS))
    return QuotedMarket(
        base=base,
        quotes=quotes.kept.filter(pl.col("ticker").is_in([info.index, *base.names])),
        closes=tables["prices"].kept,
        report=QualityReport(),
        clock=clock or Clock(),
        limits=limits or QuoteLimits(),
        max_extrapolation_days=max_extrapolation_days,
    )
