"""Reading an implied-volatility surface between its nodes: at any time to expiry, at any strike."""

from engine.backend import namespace, special


def smile_at_tenor(iv, tenors, days):
    """Smile at a time to expiry between two tenors: total variance s^2 T linear in calendar time.

    Parameters
    ----------
    iv : array (..., 2, D)
        Smiles at the tenors around the time asked, annualised decimals.
    tenors : array broadcastable to (..., 2)
        Their calendar days, ascending; equal where the surface has one tenor only.
    days : array broadcastable to (...)
        Calendar days asked.

    Returns
    -------
    smile : array (..., D), float64
        The nearer tenor's smile beyond either end (flat volatility); NaN where a smile it needs is.
    extrapolated : array (...), bool
        True where `days` lies outside the two tenors.

    Examples
    --------
    >>> import numpy as np
    >>> smile, beyond = smile_at_tenor(np.array([[0.2], [0.3]]), np.array([30, 60]), np.array(40))
    >>> round(float(smile[0]), 6), bool(beyond)
    (0.254951, False)
    """
    xp = namespace(iv, days)
    tenors = xp.asarray(tenors, dtype=xp.float64)
    days = xp.asarray(days, dtype=xp.float64)
    near, far = tenors[..., 0], tenors[..., 1]
    gap = far - near
    share = xp.where(gap > 0.0, (days - near) / xp.where(gap > 0.0, gap, 1.0), 0.0)
    inside = xp.minimum(xp.maximum(share, 0.0), 1.0)[..., None]
    time = xp.minimum(xp.maximum(days, near), far)[..., None]
    near_variance = iv[..., 0, :].astype(xp.float64) ** 2 * near[..., None]
    far_variance = iv[..., 1, :].astype(xp.float64) ** 2 * far[..., None]
    # At a node the other smile is not needed, and its missing quotes must not spoil it.
    variance = xp.where(inside < 1.0, (1.0 - inside) * near_variance, 0.0)
    variance = variance + xp.where(inside > 0.0, inside * far_variance, 0.0)
    return xp.sqrt(variance / time), (days < near) | (days > far)


def vol_at_strike(smile, deltas, forward, strike, years):
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
        True where the strike lies beyond the outer quoted nodes.

    Examples
    --------
    >>> import numpy as np
    >>> iv, beyond = vol_at_strike(np.array([0.2, 0.2]), np.array([25, 75]), 100.0, 101.0, 0.25)
    >>> float(iv), bool(beyond)
    (0.2, False)
    """
    xp = namespace(smile, forward, strike, years)
    quantile = special(xp).ndtri(xp.asarray(deltas, dtype=xp.float64) / 100.0)
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
    # A strike on the outermost node is on the surface; rounding of the node's own strike must not say otherwise.
    edge = 1e-9
    outside = (has_below & ~has_above & (target > below_at + edge)) | (
        has_above & ~has_below & (target < above_at - edge)
    )
    return iv, outside
