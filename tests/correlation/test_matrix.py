"""Realised and implied matrices: loops, positive semidefinite, exact on the index, and portfolios of their names."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import load_market
from engine.backend import to_host
from engine.correlation import (
    CorrelationStatus,
    MatrixStatus,
    RealizedMatrix,
    TopWeights,
    correlation_contribution,
    daily_returns,
    diversification,
    implied_correlation,
    implied_matrix,
    nearest_correlation,
    realized_matrix,
    volatility_contribution,
)
from engine.errors import InputError

WINDOW = 40


def market(seed, dates=90, names=8, missing=0.03):
    """One-factor returns with missing days, weights of a changing basket, and volatilities with missing quotes."""
    rng = np.random.default_rng(seed)
    returns = 0.01 * (
        rng.standard_normal((dates, 1)) + rng.uniform(0.5, 2.0, names) * rng.standard_normal((dates, names))
    )
    returns[rng.random(returns.shape) < missing] = np.nan
    weights = rng.uniform(0.2, 2.0, (dates, names))
    weights[rng.random(weights.shape) < 0.15] = 0.0
    iv = rng.uniform(0.15, 0.5, (dates, names))
    iv[rng.random(iv.shape) < missing] = np.nan
    return returns, weights, iv


def index_at(level, iv, weights):
    """Index volatility that makes the clean correlation of the quoted names this level."""
    held = np.where(np.isfinite(iv), weights, 0.0)
    x = held / held.sum(axis=1, keepdims=True) * np.nan_to_num(iv)
    own = (x**2).sum(axis=1)
    return np.sqrt(own + level * (x.sum(axis=1) ** 2 - own))


def lowest_eigenvalue(correlation):
    """Of each date's names that are known."""
    found = []
    for c in correlation:
        known = np.isfinite(c.diagonal())
        found.append(np.linalg.eigvalsh(c[np.ix_(known, known)]).min() if known.any() else 0.0)
    return np.array(found)


def realized_reference(returns, t, i, j, shrunk_to=None, shrinkage=0.0):
    days = range(t - WINDOW + 1, t + 1)
    moves = [[r if math.isfinite(r) else 0.0 for r in (returns[d][k] for d in days)] for k in (i, j)]
    both = sum(a * b for a, b in zip(*moves, strict=True))
    c = both / math.sqrt(sum(a * a for a in moves[0]) * sum(b * b for b in moves[1]))
    return c if shrunk_to is None else (1 - shrinkage) * c + shrinkage * shrunk_to


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_every_realised_pair_equals_the_sum_over_its_days_written_as_a_loop(xp, shrinkage):
    returns, weights, _ = market(seed=0)
    found = realized_matrix(xp.asarray(returns), xp.asarray(weights), WINDOW, shrinkage=shrinkage)
    correlation, position = to_host(found.correlation), to_host(found.position)
    for t in (WINDOW - 1, 70, 89):
        names = [k for k in position[t] if weights[t, k] > 0]
        pairs = {(i, j): realized_reference(returns, t, i, j) for i in names for j in names if i != j}
        average = sum(pairs.values()) / len(pairs)
        for a, i in enumerate(position[t]):
            for b, j in enumerate(position[t]):
                if i not in names or j not in names:
                    assert np.isnan(correlation[t, a, b])
                elif i == j:
                    assert correlation[t, a, b] == 1.0
                else:
                    # Sums of forty products.
                    expected = realized_reference(returns, t, i, j, average, shrinkage)
                    assert correlation[t, a, b] == pytest.approx(expected, abs=1e-14)


@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.floats(0.0, 0.6))
@settings(max_examples=40, deadline=None)
def test_a_realised_matrix_is_one_however_few_the_days_and_many_the_gaps(seed, shrinkage, missing):
    returns, weights, _ = market(seed, dates=12, missing=missing)
    found = realized_matrix(returns, weights, 5, shrinkage=shrinkage, min_returns=0.2).correlation
    np.testing.assert_array_equal(found, found.swapaxes(1, 2))
    diagonal = found.diagonal(axis1=1, axis2=2)
    assert ((diagonal == 1.0) | np.isnan(diagonal)).all()
    # With five days and eight names the lowest eigenvalues are zero but for rounding.
    assert lowest_eigenvalue(found).min() > -1e-14


