"""Model-free variance: what all strikes of an expiry say, from quotes by the VIX rules or from a smile on deltas."""

import math
from dataclasses import dataclass

import numpy as np

from engine import kernels
from engine.arrays import Axis, Floats
from engine.backend import block_budget, blocks, each, namespace, running_max, special
from engine.errors import InputError

ZERO_BIDS_TO_STOP = 2  # Cboe: a wing ends at the second of two neighbouring strikes without a bid
_BYTES_PER_SMILE = 160  # temporaries of one smile while its nodes are walked


@dataclass(frozen=True, eq=False)
class StripVariance:
    """Model-free variance of strips of options; every array has the shape of the strips without their strikes.

    Parameters
    ----------
    variance : array
        Annualised, decimals. NaN where the strip has no pair at the money or too few options beside it.
    forward : array
        Forward price from put-call parity.
    center : array
        Strike at or below the forward, K0 of the published rules.
    calls, puts : array, int32
        Options used above and below the center.
    """

    variance: np.ndarray
    forward: np.ndarray
    center: np.ndarray
    calls: np.ndarray
    puts: np.ndarray


def strip_variance(
    strike: Floats,
    call_bid: Floats,
    call_ask: Floats,
    put_bid: Floats,
    put_ask: Floats,
    years: Floats,
    rate: Floats | float = 0.0,
    *,
    min_options: int = 1,
) -> StripVariance:
    """Model-free variance of many strips at once, by the rules of the VIX.

        variance = 2/T sum dK / K^2 exp(r T) Q(K) - 1/T (F / K0 - 1)^2

    Q is the middle of bid and ask of the out-of-the-money option, at K0 the mean of call and put. F = K + exp(r T)
    (C - P) at the strike of least |C - P|, K0 the strike at or below it. A wing is read outwards from K0: options
    without a bid are left out, and all beyond two such neighbours. dK is half the distance of the neighbours used.

    Parameters
    ----------
    strike : array (..., S)
        Ascending; shorter strips are padded with NaN at the end.
    call_bid, call_ask, put_bid, put_ask : array (..., S)
        NaN where the option is not listed, which ends no wing; a bid of 0 = no bid.
    years : array (...)
        Time to settlement; the published rules count minutes / 525,600.
    rate : array broadcastable to (...)
        Continuously compounded.
    min_options : int
        Options needed on either side of K0; 3 in the rules of DSPX.

    Returns
    -------
    StripVariance

    Raises
    ------
    InputError
        When the shapes do not belong together.

    References
    ----------
    Cboe Volatility Index, mathematics methodology (2022).

    Examples
    --------
    >>> strike = np.array([90.0, 100.0, 110.0])
    >>> call, put = np.array([10.6, 2.5, 0.2]), np.array([0.3, 2.1, 9.9])
    >>> strip = strip_variance(strike, call, call, put, put, 1 / 12)
    >>> round(float(strip.variance), 4), round(float(strip.forward), 4), float(strip.center)
    (0.0679, 100.4, 100.0)
    """
    xp = namespace(strike, call_bid, call_ask, put_bid, put_ask, years, rate)
    if not strike.shape == call_bid.shape == call_ask.shape == put_bid.shape == put_ask.shape:
        raise InputError(
            f"strike {strike.shape} and quotes {call_bid.shape}, {call_ask.shape}, {put_bid.shape}, {put_ask.shape} "
            "must have one shape, strikes last"
        )
    years = xp.asarray(years, dtype=xp.float64)
    years = xp.where(years > 0.0, years, xp.nan)[..., None]
    growth = xp.exp(xp.asarray(rate, dtype=xp.float64)[..., None] * years)
    call = _middle(call_bid, call_ask)
    put = _middle(put_bid, put_ask)

    gap = xp.abs(call - put)
    at_parity = xp.argmin(xp.where(xp.isfinite(gap), gap, xp.inf), axis=-1)[..., None]
    forward = xp.take_along_axis(strike + growth * (call - put), at_parity, axis=-1)
    below = strike <= forward
    center = xp.max(xp.where(below, strike, -xp.inf), axis=-1, keepdims=True)
    center = xp.where(xp.isfinite(center), center, xp.nan)

    calls = _wing(call_bid, strike > center)
    puts = _wing(put_bid[..., ::-1], (strike < center)[..., ::-1])[..., ::-1]
    calls, puts = calls & (call > 0.0), puts & (put > 0.0)
    used = calls | puts | (strike == center)
    price = xp.where(calls, call, xp.where(puts, put, 0.5 * (call + put)))
    widths = _widths(strike, used)
    squared = xp.where(used, strike, 1.0) ** 2
    total = xp.sum(xp.where(used, widths / squared * growth * price, 0.0), axis=-1)  # NaN without a pair at K0
    variance = (2.0 * total - (forward / center - 1.0)[..., 0] ** 2) / years[..., 0]
    calls, puts = (xp.sum(wing, axis=-1).astype(xp.int32) for wing in (calls, puts))
    enough = (calls >= min_options) & (puts >= min_options) & xp.isfinite(center[..., 0])
    return StripVariance(xp.where(enough, variance, xp.nan), forward[..., 0], center[..., 0], calls, puts)


