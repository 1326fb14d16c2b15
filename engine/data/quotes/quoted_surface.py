"""From a table of option quotes to a surface, with an account of every quote.

quotes -> fitted_quotes (smiles, date by date) -> surface_of (axes, constant maturities)
"""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from engine.calendar import DAYS_PER_YEAR
from engine.data.arrange import on_expiries
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock
from engine.data.quotes.earnings import ex_earnings, known_events
from engine.data.quotes.filters import QuoteLimits
from engine.data.quotes.fitted_quotes import FittedQuotes, fitted_quotes
from engine.data.quotes.quoted_smiles import QuotedSmiles
from engine.data.quotes.quotes_to_surface import constant_maturity, expiry_slots
from engine.data.records import DELTAS, TENORS, ListedSmiles, QuotedBand


@dataclass(frozen=True, eq=False)
class QuotedSurface:
    """Surfaces of A assets on T dates, and what became of the quotes.

    Parameters
    ----------
    dates : array (T,), datetime64[D]; assets : tuple (A,) of str; tenors : tuple (K,); deltas : tuple (D,)
    slots : array (T, E), datetime64[D]
        Listed expiries of each date, ascending, NaT where fewer.
    iv : array (T, A, K, D), float32; status : array (T, A, K, D), uint8
        Constant maturities, annualised decimals, and the `QuoteStatus` of each cell.
    bid_iv, ask_iv : array (T, A, K, D), float32
        The same at bid and at ask; NaN where quotes have no two sides.
    ex_earnings_iv : array (T, A, K, D), float32, or None
        The same as `iv` once the variance of known earnings is taken off; None without a table of them.
    smiles : array (T, A, E, D), float32
        Volatilities of the listed expiries for whole calendar days to the expiry's date, as positions are valued: the
        total variance is that of the quotes to settlement.
    forward : array (T, A, E)
    checks : frame of asset, check, count, of
        What is odd about smiles, forwards and volatilities, as from `surface_checks` and `vendor_check`.
    forwards : frame, as from `parity_forwards`
    """

    dates: np.ndarray
    assets: tuple
    tenors: tuple
    deltas: tuple
    slots: np.ndarray
    iv: np.ndarray
    status: np.ndarray
    bid_iv: np.ndarray
    ask_iv: np.ndarray
    ex_earnings_iv: np.ndarray | None
    smiles: np.ndarray
    forward: np.ndarray
    checks: pl.DataFrame = field(repr=False)
    forwards: pl.DataFrame = field(repr=False)

    def sessions(self, rows: slice) -> "QuotedSurface":
        """Return some of the dates; the account of the quotes stays that of all."""
        dated = ("dates", "slots", "iv", "status", "bid_iv", "ask_iv", "ex_earnings_iv", "smiles", "forward")
        arrays = {name: getattr(self, name) for name in dated}
        return replace(self, **{name: array[rows] for name, array in arrays.items() if array is not None})

    def frame(self) -> pl.DataFrame:
        """Return the surfaces as a table: date, ticker, tenor, delta, iv, and null for bid_iv and ask_iv not known."""
        t, a, k, d = np.nonzero(np.isfinite(self.iv))
        at = (t, a, k, d)
        axes = {
            "date": self.dates[t],
            "ticker": np.array(self.assets, dtype=str)[a],
            "tenor": np.array(self.tenors)[k],
            "delta": np.array(self.deltas)[d],
        }
        sides = {"iv": self.iv, "bid_iv": self.bid_iv, "ask_iv": self.ask_iv}
        values = {name: pl.Series(array[at].astype(np.float64)).fill_nan(None) for name, array in sides.items()}
        return pl.DataFrame(axes | values)

    def arranged(self, assets, tenors=None) -> "QuotedSurface":
        """Return the assets in this order, the index first as panels have it, and these of the tenors."""
        a = [self.assets.index(asset) for asset in assets]
        tenors = self.tenors if tenors is None else tuple(int(tenor) for tenor in tenors)
        k = [self.tenors.index(tenor) for tenor in tenors]
        of_expiries = {name: getattr(self, name)[:, a] for name in ("smiles", "forward")}
        surfaces = ("iv", "status", "bid_iv", "ask_iv", "ex_earnings_iv")
        held = {name: getattr(self, name) for name in surfaces if getattr(self, name) is not None}
        of_tenors = {name: array[:, a][:, :, k] for name, array in held.items()}
        return replace(self, assets=tuple(assets), tenors=tenors, **of_expiries, **of_tenors)

    def listed(self) -> ListedSmiles:
        """Return the smiles of the listed expiries as a panel has them; the first asset is the index."""
        return ListedSmiles(
            expiry=self.slots,
            index_iv=self.smiles[:, 0],
            iv=self.smiles[:, 1:],
            index_forward=self.forward[:, 0],
            forward=self.forward[:, 1:],
        )

    def band(self) -> QuotedBand | None:
        """Return bid and ask as a panel has them, the first asset being the index; None where nothing is two-sided."""
        if not np.isfinite(self.bid_iv).any():
            return None
        return QuotedBand(self.bid_iv[:, 0], self.ask_iv[:, 0], self.bid_iv[:, 1:], self.ask_iv[:, 1:])


