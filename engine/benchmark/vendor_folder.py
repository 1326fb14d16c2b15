"""A vendor's folder of any size, invented: chains of an index and of names in the layout of IvyDB, one csv a day."""

from pathlib import Path

import numpy as np
import polars as pl

from engine.pricing import black_price, call_delta

RATE = 0.03
INDEX, FIRST_KEY = "108105", 900001  # the key of SPX is known
START = np.datetime64("2000-01-03")


def write_vendor_folder(folder: Path | str, names: int, sessions: int, rows: int, seed: int = 0) -> int:
    """Write so many sessions of quotes, and what else a market needs: prices with shares, rates, names.

    Parameters
    ----------
    folder : path
    names : int
        Beside the index.
    sessions : int
    rows : int
        Quotes of a name on a session, about; two for each strike of each of eight expiries.
    seed : int

    Returns
    -------
    int
        Rows of quotes written.
    """
    folder, rng = Path(folder), np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    days = np.busday_offset(START, np.arange(sessions), roll="forward")
    keys = np.array([INDEX, *(str(FIRST_KEY + n) for n in range(names))])
    level = np.concatenate([[0.15], rng.uniform(0.2, 0.5, names)])
    moves = rng.normal(0.0, level / 16.0, (sessions, len(keys)))
    spot = np.round(100.0 * np.exp(np.cumsum(moves, axis=0)), 2)
    wave = 1.0 + 0.2 * np.sin(np.arange(sessions) / 40.0)
    written, strikes = 0, max(2, rows // 16)
    for t, day in enumerate(days):
        chains = _chains(day, keys, spot[t], level * wave[t], strikes)
        chains.write_csv(folder / f"opprcd_{str(day).replace('-', '')}.csv", float_precision=6)
        written += chains.height
    write_small_files(folder, days, keys, spot)
    return written


def write_small_files(folder: Path, days, keys, spot) -> None:
    """Write prices, rates and names."""
    closes = {
        "secid": np.tile(keys, len(days)),
        "date": np.repeat(days, len(keys)),
        "close": spot.ravel(),
        "cfadj": np.ones(spot.size),
        "cfret": np.ones(spot.size),
        "shrout": np.tile(np.where(keys == INDEX, 0, 1_000_000), len(days)),
    }
    pl.DataFrame(closes).write_csv(folder / "secprd.csv")
    rates = {"date": days, "days": np.full(len(days), 30), "rate": np.full(len(days), 100.0 * RATE)}
    pl.DataFrame(rates).write_csv(folder / "zerocd.csv")
    tickers = ["SPX", *(f"N{n:04d}" for n in range(len(keys) - 1))]
    names = {"secid": keys, "effect_date": np.repeat(days[:1], len(keys)), "ticker": tickers, "class": [""] * len(keys)}
    pl.DataFrame(names).write_csv(folder / "secnmd.csv")


def _chains(day, keys, spot, level, strikes: int) -> pl.DataFrame:
    """Quotes of one session: eight monthly expiries, so many strikes of each, a call and a put at every one."""
    month = day.astype("datetime64[M]") + np.array([1, 2, 3, 4, 6, 9, 12, 18])
    expiry = np.busday_offset(month.astype("datetime64[D]"), 2, roll="forward", weekmask="Fri")
    years = (expiry - day).astype(int) / 365.0
    shape = (len(keys), len(expiry), strikes)
    z = np.linspace(-2.2, 2.2, strikes)
    wide = np.exp(z * level[:, None, None] * np.sqrt(years)[:, None])
    strike = np.round(spot[:, None, None] * wide, 1)
    forward = np.broadcast_to((spot[:, None] * np.exp(RATE * years))[:, :, None], shape)
    moneyness = np.log(strike / forward) / (level[:, None, None] * np.sqrt(years)[:, None])
    vol = level[:, None, None] * np.sqrt(1.0 - 0.2 * moneyness + 0.1 * moneyness**2)
    time = np.broadcast_to(years[:, None], shape)
    half = 0.004 * forward * np.sqrt(time) * np.exp(-0.5 * moneyness**2) * 0.4 + 0.01
    european = np.broadcast_to((keys == INDEX)[:, None, None], shape)
    frames = []
    for right in ("C", "P"):
        price = black_price(forward, strike, vol, time, right == "C", RATE)
        # Of an American option at least what exercise pays at once: near enough for a folder that is only large.
        spots = np.broadcast_to(spot[:, None, None], shape)
        worth = np.maximum(spots - strike if right == "C" else strike - spots, 0.0)
        mid = np.where(european, price, np.maximum(price, worth))
        frames.append(
            pl.DataFrame(
                {
                    "secid": np.repeat(keys, len(expiry) * strikes),
                    "date": np.full(mid.size, day),
                    "exdate": np.repeat(np.tile(expiry, len(keys)), strikes),
                    "cp_flag": np.full(mid.size, right),
                    "strike_price": (1000.0 * strike).round().astype(np.int64).ravel(),
                    "best_bid": np.maximum(mid - half, 0.0).round(2).ravel(),
                    "best_offer": (mid + half).round(2).ravel(),
                    "volume": np.full(mid.size, 10),
                    "open_interest": np.full(mid.size, 250),
                    "impl_volatility": vol.round(6).ravel(),
                    "delta": (call_delta(forward, strike, vol, time) - (right == "P")).round(6).ravel(),
                    "exercise_style": np.where(european, "E", "A").ravel(),
                    "ss_flag": np.zeros(mid.size, int),
                }
            )
        )
    return pl.concat(frames)
