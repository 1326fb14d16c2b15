"""Exchange files of the National Stock Exchange of India: NIFTY or BANKNIFTY against their members.

Reads nse/{fo,cash,index,weights,corporate_actions}.parquet. Volatilities are inverted from traded option prices by
Black's formula on the same-expiry future.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl

from engine.calendar import days_between, year_fraction
from engine.data.arrange import action_factors, on_dates, on_expiries
from engine.data.clean import QualityReport
from engine.data.panel import DELTAS, TENORS, ListedSmiles, MarketInfo, MarketPanel, Sectors
from engine.data.quotes_to_surface import constant_maturity, expiry_slots, listed_smiles
from engine.data.schema import Quotes, between, check_decimal_iv, collect, scan, session_dates
from engine.data.sources.fingerprint import fingerprint
from engine.errors import InputError
from engine.pricing import InversionStatus, call_delta, implied_vol

FO, CASH, INDEX = "fo.parquet", "cash.parquet", "index.parquet"
WEIGHTS, ACTIONS = "weights.parquet", "corporate_actions.parquet"
SUB_INDICES = {"NIFTY": {"Banks": "BANKNIFTY"}}  # on which options are listed, by sector; no other sector is known
FO_COLUMNS = {
    "date": pl.Date,
    "instrument": pl.String,
    "symbol": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "option_type": pl.String,
    "close": pl.Float64,
    "contracts": pl.Int64,
}
DEEPEST_IN_THE_MONEY = 0.80
LISTED_EXPIRIES = 4  # three monthly contracts are listed at a time, four in the week of an expiry
BLOCK_SESSIONS = 20
MOVES_CONTRACTS = ("split_or_bonus", "demerger")


@dataclass(frozen=True)
class Nse:
    """Indian exchange files as a market.

    Parameters
    ----------
    path : str
        Folder that holds nse/.
    index : str
        NIFTY or BANKNIFTY. With NIFTY come the banks as a sector, against BANKNIFTY in its own weights; those that are
        members of BANKNIFTY alone have weight 0 in the index.
    start, end : str or None
        First and last session to build, ISO dates.
    max_extrapolation_days : float
        How far beyond the quoted expiries a tenor may take the nearest one's volatility.
    rate : float
        Continuous rate option premiums are discounted at. The future already carries the forward, so its effect on
        an at-the-money volatility over a month is its share of the premium, about rate / 12.
    """

    path: str
    index: str = "NIFTY"
    start: str | None = None
    end: str | None = None
    max_extrapolation_days: float = 7.0
    rate: float = 0.0
    report: QualityReport = field(default_factory=QualityReport, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the five files, the settings and the code."""
        return fingerprint(self, [self._folder / name for name in (FO, CASH, INDEX, WEIGHTS, ACTIONS)])

    def sessions(self) -> int:
        """Number of sessions in the derivatives file between start and end."""
        return len(self._dates())

    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel, twenty sessions at a time."""
        dates, names = self._dates(), self._names()
        futures = self._futures([self.index, *names])
        sub_indices = self._sub_indices()
        of_name, sector_weights = self._sectors(dates, names)
        slots = expiry_slots(futures.join(pl.DataFrame({"date": dates}), on="date"), dates, LISTED_EXPIRIES)
        prices = self._prices(dates, names)
        strike_factor, return_factor = self._factors(dates, names)
        weights = self._weights(self.index, dates, names)
        futures = pl.concat([futures, self._futures(list(sub_indices.values()))])  # at the expiries stocks have
        for first in range(0, len(dates), BLOCK_SESSIONS):
            part = slice(first, first + BLOCK_SESSIONS)
            yield self._panel(
                dates[part],
                names,
                slots[part],
                futures,
                prices[part],
                strike_factor[part],
                return_factor[part],
                weights[part],
                sub_indices,
                of_name,
                sector_weights[part],
            )

    def quality(self) -> pl.DataFrame:
        """Every option row read, by asset and reason."""
        return self.report.frame()

    def truth(self) -> None:
        """Real data: nobody knows."""

    @property
    def _folder(self) -> Path:
        return Path(self.path) / "nse"

    def _fo(self) -> pl.LazyFrame:
        return between(self._all_fo(), self.start, self.end)

    def _all_fo(self) -> pl.LazyFrame:
        return scan(self._folder, FO, FO_COLUMNS)

    def _dates(self) -> np.ndarray:
        """Sessions of the derivatives file: a special cash session without derivatives is not one."""
        return session_dates(self._fo(), self._folder, FO)

    def _basket(self, index: str) -> pl.DataFrame:
        columns = {"date": pl.Date, "index": pl.String, "symbol": pl.String, "weight": pl.Float64}
        weights = collect(scan(self._folder, WEIGHTS, columns), self._folder, WEIGHTS)
        ours = weights.filter(pl.col("index") == index)
        if ours.height == 0:
            known = ", ".join(sorted(weights["index"].unique()))
            raise InputError(f"index={index} has no weights in {self._folder / WEIGHTS}; it has {known}")
        return ours

    def _names(self) -> list[str]:
        indices = [self.index, *self._sub_indices().values()]
        return sorted(set().union(*(self._basket(index)["symbol"] for index in indices)))

    def _sub_indices(self) -> dict[str, str]:
        """Sectors of which the file of weights knows a sub-index, with its symbol."""
        weights = scan(self._folder, WEIGHTS, {"index": pl.String}).unique()
        known = set(collect(weights, self._folder, WEIGHTS)["index"])
        return {sector: sub for sector, sub in SUB_INDICES.get(self.index, {}).items() if sub in known}

    def _sectors(self, dates, names) -> tuple[np.ndarray, np.ndarray]:
        """Sector of each name (N,), and its weight there (T, N)."""
        of_name, weights = np.full(len(names), "", dtype=object), np.zeros((len(dates), len(names)))
        for sector, sub_index in self._sub_indices().items():
            of_name[np.isin(names, self._basket(sub_index)["symbol"])] = sector
            weights += self._weights(sub_index, dates, names)
        return of_name.astype(str), weights

    def _weights(self, index: str, dates, names) -> np.ndarray:
        """Weights of the last session before each date."""
        basket = self._basket(index)
        known = basket["date"].unique().sort().to_numpy().astype("datetime64[D]")
        column = {name: n for n, name in enumerate(names)}
        by_day = np.zeros((len(known), len(names)))
        day = np.searchsorted(known, basket["date"].to_numpy().astype("datetime64[D]"))
        by_day[day, [column[s] for s in basket["symbol"]]] = basket["weight"].to_numpy()
        before = np.searchsorted(known, dates) - 1
        return np.where((before >= 0)[:, None], by_day[np.maximum(before, 0)], 0.0)

    def _prices(self, dates, names) -> np.ndarray:
        """Closes of the index and its members, (T, 1 + N), as quoted that day."""
        columns = {"date": pl.Date, "symbol": pl.String, "close": pl.Float64}
        closes = pl.concat(collect(scan(self._folder, f, columns), self._folder, f) for f in (INDEX, CASH))
        closes = closes.rename({"symbol": "asset"})
        return on_dates(closes, "close", dates, [self.index, *names])

    def _factors(self, dates, names) -> tuple[np.ndarray, np.ndarray]:
        """Factors on contracts and on returns; a demerger of unknown terms makes both NaN on its day."""
        columns = {"date": pl.Date, "symbol": pl.String, "kind": pl.String, "price_factor": pl.Float64}
        actions = collect(scan(self._folder, ACTIONS, columns), self._folder, ACTIONS)
        factor = [_exact(kind, given) for kind, given in actions.select("kind", "price_factor").iter_rows()]
        actions = actions.rename({"symbol": "asset"}).with_columns(factor=pl.Series(factor, dtype=pl.Float64))
        listed = session_dates(between(self._all_fo(), None, self.end), self._folder, FO)
        moves_contracts = actions.filter(pl.col("kind").is_in(MOVES_CONTRACTS))
        # Over all sessions of the file: what happened between `start` and the session before it acts at `start`.
        return tuple(action_factors(a, listed, names)[len(listed) - len(dates) :] for a in (moves_contracts, actions))

    def _futures(self, symbols) -> pl.DataFrame:
        """Closes of the futures that traded; index and stocks share these monthly expiries."""
        rows = self._fo().filter(
            pl.col("instrument").str.starts_with("FUT")
            & pl.col("symbol").is_in(symbols)
            & (pl.col("contracts") > 0)
            & (pl.col("close") > 0.0)
        )
        columns = ("date", pl.col("symbol").alias("asset"), "expiry", pl.col("close").alias("forward"))
        return collect(rows.select(*columns), self._folder, FO).unique(["date", "asset", "expiry"], maintain_order=True)

    def _quotes(self, dates, assets, futures) -> pl.DataFrame:
        inside = pl.col("date").is_between(pl.lit(dates[0].astype(object)), pl.lit(dates[-1].astype(object)))
        options = self._fo().filter(
            inside & pl.col("instrument").str.starts_with("OPT") & pl.col("symbol").is_in(assets)
        )
        rows = collect(options, self._folder, FO).rename({"symbol": "asset"})
        rows = rows.join(futures, on=["date", "asset", "expiry"], how="left")
        option = ["date", "asset", "expiry", "strike", "option_type"]
        rows = self.report.keep(
            rows,
            {
                "expired": pl.col("expiry") <= pl.col("date"),  # settle is the underlying's level that day
                "no_trade": ~(pl.col("contracts") > 0),  # the close is stale, settle is theoretical
                "no_future_of_that_expiry": pl.col("forward").is_null(),  # index weeklies, which stocks do not have
                "price_not_positive": ~(pl.col("close") > 0.0),
                "strike_not_positive": ~(pl.col("strike") > 0.0),
                "duplicate": ~pl.struct(option).is_first_distinct(),
            },
            final=False,
        )
        years = year_fraction((rows["expiry"] - rows["date"]).dt.total_days().to_numpy())
        price, forward, strike = (rows[c].to_numpy() for c in ("close", "forward", "strike"))
        iv, status = implied_vol(price, forward, strike, years, (rows["option_type"] == "CE").to_numpy(), self.rate)
        delta = call_delta(forward, strike, iv, years)
        rows = rows.with_columns(iv=pl.Series(iv), call_delta=pl.Series(delta), inversion=pl.Series(status))
        is_call = pl.col("option_type") == "CE"
        depth = pl.when(is_call).then(pl.col("call_delta")).otherwise(1.0 - pl.col("call_delta"))
        refused = {
            s.name.lower(): pl.col("inversion") == int(s) for s in InversionStatus if s is not InversionStatus.OK
        }
        kept = self.report.keep(
            rows,
            refused
            | {
                "delta_out_of_range": ~((pl.col("call_delta") > 0.0) & (pl.col("call_delta") < 1.0)),
                "deep_in_the_money": depth > DEEPEST_IN_THE_MONEY,
                "iv_out_of_bounds": ~pl.col("iv").is_between(0.01, 5.0),
            },
        )
        check_decimal_iv(kept, self._folder / FO, "close")
        right = pl.when(is_call).then(pl.lit("C")).otherwise(pl.lit("P")).cast(pl.Enum(["C", "P"])).alias("right")
        return Quotes.validate(kept.select("date", "asset", "expiry", "strike", right, "iv", "call_delta"), cast=True)

    def _panel(
        self,
        dates,
        names,
        slots,
        futures,
        prices,
        strike_factor,
        return_factor,
        weights,
        sub_indices,
        of_name,
        sector_weights,
    ) -> MarketPanel:
        assets = [self.index, *names, *sub_indices.values()]
        quotes = self._quotes(dates, assets, futures)
        days = days_between(slots, dates[:, None])
        smiles = listed_smiles(quotes, dates, assets, slots, DELTAS)
        iv, status = constant_maturity(smiles, days, TENORS, self.max_extrapolation_days)
        forward = on_expiries(futures, "forward", dates, assets, slots)
        own, sub = slice(1, 1 + len(names)), slice(1 + len(names), None)
        return MarketPanel(
            info=MarketInfo(
                name="nse",
                index=self.index,
                currency="INR",
                calendar="XBOM",
                source="NSE end-of-day files: traded closes, inverted on the same-expiry future",
                forward_convention="close of the same-expiry future; the cash price where it did not trade",
                hedge_instrument="same-expiry future",
                physical_delivery=True,
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
            rate=np.full(len(dates), self.rate),
            index_carry=np.full(len(dates), self.rate),
            carry=np.full(strike_factor.shape, self.rate),
            strike_factor=strike_factor,
            return_factor=return_factor,
            settlement=np.full(strike_factor.shape, np.nan),
            sectors=Sectors(
                of_name=of_name,
                legs=np.array(list(sub_indices), dtype=str),
                symbols=np.array(list(sub_indices.values()), dtype=str),
                weights=sector_weights,
                leg_iv=iv[:, sub],
                leg_status=status[:, sub],
            )
            if sub_indices
            else None,
            listed=ListedSmiles(
                expiry=slots,
                index_iv=smiles[:, 0],
                iv=smiles[:, own],
                index_forward=forward[:, 0],
                forward=forward[:, own],
            ),
        )


def _exact(kind: str, factor: float | None) -> float:
    """Return the factor of a corporate action; unknown terms are NaN.

    Splits and bonuses are ratios of small whole numbers, which the file has to seven digits as prices gave them back:
    contracts were restated by the ratio itself.
    """
    if factor is None:
        return float("nan")
    ratio = Fraction(factor).limit_denominator(100)
    whole = kind == "split_or_bonus" and abs(float(ratio) / factor - 1.0) < 1e-6
    return float(ratio) if whole else factor
