"""The National Stock Exchange's files as a market."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.arrange import as_actions, on_expiries
from engine.data.fingerprint import fingerprint
from engine.data.panel import MarketPanel
from engine.data.parquet import session_dates
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.quotes_to_panel import DailyInputs, quotes_to_panel
from engine.data.quotes.quotes_to_surface import expiry_slots
from engine.data.records import MarketInfo
from engine.data.source import FileSource
from engine.data.sources.file_actions import check_file_actions
from engine.data.sources.nse.files import ACTIONS, FILES, FO, FOLDER, contracts, derivatives, with_lots
from engine.data.sources.nse.history import panel_history
from engine.data.sources.nse.prices import all_closes, closes, corporate_actions, futures, moves_of
from engine.data.sources.nse.quotes import option_quotes, traded_options
from engine.data.sources.nse.weights import all_names, previous_weights, sectors, sub_indices

LISTED_EXPIRIES = 4  # three monthly contracts are listed at a time, four in the week of an expiry
BLOCK_SESSIONS = 20


@dataclass(frozen=True)
class Nse(FileSource):
    """Indian exchange files as a market.

    Parameters
    ----------
    path : str
        Folder that holds nse/.
    index : str
        NIFTY or BANKNIFTY. With NIFTY come the banks as a sector, against BANKNIFTY in its own weights; names that are
        members of BANKNIFTY alone have weight 0 in the index.
    start, end : str or None
        First and last session to build, ISO dates.
    max_extrapolation_days : float
        How far beyond the quoted expiries a tenor may take the nearest one's volatility.
    rate : float
        Continuous rate that option premiums are discounted at. The future already carries the forward, so this changes
        an at-the-money volatility over a month by its share of the premium only, about rate / 12.
    strict : bool
        Refuse where a row of closes, weights or actions is rejected.
    """

    path: str
    index: str = "NIFTY"
    start: str | None = None
    end: str | None = None
    max_extrapolation_days: float = 7.0
    rate: float = 0.0
    strict: bool = False
    report: QualityReport = field(default_factory=QualityReport, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the five files, the settings and the code."""
        return fingerprint(self, self.inputs())

    def inputs(self) -> list[Path]:
        """Return the five files."""
        return [self._folder / name for name in FILES]

    def sessions(self) -> int:
        """Return the number of sessions in the derivatives file between start and end."""
        return len(self._dates())

    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel, twenty sessions at a time."""
        rows, (daily, forwards) = self._derivatives(), self._daily_and_forwards()
        names = daily.names
        for part in daily.blocks(BLOCK_SESSIONS):
            quotes = option_quotes(rows, self._folder / FO, part, forwards, self.rate, self.report)
            forward = on_expiries(forwards, "forward", part.dates, [self.index, *names], part.slots)
            listed = contracts(self._folder, part.dates[0], part.dates[-1], [self.index, *names])
            panel = quotes_to_panel(self._info(), part, quotes, forward, self.max_extrapolation_days)
            yield replace(panel, contracts=listed, validate=False)

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the exchange's files as tables of the front door: options that traded, at their closes."""
        daily, forwards = self._daily_and_forwards()
        traded = traded_options(self._derivatives(), self._folder / FO, daily, forwards, QualityReport())
        actions = corporate_actions(self._folder, self.report).rename({"asset": "ticker"})
        columns = ("date", "expiry", "strike", "right", "forward")
        quotes = traded.select(*columns, ticker="asset", price="close", style=pl.lit("european"))
        return daily.tables() | {
            "quotes": with_lots(self._folder, quotes.with_columns(pl.col("right").cast(pl.String))),
            "prices": all_closes(self._folder, self.report).rename({"asset": "ticker"}),
            "actions": actions.with_columns(pl.col("factor").fill_nan(None)),
        }

    def quality(self) -> pl.DataFrame:
        """Return the counts of option rows read, by asset and reason."""
        return self.report.frame()

    def rejected(self) -> pl.DataFrame:
        """Return the rows of closes, weights and actions that their contracts reject."""
        return self.report.rejected()

    def corporate_actions(self) -> pl.DataFrame:
        """Return the corporate actions, by the exact ratios that contracts were restated by."""
        return as_actions(corporate_actions(self._folder, QualityReport()))

    @property
    def _folder(self) -> Path:
        return Path(self.path) / FOLDER

    def _derivatives(self) -> pl.LazyFrame:
        return derivatives(self._folder, self.start, self.end)

    def _dates(self) -> np.ndarray:
        """Sessions of the derivatives file; a special session of the cash market alone is not one of them."""
        return session_dates(self._derivatives(), self._folder / FO)

    def _daily_and_forwards(self) -> tuple[DailyInputs, pl.DataFrame]:
        rows, legs = self._derivatives(), sub_indices(self._folder, self.index)
        names = all_names(self._folder, [self.index, *legs.values()], self.report)
        forwards = futures(rows, self._folder, [self.index, *names])
        daily = self._daily(names, legs, forwards)
        return daily, pl.concat([forwards, futures(rows, self._folder, list(legs.values()))])

    def _daily(self, names: list[str], legs: dict, forwards: pl.DataFrame) -> DailyInputs:
        dates = self._dates()
        # The expiries are those of the index's and the stocks' futures; a sub-index may list others besides.
        slots = expiry_slots(forwards, dates, LISTED_EXPIRIES)
        moved = moves_of(self._folder, dates, names, self.end, self.report)
        of_name, sector_weights = sectors(self._folder, legs, dates, names, self.report)
        daily = DailyInputs(
            dates=dates,
            names=names,
            index=self.index,
            slots=slots,
            index_slots=None,
            prices=closes(self._folder, dates, [self.index, *names], self.report),
            rate=np.full(len(dates), self.rate),
            strike_factor=moved.strike_factor,
            return_factor=moved.return_factor,
            strike_reduction=moved.strike_reduction,
            endings=moved.endings,
            weights=previous_weights(self._folder, self.index, dates, names, self.report),
            legs=legs,
            of_name=of_name if legs else None,
            sector_weights=sector_weights,
            leg_prices=closes(self._folder, dates, list(legs.values()), self.report),
            history=panel_history(self._folder, dates, self.index, names, list(legs.values()), self.report),
        )
        check_file_actions(self._folder / ACTIONS, daily, self.report, "symbol")
        return daily

    def _info(self) -> MarketInfo:
        return MarketInfo(
            name="nse",
            index=self.index,
            currency="INR",
            calendar="XBOM",
            source="NSE end-of-day files: traded closes, inverted on the same-expiry future",
            forward_convention="close of the same-expiry future; the cash price where it did not trade",
            hedge_instrument="same-expiry future",
            physical_delivery=True,
            marks="traded",
            contracts="synthetic strikes (at the forward, where none is listed), fractional lots",
        )
