"""Indices by name: what COR1M and COR90D are cells of, and that nobody gets another cell by a slip of the keyboard."""

import numpy as np
import pytest

from engine.backend import to_host
from engine.correlation import INDICES, correlation_index, correlation_indices, index_cell, index_name
from engine.data.records import DELTAS, TENORS
from engine.errors import InputError

# Cboe, fact sheet of the implied correlation indices; 18 and 24 months are computed there too.
PUBLISHED = {
    "COR1M": (30, 50),
    "COR3M": (91, 50),
    "COR6M": (182, 50),
    "COR9M": (273, 50),
    "COR1Y": (365, 50),
    "COR10D": (91, 10),
    "COR30D": (91, 30),
    "COR70D": (91, 70),
    "COR90D": (91, 90),
}


def test_the_published_names_stand_for_their_tenor_and_call_delta():
    assert {name: index_cell(name) for name in PUBLISHED} == PUBLISHED
    assert set(PUBLISHED) <= set(INDICES)
    assert (index_cell("COR18M"), index_cell("COR24M")) == ((547, 50), (730, 50))


def test_every_cell_of_the_surface_has_a_name_of_its_own_that_leads_back():
    names = {index_name(tenor, delta): (tenor, delta) for tenor in TENORS for delta in DELTAS}
    assert len(names) == len(TENORS) * len(DELTAS)
    assert {name: index_cell(name) for name in names} == names


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("COR2M", "did you mean COR"),
        ("COR12M", "did you mean COR1M|did you mean COR"),
        ("cor90d", "there are COR1M"),
        ("COR95D", "did you mean COR"),
        ("COR", "did you mean|there are"),
        ("VIX", "there are COR1M"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, hint):
    with pytest.raises(InputError, match=f"there is no index {name}; ({hint})"):
        index_cell(name)


@pytest.mark.parametrize(("tenor", "delta", "words"), [(10, 50, "tenor of 10 days"), (30, 52, "delta of 52")])
def test_a_cell_without_a_name_is_refused(tenor, delta, words):
    with pytest.raises(InputError, match=words):
        index_name(tenor, delta)


def test_levels_are_a_hundred_times_the_cell_of_every_basket(xp):
    clean = xp.asarray(np.random.default_rng(0).random((3, 4, len(TENORS), len(DELTAS))))
    levels = correlation_indices(clean, TENORS, DELTAS)
    assert tuple(levels) == INDICES
    for name, (tenor, delta) in PUBLISHED.items():
        cell = to_host(clean)[:, :, TENORS.index(tenor), DELTAS.index(delta)]
        np.testing.assert_array_equal(to_host(levels[name]), 100.0 * cell)
        np.testing.assert_array_equal(to_host(correlation_index(name, clean[0], TENORS, DELTAS)), 100.0 * cell[0])


def test_an_index_the_surface_does_not_have_is_refused_alone_and_left_out_of_the_family():
    clean = np.zeros((2, 1, 1))
    assert list(correlation_indices(clean, [30], [50])) == ["COR1M"]
    with pytest.raises(InputError, match="COR3M needs 91 days at 50 delta"):
        correlation_index("COR3M", clean, [30], [50])
