"""Implied correlation: what index and member options together say about how alike the members will move."""

import math
from dataclasses import dataclass

import numpy as np

from engine import kernels, records
from engine.arrays import PerDate, PerName, Weights
from engine.backend import blocks, namespace
from engine.correlation.checks import check_fraction, check_shapes, check_weights, is_quote, least_coverage, least_vol
from engine.correlation.moments import basket_moments
from engine.correlation.text import in_words
from engine.kernels.codes import CorrelationStatus
from engine.statistics import ROUNDING
from engine.stream import WINDOW_BYTES, stream

# A missing quote explains a bad number better than the number itself. So does a thin basket: a bound may be broken only
# because names are missing.
PRECEDENCE = (
    CorrelationStatus.NO_INDEX_QUOTE,
    CorrelationStatus.THIN_COVERAGE,
    CorrelationStatus.DEGENERATE,
    CorrelationStatus.BELOW_PSD_BOUND,
    CorrelationStatus.ABOVE_ONE,
)


@dataclass(frozen=True, eq=False)
class ImpliedCorrelation:
    """Implied correlation of every date and cell of the surface, decimals, never clipped.

    Every array is (T, ...), or (B, T, ...) where B baskets were asked for at once.

    Parameters
    ----------
    clean : array
        Average correlation of distinct pairs, the Cboe COR definition. NaN where not computable.
    dirty : array
        Squared ratio of index to average member volatility: the clean value with each name's own variance left in.
    variance_ratio : array
        Index variance over average member variance.
    status : array, uint8
        `CorrelationStatus`.
    coverage : array
        Share of the basket's weight held by quoted names, 0..1.
    names : array, int32
        Number of names used.
    """

    clean: np.ndarray
    dirty: np.ndarray
    variance_ratio: np.ndarray
    status: np.ndarray
    coverage: np.ndarray
    names: np.ndarray

    def __repr__(self) -> str:
        return in_words(self)


def implied_correlation(
    index_iv: PerDate,
    component_iv: PerName,
    weights: Weights,
    *,
    min_coverage: float = 0.8,
    budget: int | None = None,
    zero_counts: bool = False,
) -> ImpliedCorrelation:
    """Implied correlation of a basket for all dates, tenors and deltas at once.

        A = sum w s      B = sum w^2 s^2
        clean          = (s_I^2 - B) / (A^2 - B)
        dirty          = (s_I / A)^2
        variance_ratio = s_I^2 / sum w s^2

    Sums run over the names that are quoted in the cell, their weights scaled to sum to 1.

    Parameters
    ----------
    index_iv : array (T, ...) or (B, T, ...)
        Volatility s_I of the index, annualised decimals, NaN where there is no quote, as is whatever is not positive;
        one for all baskets, or each its own.
    component_iv : array (T, N, ...)
        Volatility s of each name, same trailing axes (none, or tenor and delta). On the host beside weights on a GPU
        where they exceed its memory: they are then streamed.
    weights : array (T, N) or (B, T, N)
        Basket weights w usable on their date; 0 = not in the basket. Their scale does not matter. Several baskets cost
        one reading of the volatilities.
    min_coverage : float
        Cells whose quoted names hold less than this share of the basket's weight are flagged `thin_coverage`.
    budget : int or None
        Bytes of one block of dates: of the array code's temporaries, or of a window that streams. Changes speed, not
        a bit of the result.
    zero_counts : bool
        True for realised volatilities, of which 0 is one; an implied one of 0 is no quote.

    Returns
    -------
    ImpliedCorrelation

    Raises
    ------
    InputError
        When the shapes do not belong together, a weight is negative or NaN, an array is masked, or `min_coverage` is
        not a fraction.

    References
    ----------
    Cboe Implied Correlation Index, white paper and fact sheet (2021); Bossu, "Arbitrage pricing of equity
    correlation swaps" (2005) for the variance ratio.

    Examples
    --------
    >>> rho = implied_correlation(np.array([0.21]), np.array([[0.25, 0.35, 0.18]]), np.array([[0.3, 0.4, 0.3]]))
    >>> rho.clean.round(7).item(), rho.dirty.round(7).item(), CorrelationStatus(rho.status[0]).text
    (0.3609, 0.6094443, 'ok')
    """
    check_fraction("min_coverage", min_coverage)
    min_coverage = least_coverage(min_coverage)
    check_shapes(index_iv, component_iv, weights, several=True)
    on_host = isinstance(component_iv, np.ndarray) and namespace(index_iv, weights) is not np
    correlate = _streamed if on_host else _at_once
    found = correlate(index_iv, component_iv, weights, min_coverage, budget, zero_counts)
    check_weights(weights)  # last: to look at them is to wait for a device, which should have begun
    return found


def _streamed(index_iv, component_iv, weights, min_coverage, budget, zero_counts) -> ImpliedCorrelation:
    """Correlate window by window of dates: the members' volatilities are on the host, all else is on the device."""
    xp = namespace(index_iv, weights)
    parts = list(blocks(len(component_iv), component_iv[:1].nbytes, min(budget or WINDOW_BYTES, WINDOW_BYTES)))
    own_index = index_iv.ndim == component_iv.ndim  # (B, T, ...): an index for each basket
    windows = [
        _at_once(
            index_iv[:, part] if own_index else index_iv[part],
            window,
            weights[..., part, :],
            min_coverage,
            None,
            zero_counts,
        )
        for part, window in zip(parts, stream(xp, component_iv, parts), strict=True)
    ]
    return records.concatenate(windows, axis=weights.ndim - 2)


