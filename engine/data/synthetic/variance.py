"""What is fair: expected variances and correlation over the life of an option, in closed form.

Every state variable reverts to its mean, and its conditional expectation is linear. Expectations u sessions ahead are
therefore sums of powers q^u, and sums over the sessions of an option's life are weighted geometric sums, which are
tabulated once per q.
"""

from dataclasses import dataclass

import numpy as np

from engine.calendar import year_fraction
from engine.data.synthetic.paths import Paths
from engine.data.synthetic.settings import keep


@dataclass(frozen=True, eq=False)
class FairVariance:
    """Fair annualised variances of every tenor on the calendar clock, and what they imply.

    Parameters
    ----------
    component : array (T, N, K)
        NaN where a name does not trade.
    index : array (T, K)
        Of the members in the weights of the date.
    correlation : array (T, K)
        The clean implied correlation of the two.
    """

    component: np.ndarray
    index: np.ndarray
    correlation: np.ndarray


class FairPricer:
    """Tabulate what all dates share; `at(block)` then gives the fair variances of a block of dates.

        fair variance of tenor k = (sum of expected variances of the sessions in (t, t + k]) / (k / 365)

    The index is taken as held in the weights of the date. Two things are left out: a sum of lognormal prices is not
    lognormal (.01 vol point at 30 days, .05 at a year), and the jump of a name that ceases to trade, which comes as a
    surprise, so that no variance is charged for it.
    """

    def __init__(self, paths: Paths):
        settings = paths.settings
        self.paths = paths
        self.kept_level = keep(settings.level_half_life)
        self.kept_name = keep(settings.name_level_half_life)
        self.kept_correlation = keep(settings.correlation_half_life)
        noise = 1.0 + settings.name_level_noise**2
        kept = self.kept_name
        # E[j_u^2] = mean_square + linear x kept^u + (j^2 - mean_square - linear x) decay^u with x = j - 1.
        self.decay = noise * kept**2
        self.mean_square = noise * (1.0 - kept**2) / (1.0 - self.decay)
        self.linear = 2.0 * noise * (1.0 - kept) / (1.0 - noise * kept)
        last = np.searchsorted(paths.schedule, paths.dates[:, None] + np.array(settings.tenors), side="right") - 1
        self.last = last
        self.reports = np.cumsum(paths.reports, axis=0)
        self._sums = {}

    def _sum(self, *rates) -> np.ndarray:
        """Sum y q^(u - 1) over the sessions of each tenor, u = 1 the next session, q the product of `rates`; (T, K)."""
        q = float(np.prod(rates)) if rates else 1.0
        if q not in self._sums:
            years = self.paths.session_years
            onward = np.zeros(len(years))  # at t: the sum over all sessions after t
            for t in range(len(years) - 2, -1, -1):
                onward[t] = years[t + 1] + q * onward[t + 1]
            here = np.arange(len(self.last))[:, None]
            self._sums[q] = onward[here] - q ** (self.last - here) * onward[self.last]
        return self._sums[q]

    def at(self, block: slice) -> FairVariance:
        """Fair variances of a block of dates."""
        paths = self.paths
        life = year_fraction(np.array(paths.settings.tenors, dtype=float))
        excess = (paths.level[block] - 1.0)[:, None]
        own = paths.name_level[block] - 1.0
        base = paths.base_vol**2

        def over_level(*rates):
            return self._sum(*rates)[block] + excess * self._sum(self.kept_level, *rates)[block]

        square = (own + 1.0) ** 2 - self.mean_square - self.linear * own
        total = self.mean_square * over_level()[:, None, :]
        total = total + self.linear * own[:, :, None] * over_level(self.kept_name)[:, None, :]
        total += square[:, :, None] * over_level(self.decay)[:, None, :]
        total *= base[:, None]
        if paths.settings.earnings:
            here = np.arange(len(paths.dates))[block]
            reports = self.reports[self.last[block]] - self.reports[here][:, None, :]
            total += np.moveaxis(reports, 1, 2) * paths.report_variance[:, None]
        quoted = paths.plan.trading[block] & ~paths.plan.ceases[block]
        component = np.where(quoted[:, :, None], total / life, np.nan)

        weight = np.where(quoted, paths.weights[block], 0.0)
        held = weight * paths.base_vol
        vol = held.sum(axis=1)[:, None]
        tilt = (held * own).sum(axis=1)[:, None]
        single = (held**2).sum(axis=1)[:, None]
        single_tilt = (held**2 * own).sum(axis=1)[:, None]
        single_square = (held**2 * own**2).sum(axis=1)[:, None]
        mean = paths.settings.correlation
        gap = (paths.correlation[block] - mean)[:, None]

        def over_correlation(*rates):
            return mean * over_level(*rates) + gap * over_level(self.kept_correlation, *rates)

        pairs = (vol**2 - single) * over_correlation()
        pairs += 2.0 * (vol * tilt - single_tilt) * over_correlation(self.kept_name)
        pairs += (tilt**2 - single_square) * over_correlation(self.kept_name, self.kept_name)
        pairs /= life

        scale = weight.sum(axis=1)[:, None]
        average, single = _weighted_sums(weight, component)
        apart = average**2 - single
        correlation = np.where(apart > 0.0, pairs / np.where(apart > 0.0, apart, 1.0), np.nan)
        return FairVariance(component, (single + pairs) / scale**2, correlation)


def _weighted_sums(weight, variance):
    """Sum w s and w^2 s^2 over names, (T, K), one name after the other: the bits do not depend on the block."""
    average = np.zeros((len(weight), variance.shape[2]))
    single = np.zeros_like(average)
    for n in range(weight.shape[1]):
        held = weight[:, n] > 0.0
        variance_n = np.where(held[:, None], variance[:, n], 0.0)
        w = weight[:, n, None]
        average += w * np.sqrt(variance_n)
        single += w * w * variance_n
    return average, single
