"""What the benchmark works on: a random market as large as a vendor's, and millions of options."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.backend import blocks, library
from engine.benchmark.sizes import Sizes
from engine.calendar import DAY
from engine.correlation import AllMembers, TopWeights
from engine.data.panel import MarketPanel
from engine.data.records import MarketInfo
from engine.pricing import black_price

MISSING = 0.02  # share of quotes that are NaN
SECTORS = 11
RATE = 0.03
OPTIONS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Market:
    """A market on the backend in use, and the weights (13, T, N) of baskets: top 50, all members, each sector."""

    panel: MarketPanel
    baskets: Any

    @property
    def top(self):
        """Weights of the 50 largest members, (T, N)."""
        return self.baskets[0]


@dataclass(frozen=True, eq=False)
class Options:
    """European options on forwards, arrays (n,); the volatility is the one their prices were made from."""

    price: Any
    forward: Any
    strike: Any
    years: Any
    is_call: Any
    rate: Any
    iv: Any


def make_market(sizes: Sizes, backend: str) -> Market:
    """Make the market the correlations, the trade book and the sweeps are measured on."""
    panel = random_market(sizes.dates, sizes.names, sizes.tenors, sizes.deltas)
    sector = np.arange(sizes.names) % SECTORS
    chosen = [
        TopWeights(50).select(panel.weights, panel.names),
        AllMembers().select(panel.weights, panel.names),
        *(AllMembers().select(np.where(sector == s, panel.weights, 0.0), panel.names) for s in range(SECTORS)),
    ]
    return Market(panel.to(backend) if backend == "cupy" else panel, library(backend).asarray(np.stack(chosen)))


def random_market(dates: int, names: int, tenors, deltas, seed: int = 0) -> MarketPanel:
    """Make a panel of weekdays: random walks of spots and volatility levels, one skew, 2 % of quotes missing.

    The surface, by far the largest array, is filled in place, so that making it takes no second copy.
    """
    rng = np.random.default_rng(seed)
    days = np.datetime64("1996-01-01") + np.arange(2 * dates + 10) * DAY
    tenors, deltas = np.asarray(tenors, dtype=np.int64), np.asarray(deltas, dtype=np.int64)
    assets = (dates, names + 1)  # the index is asset 0
    spot = 100.0 * np.exp(0.012 * rng.standard_normal(assets).cumsum(axis=0))
    level = 0.25 * np.exp(np.clip(0.01 * rng.standard_normal(assets).cumsum(axis=0), -0.7, 1.0))
    level[:, 0] *= 0.6
    x = (deltas - 50) / 100.0
    smile = ((1.0 + 0.3 * x + 0.4 * x * x) * (30.0 / tenors[:, None]) ** 0.05).astype(np.float32)

    member_iv = np.empty((dates, names, *smile.shape), dtype=np.float32)
    index_iv = np.empty((dates, *smile.shape), dtype=np.float32)
    for part in blocks(dates, member_iv[0].nbytes):
        for iv, base in ((index_iv[part], level[part, 0]), (member_iv[part], level[part, 1:])):
            rng.random(out=iv, dtype=np.float32)
            missing = iv < MISSING
            iv *= 0.005  # noise small enough that strikes of neighbouring deltas stay in order
            iv += 1.0
            iv *= base.astype(np.float32)[..., None, None] * smile
            iv[missing] = np.nan
    weights = rng.lognormal(sigma=1.0, size=names) * np.exp(0.01 * rng.standard_normal(assets)[:, 1:].cumsum(axis=0))
    return MarketPanel(
        info=MarketInfo(name="benchmark", index="INDEX", source="random numbers, for timing only"),
        dates=days[np.is_busday(days)][:dates],
        names=np.array([f"N{n:04d}" for n in range(names)]),
        tenors=tenors,
        deltas=deltas,
        index_iv=index_iv,
        component_iv=member_iv,
        index_status=np.isnan(index_iv).astype(np.uint8),  # NO_QUOTE
        component_status=np.isnan(member_iv).view(np.uint8),
        weights=weights / weights.sum(axis=1, keepdims=True),
        index_spot=spot[:, 0],
        spot=spot[:, 1:],
        rate=np.full(dates, RATE),
        index_carry=np.full(dates, 0.01),
        carry=np.full((dates, names), 0.02),
        strike_factor=np.ones((dates, names)),
        return_factor=np.ones((dates, names)),
        settlement=np.full((dates, names), np.nan),
    )


def make_options(sizes: Sizes, backend: str) -> Options:
    """Make the options that are inverted."""
    return random_options(sizes.options, backend)


def random_options(count: int, backend: str) -> Options:
    """Make options: a week to two years, most within two standard deviations, a tenth up to five."""
    parts = [_random_options(part.stop - part.start, part.start) for part in blocks(count, 1, OPTIONS_AT_ONCE)]
    return Options(*(library(backend).asarray(np.concatenate(columns)) for columns in zip(*parts, strict=True)))


def _random_options(count: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    years = rng.uniform(7.0, 730.0, count) / 365.0
    iv = rng.uniform(0.08, 1.0, count)
    deviations = np.where(rng.random(count) < 0.1, rng.uniform(-5.0, 5.0, count), rng.standard_normal(count))
    forward = rng.uniform(20.0, 500.0, count)
    strike = forward * np.exp(deviations * iv * np.sqrt(years))
    is_call = deviations > 0.0  # out of the money, as the quotes that are inverted in practice,
    is_call ^= rng.random(count) < 0.1  # except one in ten
    price = black_price(forward, strike, iv, years, is_call, RATE)
    return price, forward, strike, years, is_call, np.full(count, RATE), iv
