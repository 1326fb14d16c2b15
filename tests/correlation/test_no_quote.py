"""What is written where there is no quote (-1, -99.99, 0, infinite) counts as none, in every measure and kernel."""

import numpy as np
import pytest

from engine.correlation import (
    CorrelationStatus,
    basket_moments,
    correlation_band,
    correlation_sensitivity,
    dispersion_measures,
    implied_correlation,
    implied_matrix,
    pairwise_correlation,
    realized_correlation,
    realized_matrix,
    surface_dispersion,
    variance_change,
)
from engine.errors import InputError

NOTHING = [-1.0, -99.99, 0.0, -0.0, np.inf, -np.inf, np.nan]
RNG = np.random.default_rng(3)
INDEX = RNG.uniform(0.1, 0.2, (4, 2, 3))
VOLS = RNG.uniform(0.2, 0.4, (4, 5, 2, 3))
WEIGHTS = np.full((4, 5), 0.2)
RETURNS = 0.01 * RNG.standard_normal((4, 5))

MEASURES = {
    "implied_correlation": lambda index, vols, w: implied_correlation(index, vols, w),
    "basket_moments": lambda index, vols, w: basket_moments(w, vols),
    "dispersion_measures": lambda index, vols, w: dispersion_measures(index, vols, w),
    "surface_dispersion": lambda index, vols, w: surface_dispersion(index, vols, w, [30, 91], [25, 50, 75]),
    "correlation_sensitivity": lambda index, vols, w: correlation_sensitivity(index, vols, w),
    "variance_change": lambda index, vols, w: variance_change(index, vols, w),
    "correlation_band": lambda index, vols, w: correlation_band(index, index + 0.01, vols, vols + 0.01, w).bid,
    "implied_matrix": lambda index, vols, w: implied_matrix(
        index[:, 0, 0], vols[:, :, 0, 0], realized_matrix(RETURNS, w, window=3)
    ),
}


def same(one, other):
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(other, name), err_msg=name)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("nothing", NOTHING, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_quote_is_no_quote_however_it_is_written(measure, nothing, dtype):
    index, vols = INDEX.astype(dtype), VOLS.astype(dtype)
    index[1], vols[2, 3], vols[3, 1, 0] = nothing, nothing, nothing
    expected_index, expected = index.copy(), vols.copy()
    expected_index[1], expected[2, 3], expected[3, 1, 0] = np.nan, np.nan, np.nan
    with np.errstate(invalid="ignore"):
        same(measure(index, vols, WEIGHTS), measure(expected_index, expected, WEIGHTS))


@pytest.mark.parametrize("nothing", NOTHING, ids=str)
def test_coverage_names_and_status_tell_what_is_missing(xp, nothing):
    vols = VOLS.copy()
    vols[:, 3] = nothing
    vols[2] = nothing
    index = INDEX.copy()
    index[3] = nothing
    rho = implied_correlation(*(xp.asarray(a) for a in (index, vols, WEIGHTS)), min_coverage=0.5)
    np.testing.assert_allclose(np.asarray(rho.coverage[0].tolist()), 0.8, rtol=1e-15)
    assert (rho.names[0] == 4).all()
    assert (rho.names[2] == 0).all()
    assert (rho.coverage[2] == 0.0).all()
    assert [CorrelationStatus(int(s)).name for s in rho.status[2:, 0, 0]] == ["THIN_COVERAGE", "NO_INDEX_QUOTE"]
    assert not xp.isfinite(rho.clean[2:]).any()


def test_a_realised_volatility_of_zero_counts(xp):
    returns = xp.asarray(RETURNS.copy())
    returns[:, 2] = 0.0
    record = realized_correlation(returns, xp.asarray(WEIGHTS), window=3)
    assert float(record.component_vol[3, 2]) == 0.0
    assert int(record.names[3]) == 5
    assert float(record.coverage[3]) == pytest.approx(1.0)
    vols = xp.asarray(VOLS.copy())
    vols[:, 2] = 0.0
    rho = implied_correlation(xp.asarray(INDEX), vols, xp.asarray(WEIGHTS), zero_counts=True)
    assert (rho.names == 5).all()


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("bad", [-1.0, -99.99, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused(measure, bad):
    weights = WEIGHTS.copy()
    weights[1, 2] = bad
    with pytest.raises(InputError, match="a weight is 0 where a name is not held"):
        measure(INDEX, VOLS, weights)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "name", [n for n in MEASURES if n not in ("basket_moments", "correlation_band", "implied_matrix")]
)
def test_a_masked_array_is_refused_by_name(name, place):
    given = [INDEX, VOLS, WEIGHTS]
    given[place] = np.ma.masked_less(given[place], 0.15)
    with pytest.raises(InputError, match="is a masked array, and what it masks would count"):
        MEASURES[name](*given)


@pytest.mark.parametrize("wrong", [WEIGHTS[0], WEIGHTS[:, :4], WEIGHTS.T, WEIGHTS[:, :, None], WEIGHTS.tolist()])
def test_weights_of_another_shape_or_kind_are_refused(wrong):
    for name in ("implied_correlation", "dispersion_measures", "correlation_sensitivity", "variance_change"):
        with pytest.raises(InputError, match=r"do not belong together|give an array of numbers"):
            MEASURES[name](INDEX, VOLS, wrong)


def test_returns_that_are_masked_or_belong_to_other_names_are_refused():
    for measure in (
        lambda r, w: realized_correlation(r, w, window=3),
        lambda r, w: pairwise_correlation(r, w, window=3),
        lambda r, w: realized_matrix(r, w, window=3),
    ):
        with pytest.raises(InputError, match="masked array"):
            measure(np.ma.masked_less(RETURNS, 0.0), WEIGHTS)
        with pytest.raises(InputError, match="differ in shape"):
            measure(RETURNS, WEIGHTS[:, :4])


@pytest.mark.parametrize("tiny", [1e-13, 1e-17, 1e-200])
def test_a_second_name_that_is_but_rounding_leaves_no_pair(xp, tiny):
    index, vols, weights = np.full(3, 0.3), np.full((3, 2), 0.3), np.tile([1.0, tiny], (3, 1))
    rho = implied_correlation(*map(xp.asarray, (index, vols, weights)))
    assert [CorrelationStatus(int(s)).name for s in rho.status] == ["DEGENERATE"] * 3
    assert not xp.isfinite(rho.clean).any()
    returns = xp.asarray(RETURNS[:3, :2].copy())
    assert not xp.isfinite(pairwise_correlation(returns, xp.asarray(weights), window=2).weighted).any()
    assert bool(xp.isfinite(pairwise_correlation(returns, xp.asarray(weights), window=2).equal[-1]))


def test_a_constant_return_has_no_deviation_but_rounding(xp):
    returns = xp.asarray(np.column_stack([np.full(40, 0.1), np.full(40, -1e-3 / 3), RETURNS[np.arange(40) % 4, 0]]))
    record = realized_correlation(returns, xp.full((40, 3), 1.0 / 3.0), window=30, demean=True)
    assert [float(vol) for vol in record.component_vol[-1, :2]] == [0.0, 0.0]
    assert float(record.component_vol[-1, 2]) > 0.01
