"""A panel that exceeds its budget on a device gives exactly what it gives in one piece, and never takes more."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engine.backend import to_host
from engine.backtest import Straddle, Weekly
from engine.backtest.cohorts.cohort_windows import cohort_windows
from engine.backtest.contracts.structure import choose_contracts
from engine.backtest.legs.marks import mark_cohorts
from engine.backtest.market import MarketView
from engine.correlation import AllMembers, implied_correlation, surface_dispersion
from engine.data import panel as panels
from engine.errors import InputError
from engine.testing import small_market

PANEL, LISTED = small_market(), small_market(listed=True)
WINDOWS = {"of one session": 1, "of seven": 7, "of all": len(PANEL)}


def sizes(panel) -> dict:
    """Bytes of each array by name."""
    found = {}
    panel.map_arrays(lambda name, array: found.setdefault(name, array.nbytes))
    return found


def moved(panel) -> int:
    """Bytes that go to the device whatever the budget."""
    return sum(size for name, size in sizes(panel).items() if name not in (*panels._ON_HOST, *panels._STREAMED))


def on_the_device(panel, sessions: int):
    """The panel with windows of so many sessions of its largest streamed array."""
    row = max(sizes(panel).get(name, 0) for name in panels._STREAMED) // len(panel)
    return panel.to("cupy", (moved(panel) + 2 * sessions * row + 0.5) / 1e9)


def assert_same(found, expected):
    for f in fields(expected):
        np.testing.assert_array_equal(to_host(getattr(found, f.name)), getattr(expected, f.name), err_msg=f.name)


def host_record(index, iv, weights, device):
    """What the device gives for all dates at once, as numpy arrays."""
    record = implied_correlation(*(device.asarray(a) for a in (index, iv, weights)))
    return replace(record, **{f.name: to_host(getattr(record, f.name)) for f in fields(record)})


@pytest.mark.parametrize("sessions", WINDOWS.values(), ids=WINDOWS)
def test_dispersion_of_streamed_volatilities_is_that_of_all_at_once_bit_for_bit(device, sessions):
    weights = device.asarray(AllMembers().select(PANEL.weights, PANEL.names))
    index, axes = device.asarray(PANEL.index_iv), (PANEL.tenors, PANEL.deltas)
    whole = surface_dispersion(index, device.asarray(PANEL.component_iv), weights, *axes)
    found = surface_dispersion(
        index, PANEL.component_iv, weights, *axes, budget=sessions * PANEL.component_iv[0].nbytes
    )
    whole = replace(whole, **{f.name: to_host(getattr(whole, f.name)) for f in fields(whole)})
    assert_same(found, whole)


@pytest.mark.parametrize("sessions", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("baskets", [1, 3])
def test_correlation_of_streamed_volatilities_is_that_of_all_at_once_bit_for_bit(device, sessions, baskets):
    weights = AllMembers().select(PANEL.weights, PANEL.names)
    if baskets > 1:
        weights = np.stack([weights, np.where(np.arange(6) < 3, weights, 0.0), weights[:, ::-1]])
    own = np.stack([PANEL.index_iv, 1.1 * PANEL.index_iv, 0.9 * PANEL.index_iv]) if baskets > 1 else PANEL.index_iv
    budget = sessions * PANEL.component_iv[0].nbytes
    for index in (PANEL.index_iv, own):
        found = implied_correlation(device.asarray(index), PANEL.component_iv, device.asarray(weights), budget=budget)
        assert_same(found, host_record(index, PANEL.component_iv, weights, device))


@pytest.mark.parametrize("sessions", WINDOWS.values(), ids=WINDOWS)
def test_on_numpy_blocks_of_dates_give_the_whole_bit_for_bit(sessions):
    weights = AllMembers().select(PANEL.weights, PANEL.names)
    budget = sessions * PANEL.component_iv[0].nbytes
    found = implied_correlation(PANEL.index_iv, PANEL.component_iv, weights, budget=budget)
    assert_same(found, implied_correlation(PANEL.index_iv, PANEL.component_iv, weights))


@pytest.mark.parametrize("panel", [PANEL, LISTED], ids=["grid", "listed"])
def test_what_fits_is_moved_whole_and_what_does_not_keeps_its_volatilities_on_the_host(device, panel):
    whole = moved(panel) + sum(sizes(panel).get(name, 0) for name in panels._STREAMED)
    assert panel.to("cupy", (whole + 0.5) / 1e9).window_bytes is None
    there = panel.to("cupy", (whole - 1) / 1e9)
    assert there.window_bytes is not None
    assert isinstance(there.component_iv, np.ndarray)
    assert isinstance(there.index_iv, device.ndarray)
    if panel.listed is not None:
        assert isinstance(there.listed.iv, np.ndarray)
        assert isinstance(there.listed.forward, device.ndarray)
    assert moved(panel) + 2 * there.window_bytes <= whole - 1
    assert there.to("numpy").window_bytes is None


def test_a_budget_too_small_for_one_session_says_what_is_needed(device):
    needed = moved(PANEL) + 2 * PANEL.component_iv[0].nbytes
    assert on_the_device(PANEL, 1).window_bytes == PANEL.component_iv[0].nbytes
    with pytest.raises(InputError, match=f"needs {needed / 1e9:.3g} even where the volatilities stream"):
        PANEL.to("cupy", (needed - 1) / 1e9)


def test_a_backend_that_is_none_is_named():
    with pytest.raises(InputError, match="backend=gpu is unknown; choose numpy or cupy"):
        PANEL.to("gpu")


@pytest.mark.parametrize("memory_budget", [0, -1.0, "8", True, float("nan")])
def test_a_budget_that_is_no_size_is_refused(device, memory_budget):
    with pytest.raises(InputError, match="is not a positive number of GB"):
        PANEL.to("cupy", memory_budget)


def test_a_budget_beyond_what_is_free_is_refused(device):
    with pytest.raises(InputError, match=r"is more than the .* GB that are free on the device"):
        PANEL.to("cupy", 10_000_000)


@pytest.mark.parametrize("panel", [PANEL, LISTED], ids=["grid", "listed"])
@pytest.mark.parametrize("sessions", [1, 7, len(PANEL)])
def test_a_strategy_sees_the_same_market_whether_or_not_it_fits(device, panel, sessions):
    whole, part = (MarketView(p, AllMembers()) for p in (panel.to("cupy"), on_the_device(panel, sessions)))
    for series in (lambda v: v.component_iv(30), lambda v: v.implied_correlation(30), lambda v: v.realized(21).clean):
        assert isinstance(series(part), device.ndarray)
        np.testing.assert_array_equal(series(part).get(), series(whole).get())


def assert_marked_alike(part, whole, sessions):
    """Follow weekly cohorts to their expiry in the windows of `part`, and on the whole."""
    cohorts = choose_contracts(part, Weekly().entries(part.dates, 1), Straddle(tenor=14))
    days, done = int(cohorts.life.max()), 0
    names = np.tile(np.arange(6), (len(cohorts), 1))
    for first, window, held in cohort_windows(part, cohorts, days):
        run = cohorts[done : done + len(held)]
        np.testing.assert_array_equal(first + held.entry, run.entry)
        assert len(window) <= sessions
        assert window.window_bytes is None
        expected = mark_cohorts(whole, run, names[: len(held)], days)
        found = mark_cohorts(window, held, names[: len(held)], days)
        for f in fields(expected):
            np.testing.assert_array_equal(to_host(getattr(found, f.name)), to_host(getattr(expected, f.name)))
        done += len(held)
    assert done == len(cohorts)


LONGER = [30, 41, len(PANEL)]  # sessions of a window; no cohort is held longer than 30


@pytest.mark.parametrize("panel", [PANEL, LISTED], ids=["grid", "listed"])
@pytest.mark.parametrize("sessions", LONGER)
def test_cohorts_marked_in_windows_are_marked_as_on_the_whole_panel(panel, sessions):
    row = (panel.component_iv if panel.listed is None else panel.listed.iv)[0].nbytes
    assert_marked_alike(replace(panel, window_bytes=sessions * row), panel, sessions)


@pytest.mark.parametrize("panel", [PANEL, LISTED], ids=["grid", "listed"])
@pytest.mark.parametrize("sessions", LONGER)
def test_cohorts_marked_in_windows_that_stream_are_marked_as_on_the_whole_panel(device, panel, sessions):
    assert_marked_alike(on_the_device(panel, sessions), panel.to("cupy"), sessions)


def test_a_panel_in_one_place_is_its_own_only_window():
    cohorts = choose_contracts(PANEL, np.array([1, 5]), Straddle())
    assert list(cohort_windows(PANEL, cohorts, 22)) == [(0, PANEL, cohorts)]


def test_a_window_that_cannot_hold_a_cohort_is_refused():
    cohorts = choose_contracts(PANEL, np.array([1, 5]), Straddle())
    part = replace(PANEL, window_bytes=22 * PANEL.component_iv[0].nbytes)
    with pytest.raises(InputError, match=r"held for 23 sessions, of which the device may hold 22 at a time"):
        list(cohort_windows(part, cohorts, 22))
