"""Smiles through quotes of many expiries at once: penalised splines of total variance, without a loop over smiles.

The smile of an expiry is y(z) = w / w0, its total variance w = s^2 T over that at the money w0, on the standard
deviations from the money z = ln(K / F) / sqrt(w0): a form that is alike for a week and two years, an index and a share.
"""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Integers
from engine.backend import namespace, running_max, special
from engine.pricing.static_arbitrage import butterflies

REACH = 4.0  # standard deviations from the money, on either side, that a smile is fitted over
WIDTH = 0.4  # distance of the knots of the spline
FINE = 4  # points per interval at which a fitted smile is read
CURVATURE = 0.2  # root mean square of y'' over one standard deviation that is expected before a quote is seen
STIFFER = 0.01  # factor on that where a smile allows a butterfly: y is then close to a line, which is safe
TO_THE_MONEY = 1e-6  # weight that draws y to 1, so that one or two quotes make a smile too
OUTLYING = 3.0  # noise away from the smile at which the weight of a quote is halved
ROUNDS = 3  # of fit and weights

INTERVALS = round(2 * REACH / WIDTH)
COEFFICIENTS = INTERVALS + 3
BAND = 4  # a cubic spline has four pieces over any point


@dataclass(frozen=True, eq=False)
class FittedSmiles:
    """Smiles of S expiries on G points, from low strikes to high ones.

    Parameters
    ----------
    root : array (S,)
        Total volatility at the money, s sqrt(T): the unit of z.
    spread : array (S, G)
        Total volatility at each point, NaN beyond the outer quotes.
    sides : array (R, S, G)
        Total volatilities of R further prices of the same quotes, such as bid and ask, by the weights of the first.
    above, below : array (S, G)
        The point of the nearest quote at or above and at or below, in z; NaN where there is none.
    butterfly : array (S,), int
        Points between the outer quotes at which call prices are not convex in strike.
    stiff : array (S,), bool
        Whether the quotes as they are allow a butterfly, and the smile is a smoother one than their spreads ask for.
    """

    root: np.ndarray
    spread: np.ndarray
    sides: np.ndarray
    above: np.ndarray
    below: np.ndarray
    butterfly: np.ndarray
    stiff: np.ndarray


def points() -> list[float]:
    """Return z at the G points of `FittedSmiles`."""
    count = INTERVALS * FINE
    return [-REACH + 2.0 * REACH * j / count for j in range(count + 1)]


def fit_smiles(
    smile: Integers, moneyness: Floats, spread: Floats, noise: Floats, count: int, sides: tuple[Floats, ...] = ()
) -> FittedSmiles:
    """Fit the smiles of many expiries to their out-of-the-money quotes, each weighted by its noise.

    A cubic spline in z with a penalty on second differences (P-spline): it minimises

        sum ((y_i - y(z_i)) / noise_i)^2 + 1 / c^2 integral y''^2 dz

    so where quotes are tight it follows them, and where they are wide it is smooth. Quotes further off than their noise
    explains lose weight, round by round. Where call prices are not convex the smile is fitted anew, stiffer.

    Parameters
    ----------
    smile : array (Q,), int
        Number of the smile of each quote, 0 .. S - 1, in any order.
    moneyness : array (Q,)
        ln(K / F).
    spread : array (Q,)
        Total volatility s sqrt(T) of each quote, positive.
    noise : array (Q,)
        Standard error of the total volatility as a share of it, positive.
    count : int
        S.
    sides : R arrays (Q,)
        Total volatilities of other prices of the same quotes. Being fitted by the same weights, they lie in the order
        that the quotes have; a smile is NaN where one of its quotes is.

    References
    ----------
    Eilers and Marx, "Flexible smoothing with B-splines and penalties" (1996).

    Examples
    --------
    >>> k = np.linspace(-0.2, 0.2, 9)
    >>> fitted = fit_smiles(np.zeros(9, int), k, np.full(9, 0.1), np.full(9, 1e-3), 1)
    >>> float(np.nanmax(np.abs(fitted.spread - 0.1))) < 1e-6, int(fitted.butterfly[0])
    (True, 0)
    """
    xp = namespace(smile, moneyness, spread, noise)
    root = _at_the_money(smile, moneyness, spread, count)
    z, level = moneyness / root[smile], (spread / root[smile]) ** 2
    inside = xp.abs(z) <= REACH
    z, level, share = (a[inside] for a in (z, level, noise))
    further = [(side[inside] / root[smile[inside]]) ** 2 for side in sides]
    quotes = _Quotes(smile[inside], [level, *further], z, 2.0 * level * share, count)
    fine, *others = (_on_points(c) for c in quotes.fitted(xp.full(count, CURVATURE)))
    above, below = quotes.neighbours()
    reached = xp.isfinite(above) & xp.isfinite(below)
    z_points = xp.asarray(points())
    butterfly = butterflies(z_points, root, fine, reached)
    stiff = butterfly > 0
    if bool(stiff.any()):
        again = [_on_points(c) for c in quotes.fitted(xp.where(stiff, CURVATURE * STIFFER, CURVATURE))]
        fine, *others = (xp.where(stiff[:, None], b, a) for a, b in zip([fine, *others], again, strict=True))
        butterfly = butterflies(z_points, root, fine, reached)
    total, *others = (root[:, None] * xp.sqrt(xp.where(reached & (a > 0.0), a, xp.nan)) for a in (fine, *others))
    further = xp.stack(others) if others else xp.empty((0, *total.shape))
    return FittedSmiles(root, total, further, above, below, butterfly, stiff)


