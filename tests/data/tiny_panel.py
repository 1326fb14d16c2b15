"""A panel of random numbers, as small as can be, and whether two panels hold the same."""

import numpy as np

from engine.data.panel import MarketPanel
from engine.data.records import DELTAS, TENORS, MarketInfo


def tiny_panel(sessions=6, start="2026-01-01", names=("A", "B"), seed=0) -> MarketPanel:
    rng = np.random.default_rng(seed)
    t, n, k, d = sessions, len(names), len(TENORS), len(DELTAS)
    return MarketPanel(
        info=MarketInfo(name="tiny", index="IDX"),
        dates=np.datetime64(start, "D") + np.arange(t),
        names=np.array(names),
        tenors=np.array(TENORS),
        deltas=np.array(DELTAS),
        index_iv=rng.random((t, k, d)).astype(np.float32),
        component_iv=rng.random((t, n, k, d)).astype(np.float32),
        index_status=np.zeros((t, k, d), np.uint8),
        component_status=np.zeros((t, n, k, d), np.uint8),
        weights=np.full((t, n), 1.0 / n),
        index_spot=rng.random(t),
        spot=rng.random((t, n)),
        rate=np.zeros(t),
        index_carry=np.zeros(t),
        carry=np.zeros((t, n)),
        strike_factor=np.ones((t, n)),
        return_factor=np.ones((t, n)),
        settlement=np.full((t, n), np.nan),
    )


def arrays(panel):
    found = {}
    panel.map_arrays(lambda name, array: found.setdefault(name, np.asarray(array)))
    return found


def assert_same(one, other):
    first, second = arrays(one), arrays(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
    assert one.info == other.info
    for axis in ("names", "tenors", "deltas"):
        np.testing.assert_array_equal(getattr(one, axis), getattr(other, axis))
