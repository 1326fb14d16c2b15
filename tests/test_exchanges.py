"""Sessions of exchanges: derived once, kept on the disk, and the same as those of a few years alone."""

import exchange_calendars
import numpy as np
import pytest

from engine import exchanges
from engine.errors import InputError
from engine.exchanges import known_sessions

FIRST, LAST = np.datetime64("2019-01-01"), np.datetime64("2024-12-31")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(exchanges, "cache_folder", lambda name: tmp_path)
    exchanges._whole.cache_clear()
    yield tmp_path
    exchanges._whole.cache_clear()


def between(known):
    return known[0][(known[0] >= FIRST) & (known[0] <= LAST)]


@pytest.mark.parametrize("code", ["XNYS", "XBOM", "XTKS", "XKRX"])
def test_of_all_years_as_of_a_few(kept, code):
    known = known_sessions(code, FIRST, LAST)
    assert np.array_equal(between(known), exchanges._derived(code, FIRST, LAST)[0])
    assert known[1] <= FIRST
    assert known[2] >= LAST


def test_a_later_run_reads_what_was_kept(kept, monkeypatch):
    before = known_sessions("XNYS", FIRST, LAST)
    exchanges._whole.cache_clear()
    monkeypatch.setattr(exchanges, "_derived", None)
    after = known_sessions("XNYS", FIRST, LAST)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert [file.name.split("-")[0] for file in kept.iterdir()] == ["XNYS"]


@pytest.mark.parametrize("damage", [lambda b: b[:-8], lambda b: b"", lambda b: b[:200] + b"\x01" + b[201:]])
def test_a_damaged_file_is_derived_again(kept, damage):
    before = known_sessions("XBOM", FIRST, LAST)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    exchanges._whole.cache_clear()
    assert np.array_equal(known_sessions("XBOM", FIRST, LAST)[0], before[0])
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_to_does_no_harm(kept, monkeypatch):
    monkeypatch.setattr(exchanges, "cache_folder", lambda name: kept / "gone")
    assert len(between(known_sessions("XNYS", FIRST, LAST))) == 1510


def test_years_that_are_not_kept_are_derived(kept):
    first, last = np.datetime64("2101-01-01"), np.datetime64("2101-12-31")
    assert known_sessions("XNYS", first, last)[0][0] == np.datetime64("2101-01-03")


def test_an_unknown_exchange_leaves_nothing(kept):
    with pytest.raises(InputError, match="calendar=NOWHERE is unknown"):
        known_sessions("NOWHERE", FIRST, LAST)
    assert list(kept.iterdir()) == []


def test_a_calendar_that_the_library_cannot_derive_is_refused_in_one_line(kept, monkeypatch):
    """As XTAE is, of which pandas 3 makes other special dates than the library's rules."""

    def refuse(code, **asked):
        raise ValueError(f"Special dates [{'2006-11-26, ' * 999}] are not sessions.")

    monkeypatch.setattr(exchange_calendars, "get_calendar", refuse)
    with pytest.raises(InputError, match=r"^calendar=XTAE cannot be derived .{,120}; use another one$"):
        known_sessions("XTAE", FIRST, LAST)
    assert list(kept.iterdir()) == []