def _middle(bid, ask):
    """Middle of bid and ask; NaN without a bid."""
    xp = namespace(bid, ask)
    return xp.where(bid > 0.0, 0.5 * (bid + ask), xp.nan)


def _wing(bid, inside):
    """Which options of a wing are used, its strikes running outwards along the last axis."""
    xp = namespace(bid, inside)
    quoted = inside & (bid > 0.0)
    empty = xp.cumsum(inside & (bid <= 0.0), axis=-1)  # options without a bid so far; those not listed do not count
    in_a_row = empty - running_max(xp.where(quoted, empty, 0))
    return quoted & (running_max(in_a_row) < ZERO_BIDS_TO_STOP)


def _widths(strike, used):
    """Half the distance of the used neighbours of each strike; the whole distance to the only one at an end."""
    xp = namespace(strike, used)
    edge = xp.full((*strike.shape[:-1], 1), -xp.inf)
    below = running_max(xp.concatenate([edge, xp.where(used, strike, -xp.inf)[..., :-1]], axis=-1))
    falling = xp.concatenate([edge, xp.where(used, -strike, -xp.inf)[..., :0:-1]], axis=-1)
    above = -running_max(falling)[..., ::-1]
    has_below, has_above = xp.isfinite(below), xp.isfinite(above)
    left, right = xp.where(has_below, below, strike), xp.where(has_above, above, strike)
    return (right - left) * xp.where(has_below & has_above, 0.5, 1.0)


def model_free_vol(
    iv: Floats,
    deltas: Axis,
    years: Floats | float,
    *,
    reach: int = 25,
    weighted: bool = False,
    budget: int | None = None,
) -> Floats:
    """Model-free volatility of smiles on call deltas: the root of the mean of s^2 over the distribution of d2.

        v^2 = integral of s(x)^2 n(x) dx,   x = d2 = q(delta) - s sqrt(T),   n, q the normal density and quantile

    which is the integral of out-of-the-money prices over strike, 2/T integral Q(K) / K^2 dK, in other variables. s^2
    is linear in d2 between the quoted nodes, and the tails are flat: the outer nodes' volatility beyond them. A real
    tail that goes on rising is therefore missed, and the value is below that of a strip.

    Parameters
    ----------
    iv : array (..., D)
        Volatilities at the call deltas, annualised decimals; nodes that are NaN are passed over.
    deltas : array (D,)
        Call deltas in percent, ascending.
    years : array broadcastable to (...)
        Time to expiry.
    reach : int
        Smiles must be quoted at or below this delta and at or above 100 - reach.
    weighted : bool
        Of variance weighted by the price of the underlying over its forward, as a gamma swap pays it: the mean is then
        over the distribution of d1 = q(delta), which is 2/(T F) integral Q(K) / K dK.
    budget : int or None
        Bytes the temporaries of one block along the first axis may take; the kernel has none.

    Returns
    -------
    array (...), float64
        Annualised decimals; NaN where the quotes do not reach far enough.

    References
    ----------
    Chriss and Morokoff, "Market risk for volatility and variance swaps" (1999); Gatheral, "The volatility surface"
    (2006), chapter 11; Fukasawa, "The normalizing transformation of the implied volatility smile" (2012), of both.

    Examples
    --------
    >>> model_free_vol(np.array([[0.2, 0.2, 0.2], [0.19, 0.2, 0.22]]), np.array([25, 50, 75]), 0.25).round(4).tolist()
    [0.2, 0.2053]
    """
    xp = namespace(iv, years)
    if iv.shape[-1] != len(deltas):
        raise InputError(f"iv {iv.shape} must end in the axis of the {len(deltas)} deltas")
    lead, years = iv.shape[:-1], xp.asarray(years, dtype=xp.float64)
    remaining = xp.broadcast_to(years, lead)
    if kernels.usable(xp):
        return _by_kernel(iv, deltas, years, reach, weighted)
    if not lead:
        return _model_free(iv, deltas, remaining, reach, weighted)
    result = xp.empty(lead)

    def fill(part):
        result[part] = _model_free(iv[part], deltas, remaining[part], reach, weighted)

    parts = blocks(lead[0], _BYTES_PER_SMILE * math.prod(lead[1:]), budget or block_budget(xp))
    for _ in each(xp, fill, parts):
        pass
    return result