def quoted_surface(
    quotes: pl.DataFrame,
    closes: pl.DataFrame,
    rate: pl.DataFrame,
    dates,
    assets,
    report: QualityReport,
    *,
    width: int | None = None,
    tenors=TENORS,
    deltas=DELTAS,
    clock: Clock | None = None,
    limits: QuoteLimits | None = None,
    dividends: pl.DataFrame | None = None,
    earnings: pl.DataFrame | None = None,
    max_extrapolation_days: float = 14.0,
) -> QuotedSurface:
    """Make the surfaces of a block of dates from their option quotes.

    Parameters
    ----------
    quotes : frame of date, ticker, expiry, strike, right (C, P)
        And bid and ask, or price, or iv; where known forward, style (european, american), settlement (am, pm). Those of
        other tickers than the assets are left out, not counted. Those before the first date tell which of its smiles
        are stale, and nothing else: a block with the session before it has the bits and counts of the whole.
    closes : frame of date, ticker, close
        Of all assets, raw.
    rate : frame of date, rate (continuous decimals)
    dates : array (T,), datetime64[D], ascending; assets : sequence (A,) of str
    report : QualityReport
        Takes the count of every quote, by asset and reason.
    width : int or None
        Number E of listed expiries that are kept, the nearest ones; None = all. Blocks of one panel need one number.
    tenors, deltas : sequence (K,) of calendar days, sequence (D,) of call deltas in percent
    clock : Clock or None
        When quotes are taken and options settle.
    limits : QuoteLimits or None
        What a quote may look like, and its style and settlement where it does not say.
    dividends : frame of asset, ex_date, amount, or None
        Known dividends of American options; None = the yield that the forwards tell.
    earnings : frame of date, ticker, known, or None
        Known earnings dates; gives ex-earnings volatilities beside the raw ones.
    max_extrapolation_days : float
        As for `constant_maturity`.

    Returns
    -------
    QuotedSurface
    """
    ours = quotes.filter(pl.col("ticker").is_in(list(assets)))
    first = np.asarray(dates)[0]
    fitted = fitted_quotes(
        ours, closes, rate, first, report, deltas=deltas, clock=clock, limits=limits, dividends=dividends
    )
    listed = fitted.smiles.smiles.group_by("date").agg(pl.col("expiry").n_unique())["expiry"]
    return surface_of(
        fitted,
        dates,
        assets,
        width=int(listed.to_numpy().max(initial=1)) if width is None else width,
        tenors=tenors,
        deltas=deltas,
        clock=clock,
        earnings=earnings,
        max_extrapolation_days=max_extrapolation_days,
    )