def _at_once(index_iv, component_iv, weights, min_coverage, budget, zero_counts) -> ImpliedCorrelation:
    """Correlate arrays that are all on one machine: by the kernel where it can be compiled, else by array code."""
    if kernels.usable(namespace(index_iv, component_iv, weights)):
        return _by_kernel(index_iv, component_iv, weights, min_coverage, zero_counts)
    if weights.ndim == 3:
        return _several_baskets(index_iv, component_iv, weights, min_coverage, budget, zero_counts)
    return _one_basket(index_iv, component_iv, weights, min_coverage, budget, zero_counts)


def _several_baskets(index_iv, component_iv, weights, min_coverage, budget, zero_counts) -> ImpliedCorrelation:
    """Correlate baskets (B, T, N) one after the other, against one index or each its own."""
    indices = index_iv if index_iv.ndim == component_iv.ndim else [index_iv] * len(weights)
    return records.stack(
        [
            _one_basket(index, component_iv, basket, min_coverage, budget, zero_counts)
            for index, basket in zip(indices, weights, strict=True)
        ]
    )


def _one_basket(index_iv, component_iv, weights, min_coverage, budget, zero_counts) -> ImpliedCorrelation:
    """Correlate one basket (T, N) by array code: the reference of the kernel."""
    xp = namespace(index_iv, component_iv, weights)
    moments = basket_moments(weights, component_iv, budget, zero_counts=zero_counts)

    # Sums keep the given weights; scaling s_I by the quoted weight is the same as scaling every weight by its inverse,
    # and leaves A^2 - B exactly 0 for a single name.
    index = xp.where(is_quote(index_iv, zero_counts), index_iv, xp.nan).astype(float) * moments.quoted
    index_variance = index * index
    basket_variance = moments.vol * moments.vol
    pairs = basket_variance - moments.own_variance
    pairs = xp.where(pairs > ROUNDING * basket_variance, pairs, 0.0)  # one name is all of the basket but for rounding
    clean = (index_variance - moments.own_variance) / _positive(pairs)
    dirty = index_variance / _positive(basket_variance)
    variance_ratio = index_variance / _positive(moments.variance * moments.quoted)

    weight = moments.weight.reshape(-1, *(1 for _ in moments.quoted.shape[1:]))
    coverage = moments.quoted / xp.where(weight > 0.0, weight, 1.0)
    others = xp.maximum(moments.names - 1, 1)
    applies = {
        CorrelationStatus.NO_INDEX_QUOTE: ~xp.isfinite(index),
        CorrelationStatus.THIN_COVERAGE: coverage < min_coverage,
        CorrelationStatus.DEGENERATE: ~(pairs > 0.0),
        CorrelationStatus.BELOW_PSD_BOUND: clean < -1.0 / others,
        CorrelationStatus.ABOVE_ONE: clean > 1.0,
    }
    status = xp.zeros(clean.shape, dtype=xp.uint8)
    for reason in reversed(PRECEDENCE):
        status[applies[reason]] = int(reason)
    return ImpliedCorrelation(clean, dirty, variance_ratio, status, coverage, moments.names)


def _by_kernel(index_iv, component_iv, weights, min_coverage, zero_counts) -> ImpliedCorrelation:
    """Correlate any number of baskets in one reading of the volatilities: kernels/moments.cu."""
    xp = namespace(index_iv, component_iv, weights)
    iv = component_iv if component_iv.dtype in (xp.float32, xp.float64) else component_iv.astype(xp.float64)
    if iv.ndim > 2 and not iv[:1, :1].flags.c_contiguous:
        iv = xp.ascontiguousarray(iv)
    dates, names, *cells = iv.shape
    weights = xp.ascontiguousarray(weights, dtype=xp.float64)
    index = xp.ascontiguousarray(index_iv, dtype=xp.float64)
    shape = (*weights.shape[:-2], dates, *cells)
    record = ImpliedCorrelation(
        clean=xp.empty(shape),
        dirty=xp.empty(shape),
        variance_ratio=xp.empty(shape),
        status=xp.empty(shape, dtype=xp.uint8),
        coverage=xp.empty(shape),
        names=xp.empty(shape, dtype=xp.int32),
    )
    baskets = math.prod(weights.shape[:-2])
    count = math.prod(cells)
    strides = [step // iv.itemsize for step in iv.strides[:2]]
    sizes = (names, count, weights, dates, baskets, index, dates * count if index.ndim == iv.ndim else 0)
    arguments = (iv, *strides, *sizes, float(min_coverage), least_vol(zero_counts), *vars(record).values())
    threads = 128
    kernels.launch(
        xp,
        "moments",
        "implied_correlation",
        items=dates * baskets,
        arguments=arguments,
        dtype=iv.dtype.name,
        threads=threads,
        shared=threads * 12,  # a weight and a position per thread
    )
    return record


def _positive(denominator):
    """Return the denominator, NaN where it is not positive, so that dividing by it gives NaN and no warning."""
    xp = namespace(denominator)
    return xp.where(denominator > 0.0, denominator, xp.nan)
