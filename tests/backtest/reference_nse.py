"""A cohort of the Indian market priced again from the raw rows of its files, in plain loops; nothing of the engine.

The trader's way: each day's smile from options that traded, inverted on the same-expiry future; a straddle struck at
the future of the entry, marked on that smile each day, hedged with that future, and paid out on the last day's close.
"""

import bisect
import math
from collections import defaultdict
from statistics import NormalDist

import polars as pl
from scipy.optimize import brentq

NORMAL = NormalDist()
NODES = [n / 100.0 for n in range(10, 95, 5)]
CALLS_ONLY, PUTS_ONLY, WIDEST_GAP, DEEPEST = 0.35, 0.65, 0.40, 0.80
INDEX = "NIFTY"


def black(forward, strike, vol, years, is_call):
    spread = vol * math.sqrt(years)
    d1 = math.log(forward / strike) / spread + 0.5 * spread
    sign = 1.0 if is_call else -1.0
    return sign * (forward * NORMAL.cdf(sign * d1) - strike * NORMAL.cdf(sign * (d1 - spread)))


def implied(price, forward, strike, years, is_call):
    """Volatility by a bracketed root; None at or below intrinsic value, or at or above what no volatility reaches."""
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    if not intrinsic * (1.0 + 1e-12) < price < (forward if is_call else strike):
        return None
    low, high = 1e-4, 10.0
    if black(forward, strike, low, years, is_call) >= price or black(forward, strike, high, years, is_call) <= price:
        return None
    return brentq(lambda vol: black(forward, strike, vol, years, is_call) - price, low, high, xtol=1e-13)


def delta_of(forward, strike, vol, years):
    spread = vol * math.sqrt(years)
    return NORMAL.cdf(math.log(forward / strike) / spread + 0.5 * spread)


def node(curve, target, years):
    """Volatility where a call has the target delta, on straight lines in log strike between quotes (delta, vol)."""
    at = bisect.bisect_left(curve, (target, -1.0))
    if at < len(curve) and abs(curve[at][0] - target) < 1e-9:
        return curve[at][1]
    if at in (0, len(curve)) or curve[at][0] - curve[at - 1][0] > WIDEST_GAP:
        return None
    ends = []
    for delta, vol in curve[at - 1 : at + 1]:
        spread = vol * math.sqrt(years)
        ends.append((0.5 * spread**2 - NORMAL.inv_cdf(delta) * spread, vol))
    (k0, v0), (k1, v1) = ends

    def short_of(share):
        return delta_of(1.0, math.exp(k0 + share * (k1 - k0)), v0 + share * (v1 - v0), years) - target

    return v0 + brentq(short_of, 0.0, 1.0, xtol=1e-13) * (v1 - v0)


def smile(rows, forward, years):
    """Nodes (log moneyness, vol) of one smile, ascending; rows are (strike, is_call, close) of options that traded."""
    curves = {True: [], False: []}
    for strike, is_call, price in rows:
        vol = implied(price, forward, strike, years, is_call)
        if vol is None or not 0.01 <= vol <= 5.0:
            continue
        delta = delta_of(forward, strike, vol, years)
        if 0.0 < delta < 1.0 and (delta if is_call else 1.0 - delta) <= DEEPEST:
            curves[is_call].append((delta, vol))
    found = []
    for target in NODES:
        call, put = (node(sorted(curves[side]), target, years) for side in (True, False))
        share = min(max((PUTS_ONLY - target) / (PUTS_ONLY - CALLS_ONLY), 0.0), 1.0)
        if share in (0.0, 1.0):
            vol = call if share == 1.0 else put
        elif call is None or put is None:
            vol = put if call is None else call
        else:
            vol = share * call + (1.0 - share) * put
        if vol is not None:
            spread = vol * math.sqrt(years)
            found.append((0.5 * spread**2 - NORMAL.inv_cdf(target) * spread, vol))
    return sorted(found)


def read(nodes, moneyness):
    """Volatility at a log moneyness: straight between nodes, flat beyond; None without nodes."""
    if not nodes:
        return None
    at = bisect.bisect_right(nodes, (moneyness, math.inf))
    if at in (0, len(nodes)):
        return nodes[0][1] if at == 0 else nodes[-1][1]
    (k0, v0), (k1, v1) = nodes[at - 1 : at + 1]
    return v0 + (v1 - v0) * (moneyness - k0) / (k1 - k0)