def test_a_session_that_all_names_miss_leaves_no_trace():
    returns, weights, _ = market(seed=1, missing=0.0)
    weights[:] = weights[0]
    with_hole = np.insert(returns, 70, np.nan, axis=0)
    found = realized_matrix(with_hole, np.insert(weights, 70, weights[0], axis=0), WINDOW + 1).correlation
    # The same products are added up, with a zero among them.
    np.testing.assert_allclose(found[80], realized_matrix(returns, weights, WINDOW).correlation[79], atol=1e-14)


def test_names_with_too_few_returns_and_names_that_never_moved_are_not_known():
    returns, weights, _ = market(seed=2, missing=0.0)
    weights[:] = np.arange(8.0, 0.0, -1.0)  # columns in the order of the axis
    returns[60:69, 1] = np.nan  # 9 of 40 sessions
    returns[60:68, 2] = np.nan
    returns[:, 5] = 0.0
    known = np.isfinite(realized_matrix(returns, weights, WINDOW).correlation[80].diagonal())
    assert known.tolist() == [True, False, True, True, True, False, True, True]
    assert not np.isfinite(realized_matrix(returns, weights, WINDOW).correlation[: int(0.8 * WINDOW) - 1]).any()


def test_a_realised_matrix_knows_nothing_later_than_its_date():
    returns, weights, _ = market(seed=3)
    later = returns.copy()
    later[61:] = 9.0
    before, after = (realized_matrix(r, weights, WINDOW).correlation[:61] for r in (returns, later))
    np.testing.assert_array_equal(before, after)


def test_blocks_and_slices_of_dates_equal_the_whole_on_numpy_bit_for_bit(xp):
    returns, weights, iv = (xp.asarray(a) for a in market(seed=4))
    index = xp.full(len(returns), 0.2)
    realized = realized_matrix(returns, weights, WINDOW)
    whole = implied_matrix(index, iv, realized)
    # The library of a device adds products up in an order that depends on how many matrices it is given at once.
    tolerance = 1e-12 if xp.__name__ == "cupy" else 0.0
    for budget in (1, 100_000):
        pieces = realized_matrix(returns, weights, WINDOW, budget=budget)
        np.testing.assert_allclose(to_host(pieces.correlation), to_host(realized.correlation), rtol=0.0, atol=tolerance)
        for name, values in vars(implied_matrix(index, iv, pieces, budget=budget)).items():
            np.testing.assert_allclose(to_host(values), to_host(getattr(whole, name)), rtol=0.0, atol=tolerance)
    for name, values in vars(diversification(whole, weights, budget=1)).items():
        np.testing.assert_array_equal(to_host(values), to_host(getattr(diversification(whole, weights), name)))
    shares = [to_host(correlation_contribution(whole, weights.shape[1], budget=budget)) for budget in (None, 1)]
    np.testing.assert_array_equal(*shares)
    part = slice(50, 73)
    some = implied_matrix(index[part], iv[part], realized_matrix(returns, weights, WINDOW, dates=part))
    for name, values in vars(some).items():
        np.testing.assert_array_equal(to_host(values), to_host(getattr(whole, name))[part])