def surface_of(
    fitted: FittedQuotes,
    dates,
    assets,
    *,
    width: int,
    tenors=TENORS,
    deltas=DELTAS,
    clock: Clock | None = None,
    earnings: pl.DataFrame | None = None,
    max_extrapolation_days: float = 14.0,
) -> QuotedSurface:
    """Put smiles on the axes of a block of dates, and read them at constant maturities; as `quoted_surface`."""
    smiles = fitted.smiles
    slots = expiry_slots(smiles.smiles, dates, width)
    placed = _Placed(smiles, dates, assets, slots, width, clock or Clock())
    mid, status = placed.constant_maturity(smiles.mid, tenors, max_extrapolation_days)
    events = None if earnings is None else (known_events(earnings, dates, assets), list(deltas).index(50))
    bid, ask = (placed.constant_maturity(a, tenors, max_extrapolation_days)[0] for a in (smiles.bid, smiles.ask))
    return QuotedSurface(
        dates=np.asarray(dates),
        assets=tuple(assets),
        tenors=tuple(tenors),
        deltas=tuple(deltas),
        slots=slots,
        iv=mid,
        status=status,
        bid_iv=bid,
        ask_iv=ask,
        ex_earnings_iv=events and placed.constant_maturity(smiles.mid, tenors, max_extrapolation_days, events)[0],
        smiles=placed.listed(smiles.mid),
        forward=on_expiries(fitted.forwards, "forward", dates, assets, slots),
        checks=fitted.checks,
        forwards=fitted.forwards,
    )


class _Placed:
    """Where smiles (S, D) lie on the axes: every expiry for constant maturities, the nearest `width` as listed."""

    def __init__(self, fitted: QuotedSmiles, dates, assets, slots, width: int, clock: Clock):
        smiles = fitted.smiles
        order = pl.DataFrame({"asset": pl.Series(list(assets), dtype=pl.String), "a": np.arange(len(assets))})
        days = pl.DataFrame({"date": np.asarray(dates), "t": np.arange(len(dates))})
        at = smiles.with_row_index("row").join(days, on="date").join(order, on="asset").sort("row")
        at = at.with_columns(place=pl.int_range(pl.len()).over("t", "a"))
        self.row, self.t, self.a, self.place = (at[c].to_numpy() for c in ("row", "t", "a", "place"))
        self.years, self.by_date = (at[c].to_numpy() for c in ("years", "years_by_date"))
        e, t = np.nonzero(~np.isnat(slots.T))
        slot = pl.DataFrame({"date": np.asarray(dates)[t], "expiry": slots[t, e], "e": e})
        self.slot = (
            at.join(slot, on=["date", "expiry"], how="left", maintain_order="left")["e"].fill_null(-1).to_numpy()
        )
        self.shape = (len(dates), len(assets))
        self.width, self.clock = width, clock
        self.weekday = (np.asarray(dates, dtype="datetime64[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday
        self.most = 1 + int(self.place.max()) if len(self.place) else 1

    def constant_maturity(self, spread, tenors, max_extrapolation_days: float, events=None):
        """Constant maturities of total volatilities (S, D): total variance is linear in the clock's time to settlement.

        `events`, those known and the position of the 50 delta, are taken off before.
        """
        vol = np.full((*self.shape, self.most, spread.shape[1]), np.nan)
        days = np.full((*self.shape, self.most), np.nan)
        at = (self.t, self.a, self.place)
        vol[at] = spread[self.row] / np.sqrt(self.years)[:, None]
        days[at] = self.years * DAYS_PER_YEAR
        if events is not None:
            vol, _ = ex_earnings(vol, days, events[1], events[0])
        if self.clock.weekend == 1.0:
            return constant_maturity(vol, days, tenors, max_extrapolation_days)
        iv = np.full((*self.shape, len(tenors), spread.shape[1]), np.nan, dtype=np.float32)
        status = np.zeros(iv.shape, dtype=np.uint8)
        for weekday in np.unique(self.weekday):  # of which each has its own weighted tenors
            on = self.weekday == weekday
            by_weight, asked = (self.clock.weighted_days(weekday, d) for d in (days[on], tenors))
            stretched = vol[on] * np.sqrt(days[on] / by_weight)[..., None]
            found, status[on] = constant_maturity(stretched, by_weight, asked, max_extrapolation_days)
            iv[on] = found * np.sqrt(asked / np.asarray(tenors))[:, None]
        return iv, status

    def listed(self, spread):
        smiles = np.full((*self.shape, self.width, spread.shape[1]), np.nan, dtype=np.float32)
        kept = self.slot >= 0
        at = (self.t[kept], self.a[kept], self.slot[kept])
        smiles[at] = spread[self.row[kept]] / np.sqrt(self.by_date[kept])[:, None]
        return smiles
