"""Shape of the surface: slopes, regimes, skew and order against planted surfaces."""

import numpy as np
import pytest

from engine.backend import to_host
from engine.correlation.structure import correlation_skew, descends, term_structure
from engine.errors import InputError

TENORS, DELTAS = np.array([30, 91, 182, 365]), np.arange(10, 95, 5)


def surface(seed=0, dates=40):
    """Random correlations with unknown cells."""
    rng = np.random.default_rng(seed)
    clean = rng.uniform(0.05, 0.9, (dates, len(TENORS), len(DELTAS)))
    clean[rng.random(clean.shape) < 0.1] = np.nan
    return clean


def test_a_planted_slope_is_found_in_points_per_month(xp):
    months = TENORS * 12 / 365
    clean = 0.2 + 0.013 * months[None, :, None] + np.array([0.0, 0.1])[:, None, None] * np.ones(3)
    for front, back in ((30, 365), (91, 182)):
        shape = term_structure(xp.asarray(clean), TENORS, front, back)
        # A difference of correlations below 1, in points, over a third of a year.
        np.testing.assert_allclose(to_host(shape.slope), np.full((2, 3), 1.3), rtol=0, atol=1e-12)


def test_regimes_follow_the_sign_beyond_the_flat_band_and_are_flat_where_unknown(xp):
    clean = xp.asarray([[0.30, 0.32], [0.30, 0.305], [0.30, 0.28], [np.nan, 0.3]])
    wide = term_structure(clean, np.array([30, 91]), 30, 91, flat=1.0)
    assert to_host(wide.regime).tolist() == [1, 0, -1, 0]
    narrow = term_structure(clean, np.array([30, 91]), 30, 91)
    assert to_host(narrow.regime).tolist() == [1, 1, -1, 0]
    assert np.isnan(to_host(narrow.slope)).tolist() == [False, False, False, True]


def test_skew_is_the_difference_of_its_deltas_cell_by_cell(xp):
    clean = surface()
    skew = correlation_skew(xp.asarray(clean), DELTAS)
    at = {delta: list(DELTAS).index(delta) for delta in (10, 50, 90)}
    for t in range(len(clean)):
        for k in range(len(TENORS)):
            low, middle, high = (100 * clean[t, k, at[delta]] for delta in (10, 50, 90))
            wanted = high - middle, middle - low, high - low, high + low - 2 * middle
            found = [to_host(part)[t, k] for part in (skew.put, skew.call, skew.total, skew.curvature)]
            # Sums of three levels below 100 points.
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_the_order_of_deltas_holds_only_where_all_are_known_and_each_is_above_the_next(xp):
    clean, order = surface(1), (90, 70, 50, 30)
    at = [list(DELTAS).index(delta) for delta in order]
    clean[:10] = np.sort(clean[:10], axis=-1)  # rising in delta; unknown cells go last
    found = to_host(descends(xp.asarray(clean), DELTAS, order))
    for t in range(len(clean)):
        for k in range(len(TENORS)):
            levels = [clean[t, k, place] for place in at]
            wanted = np.nan if np.isnan(levels).any() else float(levels == sorted(levels, reverse=True))
            np.testing.assert_array_equal(found[t, k], wanted)
    assert (found == 1.0).any()
    assert (found == 0.0).any()
    assert np.isnan(found).any()


def test_a_tenor_or_delta_that_is_not_there_is_told():
    with pytest.raises(InputError, match="tenor 60 is not among 30, 91"):
        term_structure(surface(), TENORS, front=60)
    with pytest.raises(InputError, match="must be longer"):
        term_structure(surface(), TENORS, front=365, back=30)
    with pytest.raises(InputError, match="delta 90 is not among 10, 50"):
        correlation_skew(surface()[..., [0, 8]], np.array([10, 50]))
