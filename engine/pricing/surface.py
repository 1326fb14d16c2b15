"""Reading an implied-volatility surface between its nodes: at any time to expiry, at any strike."""

import math
from statistics import NormalDist
from typing import Any

from engine.arrays import Axis, Flags, Floats
from engine.backend import namespace, special


def smile_at_tenor(
    iv: Floats, tenors: Floats, days: Floats, max_extrapolation_days: float = math.inf
) -> tuple[Floats, Flags]:
    """Smile at any time to expiry: total variance s^2 T linear in calendar time between the tenors around it.

    Parameters
    ----------
    iv : array (..., K, D)
        Smiles at the tenors, annualised decimals.
    tenors : array (K,) or broadcastable to (..., K)
        Their calendar days, positive, ascending; neighbours may be equal.
    days : array broadcastable to (...)
        Calendar days asked.
    max_extrapolation_days : float
        Further than this beyond the first or last tenor the smile is NaN.

    Returns
    -------
    smile : array (..., D), float64
        The nearest tenor's smile beyond either end (flat volatility); NaN where a smile it needs is.
    extrapolated : array (...), bool
        True where `days` lies outside the tenors.

    Examples
    --------
    >>> import numpy as np
    >>> smile, beyond = smile_at_tenor(np.array([[0.2], [0.3], [0.3]]), np.array([30, 60, 91]), np.array(40))
    >>> round(float(smile[0]), 6), bool(beyond)
    (0.254951, False)
    """
    xp = namespace(iv, days)
    tenors, days = xp.asarray(tenors, dtype=xp.float64), xp.asarray(days, dtype=xp.float64)
    (near_smile, near), (far_smile, far) = _around(iv, tenors, days)
    gap = far - near
    share = xp.where(gap > 0.0, (days - near) / xp.where(gap > 0.0, gap, 1.0), 0.0)
    inside = xp.minimum(xp.maximum(share, 0.0), 1.0)[..., None]
    time = xp.minimum(xp.maximum(days, near), far)[..., None]
    near_variance = near_smile.astype(xp.float64) ** 2 * near[..., None]
    far_variance = far_smile.astype(xp.float64) ** 2 * far[..., None]
    # At a node only its own smile is needed: NaN in the other one must not reach the result.
    variance = xp.where(inside < 1.0, (1.0 - inside) * near_variance, 0.0)
    variance = variance + xp.where(inside > 0.0, inside * far_variance, 0.0)
    beyond = xp.maximum(near - days, days - far)
    reached = (beyond <= max_extrapolation_days)[..., None]
    return xp.where(reached, xp.sqrt(variance / time), xp.nan), beyond > 0.0


def _around(iv, tenors, days):
    """Smile and tenor on either side of `days`; the two at the end where it lies beyond."""
    xp = namespace(iv, days)
    last = iv.shape[-2] - 1
    if last < 2:
        return [(iv[..., k, :], tenors[..., k]) for k in (0, last)]
    shape = xp.broadcast(days, tenors[..., 0], iv[..., 0, 0]).shape
    below = (tenors <= days[..., None]).sum(axis=-1) - 1
    below = xp.broadcast_to(xp.minimum(xp.maximum(below, 0), last - 1), shape)[..., None]
    smiles = xp.broadcast_to(iv, (*shape, *iv.shape[-2:]))
    tenors = xp.broadcast_to(tenors, (*shape, last + 1))
    return [
        (
            xp.take_along_axis(smiles, k[..., None], axis=-2)[..., 0, :],
            xp.take_along_axis(tenors, k, axis=-1)[..., 0],
        )
        for k in (below, below + 1)
    ]


