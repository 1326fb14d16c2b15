"""The three things called dispersion, from volatilities of any kind and from surfaces."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from engine.arrays import Axis, Floats, PerDate, PerName, Weights
from engine.backend import blocks, namespace
from engine.calendar import DAYS_PER_YEAR
from engine.correlation.checks import check_fraction, check_shapes, is_quote, least_coverage
from engine.correlation.moments import basket_moments
from engine.pricing import model_free_vol
from engine.stream import WINDOW_BYTES, stream


class DispersionStatus(IntEnum):
    """What to know about measures of dispersion; the last that applies."""

    OK = 0
    NEGATIVE_DISPERSION = 1  # the index costs more variance than its members: dispersion_vol is NaN
    NEGATIVE_COVARIANCE = 2  # the index costs less than its members' own variances: covariance_spread is NaN
    THIN_COVERAGE = 3  # names holding too little of the basket's weight are quoted: values kept, NaN if none is
    NO_INDEX_QUOTE = 4  # NaN, but for member_vol

    @property
    def text(self) -> str:
        """The name written to files: `ok`, `negative_dispersion`, ..."""
        return self.name.lower()


@dataclass(frozen=True, eq=False)
class DispersionMeasures:
    """How much more the members cost than their index; arrays (T, ...), decimals, never clipped.

    Parameters
    ----------
    vol_spread : A - s_I
    variance_dispersion : sum w s^2 - s_I^2
    dispersion_vol : sqrt(variance_dispersion), NaN where that is negative
    covariance_spread : sqrt(s_I^2 - B), NaN where that is negative
    member_vol : sqrt(sum w s^2)
    status : uint8, `DispersionStatus`
    coverage : share of the basket's weight held by quoted names, 0..1
    names : int32, number of names used
    """

    vol_spread: np.ndarray
    variance_dispersion: np.ndarray
    dispersion_vol: np.ndarray
    covariance_spread: np.ndarray
    member_vol: np.ndarray
    status: np.ndarray
    coverage: np.ndarray
    names: np.ndarray


def dispersion_measures(
    index_vol: PerDate,
    component_vol: PerName,
    weights: Weights,
    *,
    min_coverage: float = 0.8,
    budget: int | None = None,
    zero_counts: bool = False,
) -> DispersionMeasures:
    """Measure the dispersion of a basket from volatilities of any kind: at the money, model-free or realised.

        A = sum w s      B = sum w^2 s^2
        vol_spread = A - s_I      variance_dispersion = sum w s^2 - s_I^2      covariance_spread = sqrt(s_I^2 - B)

    With model-free volatilities of 30 days member_vol is the VIXEQ and dispersion_vol the DSPX, as decimals.

    Parameters
    ----------
    index_vol : array (T, ...); component_vol : array (T, N, ...); weights : array (T, N); min_coverage : float
        As for `implied_correlation`: sums run over the quoted names, their weights scaled to sum to 1.
    budget : int or None
        Bytes of one block of dates; None = what suits the machine the arrays are on. Changes not a bit of the result.
    zero_counts : bool
        True for realised volatilities, of which 0 is one.

    Returns
    -------
    DispersionMeasures

    Raises
    ------
    InputError
        When the shapes do not belong together or `min_coverage` is not a fraction.

    References
    ----------
    Cboe S&P 500 Dispersion Index, methodology (2024); Cboe Implied Correlation Index, fact sheet (2021).

    Examples
    --------
    >>> m = dispersion_measures(np.array([0.21]), np.array([[0.25, 0.35, 0.18]]), np.array([[0.3, 0.4, 0.3]]))
    >>> m.vol_spread.round(4).item(), m.variance_dispersion.round(5).item(), m.covariance_spread.round(4).item()
    (0.059, 0.03337, 0.1263)
    """
    xp = namespace(index_vol, component_vol, weights)
    check_shapes(index_vol, component_vol, weights)
    check_fraction("min_coverage", min_coverage)
    moments = basket_moments(weights, component_vol, budget, zero_counts=zero_counts)
    quoted = xp.where(moments.quoted > 0.0, moments.quoted, xp.nan)
    index = xp.where(is_quote(index_vol, zero_counts), index_vol, xp.nan).astype(xp.float64)
    member_variance = moments.variance / quoted
    variance_dispersion = member_variance - index**2
    covariance = index**2 - moments.own_variance / quoted**2
    weight = moments.weight.reshape(-1, *(1 for _ in index.shape[1:]))
    coverage = moments.quoted / xp.where(weight > 0.0, weight, 1.0)

    status = xp.zeros(index.shape, dtype=xp.uint8)
    for reason, applies in (
        (DispersionStatus.NEGATIVE_DISPERSION, variance_dispersion < 0.0),
        (DispersionStatus.NEGATIVE_COVARIANCE, covariance < 0.0),
        (DispersionStatus.THIN_COVERAGE, (coverage < least_coverage(min_coverage)) | (moments.names == 0)),
        (DispersionStatus.NO_INDEX_QUOTE, ~xp.isfinite(index)),
    ):
        status[applies] = int(reason)
    return DispersionMeasures(
        vol_spread=moments.vol / quoted - index,
        variance_dispersion=variance_dispersion,
        dispersion_vol=_root(variance_dispersion),
        covariance_spread=_root(covariance),
        member_vol=_root(member_variance),
        status=status,
        coverage=coverage,
        names=moments.names,
    )


def surface_dispersion(
    index_iv: PerDate,
    component_iv: PerName,
    weights: Weights,
    tenors: Axis,
    deltas: Axis,
    *,
    min_coverage: float = 0.8,
    budget: int | None = None,
    members: PerName | None = None,
) -> DispersionMeasures:
    """Measure dispersion from surfaces: `dispersion_measures` of the model-free volatilities of every tenor.

    What stands for VIXEQ (member_vol) and DSPX (dispersion_vol) where only surfaces are known. Tails are flat beyond
    the outer deltas (`model_free_vol`), so the volatilities of both legs are below those of strips.

    Parameters
    ----------
    index_iv : array (T, K, D); component_iv : array (T, N, K, D)
        Volatilities, annualised decimals, NaN where there is no quote. The members' may stay on the host beside an
        index on a GPU: they are then streamed.
    weights : array (T, N)
    tenors : array (K,), calendar days; deltas : array (D,), call deltas in percent
    min_coverage : float
    budget : int or None
        As for `implied_correlation`: bytes of one block of dates, or of a window that streams.
    members : array (T, N, K) or None
        `member_model_free_vol` of these members, where another basket has been measured of them.

    Returns
    -------
    DispersionMeasures of arrays (T, K)
    """
    check_shapes(index_iv, component_iv, weights)
    if members is None:
        members = member_model_free_vol(namespace(index_iv, weights), component_iv, tenors, deltas, budget)
    index = model_free_vol(index_iv, deltas, _years(namespace(index_iv), tenors), budget=budget)
    return dispersion_measures(index, members, weights, min_coverage=min_coverage, budget=budget)


def member_model_free_vol(
    xp: Any, component_iv: PerName, tenors: Axis, deltas: Axis, budget: int | None = None
) -> PerName:
    """Return the model-free volatilities of members, (T, N, K), on `xp`: the same whatever basket they are in.

    Parameters as for `surface_dispersion`; volatilities that stay on the host beside a GPU are streamed.
    """
    windows = [component_iv]
    if xp is not np and isinstance(component_iv, np.ndarray):
        size = min(budget or WINDOW_BYTES, WINDOW_BYTES)
        budget = None
        windows = stream(xp, component_iv, list(blocks(len(component_iv), component_iv[:1].nbytes, size)))
    years = _years(xp, tenors)
    found = [model_free_vol(window, deltas, years, budget=budget) for window in windows]
    return found[0] if len(found) == 1 else xp.concatenate(found)


def _years(xp, tenors):
    return xp.asarray(tenors, dtype=xp.float64) / DAYS_PER_YEAR


def _root(square: Floats) -> Floats:
    """Square root, NaN where there is none."""
    xp = namespace(square)
    return xp.sqrt(xp.where(square >= 0.0, square, xp.nan))
