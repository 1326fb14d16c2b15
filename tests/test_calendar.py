"""Sessions, expiries and the check of found dates against a calendar."""

import numpy as np
import pytest

from engine.calendar import (
    after_hole,
    check_sessions,
    days_between,
    monthly_expiries,
    sessions,
    weekly_expiries,
    year_fraction,
)
from engine.errors import InputError


def days(*text):
    return np.array(text, dtype="datetime64[D]")


def test_new_york_holidays_are_no_sessions():
    found = sessions("XNYS", "2026-06-15", "2026-07-06").astype(str)
    assert "2026-06-19" not in found
    assert "2026-07-03" not in found
    assert "2026-07-02" in found


def test_a_year_has_252_sessions_or_so_for_decades():
    for year in (1971, 1987, 2001, 2024, 2060):
        assert 248 <= len(sessions("XNYS", f"{year}-01-01", f"{year}-12-31")) <= 253


def test_an_empty_range_has_no_session():
    assert len(sessions("XNYS", "2026-06-20", "2026-06-21")) == 0


def test_third_fridays_on_a_holiday_expire_the_session_before():
    found = monthly_expiries("XNYS", "2026-01-01", "2026-12-31").astype(str).tolist()
    assert len(found) == 12
    assert "2026-06-18" in found
    assert "2026-06-19" not in found


def test_good_friday_on_a_third_friday_moves_the_expiry():
    # 18 April 2014 and 2025 were both Good Friday and third Friday.
    for year in (2014, 2025):
        assert monthly_expiries("XNYS", f"{year}-04-01", f"{year}-04-30").astype(str).tolist() == [f"{year}-04-17"]


def test_an_expiry_moved_out_of_the_range_is_left_out_and_one_moved_in_is_kept():
    assert len(monthly_expiries("XNYS", "2026-06-19", "2026-06-30")) == 0
    assert monthly_expiries("XNYS", "2026-06-01", "2026-06-18").astype(str).tolist() == ["2026-06-18"]


def test_weekly_expiries_hold_the_monthly_ones():
    weekly = weekly_expiries("XNYS", "2025-01-01", "2026-12-31")
    assert set(monthly_expiries("XNYS", "2025-01-01", "2026-12-31")) <= set(weekly)
    assert np.diff(weekly).astype(int).max() <= 8


def test_time_in_years_counts_calendar_days():
    assert year_fraction(days_between(days("2025-01-01"), days("2024-01-01")))[0] == 366 / 365


def test_missing_and_extra_sessions_are_told_apart():
    found = sessions("XBOM", "2026-01-19", "2026-02-06")
    found = np.sort(np.append(found[found != days("2026-01-28")[0]], days("2026-02-01")))
    check = check_sessions(found, "XBOM")
    assert check.missing.astype(str).tolist() == ["2026-01-28"]
    assert check.extra.astype(str).tolist() == ["2026-02-01"]  # a special Sunday session the calendar does not know
    assert check.unchecked == 0


def test_dates_beyond_the_calendar_are_counted_as_unchecked():
    check = check_sessions(days("1990-01-02", "2026-01-05"), "XBOM")
    assert check.unchecked == 1
    assert len(check_sessions(days("1990-01-02"), "XBOM").missing) == 0
    assert check_sessions(days(), "XBOM").unchecked == 0


@pytest.mark.parametrize(
    ("calendar", "start", "end", "message"),
    [
        ("NYSEX", "2026-01-01", "2026-02-01", "calendar=NYSEX is unknown"),
        ("XBOM", "1990-01-01", "1999-01-01", "calendar=XBOM knows 1997-01-01"),
        ("XNYS", "2026-02-30", "2026-03-01", "2026-02-30 is not a date"),
    ],
)
def test_what_the_calendar_cannot_answer_is_an_input_error(calendar, start, end, message):
    with pytest.raises(InputError, match=message):
        sessions(calendar, start, end)


def test_a_closure_of_the_exchange_is_no_hole_and_missing_sessions_are():
    tokyo = sessions("XTKS", "2019-04-22", "2019-05-17")
    assert not after_hole(tokyo, "XTKS").any()
    assert after_hole(tokyo).sum() == 1
    shanghai = sessions("XSHG", "2020-01-13", "2020-02-14")  # the New Year's holidays, made longer by the epidemic
    assert after_hole(shanghai).sum() == 1
    assert not after_hole(shanghai, "XSHG").any()
    lacking = np.delete(tokyo, slice(4, 8))  # four sessions after Golden Week are not in the data
    assert after_hole(lacking, "XTKS").sum() == 1
    assert after_hole(days("1950-01-02", "1950-02-01"), "XTKS").sum() == 1  # the calendar does not know these years