class Files:
    """Rows of one expiry, looked up by day and symbol."""

    def __init__(self, folder, expiry):
        rows = pl.read_parquet(folder / "fo.parquet").with_columns(pl.col("symbol", "instrument").cast(pl.String))
        rows = rows.with_columns(pl.col("option_type").cast(pl.String))
        traded = rows.filter((pl.col("expiry") == expiry) & (pl.col("contracts") > 0) & (pl.col("close") > 0.0))
        self.futures, self.options, self.closes = {}, defaultdict(list), {}
        for day, instrument, symbol, strike, right, close in traded.select(
            "date", "instrument", "symbol", "strike", "option_type", "close"
        ).iter_rows():
            if instrument.startswith("FUT"):
                self.futures[day, symbol] = close
            else:
                self.options[day, symbol].append((strike, right == "CE", close))
        for name in ("cash", "index"):
            for day, symbol, close in (
                pl.read_parquet(folder / f"{name}.parquet")
                .select("date", pl.col("symbol").cast(pl.String), "close")
                .iter_rows()
            ):
                self.closes[day, symbol] = close
        self.days = sorted(rows["date"].unique())
        weights = pl.read_parquet(folder / "weights.parquet")
        self.weights = weights.filter(pl.col("index").cast(pl.String) == INDEX)
        actions = pl.read_parquet(folder / "corporate_actions.parquet")
        moved = actions.filter(pl.col("kind").cast(pl.String).is_in(["split_or_bonus", "demerger"]))
        self.factors = {
            (day, str(symbol)): f for day, symbol, f in moved.select("date", "symbol", "price_factor").rows()
        }


def straddle(forward, strike, vol, years):
    """Value, delta and vega per vol point of a call and a put."""
    spread = vol * math.sqrt(years)
    d1 = math.log(forward / strike) / spread + 0.5 * spread
    value = black(forward, strike, vol, years, True) + black(forward, strike, vol, years, False)
    return value, 2.0 * NORMAL.cdf(d1) - 1.0, 0.02 * forward * NORMAL.pdf(d1) * math.sqrt(years)


def life_of_a_leg(files, symbol, entry, expiry):
    """Per straddle bought at `entry` and hedged each day: vega at entry, gain of option and hedge; None if unquoted."""
    days = [day for day in files.days if entry <= day <= expiry]
    strike = vol = value = delta = forward = vega = None
    option = hedge = 0.0
    shares = 1.0
    for day in days:
        factor = files.factors.get((day, symbol), 1.0)
        if day > entry:
            shares *= round(1.0 / factor) ** -1.0 if abs(1.0 / factor - round(1.0 / factor)) < 1e-4 else factor
        years = (expiry - day).days / 365.0
        if day == expiry:
            after = files.closes[day, symbol] / shares
            option += abs(after - strike) - value
            hedge -= delta * (after - forward)
            return vega, option, hedge
        future = files.futures.get((day, symbol))
        if future is None and day == entry:
            return None
        now = (future or files.closes[day, symbol]) / shares
        nodes = smile(files.options[day, symbol], future, years) if future else []
        strike = strike or now
        found = read(nodes, math.log(strike / now))
        if found is None and vol is None:
            return None
        vol = vol if found is None else found
        worth = straddle(now, strike, vol, years)
        if value is None:
            vega = worth[2]
        else:
            option += worth[0] - value
            hedge -= delta * (now - forward)
        value, delta, forward = worth[0], worth[1], now
    return None


def cohort(folder, entry, expiry, index_vega):
    """P&L of the cohort before costs by leg: dict of symbol -> (straddles, option, hedge), rupees."""
    files = Files(folder, expiry)
    known = files.weights.filter(pl.col("date") < entry)
    known = known.filter(pl.col("date") == known["date"].max())
    weight = {str(symbol): w for symbol, w in known.select("symbol", "weight").rows()}
    legs = {symbol: life_of_a_leg(files, symbol, entry, expiry) for symbol in (INDEX, *weight)}
    held = sum(weight[symbol] for symbol, leg in legs.items() if leg is not None and symbol != INDEX)
    found = {}
    for symbol, leg in legs.items():
        if leg is None:
            continue
        vega, option, hedge = leg
        units = -index_vega / vega if symbol == INDEX else index_vega * weight[symbol] / held / vega
        found[symbol] = (units, units * option, units * hedge)
    return found
