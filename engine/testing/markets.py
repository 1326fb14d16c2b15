"""A tiny market with everything in it that can go wrong, small enough to follow every leg by hand."""

import numpy as np

from engine.calendar import DAY
from engine.data.panel import MarketPanel
from engine.data.records import ListedSmiles, MarketInfo, QuoteStatus

TENORS = np.array([10, 30, 91])
DELTAS = np.arange(10, 95, 5)


def small_market(
    seed: int = 0,
    sessions: int = 90,
    names: int = 6,
    listed: bool = False,
    events: bool = True,
    missing: float = 0.05,
) -> MarketPanel:
    """Return a seeded panel of weekdays: random walks, skewed smiles, missing quotes, and four corporate events.

    Tenors are 10, 30 and 91 days, call deltas 10 to 90. Name 0 splits 5:1 on session 30, name 1 is bought for cash on
    session 40, name 2 goes to zero on session 55 and the contracts of name 3 are replaced on unknown terms on session
    65.

    Parameters
    ----------
    seed, sessions, names : int
    listed : bool
        Also plant the smiles of five listed expiries.
    events : bool
        Plant the corporate events; they need 66 sessions and 4 names.
    missing : float
        Share of smiles, and of quotes, that are missing.

    Examples
    --------
    >>> small_market(sessions=70).component_iv.shape
    (70, 6, 3, 17)
    """
    rng = np.random.default_rng(seed)
    days = np.datetime64("2024-01-01") + np.arange(2 * sessions) * DAY
    dates = days[np.is_busday(days)][:sessions]
    shape = (sessions, names + 1)  # the index is asset 0
    price = 100.0 * np.exp(np.cumsum(0.012 * rng.standard_normal(shape), axis=0))
    level = 0.2 * np.exp(np.cumsum(0.02 * rng.standard_normal(shape), axis=0))
    level[:, 0] *= 0.7
    x = (DELTAS - 50) / 100.0

    def smile(count: int) -> np.ndarray:
        term = 1.0 + 0.1 * rng.standard_normal((*shape, count, 1)).cumsum(axis=2) * 0.2
        iv = level[:, :, None, None] * term * (1.0 + 0.3 * x + 0.4 * x**2)
        holes = rng.random((*shape, count, 1)) < missing
        holes = holes | (rng.random((*shape, count, len(DELTAS))) < missing)
        return np.where(holes, np.nan, iv).astype(np.float32)

    strike_factor, settlement = np.ones((sessions, names)), np.full((sessions, names), np.nan)
    spot = price[:, 1:].copy()
    weights = np.tile(np.linspace(2.0, 1.0, names), (sessions, 1))
    if events:
        strike_factor[30, 0] = 0.2
        spot[30:, 0] *= 0.2
        settlement[40, 1] = 1.1 * spot[39, 1]
        spot[40:, 1] = np.nan
        settlement[55, 2] = 0.0
        spot[55:, 2] = np.nan
        strike_factor[65, 3] = np.nan
        weights[40:, 1] = 0.0
        weights[55:, 2] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    grid = smile(len(TENORS))
    status = np.where(np.isnan(grid), QuoteStatus.NO_QUOTE, QuoteStatus.OK).astype(np.uint8)
    smiles = None
    if listed:
        fridays = dates[0] + np.arange(18, 18 + 35 * 5, 35)  # five expiries, 5 weeks apart
        ahead = np.searchsorted(fridays, dates)[:, None] + np.arange(3)
        expiry = np.where(ahead < 5, fridays[np.minimum(ahead, 4)], np.datetime64("NaT", "D"))
        by_expiry = np.where(np.isnat(expiry)[:, None, :, None], np.nan, smile(3)).astype(np.float32)
        forward = np.concatenate([price[:, :1], spot], axis=1)[:, :, None] * (1.0 + 0.002 * np.arange(3))
        forward = np.where(rng.random(forward.shape) < missing, np.nan, forward)
        smiles = ListedSmiles(expiry, by_expiry[:, 0], by_expiry[:, 1:], forward[:, 0], forward[:, 1:])
    return MarketPanel(
        info=MarketInfo(name="small", index="IDX"),
        dates=dates,
        names=np.array([f"S{n}" for n in range(names)]),
        tenors=TENORS,
        deltas=DELTAS,
        index_iv=grid[:, 0],
        component_iv=grid[:, 1:],
        index_status=status[:, 0],
        component_status=status[:, 1:],
        weights=weights,
        index_spot=price[:, 0],
        spot=spot,
        rate=np.full(sessions, 0.04),
        index_carry=np.full(sessions, 0.02),
        carry=np.full((sessions, names), 0.03),
        strike_factor=strike_factor,
        return_factor=strike_factor.copy(),
        settlement=settlement,
        listed=smiles,
    )