def _by_kernel(iv, deltas, years, reach, weighted):
    """Run the kernel on all smiles at once; it has no temporaries."""
    xp = namespace(iv, years)
    lead = iv.shape[:-1]
    terms = years.reshape(years.shape[next((n for n, size in enumerate(years.shape) if size > 1), years.ndim) :])
    if terms.shape != lead[len(lead) - terms.ndim :]:  # else one axis of it serves several smiles that lie apart
        terms = xp.broadcast_to(years, lead)
    stored = iv.dtype if iv.dtype in (xp.float32, xp.float64) else xp.float64
    delta = xp.asarray(deltas, dtype=xp.float64)
    quantile = special(xp).ndtri(delta / 100.0)
    ends = (delta <= reach).astype(xp.float64), (delta >= 100 - reach).astype(xp.float64)
    smiles = xp.ascontiguousarray(iv, dtype=stored)
    result = xp.empty(lead)
    taken = (len(deltas), terms.size, int(weighted), quantile, *ends, xp.ascontiguousarray(terms).reshape(-1))
    given = (smiles.reshape(-1, len(deltas)), *taken, result.reshape(-1))
    kernels.launch(xp, "model_free", "model_free", result.size, given, dtype=str(np.dtype(stored)), least=1024)
    return result[()]


def _model_free(iv, deltas, years, reach, weighted):
    """Walk up the deltas: add the tail below the first quoted node, a segment per node, and the tail at the end."""
    xp = namespace(iv, years)
    cdf = special(xp).ndtr
    quantile = special(xp).ndtri(xp.asarray(deltas, dtype=xp.float64) / 100.0)
    root = xp.sqrt(xp.where(years > 0.0, years, xp.nan))
    shape = root.shape
    total = xp.zeros(shape)
    variance = xp.zeros(shape)
    at = xp.full(shape, -xp.inf)
    mass, density = xp.zeros(shape), xp.zeros(shape)
    low, high = xp.zeros(shape, dtype=bool), xp.zeros(shape, dtype=bool)
    for j, delta in enumerate(deltas):
        vol = iv[..., j].astype(xp.float64)
        quoted = (vol > 0.0) & (vol < xp.inf)
        here = xp.where(quoted, quantile[j] - (0.0 if weighted else vol * root), 0.0)
        here_variance = xp.where(quoted, vol * vol, 0.0)
        here_mass = cdf(here)
        here_density = xp.exp(-0.5 * here * here) / math.sqrt(2.0 * math.pi)
        first = ~xp.isfinite(at)
        step = here - xp.where(first, here - 1.0, at)
        # Two nodes at the same d2 have no slope between them: an infinite step makes it 0.
        slope = xp.where(first, 0.0, (here_variance - variance) / xp.where(step == 0.0, xp.inf, step))
        start = xp.where(first, here_variance, variance - slope * xp.where(first, 0.0, at))
        added = start * (here_mass - mass) - slope * (here_density - density)
        total = xp.where(quoted, total + added, total)
        variance, at = xp.where(quoted, here_variance, variance), xp.where(quoted, here, at)
        mass, density = xp.where(quoted, here_mass, mass), xp.where(quoted, here_density, density)
        low = low | (quoted & (delta <= reach))
        high = high | (quoted & (delta >= 100 - reach))
    return xp.sqrt(xp.where(low & high, total + variance * (1.0 - mass), xp.nan))