def tenors_from_expiries(
    iv: Floats, days: Floats, tenors: Axis, max_extrapolation_days: float = 0.0
) -> tuple[Floats, Flags]:
    """Constant-maturity smiles from listed expiries: total variance s^2 T linear in calendar time.

    Each delta is interpolated between the expiries quoted at that delta: the last at or before the tenor and the
    first after it. Slots need no order, and one that is not quoted does not spoil its neighbours.

    Parameters
    ----------
    iv : array (..., E, D)
        Smiles of the listed expiries on the deltas, annualised decimals, NaN where there is no quote.
    days : array (E,) or broadcastable to (..., E)
        Calendar days to each expiry; NaN or not positive where the slot holds none.
    tenors : array (K,)
        Calendar days asked.
    max_extrapolation_days : float
        How far a tenor may lie beyond the outermost expiry quoted at a delta; it then takes that volatility.

    Returns
    -------
    iv : array (..., K, D), float64
        NaN where no expiry is quoted at the delta, or the nearest one is too far on the only side that has one.
    extrapolated : array (..., K, D), bool
        True where quoted expiries lie on one side of the tenor only, whether or not a volatility was given:
        NaN and True means beyond the listed expiries, NaN and False means not quoted at this delta at all.

    Examples
    --------
    >>> import numpy as np
    >>> smiles = np.array([[0.2, 0.2], [np.nan, 0.3], [0.3, 0.3]])
    >>> iv, beyond = tenors_from_expiries(smiles, [20, 40, 60], [30, 90], max_extrapolation_days=7)
    >>> iv.round(4).tolist(), beyond.tolist()
    ([[0.255, 0.2708], [nan, nan]], [[False, False], [True, True]])
    """
    xp = namespace(iv, days)  # tenors are an axis, which stays on the host
    iv, days = xp.asarray(iv), xp.asarray(days, dtype=xp.float64)
    tenor = xp.asarray(tenors, dtype=xp.float64)[:, None]
    shape = (*xp.broadcast(iv[..., 0], days).shape[:-1], len(tenor), iv.shape[-1])
    before, before_at = xp.full(shape, xp.nan), xp.full(shape, -xp.inf)
    after, after_at = xp.full(shape, xp.nan), xp.full(shape, xp.inf)
    for slot in range(iv.shape[-2]):
        day = days[..., slot, None, None]
        vol = iv[..., slot, None, :].astype(xp.float64)
        quoted = (vol > 0.0) & (day > 0.0)
        nearer_before = quoted & (day <= tenor) & (day > before_at)
        nearer_after = quoted & (day > tenor) & (day < after_at)
        before, before_at = xp.where(nearer_before, vol, before), xp.where(nearer_before, day, before_at)
        after, after_at = xp.where(nearer_after, vol, after), xp.where(nearer_after, day, after_at)
    has_before, has_after = xp.isfinite(before_at), xp.isfinite(after_at)
    on_node = before_at == tenor
    between = has_before & has_after & ~on_node
    left, right = xp.where(between, before_at, 0.0), xp.where(between, after_at, 1.0)
    share = (tenor - left) / (right - left)
    variance = (1.0 - share) * before**2 * left + share * after**2 * right
    near_enough = xp.minimum(tenor - before_at, after_at - tenor) <= max_extrapolation_days
    flat = xp.where(near_enough | on_node, xp.where(has_before, before, after), xp.nan)
    return xp.where(between, xp.sqrt(variance / tenor), flat), (has_before ^ has_after) & ~on_node


def vol_at_strike(smile: Floats, deltas: Axis, forward: Floats, strike: Floats, years: Floats) -> tuple[Floats, Flags]:
    """Volatility at a strike from a smile on call deltas: linear in log-moneyness between the nodes' strikes.

        ln(K_j / F) = -q(delta_j) s_j sqrt(T) + s_j^2 T / 2,   q the standard normal quantile

    Parameters
    ----------
    smile : array (..., D)
        Volatilities at the call deltas, annualised decimals; nodes that are NaN are passed over.
    deltas : array (D,)
        Call deltas in percent, ascending (so node strikes fall).
    forward, strike, years : arrays broadcastable to (...)

    Returns
    -------
    iv : array (...), float64
        Flat beyond the outer quoted nodes; NaN where no node is quoted or an input is NaN.
    extrapolated : array (...), bool
        True where the strike lies beyond the outer quoted nodes; never of a surface that has one delta only, which
        takes the smile to be flat.

    Examples
    --------
    >>> import numpy as np
    >>> iv, beyond = vol_at_strike(np.array([0.2, 0.2]), np.array([25, 75]), 100.0, 101.0, 0.25)
    >>> float(iv), bool(beyond)
    (0.2, False)
    """
    xp = namespace(smile, forward, strike, years)
    quantile = node_quantiles(xp, deltas)
    forward, strike, years = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, years))
    priced = (forward > 0.0) & (strike > 0.0) & (years >= 0.0)
    target = xp.where(priced, xp.log(xp.where(priced, strike, 1.0) / xp.where(priced, forward, 1.0)), xp.nan)
    root = xp.sqrt(xp.where(years > 0.0, years, 0.0))

    shape = target.shape if smile.ndim == 1 else xp.broadcast(target, smile[..., 0]).shape
    # Walk up the strikes (down the deltas): keep the last node at or below the target and the first above it.
    below, below_at = xp.full(shape, xp.nan), xp.full(shape, -xp.inf)
    above, above_at = xp.full(shape, xp.nan), xp.full(shape, xp.inf)
    for j in range(len(deltas) - 1, -1, -1):
        vol = smile[..., j].astype(xp.float64)
        spread = vol * root
        at = spread * (0.5 * spread - quantile[j])
        left, right = at <= target, at > target
        nearer_below = left & (at >= below_at)
        nearer_above = right & (at < above_at)
        below, below_at = xp.where(nearer_below, vol, below), xp.where(nearer_below, at, below_at)
        above, above_at = xp.where(nearer_above, vol, above), xp.where(nearer_above, at, above_at)
    has_below, has_above = xp.isfinite(below_at), xp.isfinite(above_at)
    between = has_below & has_above
    gap = xp.where(between, above_at, 1.0) - xp.where(between, below_at, 0.0)
    share = xp.where(between, target - xp.where(between, below_at, 0.0), 0.0) / gap
    iv = xp.where(between, below + share * (above - below), xp.where(has_below, below, above))
    # A strike on the outermost node is on the surface: rounding of the node's strike must not put it outside.
    edge = 1e-9
    outside = (has_below & ~has_above & (target > below_at + edge)) | (
        has_above & ~has_below & (target < above_at - edge)
    )
    return iv, outside & (len(deltas) > 1)


