"""Weights times returns against the index: exact where the index is made of them, near on real data, and days named."""

import numpy as np
import pytest

from engine.data import load_market
from engine.data.panel import MarketPanel
from engine.data.suspicions import suspicions
from engine.data.tracking import APART, UNLIKE, index_tracking, tracking

FEW = {"names": 8, "years": 0.5, "seed": 3}


def closes(sessions=60, names=4, seed=0):
    """An index that is its members, a fifth of which are not held."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 0.02, (sessions, names))
    weights = rng.dirichlet(np.ones(names), sessions) * (rng.random((sessions, names)) < 0.8)
    weights /= weights.sum(axis=1, keepdims=True)
    factor = np.ones((sessions, names))
    factor[30, 2] = 0.25  # a split of four for one
    spot = 50.0 * np.cumprod((1.0 + moves) * factor, axis=0)
    index = 1000.0 * np.cumprod(1.0 + (weights * moves).sum(axis=1))
    return index, spot, factor, weights, np.zeros(sessions, dtype=bool)


def test_an_index_of_its_members_is_reproduced_as_by_a_loop():
    index, spot, factor, weights, holes = closes()
    spot[10, 1] = np.nan  # neither of two returns is known
    found = tracking(index, spot, factor, weights, holes)
    for t in range(1, len(index)):
        held = [(w, spot[t, n] / spot[t - 1, n] / factor[t, n] - 1.0) for n, w in enumerate(weights[t])]
        known = [(w, r) for w, r in held if np.isfinite(r)]
        assert found.members[t] == pytest.approx(sum(w * r for w, r in known) / sum(w for w, _ in known), abs=1e-12)
        assert found.coverage[t] == pytest.approx(sum(w for w, _ in known))
    whole = np.setdiff1d(np.arange(1, 60), [10, 11])
    assert np.abs(found.apart[whole]).max() < 1e-12
    assert np.isnan(found.apart[0])


def test_a_day_that_is_apart_is_named_and_a_hole_is_not():
    index, spot, factor, weights, holes = closes()
    index[40:] *= 1.01
    assert tracking(index, spot, factor, weights, holes).beyond.tolist() == [40]
    holes[40] = True
    assert tracking(index, spot, factor, weights, holes).beyond.tolist() == []
    factor[30, 2] = 1.0  # the split is not told
    assert tracking(index, spot, factor, weights, holes).beyond.tolist() == [30]


def test_the_bound_grows_with_the_distance_of_a_usual_day():
    index, spot, factor, weights, holes = closes()
    rng = np.random.default_rng(1)
    noisy = index * np.exp(rng.normal(0.0, 0.001, len(index)).cumsum())
    found = tracking(noisy, spot, factor, weights, holes)
    assert found.bound == pytest.approx(8.0 * np.nanmedian(np.abs(found.apart)))
    assert tracking(index, spot, factor, weights, holes).bound == 0.0025
    assert np.isnan(tracking(*(a[:15] for a in (index, spot, factor, weights, holes))).middle)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    return load_market("synthetic", cache=tmp_path_factory.mktemp("panels"), progress=False, **FEW)


def test_the_synthetic_index_is_its_members(synthetic):
    found = index_tracking(synthetic)
    assert found["apart"].abs().max() < 1e-9
    assert not found["beyond"].any()
    assert not {APART, UNLIKE} & {s.reason for s in suspicions(synthetic)}


def test_weights_of_another_index_and_a_wrong_close_are_told(synthetic):
    def changed(**arrays) -> MarketPanel:
        return synthetic.map_arrays(lambda name, array: arrays.get(name, array))

    index = np.array(synthetic.index_spot)
    index[50] *= 1.02
    (told,) = (s for s in suspicions(changed(index_spot=index)) if s.reason == APART)
    assert (told.sessions, str(told.date)) == (2, str(synthetic.dates[50]))  # there and back
    assert "sessions are more than 0.25 % apart" in told.text
    other = np.ascontiguousarray(np.array(synthetic.weights)[:, ::-1])
    (told,) = (s for s in suspicions(changed(weights=other)) if s.reason == UNLIKE)
    assert "the weights or the members are not those of the index" in told.text


def test_real_weights_and_returns_reproduce_nifty(nse_panel):
    """Free-float weights by the exchange's rules: on 83 sessions within .06 %, a tenth of a basis point as a rule."""
    found = index_tracking(nse_panel)
    apart = found["apart"].drop_nulls().abs()
    assert len(apart) >= 80
    assert apart.median() < 0.00005
    assert apart.max() < 0.001
    assert not found["beyond"].any()
