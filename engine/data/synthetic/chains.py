"""Listed option quotes of a synthetic market, as an exchange would publish them, for any of its dates.

Weekly, monthly and quarterly expiries on Fridays, round strikes, calls and puts with bid and ask, European.
Volatilities are read from the market's own surfaces before their holes: total variance linear in time between the
tenors, linear in log-moneyness between the call deltas. Missing and crossed quotes are planted, and marked as such.
"""

from functools import lru_cache

import numpy as np
import polars as pl

from engine.arrays import Dates
from engine.backend import special
from engine.calendar import DAY, monthly_expiries, weekly_expiries, year_fraction
from engine.data.synthetic.paths import QUOTES, date_stream, draw_paths
from engine.data.synthetic.settings import SyntheticMarket
from engine.data.synthetic.surface import at_the_money, index_surface, planted_correlation, smiles
from engine.data.synthetic.truth import Truth
from engine.data.synthetic.variance import FairPricer
from engine.errors import InputError
from engine.pricing import black_price, call_delta, smile_at_tenor, vol_at_strike

INDEX_HALF_SPREAD = 0.0015  # in volatility
HALF_SPREAD = 0.005
OUTER_DELTA = 0.05  # strikes reach from this call delta to 1 minus it
STRIKES = 32  # about as many per expiry
WEEKLY_DAYS = 45  # every week is listed this many days ahead,
MONTHLY_DAYS = 400  # every month this many, beyond them every quarter
ROUND = np.array([1.0, 2.0, 2.5, 5.0, 10.0])  # strike steps, times a power of ten


def chains(market: SyntheticMarket | Truth, dates: Dates, index: str = "SYNX") -> pl.DataFrame:
    """Quote every listed option of the index and its names on some dates.

    Parameters
    ----------
    market : SyntheticMarket or Truth
        The market to quote; `load_truth` reads the truth of a stored panel.
    dates : ISO text, datetime64 or a sequence of them
        Sessions of the market.
    index : str
        Asset name of the index.

    Returns
    -------
    frame
        date, asset, expiry, strike, right (C, P), iv (decimals, of the mid), bid, ask (currency), call_delta (0..1,
        of the forward, for calls and puts alike), forward, spot, rate, planted (null, missing or crossed): of a missing
        quote iv, bid and ask are null; of a crossed one the bid is above the ask.

    Raises
    ------
    InputError
        When a date is not a session of the market.

    Examples
    --------
    >>> quotes = chains(SyntheticMarket(years=1, names=5, seed=1), "2014-06-02")
    >>> quotes["asset"].n_unique(), quotes["expiry"].min()
    (8, datetime.date(2014, 6, 6))
    """
    settings = market.settings if isinstance(market, Truth) else market
    paths, pricer = _world(settings)
    frames = []
    for date in np.atleast_1d(np.asarray(dates, dtype="datetime64[D]")):
        session = int(np.searchsorted(paths.dates, date))
        if session == len(paths.dates) or paths.dates[session] != date:
            raise InputError(f"{date} is no session of the synthetic market {paths.dates[0]} .. {paths.dates[-1]}")
        frames.append(_quotes(paths, pricer, session, index))
    return pl.concat(frames)


@lru_cache(maxsize=1)
def _world(settings: SyntheticMarket):
    paths = draw_paths(settings)
    return paths, FairPricer(paths)


def _quotes(paths, pricer, session: int, index: str) -> pl.DataFrame:
    settings, date = paths.settings, paths.dates[session]
    expiry = listed_expiries(settings, date)
    days = (expiry - date).astype(float)
    years = year_fraction(days)

    surfaces, spot, assets = _surfaces(paths, pricer, session, index)
    smile = _at_expiries(surfaces, np.array(settings.tenors), days)  # (A, E, D)
    deltas = np.array(settings.deltas)
    forward = spot[:, None] * np.exp(settings.rate * years)

    strike = _strikes(smile, deltas, forward, years)  # (A, E, S)
    iv, _ = vol_at_strike(smile[:, :, None, :], deltas, forward[..., None], strike, years[:, None])
    delta = call_delta(forward[..., None], strike, iv, years[:, None])
    asset, slot, rung = np.nonzero(np.isfinite(strike))
    at = (asset, slot, rung)
    quote = {
        "asset": asset,
        "slot": slot,
        "strike": strike[at],
        "iv": iv[at],
        "call_delta": delta[at],
        "forward": forward[asset, slot],
        "spot": spot[asset],
    }
    quote = {name: np.repeat(values, 2) for name, values in quote.items()}  # the call, then the put
    count = len(quote["strike"])
    is_call = np.arange(count) % 2 == 0
    half = np.where(quote["asset"] == 0, INDEX_HALF_SPREAD, HALF_SPREAD)
    ask, bid = (
        black_price(quote["forward"], quote["strike"], vol, years[quote["slot"]], is_call, settings.rate)
        for vol in (quote["iv"] + half, quote["iv"] - half)
    )

    draw = date_stream(settings, QUOTES, session).random(count)
    missing = draw < settings.missing_rate
    crossed = ~missing & (draw < settings.missing_rate + settings.crossed_rate)
    bid, ask = np.where(crossed, ask, bid), np.where(crossed, bid, ask)
    planted = np.where(missing, "missing", np.where(crossed, "crossed", ""))
    frame = pl.DataFrame(
        {
            "date": np.full(count, date),
            "asset": np.array(assets)[quote["asset"]],
            "expiry": expiry[quote["slot"]],
            "strike": quote["strike"],
            "right": np.where(is_call, "C", "P"),
            "iv": quote["iv"],
            "bid": bid,
            "ask": ask,
            "call_delta": quote["call_delta"],
            "forward": quote["forward"],
            "spot": quote["spot"],
            "rate": np.full(count, settings.rate),
            "planted": planted,
        }
    )
    shown = [pl.when(pl.col("planted") != "missing").then(pl.col(name)).alias(name) for name in ("iv", "bid", "ask")]
    return frame.with_columns(*shown, pl.col("planted").replace("", None), pl.col("right").cast(pl.Enum(["C", "P"])))


