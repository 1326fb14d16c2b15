"""Pages go to the runs that lead a sweep when they are done."""

import math

import numpy as np
import pytest

from engine.errors import InputError
from engine.runs.leaders import Leaders, pages_asked


@pytest.mark.parametrize("seed", range(3))
def test_the_runs_that_lead_in_the_end_have_pages(seed):
    ratios = np.random.default_rng(seed).normal(size=60)
    ratios[::7] = np.nan
    leaders, with_page = Leaders(), set()
    for first in range(0, 60, 20):
        joined = leaders.joined_by(ratios[first : first + 20], 4)
        assert len(joined) <= 4
        with_page |= {first + p for p in joined}
    best = np.argsort(-np.nan_to_num(ratios, nan=-math.inf))[:4]
    assert set(best.tolist()) <= with_page


def test_all_means_all_and_none_none():
    assert Leaders().joined_by(np.array([np.nan, 1.0]), math.inf) == {0, 1}
    assert Leaders().joined_by(np.array([1.0]), 0) == set()
    assert pages_asked({"report": {"html": False, "pages": "all"}}) == 0
    assert pages_asked({"report": {"html": True}}) == math.inf  # as earlier versions wrote


@pytest.mark.parametrize("pages", [-1, "few", 1.5, True, None])
def test_a_number_of_pages_that_is_none_is_refused(pages):
    with pytest.raises(InputError, match=r"report\.pages"):
        pages_asked({"report": {"html": True, "pages": pages}})
