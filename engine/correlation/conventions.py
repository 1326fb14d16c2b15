"""Implied correlation of surfaces read by another convention than the panel's call deltas."""

from engine.arrays import Weights
from engine.backend import namespace
from engine.calendar import DAYS_PER_YEAR
from engine.correlation.implied import ImpliedCorrelation, implied_correlation
from engine.errors import InputError
from engine.pricing.conventions import CONVENTIONS, read_surface


def correlation_by_convention(
    market, weights: Weights, convention: str, at: tuple = (), *, min_coverage: float = 0.8
) -> tuple[ImpliedCorrelation, str]:
    """Implied correlation of index and members read alike, and the convention in words.

    Parameters
    ----------
    market : MarketPanel
    weights : array (T, N)
        As for `implied_correlation`, as is `min_coverage`.
    convention : str
        delta, moneyness, strike or variance, as for `read_surface`. A strike is the same share of every spot: in
        percent, so that one number fits index and members; against moneyness it differs by the carry.
    at : sequence (M,)
        Deltas in percent, or percents of the forward or of the spot.

    Returns
    -------
    ImpliedCorrelation of arrays (T, K, M), and str

    Examples
    --------
    >>> from engine.data.synthetic import synthetic_market
    >>> market, _ = synthetic_market(years=0.3, names=5)
    >>> rho, told = correlation_by_convention(market, market.weights, "moneyness", (95.0, 100.0))
    >>> rho.clean.shape == (len(market), len(market.tenors), 2), told
    (True, 'strike in percent of the forward')
    """
    if convention not in CONVENTIONS:
        raise InputError(f"convention={convention} is unknown; choose one of {', '.join(CONVENTIONS)}")
    sides = []
    for iv, carry in ((market.index_iv, market.index_carry), (market.component_iv, market.carry)):
        xp = namespace(iv)
        if convention != "strike":
            sides.append(read_surface(iv, market.tenors, market.deltas, convention, at))
            continue
        years = xp.asarray(market.tenors, dtype=xp.float64) / DAYS_PER_YEAR
        growth = xp.exp(xp.asarray(carry)[..., None] * years)  # the forward of a spot of 1
        strike = xp.broadcast_to(xp.asarray(at, dtype=xp.float64) / 100.0, (*growth.shape, len(at)))
        sides.append(read_surface(iv, market.tenors, market.deltas, convention, strike, growth))
    told = "strike in percent of the spot" if convention == "strike" else sides[0].text
    return implied_correlation(sides[0].iv, sides[1].iv, weights, min_coverage=min_coverage), told