def listed_expiries(settings: SyntheticMarket, date: np.datetime64) -> np.ndarray:
    """Expiries listed on a date: weekly, then monthly, then quarterly, until the longest tenor is reached.

    Examples
    --------
    >>> listed_expiries(SyntheticMarket(tenors=(30,)), np.datetime64("2014-01-16")).astype(str).tolist()
    ['2014-01-17', '2014-01-24', '2014-01-31', '2014-02-07', '2014-02-14', '2014-02-21']
    """
    longest = settings.tenors[-1]
    monthly = monthly_expiries(settings.calendar, date + DAY, date + (longest + 100) * DAY)
    quarterly = monthly.astype("datetime64[M]").astype(int) % 3 == 2
    monthly = monthly[((monthly - date).astype(int) <= MONTHLY_DAYS) | quarterly]
    expiries = np.union1d(weekly_expiries(settings.calendar, date + DAY, date + WEEKLY_DAYS * DAY), monthly)
    return expiries[: int(np.searchsorted((expiries - date).astype(int), longest)) + 1]


def _surfaces(paths, pricer, session: int, index: str):
    """Surfaces before their holes (A, K, D), spots (A,) and assets: the index, then the names that trade."""
    today = slice(session, session + 1)
    fair = pricer.at(today)
    trades = np.flatnonzero(np.isfinite(fair.component[0, :, 0]))
    component = (at_the_money(paths, fair)[..., None] * smiles(paths))[0, trades]
    own = index_surface(paths, fair, planted_correlation(paths, fair, today), paths.weights[today])
    spot = np.concatenate([paths.index_spot[today], paths.spot[session, trades]])
    return np.concatenate([own, component]), spot, [index, *paths.plan.names[trades].tolist()]


def _at_expiries(surfaces, tenors, days):
    """Smiles (A, E, D) at listed expiries from surfaces (A, K, D)."""
    below = np.clip(np.searchsorted(tenors, days, side="right") - 1, 0, max(len(tenors) - 2, 0))
    above = np.minimum(below + 1, len(tenors) - 1)
    pair = np.stack([surfaces[:, below], surfaces[:, above]], axis=2)  # (A, E, 2, D)
    smile, _ = smile_at_tenor(pair, np.stack([tenors[below], tenors[above]], axis=1), days)
    return smile


def _strikes(smile, deltas, forward, years):
    """Round strikes (A, E, S) between the outer deltas, NaN where an expiry has fewer; always one near the forward."""
    reach = -special(np).ndtri(OUTER_DELTA)
    low_vol, high_vol = smile[..., deltas.argmax()], smile[..., deltas.argmin()]
    root = np.sqrt(years)
    low = forward * np.exp(-reach * low_vol * root + 0.5 * low_vol**2 * years)
    high = forward * np.exp(reach * high_vol * root + 0.5 * high_vol**2 * years)
    wanted = (high - low) / STRIKES
    power = 10.0 ** np.floor(np.log10(wanted))
    ladder = power[..., None] * ROUND
    step = np.take_along_axis(ladder, np.abs(ladder - wanted[..., None]).argmin(axis=-1)[..., None], axis=-1)
    first = np.ceil(low[..., None] / step)
    rung = np.arange(2 * STRIKES)
    strike = np.round((first + rung) * step, 6)
    return np.where(strike <= high[..., None], strike, np.nan)
