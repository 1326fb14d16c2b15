"""Reading a surface by a named convention: call delta, per cent of the forward, a fixed strike, the variance swap."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Axis, Floats
from engine.backend import namespace, special
from engine.calendar import DAYS_PER_YEAR
from engine.errors import InputError
from engine.pricing.strip import model_free_vol
from engine.pricing.surface import vol_at_strike

CONVENTIONS = {
    "delta": "call delta of the forward (Black), percent",
    "moneyness": "strike in percent of the forward",
    "strike": "strike in currency",
    "variance": "variance-swap strike of the smile, tails flat beyond its outer deltas",
}
ROUNDS = 60  # of strike and volatility, each from the other: a delta between two nodes


@dataclass(frozen=True, eq=False)
class SurfaceReading:
    """Volatilities read from a surface, and how.

    Parameters
    ----------
    iv : array (..., K, M)
        Annualised decimals; NaN where the surface does not reach, M = 1 for the variance swap.
    convention : str
        Key of `CONVENTIONS`.
    at : tuple (M,)
        Where: deltas or percents of the forward, ("strike 1", ...) of strikes, ("variance swap",).
    """

    iv: np.ndarray
    convention: str
    at: tuple

    @property
    def text(self) -> str:
        """The convention in words, for a table or a chart."""
        return CONVENTIONS[self.convention]


def read_surface(
    iv: Floats,
    tenors: Axis,
    deltas: Axis,
    convention: str,
    at: Floats | tuple = (),
    forward: Floats | None = None,
) -> SurfaceReading:
    """Read surfaces at deltas, moneyness, strikes, or as variance swaps; linear in log strike between the nodes.

    Parameters
    ----------
    iv : array (..., K, D)
        Volatilities at the tenors and call deltas, annualised decimals.
    tenors : array (K,) of calendar days; deltas : array (D,) of call deltas in percent
    convention : str
        delta, moneyness, strike or variance.
    at : sequence (M,), or array (..., K, M) of strikes
        Call deltas in percent; percents of the forward; strikes in currency. Not needed for variance.
    forward : array (..., K) or None
        Needed for strikes.

    Returns
    -------
    SurfaceReading
        NaN beyond the outer deltas: nothing is extrapolated but the tails of the variance swap.

    Raises
    ------
    InputError
        When the convention is unknown, or lacks what it needs.

    Examples
    --------
    >>> surface = np.array([[0.19, 0.2, 0.22]])
    >>> read = read_surface(surface, [91], [25, 50, 75], "moneyness", (95.0, 100.0))
    >>> read.iv.round(4).tolist(), read.text
    ([[0.2154, 0.2014]], 'strike in percent of the forward')
    """
    if convention not in CONVENTIONS:
        raise InputError(f"convention={convention} is unknown; choose one of {', '.join(CONVENTIONS)}")
    if convention == "strike" and forward is None:
        raise InputError("convention=strike needs the forwards of the surfaces; pass forward=")
    if convention != "variance" and len(at) == 0:
        raise InputError(f"convention={convention} needs the places to read at; pass at=")
    xp = namespace(iv, at if convention == "strike" else None, forward)
    iv = xp.asarray(iv)
    years = xp.asarray(tenors, dtype=xp.float64) / DAYS_PER_YEAR
    if convention == "variance":
        return SurfaceReading(model_free_vol(iv, deltas, years)[..., None], convention, ("variance swap",))
    smile, time = iv[..., None, :], years[:, None]
    if convention == "delta":
        found = _at_deltas(smile, deltas, xp.asarray(at, dtype=xp.float64) / 100.0, time)
    elif convention == "moneyness":
        found = _inside(smile, deltas, xp.asarray(100.0), xp.asarray(at, dtype=xp.float64), time)
    else:
        strike = xp.asarray(at, dtype=xp.float64)
        found = _inside(smile, deltas, xp.asarray(forward, dtype=xp.float64)[..., None], strike, time)
    places = tuple(float(a) for a in at) if convention != "strike" else _numbered(found.shape[-1])
    return SurfaceReading(found, convention, places)


def _numbered(count: int) -> tuple:
    return tuple(f"strike {i + 1}" for i in range(count))


def _inside(smile, deltas, forward, strike, years):
    xp = namespace(smile)
    vol, beyond = vol_at_strike(smile, deltas, forward, strike, years)
    return xp.where(beyond, xp.nan, vol)


def _at_deltas(smile, deltas, wanted, years):
    """Volatility (..., K, M) at which the strike of a delta has that volatility; a node's own where it is one."""
    xp = namespace(smile)
    quantile = special(xp).ndtri(wanted)
    root, one = xp.sqrt(years), xp.ones_like(years)
    vol, _ = vol_at_strike(smile, deltas, one, xp.ones_like(wanted), years)
    for _ in range(ROUNDS):
        spread = vol * root
        vol, beyond = vol_at_strike(smile, deltas, one, xp.exp(spread * (0.5 * spread - quantile)), years)
    return xp.where(beyond, xp.nan, vol)