def strike_at_delta(delta: float, smile: Floats, deltas: Axis, forward: Floats, years: Floats) -> Floats:
    """Strike at which a call has a delta on its own smile: the inverse of `vol_at_strike`.

    Between the quoted nodes around the delta the volatility is linear in k = ln(K / F), s = s0 + m (k - k0), and

        k = s^2 T / 2 - q(delta) s sqrt(T)

    is a quadratic in s. Beyond the outer nodes the volatility is theirs.

    Parameters
    ----------
    delta : float
        Call delta in percent, between 0 and 100; of a put its delta plus 100.
    smile : array (..., D)
        Volatilities at the call deltas, annualised decimals; nodes that are NaN are passed over.
    deltas : array (D,)
        Call deltas in percent, ascending.
    forward, years : arrays broadcastable to (...)

    Returns
    -------
    array (...), float64
        NaN where no node is quoted.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(strike_at_delta(25, np.array([0.2, 0.2]), np.array([20, 80]), 100.0, 0.25)), 4)
    107.5138
    """
    xp = namespace(smile, forward, years)
    quantile = special(xp).ndtri(xp.asarray([delta, *deltas], dtype=xp.float64) / 100.0)
    asked, quantile = quantile[0], quantile[1:]
    root = xp.sqrt(xp.asarray(years, dtype=xp.float64))
    shape = xp.broadcast(root, smile[..., 0]).shape
    low, low_at, high, high_at = (xp.full(shape, xp.nan) for _ in range(4))
    for j in range(len(deltas)):
        vol = smile[..., j].astype(xp.float64)
        at = vol * root * (0.5 * vol * root - quantile[j])
        if deltas[j] <= delta:
            low, low_at = xp.where(vol > 0.0, vol, low), xp.where(vol > 0.0, at, low_at)
        else:
            first = (vol > 0.0) & xp.isnan(high)
            high, high_at = xp.where(first, vol, high), xp.where(first, at, high_at)
    between = xp.isfinite(low) & xp.isfinite(high)
    slope = xp.where(between, (high - low) / xp.where(between, high_at - low_at, 1.0), 0.0)
    vol, at = xp.where(xp.isfinite(low), low, high), xp.where(xp.isfinite(low), low_at, high_at)
    square, linear, constant = 0.5 * root**2 * slope, asked * root * slope + 1.0, vol - slope * at
    vol = 2.0 * constant / (linear + xp.sqrt(linear**2 - 4.0 * square * constant))
    return forward * xp.exp(vol * root * (0.5 * vol * root - asked))


def node_quantiles(xp: Any, deltas: Axis) -> Floats:
    """Standard normal quantiles of the call deltas that a smile is stored at, on the machine of `xp`.

    By the standard library, whose algorithm (Wichura 1988, AS 241) is exact to rounding: of a default run nothing else
    needs `scipy.special`, whose import takes a tenth of it.

    Parameters
    ----------
    xp : module
    deltas : array (D,)
        Call deltas in percent, inside 0 to 100; on the host.

    Examples
    --------
    >>> import numpy as np
    >>> node_quantiles(np, np.array([25, 50])).round(4).tolist()
    [-0.6745, 0.0]
    """
    normal = NormalDist()
    return xp.asarray([normal.inv_cdf(float(delta) / 100.0) for delta in deltas], dtype=xp.float64)
