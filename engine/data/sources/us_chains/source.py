"""The prepared US chains as a market."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.data.arrange import as_actions, on_dates, on_expiries
from engine.data.fingerprint import fingerprint
from engine.data.panel import MarketPanel
from engine.data.parquet import collect, scan, session_dates
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.quotes_to_panel import DailyInputs, quotes_to_panel
from engine.data.quotes.quotes_to_surface import expiry_slots
from engine.data.records import MarketInfo
from engine.data.source import FileSource
from engine.data.sources.file_actions import check_file_actions
from engine.data.sources.us_chains import files
from engine.data.sources.us_chains.history import panel_history
from engine.data.sources.us_chains.holdings import holdings, index_weights, members, sector_funds, sectors_of
from engine.data.sources.us_chains.prices import corporate_actions, moves_of, priced_actions, rates, spots, spx_closes
from engine.data.sources.us_chains.quotes import HAS_IV, option_quotes, quotes_and_forwards
from engine.data.sources.us_chains.swapped import MOST, roughness
from engine.data.tables.tickers import same_but_spelt
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.data.quotes.quoted_strips import QuotedStrips
    from engine.data.series.daily import DailySeries
    from engine.data.series.sp500_history import PriceHistory

LISTED_EXPIRIES = 24  # two years of monthly expiries and the long-dated ones beyond
SPX_EXPIRIES = 48  # weekly and daily ones around 30 days besides
BLOCK_SESSIONS = 16


@dataclass(frozen=True)
class UsChains(FileSource):
    """The prepared US chains as a market.

    Reads us2026/{chains,spot,corporate_actions}.parquet and us_history/{spy_holdings,fed_funds_dff}.parquet. Where it
    is there, us_history/sp500_constituents_2026_gics.parquet gives the sectors, and prices_sp500_2019_2025.parquet the
    closes of earlier years. With index="SPX" the options and closes
    of SPX itself come from us2026/spx_quotes.parquet and us_history/cboe_indices.parquet, on the sessions they have.

    Parameters
    ----------
    path : str
        Folder that holds us2026/ and us_history/.
    index : str
        Ticker of the index leg among the chains, or SPX.
    start, end : str or None
        First and last session to build, ISO dates; earlier files are still read for the previous day's weights.
    max_extrapolation_days : float
        How far beyond the quoted expiries a tenor may take the nearest one's volatility.
    strict : bool
        Refuse where a row of closes, holdings, rates, actions or sectors is rejected.
    members : bool
        Read the options of members and sector funds too. Without, the panel is an index leg, for members of another.
    """

    path: str
    index: str = "SPY"
    start: str | None = None
    end: str | None = None
    max_extrapolation_days: float = 14.0
    strict: bool = False
    members: bool = True
    report: QualityReport = field(default_factory=QualityReport, init=False, repr=False, compare=False)
    _rough: list = field(default_factory=list, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the files, the settings and the code."""
        return fingerprint(self, self.inputs())

    def inputs(self) -> list[Path]:
        """Return the files that are needed, and those of sectors and earlier prices where they are there."""
        chains = [self._folder / name for name in (files.CHAINS, files.SPOT, files.ACTIONS)]
        history = [self._history / name for name in (files.HOLDINGS, files.RATES)]
        spx = self._spx_files() if self.index == files.SPX else []
        optional = [self._history / name for name in (files.SECTORS, files.PRICES)]
        return [*chains, *history, *spx, *(file for file in optional if file.is_file())]

    def sessions(self) -> int:
        """Return the number of sessions between start and end that the chains have, and with index="SPX" SPX too."""
        return len(self._dates())

    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel, sixteen sessions at a time."""
        daily, info = self._daily_and_info()
        closes = self._closes()
        for part in daily.blocks(BLOCK_SESSIONS):
            quotes, forwards = option_quotes(self._folder, part, self._read_of(part), closes, self.report)
            first = quotes.filter(pl.col("date") == pl.col("date").min(), pl.col("asset") != files.SPX)
            self._rough.append(roughness(first))
            forward = on_expiries(forwards, "forward", part.dates, [self.index, *part.names], part.slots)
            panel = quotes_to_panel(info, part, quotes, forward, self.max_extrapolation_days)
            listed = files.contracts(self._folder, part.dates[0], part.dates[-1], self._read_of(part, funds=False))
            yield replace(panel, contracts=listed, validate=False)

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the chains, and what belongs to them, as tables of the front door; the quotes have no prices."""
        daily, _ = self._daily_and_info()
        quotes, _ = quotes_and_forwards(self._folder, daily, self._read_of(daily), self._closes())
        put = pl.when(pl.col("right") == "P").then(1.0).otherwise(0.0)
        columns = ("date", "expiry", "strike", "right", "iv", "forward")
        kept = quotes.filter(HAS_IV, pl.col("forward").is_not_null())
        delta = pl.col("vendor_delta") - put
        return daily.tables() | {
            "quotes": kept.select(*columns, ticker="asset", delta=delta, style=pl.lit("european")),
            "prices": self._closes().rename({"asset": "ticker", "spot": "close"}),
            "actions": corporate_actions(self._folder, self.report).rename({"asset": "ticker"}),
        }

    def quality(self) -> pl.DataFrame:
        """Return the counts of quotes read, by asset and reason."""
        known = [rough for rough in self._rough if rough is not None]
        if known and float(np.median(known)) > MOST:
            text = "volatilities out of the money are rougher than those in it: have calls and puts changed places?"
            self.report.suspect("", "quotes.suspected_swap", len(known), f"{self._folder / files.CHAINS}: {text}")
        return self.report.frame()

    def rejected(self) -> pl.DataFrame:
        """Return the rows of closes, holdings, rates, actions and sectors that their contracts reject."""
        return self.report.rejected()

    def corporate_actions(self) -> pl.DataFrame:
        """Return the actions that contracts were restated for, and that ended names."""
        return as_actions(corporate_actions(self._folder, QualityReport()))

    def published(self) -> "DailySeries | None":
        """Return the Cboe indices, SPX and the market's returns; None where cboe_indices.parquet is not there."""
        from engine.data.series.published_indices import load_market_returns, load_published

        if not (self._history / files.LEVELS).is_file():
            return None
        return load_published(self.path).joined(load_market_returns(self.path))

    def survivors(self) -> "PriceHistory | None":
        """Return the members of 2024 from 2019 to 2025; None where prices_sp500_2019_2025.parquet is not there."""
        from engine.data.series.sp500_history import load_sp500_history

        return load_sp500_history(self.path) if (self._history / files.PRICES).is_file() else None

    def strips(self) -> "QuotedStrips | None":
        """Return the strips of SPX where it is the index leg."""
        from engine.data.quotes.clock import Clock
        from engine.data.quotes.quoted_strips import quoted_strips

        if self.index != files.SPX:
            return None
        dates = self._dates()
        known, _ = rates(self._history, dates, QualityReport())  # whose rows `blocks` counts
        rate = pl.DataFrame({"date": dates, "rate": known})
        quotes = files.spx_strip_quotes(self._folder, self.start, self.end)
        return quoted_strips(quotes, rate, dates, [files.SPX], Clock(quotes="16:15"), min_options=1)

    def other_index_legs(self) -> tuple[str, ...]:
        """Return SPX where it is not the index leg already and its two files are there."""
        if self.index == files.SPX or not all(file.is_file() for file in self._spx_files()):
            return ()
        return (files.SPX,)

    @property
    def _folder(self) -> Path:
        return Path(self.path) / files.CHAIN_FOLDER

    @property
    def _history(self) -> Path:
        return Path(self.path) / files.HISTORY_FOLDER

    def _spx_files(self) -> list[Path]:
        return [self._folder / files.SPX_QUOTES, self._history / files.LEVELS]

    def _chains(self) -> pl.LazyFrame:
        return files.chains(self._folder, self.start, self.end)

    def _spx_options(self) -> pl.LazyFrame:
        return files.spx_options(self._folder, self.start, self.end)

    def _read_of(self, daily: DailyInputs, funds: bool = True) -> list[str]:
        """Tickers whose options are read, sector funds among them or not."""
        if not self.members:
            return [self.index]
        return daily.assets if funds else [self.index, *daily.names]

    def _dates(self) -> np.ndarray:
        dates = session_dates(self._chains(), self._folder / files.CHAINS)
        if self.index == files.SPX:
            dates = np.intersect1d(dates, session_dates(self._spx_options(), self._folder / files.SPX_QUOTES))
        return dates

    def _closes(self) -> pl.DataFrame:
        spot = spots(self._folder, self.report)
        return pl.concat([spot, spx_closes(self._history, self.report)]) if self.index == files.SPX else spot

    def _slots(self, dates) -> tuple[np.ndarray, np.ndarray | None]:
        """Expiries of the chains, and with index="SPX" those of SPX; (T, E) each."""

        def of(rows, name: str, width: int):
            return expiry_slots(collect(rows.select("date", "expiry").unique(), self._folder / name), dates, width)

        own = of(self._spx_options(), files.SPX_QUOTES, SPX_EXPIRIES) if self.index == files.SPX else None
        return of(self._chains(), files.CHAINS, LISTED_EXPIRIES), own

    def _tickers(self) -> set[str]:
        file = self._folder / files.CHAINS
        return set(collect(scan(file, {"ticker": pl.String}).unique().drop_nulls(), file)["ticker"])

    def _names(self, held: pl.DataFrame, quoted: set[str]) -> list[str]:
        """Every holding over all sessions of the file, quoted or not: what is quoted later is not known before."""
        if self.index not in quoted | {files.SPX}:
            raise InputError(f"index={self.index} has no chains in {self._folder / files.CHAINS}; try SPY")
        first = session_dates(files.chains(self._folder), self._folder / files.CHAINS)[:1]
        return members(held, first[0], self.index) if len(first) else []

    def _tell_spelt_otherwise(self, names: list[str], quoted: set[str], spot: pl.DataFrame) -> None:
        """Tell of holdings and chains that must be one share under two names: apart they are lost to the basket."""
        priced, held = set(spot["asset"].unique()), set(names)
        for file, tickers in ((files.CHAINS, quoted), (files.SPOT, priced)):
            for name, other in same_but_spelt(held - tickers, tickers - held).items():
                text = f"{self._folder / file} has {other}, {files.HOLDINGS} {name}: apart, neither is in the basket"
                self.report.suspect(name, "holdings.spelt_otherwise", 1, text)
        for name, other in same_but_spelt(quoted - priced, priced - quoted).items():
            text = f"{self._folder / files.SPOT} has {other}, and {files.CHAINS} {name}: its options have no close"
            self.report.suspect(name, "prices.spelt_otherwise", 1, text)

    def _daily_and_info(self) -> tuple[DailyInputs, MarketInfo]:
        dates = self._dates()
        spot, closes = spots(self._folder, self.report), self._closes()
        held = holdings(self._history, self.report)
        quoted = self._tickers()
        names = self._names(held, quoted)
        self._tell_spelt_otherwise(names, quoted, spot)
        sector_of = sectors_of(self._history, self.report)
        actions = priced_actions(self._folder, self.report)
        moved = moves_of(self._folder, dates, names, self.end, self.report)
        weights, sector_weights = index_weights(held, actions, spot, dates, names, sector_of)
        legs = sector_funds(sector_of, quoted - {self.index})
        rate, last_rate = rates(self._history, dates, self.report)
        slots, own_slots = self._slots(dates)
        daily = DailyInputs(
            dates=dates,
            names=names,
            index=self.index,
            slots=slots,
            index_slots=own_slots,
            prices=on_dates(closes, "spot", dates, [self.index, *names]),
            rate=rate,
            strike_factor=moved.strike_factor,
            return_factor=moved.return_factor,
            strike_reduction=moved.strike_reduction,
            endings=moved.endings,
            weights=weights,
            legs=legs,
            of_name=np.array([sector_of.get(name, "") for name in names]) if sector_of else None,
            sector_weights=sector_weights,
            leg_prices=on_dates(closes, "spot", dates, legs.values()),
            history=panel_history(self._history, closes, actions, dates, self.index, names, list(legs.values())),
        )
        check_file_actions(self._folder / files.ACTIONS, daily, self.report)
        return daily, self._info(last_rate)

    def _info(self, last_rate) -> MarketInfo:
        return MarketInfo(
            name="us_chains",
            index=self.index,
            source="US exchange option chains with the vendor's volatilities; weights from SPY holdings",
            forward_convention="put-call parity, expiry by expiry; where an expiry is not quoted, spot compounded at "
            f"the last fed funds rate known before the date (the last one is of {last_rate}), no dividends",
            marks="last",  # the vendor's volatilities are those of its prices, mostly last trades
            contracts="synthetic strikes (at the forward, where none is listed), fractional contracts",
        )