def read_at_deltas(fitted: FittedSmiles, deltas: list[float], widest_gap: float) -> Floats:
    """Total volatility (1 + R, S, D) of fitted smiles, and of their sides, at call deltas 0 .. 1 of the forward.

    All are read at the strike that has the delta by the smile's own volatility. NaN beyond the outer quotes, and
    between two neighbouring quotes further apart in delta than `widest_gap`.

    Examples
    --------
    >>> k = np.linspace(-0.2, 0.2, 9)
    >>> fitted = fit_smiles(np.zeros(9, int), k, np.full(9, 0.1), np.full(9, 1e-3), 1)
    >>> read_at_deltas(fitted, [0.1, 0.5, 0.999], 0.4)[0].round(4).tolist()
    [[0.1, 0.1, nan]]
    """
    xp = namespace(fitted.root)
    ndtr, ndtri = special(xp).ndtr, special(xp).ndtri
    z = xp.asarray(points())
    d1 = -z * fitted.root[:, None] / fitted.spread + 0.5 * fitted.spread  # falls along the strikes
    quoted = xp.isfinite(d1)
    first = xp.argmax(quoted, axis=1)
    columns = []
    for delta in deltas:
        target = float(ndtri(delta))
        left = first + (quoted & (d1 >= target)).sum(axis=1) - 1
        right = xp.minimum(left + 1, len(z) - 1)
        left = xp.maximum(left, 0)

        def at(values, point):
            return xp.take_along_axis(values, point[:, None], axis=1)[:, 0]

        high, low = at(d1, left), at(d1, right)
        share = (high - target) / xp.where(high > low, high - low, xp.nan)
        share = xp.where(high == target, 0.0, share)
        right = xp.where(share == 0.0, left, right)
        inside = (share >= 0.0) & (share <= 1.0)
        found = [at(a, left) + share * (at(a, right) - at(a, left)) for a in (fitted.spread, *fitted.sides)]
        ends = (at(fitted.below, left), at(fitted.above, left))
        gap = [ndtr(-end * fitted.root / found[0] + 0.5 * found[0]) for end in ends]
        inside = inside & (gap[0] - gap[1] <= widest_gap)
        columns.append(xp.where(inside, xp.stack(found), xp.nan))
    return xp.stack(columns, axis=2)


def _at_the_money(smile, moneyness, spread, count):
    """Total volatility at the money (S,): the mean of the quotes, those near it counting most."""
    xp = namespace(smile)
    nearness = xp.exp(-2.0 * xp.minimum((moneyness / spread) ** 2, 100.0))
    total = xp.bincount(smile, weights=nearness * spread, minlength=count)
    weight = xp.bincount(smile, weights=nearness, minlength=count)
    return total / xp.where(weight > 0.0, weight, xp.nan)


