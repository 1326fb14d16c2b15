"""What moved the index variance and the correlation between two dates: parts that add up to the whole change."""

from dataclasses import dataclass, fields

import numpy as np

from engine.arrays import Integers, PerDate, PerName, Weights
from engine.correlation.pairs import equal_correlation_variance, sum_over_pairs
from engine.correlation.two_dates import explain_changes


@dataclass(frozen=True, eq=False)
class VarianceChange:
    """Change of the index variance since an earlier date, by cause; every array (T, ...) unless said otherwise.

    Parameters
    ----------
    total : component_vol + correlation + weight + cross, exactly what the index variance changed by
    component_vol : had only the members' volatilities changed
    correlation : had only the clean implied correlation changed
    weight : had only the basket's weights changed, names entering and leaving included
    cross : what is left, because they changed together
    component : array (T, N, ...), each name's part of `component_vol`; they add up to it
    coverage : share of the basket's weight held by names quoted on both dates, the smaller of the two dates'
    vol_sum : index volatility of the later plus the earlier date, by which a change of variance is one of volatility
    """

    total: np.ndarray
    component_vol: np.ndarray
    correlation: np.ndarray
    weight: np.ndarray
    cross: np.ndarray
    component: np.ndarray
    coverage: np.ndarray
    vol_sum: np.ndarray

    def in_vol(self) -> "VarianceChange":
        """The same change as one of index volatility: a^2 - b^2 = (a - b)(a + b), so every part is divided by a + b.

        Times 100 it reads in points of a volatility index; `VarianceChange` itself times 10,000 in its square's.
        """
        shares = {
            f.name: getattr(self, f.name) / (self.vol_sum[:, None] if f.name == "component" else self.vol_sum)
            for f in fields(self)
            if f.name not in ("coverage", "vol_sum")
        }
        return VarianceChange(**shares, coverage=self.coverage, vol_sum=self.vol_sum)


@dataclass(frozen=True, eq=False)
class CorrelationChange:
    """Change of clean implied correlation since an earlier date, by cause and name.

    Parameters
    ----------
    total : array (T, ...), index + the sum of `component` and `weight` over names
    index : array (T, ...), from the index volatility
    component : array (T, N, ...), from each name's volatility
    weight : array (T, N, ...), from each name's weight
    coverage : array (T, ...), share of the basket's weight quoted on both dates, the smaller of the two dates'
    """

    total: np.ndarray
    index: np.ndarray
    component: np.ndarray
    weight: np.ndarray
    coverage: np.ndarray


