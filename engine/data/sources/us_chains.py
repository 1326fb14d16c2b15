"""US option chains with the vendor's volatilities and deltas: SPY (or QQQ) against members of the S&P 500.

Reads us2026/{chains,spot,corporate_actions}.parquet and us_history/{spy_holdings,fed_funds_dff}.parquet. Where they
are there, us_history/sp500_constituents_2026_gics.parquet gives the sectors, and us2026/spx_quotes.parquet with
us_history/cboe_indices.parquet the options on SPX itself (index="SPX"), on the sessions they have.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from engine.calendar import days_between, year_fraction
from engine.data.arrange import action_factors, on_dates
from engine.data.clean import QualityReport
from engine.data.panel import DELTAS, TENORS, ListedSmiles, MarketInfo, MarketPanel, Sectors
from engine.data.quotes_to_surface import constant_maturity, expiry_slots, listed_smiles
from engine.data.schema import Quotes, between, check_call_delta, check_decimal_iv, collect, scan, session_dates
from engine.data.sources.fingerprint import fingerprint
from engine.data.sources.us_holdings import HOLDINGS, SECTORS, holdings, index_weights, sector_funds, sectors_of
from engine.errors import InputError

CHAINS, SPOT, ACTIONS = "chains.parquet", "spot.parquet", "corporate_actions.parquet"
RATES = "fed_funds_dff.parquet"
SPX, SPX_QUOTES, LEVELS = "SPX", "spx_quotes.parquet", "cboe_indices.parquet"
CHAIN_COLUMNS = {
    "date": pl.Date,
    "ticker": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "call_delta": pl.Float64,
    "call_iv_pct": pl.Float64,
    "put_delta": pl.Float64,
    "put_iv_pct": pl.Float64,
}
SPX_COLUMNS = {
    "session_date": pl.Date,
    "root": pl.String,
    "expiry": pl.Date,
    "right": pl.String,
    "strike": pl.Float64,
    "iv": pl.Float64,
    "delta": pl.Float64,
}
# In-the-money options beyond this are quoted wide and their volatilities are junk; the smile never needs them.
DEEPEST_IN_THE_MONEY = 0.80
LISTED_EXPIRIES = 24  # two years of monthly expiries and the long-dated ones beyond
BLOCK_SESSIONS = 16


@dataclass(frozen=True)
class UsChains:
    """The prepared US chains as a market.

    Parameters
    ----------
    path : str
        Folder that holds us2026/ and us_history/.
    index : str
        Ticker of the index leg among the chains, or SPX.
    start, end : str or None
        First and last session to build, ISO dates; what lies before is still read for the previous day's weights.
    max_extrapolation_days : float
        How far beyond the quoted expiries a tenor may take the nearest one's volatility.
    """

    path: str
    index: str = "SPY"
    start: str | None = None
    end: str | None = None
    max_extrapolation_days: float = 14.0
    report: QualityReport = field(default_factory=QualityReport, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the files, the settings and the code."""
        chains, history = self._folder, self._history
        files = [chains / CHAINS, chains / SPOT, chains / ACTIONS, history / HOLDINGS, history / RATES]
        spx = [chains / SPX_QUOTES, history / LEVELS] if self.index == SPX else []
        sectors = [history / SECTORS] if (history / SECTORS).is_file() else []
        return fingerprint(self, [*files, *spx, *sectors])

    def sessions(self) -> int:
        """Number of sessions in the chains between start and end."""
        return len(self._dates())

    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel, sixteen sessions at a time."""
        dates, spot = self._dates(), self._spots()
        names = self._names()
        listed = collect(self._chains().select("date", "expiry").unique(), self._folder, CHAINS)
        slots = expiry_slots(listed, dates, LISTED_EXPIRIES)
        prices = on_dates(pl.concat([spot, self._index_spots()]), "spot", dates, [self.index, *names])
        factor = self._strike_factors(dates, names)
        sector_of = sectors_of(self._history)
        funds = sector_funds(sector_of, self._tickers() - {self.index})
        weights, sector_weights = index_weights(holdings(self._history), self._splits(), spot, dates, names, sector_of)
        rate, published = self._rates(dates)
        for first in range(0, len(dates), BLOCK_SESSIONS):
            part = slice(first, first + BLOCK_SESSIONS)
            quotes = self._quotes(dates[part], [*names, *funds.values()])
            yield self._panel(
                quotes,
                dates[part],
                names,
                slots[part],
                prices[part],
                factor[part],
                weights[part],
                sector_weights[part],
                sector_of,
                funds,
                rate[part],
                published[-1],
            )

    def quality(self) -> pl.DataFrame:
        """Every quote read, by asset and reason."""
        return self.report.frame()

    def truth(self) -> None:
        """Real data: nobody knows."""

    @property
    def _folder(self) -> Path:
        return Path(self.path) / "us2026"

    @property
    def _history(self) -> Path:
        return Path(self.path) / "us_history"

    def _chains(self) -> pl.LazyFrame:
        return between(self._all_chains(), self.start, self.end)

    def _all_chains(self) -> pl.LazyFrame:
        return scan(self._folder, CHAINS, CHAIN_COLUMNS)

    def _dates(self) -> np.ndarray:
        dates = session_dates(self._chains(), self._folder, CHAINS)
        if self.index == SPX:
            quoted = session_dates(self._spx(), self._folder, SPX_QUOTES)
            dates = np.intersect1d(dates, quoted)
        return dates

    def _names(self) -> list[str]:
        """Members with chains: fund holdings that are quoted, over all sessions of the file, alphabetically."""
        quoted = self._tickers()
        if self.index not in quoted | {SPX}:
            raise InputError(f"index={self.index} has no chains in {self._folder / CHAINS}; try SPY")
        return sorted((quoted & set(holdings(self._history)["ticker"])) - {self.index})

    def _tickers(self) -> set[str]:
        chains = scan(self._folder, CHAINS, {"ticker": pl.String}).unique()
        return set(collect(chains, self._folder, CHAINS)["ticker"])

    def _spots(self) -> pl.DataFrame:
        columns = {"date": pl.Date, "ticker": pl.String, "spot": pl.Float64}
        rows = collect(scan(self._folder, SPOT, columns), self._folder, SPOT, may_be_empty=False)
        return rows.rename({"ticker": "asset"})

    def _index_spots(self) -> pl.DataFrame:
        """Closes of SPX where it is the index leg: those of the funds lie beside the members'."""
        if self.index != SPX:
            return pl.DataFrame(schema={"date": pl.Date, "asset": pl.String, "spot": pl.Float64})
        columns = {"date": pl.Date, "index": pl.String, "close": pl.Float64}
        rows = scan(self._history, LEVELS, columns).filter(pl.col("index") == SPX).drop_nulls()
        closes = rows.rename({"index": "asset", "close": "spot"}).unique(["date", "asset"], maintain_order=True)
        return collect(closes, self._history, LEVELS, may_be_empty=False)

    def _splits(self) -> pl.DataFrame:
        columns = {"date": pl.Date, "ticker": pl.String, "kind": pl.String, "price_factor": pl.Float64}
        return collect(scan(self._folder, ACTIONS, columns), self._folder, ACTIONS)

    def _strike_factors(self, dates, names) -> np.ndarray:
        actions = self._splits().rename({"ticker": "asset", "price_factor": "factor"})
        listed = session_dates(between(self._all_chains(), None, self.end), self._folder, CHAINS)
        # With all sessions before: what happened between `start` and the session before it acts at `start`.
        before = listed[listed < dates[0]] if len(dates) else dates
        return action_factors(actions, np.concatenate([before, dates]), names)[len(before) :]

    def _rates(self, dates) -> tuple[np.ndarray, np.ndarray]:
        """Fed funds rate last published before each date, as a continuous rate, and the day it was published for."""
        folder = self._history
        rows = scan(folder, RATES, {"date": pl.Date, "dff": pl.Float64}).drop_nulls().sort("date")
        published = collect(rows, folder, RATES, may_be_empty=False)
        days = published["date"].to_numpy().astype("datetime64[D]")
        last = np.searchsorted(days, dates) - 1
        if (last < 0).any():
            raise InputError(
                f"{folder / RATES} knows no rate before the first session {dates[0]} (its first is of {days[0]}); "
                f"add earlier ones or start later"
            )
        return np.log1p(published["dff"].to_numpy()[last] / 100.0), days[last]

    def _spx(self) -> pl.LazyFrame:
        """Options on SPX; where both roots have an expiry the one settled at the close, as options on stocks are."""
        rows = scan(self._folder, SPX_QUOTES, SPX_COLUMNS).rename({"session_date": "date"})
        at_the_close = (pl.col("root") == "SPXW").any().over("date", "expiry")
        return between(rows.filter((pl.col("root") == "SPXW") | ~at_the_close), self.start, self.end)

    def _spx_quotes(self, inside) -> pl.DataFrame:
        rows = collect(self._spx().filter(inside), self._folder, SPX_QUOTES)
        offset = pl.when(pl.col("right") == "P").then(1.0).otherwise(0.0)
        return rows.select(
            "date",
            pl.lit(SPX).alias("asset"),
            "expiry",
            "strike",
            "right",
            "iv",
            (pl.col("delta") + offset).alias("call_delta"),
        )

    def _quotes(self, dates, names) -> pl.DataFrame:
        inside = pl.col("date").is_between(pl.lit(dates[0].astype(object)), pl.lit(dates[-1].astype(object)))
        wide = collect(
            self._chains().filter(inside & pl.col("ticker").is_in([self.index, *names])), self._folder, CHAINS
        )
        sides = [
            wide.select(
                "date",
                pl.col("ticker").alias("asset"),
                "expiry",
                "strike",
                pl.lit(right).alias("right"),
                (pl.col(f"{side}_iv_pct") / 100.0).alias("iv"),
                # Two decimals were stored as float32: restore them, so that equal deltas are equal.
                (pl.col(f"{side}_delta") + offset).round(4).alias("call_delta"),
            )
            for right, side, offset in (("C", "call", 0.0), ("P", "put", 1.0))
        ]
        quotes = pl.concat([*sides, *([self._spx_quotes(inside)] if self.index == SPX else [])])
        has_iv = pl.col("iv").is_finite() & (pl.col("iv") > 0.0)
        usable = quotes.filter(has_iv)
        check_decimal_iv(usable, self._folder / CHAINS, "call_iv_pct / put_iv_pct (percent)")
        check_call_delta(usable, self._folder / CHAINS, {"C": "call_delta (0..1)", "P": "put_delta (-1..0)"})
        depth = pl.when(pl.col("right") == "C").then(pl.col("call_delta")).otherwise(1.0 - pl.col("call_delta"))
        option = ["date", "asset", "expiry", "strike", "right"]
        # Two lines of one option are a duplicate only if both could be used, so this is judged last.
        good = self.report.keep(
            quotes,
            {
                "missing_iv": ~has_iv,
                "expired": pl.col("expiry") <= pl.col("date"),
                "delta_out_of_range": ~((pl.col("call_delta") > 0.0) & (pl.col("call_delta") < 1.0)),
                "deep_in_the_money": depth > DEEPEST_IN_THE_MONEY,
                "iv_out_of_bounds": ~pl.col("iv").is_between(0.01, 5.0),
                "strike_not_positive": ~(pl.col("strike").is_finite() & (pl.col("strike") > 0.0)),
            },
            final=False,
        )
        kept = self.report.keep(good, {"duplicate": ~pl.struct(option).is_first_distinct()})
        return Quotes.validate(kept.with_columns(pl.col("right").cast(pl.Enum(["C", "P"]))), cast=True)

    def _panel(
        self, quotes, dates, names, slots, prices, factor, weights, sector_weights, sector_of, funds, rate, last_rate
    ) -> MarketPanel:
        days = days_between(slots, dates[:, None])
        smiles = listed_smiles(quotes, dates, [self.index, *names, *funds.values()], slots, DELTAS)
        iv, status = constant_maturity(smiles, days, TENORS, self.max_extrapolation_days)
        sectors, fund = None, slice(1 + len(names), None)
        if sector_of:
            sectors = Sectors(
                of_name=np.array([sector_of.get(name, "") for name in names]),
                legs=np.array(list(funds), dtype=str),
                symbols=np.array(list(funds.values()), dtype=str),
                weights=sector_weights,
                leg_iv=iv[:, fund],
                leg_status=status[:, fund],
            )
        own = slice(1, fund.start)
        growth = np.exp(rate[:, None] * year_fraction(days))
        return MarketPanel(
            info=MarketInfo(
                name="us_chains",
                index=self.index,
                source="US exchange option chains with the vendor's volatilities and deltas; weights from SPY holdings",
                forward_convention="spot compounded at the last fed funds rate known before the date "
                f"(the last one is of {last_rate}), no dividends",
            ),
            dates=dates,
            names=np.array(names),
            tenors=np.array(TENORS),
            deltas=np.array(DELTAS),
            index_iv=iv[:, 0],
            component_iv=iv[:, own],
            index_status=status[:, 0],
            component_status=status[:, own],
            weights=weights,
            index_spot=prices[:, 0],
            spot=prices[:, 1:],
            rate=rate,
            index_carry=rate.copy(),
            carry=np.repeat(rate[:, None], len(names), axis=1),
            strike_factor=factor,
            return_factor=factor.copy(),
            settlement=np.full(factor.shape, np.nan),
            sectors=sectors,
            listed=ListedSmiles(
                expiry=slots,
                index_iv=smiles[:, 0],
                iv=smiles[:, own],
                index_forward=prices[:, :1] * growth,
                forward=prices[:, 1:, None] * growth[:, None],
            ),
        )