class _Quotes:
    """Quotes of all smiles, and the normal equations of their splines as bands (COEFFICIENTS, BAND, S)."""

    def __init__(self, smile, levels, z, noise, count):
        self.xp, self.smile, self.levels, self.noise, self.count = namespace(z), smile, levels, noise, count
        xp = self.xp
        place = (z + REACH) / WIDTH
        self.place = place
        cell = xp.minimum(place.astype(xp.int64), INTERVALS - 1)
        t = place - cell
        self.cell = cell
        self.basis = [
            (1.0 - t) ** 3 / 6.0,
            (3.0 * t**3 - 6.0 * t**2 + 4.0) / 6.0,
            (-3.0 * t**3 + 3.0 * t**2 + 3.0 * t + 1.0) / 6.0,
            t**3 / 6.0,
        ]

    def fitted(self, curvature):
        """Coefficients (1 + R, COEFFICIENTS, S) of the smiles that expect a curvature (S,)."""
        weight = 1.0 / (self.noise * self.noise)
        for left in range(ROUNDS, 0, -1):
            band, sides = self._normal_equations(weight, curvature, self.levels[: None if left == 1 else 1])
            coefficients = _solve_band(band, sides)
            if left > 1:
                off = (self.levels[0] - self._value(coefficients[0])) / (OUTLYING * self.noise)
                weight = 1.0 / (self.noise * self.noise * (1.0 + off * off))
        return coefficients

    def neighbours(self):
        """The points (S, G) of the nearest quotes, above and below each point, as z."""
        xp = self.xp
        z = xp.asarray(points())
        size = len(z)
        # A quote counts at the point next to it on either side: a smile reaches no further than its outer quotes do.
        found = []
        for rounded, side in ((xp.ceil(self.place * FINE), 1), (xp.floor(self.place * FINE), -1)):
            point = rounded.astype(xp.int64)
            seen = xp.bincount(self.smile * size + point, minlength=self.count * size).reshape(self.count, size) > 0
            rank = xp.where(seen, xp.arange(size) if side > 0 else size - 1 - xp.arange(size), -1)
            nearest = running_max(rank) if side > 0 else running_max(rank[:, ::-1])[:, ::-1]
            at = nearest if side > 0 else size - 1 - nearest
            found.append(xp.where(nearest >= 0, z[xp.minimum(at, size - 1)], xp.nan))
        below, above = found
        return above, below

    def _value(self, coefficients):
        return sum(b * coefficients[self.cell + a, self.smile] for a, b in enumerate(self.basis))

    def _normal_equations(self, weight, curvature, levels):
        """Bands, and the right-hand sides (1 + R, COEFFICIENTS, S) of so many levels."""
        xp = self.xp
        rows, size = COEFFICIENTS * self.count, COEFFICIENTS * BAND * self.count
        band, sides = xp.zeros(size), xp.zeros((len(levels), rows))
        for a in range(BAND):
            row = self.cell + a
            weighted = weight * self.basis[a]
            for side, level in zip(sides, levels, strict=True):
                side += xp.bincount(row * self.count + self.smile, weights=weighted * level, minlength=rows)
            for b in range(a, BAND):
                where = (row * BAND + (b - a)) * self.count + self.smile
                band += xp.bincount(where, weights=weighted * self.basis[b], minlength=size)
        band = band.reshape(COEFFICIENTS, BAND, self.count)
        stiffness = WIDTH**-3 / curvature**2
        for i in range(COEFFICIENTS - 2):
            for a, first in enumerate((1.0, -2.0, 1.0)):
                for b, second in enumerate((1.0, -2.0, 1.0)[a:]):
                    band[i + a, b] += first * second * stiffness
        band[:, 0] += TO_THE_MONEY
        return band, sides.reshape(len(levels), COEFFICIENTS, self.count) + TO_THE_MONEY


def _solve_band(band, sides):
    """Solve S symmetric positive systems: band[i, j] holds the entries (i, i + j), sides[:, i] right-hand sides."""
    xp = namespace(band)
    size = len(band)
    pivot, factor, found = [], [], []
    for i in range(size):
        row = [band[i, j] for j in range(BAND)]
        value = sides[:, i]
        for back in range(1, min(i, BAND - 1) + 1):
            share = factor[i - back][back] * pivot[i - back]
            for j in range(BAND - back):
                row[j] = row[j] - share * factor[i - back][back + j]
            value = value - factor[i - back][back] * found[i - back]
        pivot.append(row[0])
        factor.append([None, *(r / row[0] for r in row[1:])])
        found.append(value)
    solution = [None] * size
    for i in range(size - 1, -1, -1):
        value = found[i] / pivot[i]
        for j in range(1, min(BAND, size - i)):
            value = value - factor[i][j] * solution[i + j]
        solution[i] = value
    return xp.stack(solution, axis=1)


def _on_points(coefficients):
    """Values (S, G) of splines at the points."""
    xp = namespace(coefficients)
    values = []
    for j in range(INTERVALS * FINE + 1):
        cell = min(j // FINE, INTERVALS - 1)
        t = j / FINE - cell
        basis = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
        values.append(sum(b / 6.0 * coefficients[cell + a] for a, b in enumerate(basis)))
    return xp.stack(values, axis=1)
