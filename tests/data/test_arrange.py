"""Rows put on the panel's axes: corporate actions on days that are no session."""

from datetime import date

import numpy as np
import polars as pl

from engine.data.arrange import action_factors

SESSIONS = np.array(["2026-01-08", "2026-01-09", "2026-02-02", "2026-02-03"], dtype="datetime64[D]")


def factors(*actions):
    return action_factors(
        pl.DataFrame(actions, schema=["date", "asset", "factor"], orient="row"), SESSIONS, ["AAA", "BBB"]
    )


def test_an_action_on_a_session_acts_that_day_and_one_in_a_hole_at_the_next_session():
    expected = np.ones((4, 2))
    expected[1, 0], expected[2, 1] = 0.5, 0.1
    found = factors((date(2026, 1, 9), "AAA", 0.5), (date(2026, 1, 20), "BBB", 0.1))
    np.testing.assert_array_equal(found, expected)


def test_actions_of_one_hole_multiply_and_unknown_terms_make_all_of_it_unknown():
    several = [(date(2026, 1, 10), "AAA", 0.5), (date(2026, 2, 1), "AAA", 0.25), (date(2026, 2, 2), "AAA", 0.5)]
    assert factors(*several)[:, 0].tolist() == [1.0, 1.0, 0.0625, 1.0]
    np.testing.assert_array_equal(factors(*several, (date(2026, 1, 15), "AAA", None))[:, 0], [1.0, 1.0, np.nan, 1.0])


def test_actions_before_the_first_session_after_the_last_and_of_other_names_are_ignored():
    outside = [(date(2026, 1, 7), "AAA", 0.5), (date(2026, 2, 4), "BBB", 0.5), (date(2026, 1, 9), "CCC", 0.5)]
    np.testing.assert_array_equal(factors(*outside), np.ones((4, 2)))