def variance_change(
    index_iv: PerDate,
    component_iv: PerName,
    weights: Weights,
    since: int | Integers | None = None,
    *,
    budget: int | None = None,
) -> VarianceChange:
    """Take the change of index variance apart into members' volatilities, correlation, weights and cross.

        s_I^2 = V(s, rho, w) = B + rho (A^2 - B)         A = sum w s         B = sum w^2 s^2
        component_vol = V(s1, rho0, w0) - V0             correlation = V(s0, rho1, w0) - V0
        weight        = V(s0, rho0, w1) - V0             cross       = V1 - V0 - the three

    Each name's part of `component_vol` is w_k (s1_k - s0_k) 2 [(1 - rho0) w_k m_k + rho0 sum w m] at the mean m of the
    two volatilities: V is quadratic in them, so the parts add up exactly.

    Parameters
    ----------
    index_iv : array (T, ...); component_iv : array (T, N, ...); weights : array (T, N)
        As for `implied_correlation`. A model-free index and its members' model-free volatilities serve as well.
    since : None, int, or array (T,) of int
        Row of the earlier date: None = each date against the one before it, so that row 0 is NaN; an int = all
        against one date. For two dates alone pass their two rows.
    budget : int or None
        Bytes of one block of dates; None = what suits the machine the arrays are on. Changes not a bit of the result.

    Returns
    -------
    VarianceChange
        Names without a quote on both dates are left out on both, the weights of the rest scaled to sum to 1; the
        correlation is that of the rest. NaN where it is not computable on either date.

    Raises
    ------
    InputError
        When the shapes do not belong together or `since` names no row.

    Examples
    --------
    >>> s, w = np.array([[0.25, 0.35, 0.18], [0.27, 0.34, 0.20]]), np.array([[0.3, 0.4, 0.3], [0.32, 0.38, 0.3]])
    >>> change = variance_change(np.array([0.21, 0.23]), s, w)
    >>> parts = (change.total, change.component_vol, change.correlation, change.weight, change.cross)
    >>> [round(1e4 * part[1].item(), 1) for part in parts]
    [88.0, 19.1, 71.1, -11.1, 9.0]
    """

    def explain(xp, first, last):
        before = equal_correlation_variance(first.rho, first.weight * first.vol)
        component_vol = equal_correlation_variance(first.rho, first.weight * last.vol) - before
        correlation = equal_correlation_variance(last.rho, first.weight * first.vol) - before
        weight = equal_correlation_variance(first.rho, last.weight * first.vol) - before
        total = last.index**2 - first.index**2
        mean = 0.5 * first.weight * (first.vol + last.vol)
        pull = (1.0 - first.rho)[:, None] * mean + (first.rho * mean.sum(axis=1))[:, None]
        return VarianceChange(
            total=total,
            component_vol=component_vol,
            correlation=correlation,
            weight=weight,
            cross=total - component_vol - correlation - weight,
            component=2.0 * first.weight * (last.vol - first.vol) * pull,
            coverage=xp.minimum(first.coverage, last.coverage),
            vol_sum=first.index + last.index,
        )

    return explain_changes(explain, index_iv, component_iv, weights, since, budget)


def correlation_change(
    index_iv: PerDate,
    component_iv: PerName,
    weights: Weights,
    since: int | Integers | None = None,
    *,
    budget: int | None = None,
) -> CorrelationChange:
    """Take the change of clean implied correlation apart by index volatility, each name's volatility and its weight.

        P d rho = d s_I^2 - 2 sum_k [(1 - rho) x_k + rho A] d x_k        x = w s        P = A^2 - B
        d s_I^2 = 2 s_I d s_I                                            d x_k = w_k d s_k + s_k d w_k

    with d the whole change and s_I, s, w, x, A, rho, P the means of the two dates: then it holds exactly, however large
    the change, with no cross part. For small changes these are the sensitivities times the moves.

    Parameters
    ----------
    index_iv, component_iv, weights, since, budget
        As for `variance_change`.

    Returns
    -------
    CorrelationChange
        Names without a quote on both dates are left out on both, as in `variance_change`.

    Raises
    ------
    InputError
        When the shapes do not belong together or `since` names no row.

    Examples
    --------
    >>> s, w = np.array([[0.25, 0.35, 0.18], [0.27, 0.34, 0.20]]), np.array([[0.3, 0.4, 0.3], [0.3, 0.4, 0.3]])
    >>> change = correlation_change(np.array([0.21, 0.23]), s, w)
    >>> change.total[1].round(4).item(), change.index[1].round(4).item(), change.component[1].round(4).tolist()
    (0.1434, 0.1907, [-0.0422, 0.034, -0.0391])
    """

    def explain(xp, first, last):
        first_x = first.weight * first.vol
        last_x = last.weight * last.vol
        x = 0.5 * (first_x + last_x)
        pairs = 0.5 * (sum_over_pairs(first_x) + sum_over_pairs(last_x))
        rho = 0.5 * (first.rho + last.rho)
        pull = -2.0 * ((1.0 - rho)[:, None] * x + (rho * x.sum(axis=1))[:, None]) / pairs[:, None]
        return CorrelationChange(
            total=last.rho - first.rho,
            index=(last.index**2 - first.index**2) / pairs,
            component=pull * 0.5 * (first.weight + last.weight) * (last.vol - first.vol),
            weight=pull * 0.5 * (first.vol + last.vol) * (last.weight - first.weight),
            coverage=xp.minimum(first.coverage, last.coverage),
        )

    return explain_changes(explain, index_iv, component_iv, weights, since, budget)