@given(st.integers(0, 10**6), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_implied_matrix_is_one_and_gives_the_index_variance(seed, share):
    returns, weights, iv = market(seed, dates=60)
    names = (np.isfinite(iv) & (weights > 0.0)).sum(axis=1)
    lowest = -1.0 / np.maximum(names - 1, 1)
    level = lowest + (0.001 + 0.998 * share) * (1.0 - lowest)  # from all but the lowest to all but one
    index = index_at(level, iv, weights)
    matrix = implied_matrix(index, iv, realized_matrix(returns, weights, WINDOW, min_returns=0.5), min_coverage=0.0)
    made = np.isfinite(index) & (names > 1) & (np.arange(60) >= WINDOW)
    c = matrix.correlation[made]
    known = np.isfinite(c.diagonal(axis1=1, axis2=2))
    assert made.sum() > 10
    assert (known.sum(axis=1) == names[made]).all()
    np.testing.assert_array_equal(c, c.swapaxes(1, 2))
    assert (c.diagonal(axis1=1, axis2=2)[known] == 1.0).all()
    # A share of the way between two correlation matrices, each with eigenvalues above zero but for rounding.
    assert lowest_eigenvalue(c).min() > -1e-13
    x = np.where(known, matrix.weight[made] * matrix.vol[made], 0.0)
    variance = np.einsum("ti,tij,tj->t", x, np.nan_to_num(c), x)
    # A few dozen roundings of variances below .25: far within the 1e-10 asked for.
    np.testing.assert_allclose(variance, index[made] ** 2, rtol=0, atol=1e-15)
    np.testing.assert_allclose(matrix.level[made], level[made], atol=1e-12)  # as for implied correlation
    assert (np.abs(matrix.alpha[made]) <= 1.0 + 1e-12).all()


def test_a_date_equals_the_scaling_written_as_loops(xp):
    returns, weights, iv = market(seed=5)
    for level in (0.9, -0.05):  # above the realised level, and below it
        index = index_at(np.full(len(iv), level), iv, weights)
        realized = realized_matrix(xp.asarray(returns), xp.asarray(weights), WINDOW)
        found = implied_matrix(xp.asarray(index), xp.asarray(iv), realized, min_coverage=0.0)
        for t in (60, 75, 89):
            c, position = to_host(realized.correlation)[t], to_host(realized.position)[t]
            used = [m for m, k in enumerate(position) if weights[t, k] > 0 and np.isfinite(iv[t, k])]
            total = sum(weights[t, position[m]] for m in used)
            x = {m: weights[t, position[m]] / total * iv[t, position[m]] for m in used}
            goal = 1.0 if level > 0.5 else -1.0 / (len(used) - 1)
            before = sum(x[i] * x[j] * c[i, j] for i in used for j in used)
            end = sum(x[i] * x[j] * (1.0 if i == j else goal) for i in used for j in used)
            share = (index[t] ** 2 - before) / (end - before)
            assert float(found.alpha[t]) == pytest.approx(share if goal > 0 else -share, abs=1e-12)
            for i in used:
                for j in used:
                    expected = 1.0 if i == j else c[i, j] + share * (goal - c[i, j])
                    # Sums of sixty products, divided by the distance of two variances of a tenth of them.
                    assert float(found.correlation[t, i, j]) == pytest.approx(expected, abs=1e-12)


def test_the_realised_matrix_is_kept_where_it_prices_the_index_already():
    returns, weights, iv = market(seed=6, missing=0.0)
    realized = realized_matrix(returns, weights, WINDOW)
    x = np.take_along_axis(weights * iv, realized.position, axis=1) / weights.sum(axis=1, keepdims=True)
    c = np.nan_to_num(realized.correlation)
    index = np.sqrt(np.einsum("ti,tij,tj->t", x, c, x))
    found = implied_matrix(index, iv, realized)
    made = slice(WINDOW, None)
    # The root and its square round.
    np.testing.assert_allclose(found.correlation[made], realized.correlation[made], atol=1e-14)
    np.testing.assert_allclose(found.alpha[made], 0.0, atol=1e-14)


@pytest.mark.parametrize(("level", "status"), [(1.2, "above_one"), (-0.51, "below_psd_bound")])
def test_an_index_no_matrix_can_give_has_a_status_and_a_level_but_no_matrix(level, status):
    returns, weights, iv = market(seed=7, names=3, missing=0.0)
    weights[:] = [0.3, 0.3, 0.4]
    iv[:] = 0.3
    found = implied_matrix(index_at(np.full(90, level), iv, weights), iv, realized_matrix(returns, weights, WINDOW))
    assert {CorrelationStatus(s).text for s in found.status[WINDOW:]} == {status}
    assert np.isnan(found.correlation[WINDOW:]).all()
    np.testing.assert_allclose(found.level[WINDOW:], level, atol=1e-13)  # rounding of one correlation
    assert (np.abs(found.alpha[WINDOW:]) > 1.0).all()
    assert np.isnan(diversification(found, np.full(3, 1 / 3)).vol).all()


def test_missing_quotes_and_returns_are_told_apart_from_prices():
    returns, weights, iv = market(seed=8, names=3, missing=0.0)
    weights[:] = [0.5, 0.3, 0.2]
    index = np.full(90, 0.2)
    index[80], iv[81, 0], iv[82] = np.nan, np.nan, np.nan
    iv[83, :2] = np.nan
    found = implied_matrix(index, iv, realized_matrix(returns, weights, WINDOW), min_coverage=0.8)
    assert [CorrelationStatus(found.status[t]).text for t in (10, 80, 81, 82, 83)] == [
        "thin_coverage",
        "no_index_quote",
        *["thin_coverage"] * 3,
    ]
    assert found.coverage[[10, 81, 82]].round(12).tolist() == [0.0, 0.5, 0.0]
    assert np.isfinite(found.correlation[81, 1:, 1:]).all() == (found.level[81] <= 1.0)
    for t in (10, 80, 82, 83):
        assert np.isnan(found.correlation[t]).all()
        assert np.isnan(found.alpha[t])


def test_the_order_of_names_does_not_change_a_bit():
    returns, weights, iv = market(seed=9)
    index = np.full(90, 0.22)
    order = np.random.default_rng(9).permutation(8)
    straight = implied_matrix(index, iv, realized_matrix(returns, weights, WINDOW))
    shuffled = implied_matrix(index, iv[:, order], realized_matrix(returns[:, order], weights[:, order], WINDOW))
    # Rows follow the weights, which are distinct, not the order of the axis.
    for name in ("correlation", "weight", "vol", "level", "alpha", "status", "coverage", "names"):
        np.testing.assert_array_equal(getattr(straight, name), getattr(shuffled, name))
    held = straight.weight > 0.0
    np.testing.assert_array_equal(order[shuffled.position][held], straight.position[held])


def test_the_level_and_status_are_those_of_implied_correlation():
    returns, weights, iv = market(seed=10)
    index = np.full(90, 0.25)
    basket = TopWeights(5).select(weights, tuple("ABCDEFGH"))
    matrix = implied_matrix(index, iv, realized_matrix(returns, basket, WINDOW, min_returns=0.5))
    expected = implied_correlation(index, iv, basket)
    made = slice(WINDOW, None)
    assert matrix.correlation.shape == (90, 5, 5)
    for name, other in (("level", "clean"), ("coverage", "coverage")):
        # Kernels add names in the order of the axis, which is another here.
        np.testing.assert_allclose(getattr(matrix, name)[made], getattr(expected, other)[made], rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(matrix.status[made], expected.status[made])


def test_the_nearest_correlation_matrix_is_the_published_one(xp):
    """Higham (2002), the example of section 4, to the four digits printed; and one that is valid is left alone."""
    given = xp.asarray([[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [[1.0, 0.5, 0.1]] * 3])
    given[1] = xp.asarray([[1.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 1.0]])
    nearest, distance = nearest_correlation(given)
    published = [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    np.testing.assert_allclose(to_host(nearest)[0], published, atol=5e-5)
    np.testing.assert_array_equal(to_host(nearest)[1], to_host(given)[1])
    assert float(distance[0]) == pytest.approx(0.5278, abs=5e-5)
    assert float(distance[1]) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_no_correlation_matrix_is_nearer_than_the_nearest(seed):
    """Against a search: matrices of unit vectors, moved until none is nearer; any correlation matrix is one of them."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    given = rng.uniform(-1.0, 1.0, (4, 4))
    given = np.triu(given, 1) + np.triu(given, 1).T + np.eye(4)

    def squares(flat):
        vectors = flat.reshape(4, 4)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return ((vectors @ vectors.T - given) ** 2).sum()

    searched = min(minimize(squares, rng.standard_normal(16), tol=1e-14).fun for _ in range(5))
    nearest, distance = nearest_correlation(given[None])
    assert lowest_eigenvalue(nearest).min() > -1e-14  # rounding of eigenvalues of order 1
    assert (nearest[0].diagonal() == 1.0).all()
    assert float(distance[0]) ** 2 == pytest.approx(searched, rel=1e-6)  # where the search stops


def test_each_matrix_is_repaired_as_if_it_were_alone():
    rng = np.random.default_rng(4)
    given = rng.uniform(-1.0, 1.0, (20, 6, 6))
    given = np.triu(given, 1) + np.triu(given, 1).swapaxes(1, 2) + np.eye(6)
    together = nearest_correlation(given)
    for t in range(20):
        for whole, alone in zip(together, nearest_correlation(given[t : t + 1]), strict=True):
            np.testing.assert_array_equal(whole[t], alone[0])


def test_a_realised_matrix_that_is_none_is_repaired_and_the_record_says_so(xp):
    """Pairs 1, 1 and 0: eigenvalue 1 - sqrt 2. Moved towards the lowest correlation as it was, it kept one of -.084."""
    given = xp.asarray([[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [[1.0, 0.5, 0.5]] * 3])
    given[1] = 0.5 + 0.5 * xp.eye(3)
    realized = RealizedMatrix(given, xp.asarray([[0, 1, 2]] * 2), xp.full((2, 3), 1.0 / 3.0))
    found = implied_matrix(xp.full(2, 0.16), xp.full((2, 3), 0.2), realized)
    assert [MatrixStatus(s).text for s in to_host(found.matrix_status)] == ["repaired", "ok"]
    assert to_host(found.repair).round(4).tolist() == [0.5278, 0.0]
    c = to_host(found.correlation)
    assert lowest_eigenvalue(c).min() > -1e-14  # as above
    np.testing.assert_allclose(c.sum(axis=(1, 2)) * (0.2 / 3.0) ** 2, 0.16**2, rtol=1e-13)  # still prices the index
    assert [CorrelationStatus(s).text for s in to_host(found.status)] == ["ok", "ok"]


def test_dates_without_a_matrix_say_that_it_is_absent():
    returns, weights, iv = market(seed=7, names=3, missing=0.0)
    found = implied_matrix(np.full(90, 0.9), iv, realized_matrix(returns, weights, WINDOW))
    assert (found.matrix_status == MatrixStatus.ABSENT).all()
    assert np.isnan(found.correlation).all()


def test_real_chains_have_a_matrix_on_every_date_that_prices_the_index(shared_data):
    market = load_market("us_chains", path=shared_data, progress=False)
    cell = (slice(None), list(market.tenors).index(91), list(market.deltas).index(50))
    index = market.index_iv[cell].astype(float)
    basket = TopWeights(50).select(market.weights, market.names)
    returns = daily_returns(market.spot, market.return_factor, market.dates)
    realized = realized_matrix(returns, basket, 30)
    found = implied_matrix(index, market.component_iv[:, :, cell[1], cell[2]], realized)
    made = np.isfinite(found.correlation).any(axis=(1, 2))
    assert made.sum() >= 30  # of 62 dates, those with a window behind them
    x = np.where(made[:, None], found.weight * np.nan_to_num(found.vol), 0.0)
    variance = np.einsum("ti,tij,tj->t", x, np.nan_to_num(found.correlation), x)
    np.testing.assert_allclose(variance[made], index[made] ** 2, rtol=0, atol=1e-14)  # 2,500 products
    assert lowest_eigenvalue(found.correlation[made]).min() > -1e-13  # as above
    assert {CorrelationStatus(s).text for s in found.status[made]} == {"ok"}


def implied(seed, level=0.4, missing=0.0):
    returns, weights, iv = market(seed, missing=missing)
    realized = realized_matrix(returns, weights, WINDOW)
    return implied_matrix(index_at(np.full(90, level), iv, weights), iv, realized, min_coverage=0.0), weights, iv


def test_the_index_basket_itself_has_the_index_volatility_and_after_a_rise_that_of_the_higher_correlation():
    matrix, weights, iv = implied(seed=11)
    portfolio = weights / weights.sum(axis=1, keepdims=True)
    made = slice(WINDOW, None)
    for rise in (0.1, -0.1):
        found = diversification(matrix, portfolio, rise)
        # Roundings of variances of a few hundredths.
        np.testing.assert_allclose(found.vol[made], index_at(0.4, iv, weights)[made], rtol=1e-12)
        np.testing.assert_allclose(found.stressed_vol[made], index_at(0.4 + rise, iv, weights)[made], rtol=1e-12)
        np.testing.assert_allclose(found.undiversified_vol[made], (portfolio * iv).sum(axis=1)[made], rtol=1e-13)
        np.testing.assert_allclose(found.benefit_lost, found.stressed_vol - found.vol)
        np.testing.assert_allclose(found.ratio[made], (found.undiversified_vol / found.vol)[made])
        np.testing.assert_allclose(found.coverage[made], 1.0, rtol=1e-14)


def test_a_portfolio_volatility_equals_the_double_sum_and_a_rise_moves_every_pair_alike(xp):
    returns, weights, iv = market(seed=12, missing=0.0)
    weights[:] = np.arange(8.0, 0.0, -1.0)
    index = index_at(np.full(90, 0.4), iv, weights)
    realized = realized_matrix(xp.asarray(returns), xp.asarray(weights), WINDOW)
    matrix = implied_matrix(xp.asarray(index), xp.asarray(iv), realized)
    portfolio = np.array([0.5, -0.3, 0.0, 0.4, 0.2, -0.1, 0.0, 0.6])
    found = diversification(matrix, xp.asarray(portfolio), rise=0.15)
    t, c = 77, to_host(matrix.correlation)[77]
    moved = c + 0.15 / 0.6 * (1.0 - c)
    for rho, vol in ((c, found.vol), (moved, found.stressed_vol)):
        pairs = ((i, j) for i in range(8) for j in range(8))
        expected = sum(portfolio[i] * portfolio[j] * iv[t, i] * iv[t, j] * rho[i, j] for i, j in pairs)
        assert float(vol[t]) == pytest.approx(math.sqrt(expected), rel=1e-12)  # sums of 64 products
    assert float(found.undiversified_vol[t]) == pytest.approx(sum(abs(portfolio) * iv[t]), rel=1e-14)
    x = portfolio * iv[t]
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    average = sum(x[i] * x[j] * c[i, j] for i, j in pairs) / sum(abs(x[i] * x[j]) for i, j in pairs)
    assert float(found.correlation[t]) == pytest.approx(average, rel=1e-11)  # two squares of a few tenths subtracted


def test_contributions_of_the_positions_are_the_slopes_of_the_volatility_and_sum_to_it():
    matrix, _, _ = implied(seed=16)
    portfolio = np.array([0.5, -0.3, 0.0, 0.4, 0.2, -0.1, 0.0, 0.6])
    t, vol = 80, diversification(matrix, portfolio).vol
    found = volatility_contribution(matrix, portfolio)
    np.testing.assert_array_equal(volatility_contribution(matrix, portfolio, budget=1), found)
    np.testing.assert_allclose(found.sum(axis=1), vol, rtol=1e-12)
    for i in matrix.position[t][np.isfinite(matrix.vol[t])]:
        x = {n: portfolio[n] * s for n, s in zip(matrix.position[t], matrix.vol[t], strict=True) if np.isfinite(s)}
        at = {int(n): m for m, n in enumerate(matrix.position[t])}
        covered = sum(abs(portfolio[n]) for n in x) / sum(abs(portfolio))
        moves = sum(x[i] * x[j] * matrix.correlation[t, at[i], at[j]] for j in x) / covered**2
        assert found[t, i] == pytest.approx(moves / vol[t], rel=1e-11)  # sums of a few products


def test_weight_on_names_outside_the_matrix_is_spread_over_the_others_and_told():
    matrix, _, _ = implied(seed=13)
    t = 80
    inside = np.isfinite(matrix.vol[t])
    assert 0 < (~inside).sum() < 8  # the basket of the day leaves some names out
    first = matrix.position[t][inside]
    portfolio = np.full(8, 0.125)
    only = np.zeros(8)
    only[first] = 1.0 / len(first)
    found, expected = diversification(matrix, portfolio), diversification(matrix, only)
    assert found.coverage[t] == pytest.approx(len(first) / 8, rel=1e-14)
    assert found.vol[t] == pytest.approx(expected.vol[t], rel=1e-13)  # weights scaled in another order
    outside = np.where(np.isin(np.arange(8), first), 0.0, 1.0)
    lone = diversification(matrix, outside)
    assert lone.coverage[t] == 0.0
    assert np.isnan(lone.vol[t])


def test_a_rise_beyond_correlation_one_has_no_answer():
    matrix, weights, _ = implied(seed=14, level=0.95)
    found = diversification(matrix, weights, rise=0.1)
    assert np.isfinite(found.vol[WINDOW:]).all()
    assert np.isnan(found.stressed_vol).all()
    assert np.isnan(diversification(matrix, weights, rise=-1.2).stressed_vol).all()


def test_mistakes_say_what_to_do():
    returns, weights, iv = market(seed=15)
    realized = realized_matrix(returns, weights, WINDOW)
    with pytest.raises(InputError, match="differ in shape"):
        realized_matrix(returns, weights[1:])
    with pytest.raises(InputError, match="measures nothing; use 252"):
        realized_matrix(returns, weights, 0)
    with pytest.raises(InputError, match=r"shrinkage=2.0 is not a fraction"):
        realized_matrix(returns, weights, shrinkage=2.0)
    with pytest.raises(InputError, match="choose one tenor and delta"):
        implied_matrix(np.ones((90, 2)), iv[:, :, None], realized)
    skew = RealizedMatrix(np.array([[[1.0, 0.2], [0.3, 1.0]]]), np.array([[0, 1]]), np.full((1, 2), 0.5))
    with pytest.raises(InputError, match="is not symmetric; give every pair one correlation"):
        implied_matrix(np.ones(1), np.ones((1, 2)), skew)
    matrix = implied_matrix(np.full(90, 0.2), iv, realized)
    with pytest.raises(InputError, match="give a weight to every name"):
        diversification(matrix, np.ones(5))
    with pytest.raises(InputError, match=r"as \(N,\) or \(90, N\)"):
        diversification(matrix, np.ones((10, 8)))
