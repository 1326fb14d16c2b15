"""Closes of sessions without option quotes: what becomes a session, where an action acts, and that they are kept."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from tiny_panel import assert_same, tiny_panel

from engine.correlation import market_returns
from engine.data import append_panel, extend_panel, open_panel, save_panel
from engine.data.arrange import as_actions
from engine.data.closes_to_history import closes_to_history
from engine.data.records import History
from engine.data.sources.us_chains.history import panel_history
from engine.data.store.storage import PanelWriter
from engine.errors import InputError

DAYS = np.array(["2026-01-01", "2026-01-02", "2026-01-05", "2026-01-06", "2026-01-07"], "datetime64[D]")
NO_ACTION = pl.DataFrame(schema={"date": pl.Date, "asset": pl.String, "factor": pl.Float64})


def rows(**closes):
    """A frame of closes: asset -> one close per day, None where there is none."""
    listed = [(d, a, float(c)) for a, series in closes.items() for d, c in zip(DAYS.tolist(), series, strict=True) if c]
    return pl.DataFrame(listed, schema=["date", "asset", "close"], orient="row")


def with_history(sessions=6, before=4, after=0):
    """A tiny panel with closes of `before` more sessions, and of one in between that has no quotes."""
    panel = tiny_panel(sessions + 1)
    own = panel.known_closes()
    rng = np.random.default_rng(3)
    dates = np.concatenate([panel.dates[0] - np.arange(before, 0, -1), panel.dates])
    earlier = [rng.random((before, *array.shape[1:])) for array in (own.index_close, own.close, own.close)]
    closes = [
        np.concatenate([e, a]) for e, a in zip(earlier, (own.index_close, own.close, own.return_factor), strict=True)
    ]
    history = History(dates, *closes, np.empty((len(dates), 0)), "as told")
    kept = np.arange(sessions + 1) != 3
    return replace(panel.map_arrays(lambda _, array: array[kept]), history=history)


def assert_same_history(one, other):
    assert (one.history is None) == (other.history is None)
    if one.history is not None:
        found = {}
        one.history.map_arrays(lambda name, array: found.setdefault(name, array))
        other.history.map_arrays(lambda name, array: np.testing.assert_array_equal(array, found[name], err_msg=name))
        assert one.history.note == other.history.note


def test_a_session_has_a_close_of_the_index_and_of_a_name_or_is_one_of_the_panel():
    closes = rows(IDX=[10, 10, None, 10, 10], A=[1, 1, 1, None, None], B=[2, 2, 2, None, None], C=[7, 7, 7, 7, 7])
    history = closes_to_history(closes, NO_ACTION, DAYS[4:], "IDX", ["A", "B"], [])
    # The 5th has stocks alone, the 6th the index alone; the 7th is a session of the panel whatever it lacks.
    assert history.dates.tolist() == DAYS[[0, 1, 4]].tolist()
    np.testing.assert_array_equal(history.close[:, 1], [2.0, 2.0, np.nan])
    assert closes_to_history(closes, NO_ACTION, DAYS[:2], "IDX", ["A", "B"], []) is None


def test_nothing_later_than_the_panel_is_in_its_history():
    closes = rows(IDX=[10] * 5, A=[1] * 5)
    assert closes_to_history(closes, NO_ACTION, DAYS[2:3], "IDX", ["A"], []).dates[-1] == DAYS[2]


def test_an_action_on_a_day_without_quotes_acts_on_that_day_of_the_history():
    closes = rows(IDX=[10] * 5, A=[8, 2, 2, 1, 1])
    actions = pl.DataFrame({"date": [date(2026, 1, 2), date(2026, 1, 6)], "asset": ["A", "A"], "factor": [0.25, 0.5]})
    history = closes_to_history(closes, actions, DAYS[[0, 4]], "IDX", ["A"], [])
    np.testing.assert_array_equal(history.return_factor[:, 0], [1.0, 0.25, 1.0, 0.5, 1.0])
    panel = replace(tiny_panel(2, names=("A",)), dates=DAYS[[0, 4]], history=history)
    np.testing.assert_array_equal(market_returns(panel).names[:, 0], [np.nan, 0.0, 0.0, 0.0, 0.0])


def test_a_history_is_stored_apart_and_comes_back_memory_mapped(tmp_path):
    panel = with_history()
    save_panel(panel, tmp_path / "p")
    opened = open_panel(tmp_path / "p")
    assert_same(panel, opened)
    assert_same_history(panel, opened)
    assert isinstance(opened.history.close, np.memmap)
    other = replace(panel, history=panel.history.map_arrays(lambda n, a: a + 1.0 if n == "history.close" else a))
    save_panel(other, tmp_path / "q")
    assert open_panel(tmp_path / "q").content_hash != opened.content_hash


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_blocks_slices_and_appends_give_the_same_history_as_one_write(tmp_path, cut):
    panel = with_history()
    first, last = panel.slice(end=panel.dates[cut - 1]), panel.slice(start=panel.dates[cut])
    assert first.history.dates[-1] == first.dates[-1]
    assert last.history.dates[0] == panel.history.dates[0]
    assert_same_history(panel, first.append(last))
    save_panel(first, tmp_path / "p")
    assert_same_history(panel, append_panel(tmp_path / "p", last))
    writer = PanelWriter(tmp_path / "w")
    for start in range(0, len(panel), cut):
        writer.write(panel.slice(panel.dates[start], panel.dates[min(start + cut, len(panel)) - 1]))
    writer.commit()
    assert_same(panel, open_panel(tmp_path / "w"))
    assert_same_history(panel, open_panel(tmp_path / "w"))


def test_an_interrupted_append_leaves_the_history_as_it_was(tmp_path):
    panel = with_history()
    first = panel.slice(end=panel.dates[2])
    save_panel(first, tmp_path / "p")
    writer = PanelWriter(tmp_path / "p", append=True)
    writer.write(panel.slice(start=panel.dates[3], end=panel.dates[4]))  # never committed
    assert_same_history(first, open_panel(tmp_path / "p"))
    assert_same_history(panel, append_panel(tmp_path / "p", panel.slice(start=panel.dates[3])))


def test_a_truncated_history_is_refused_with_the_file_named(tmp_path):
    save_panel(with_history(), tmp_path / "p")
    with open(tmp_path / "p" / "history.close.bin", "r+b") as file:
        file.truncate(16)
    with pytest.raises(InputError, match=r"history\.close\.bin is truncated"):
        open_panel(tmp_path / "p")


def test_a_slice_keeps_the_closes_before_it_and_a_market_without_history_needs_none():
    panel = tiny_panel(6)
    later = panel.slice(start=panel.dates[4])
    assert later.history.dates.tolist() == panel.dates.tolist()
    returns = market_returns(later)
    np.testing.assert_array_equal(returns.names, market_returns(panel).names)
    assert returns.at.tolist() == [4, 5]
    assert panel.history is None


def test_a_history_that_lacks_a_session_of_the_market_is_refused():
    panel = with_history()
    history = panel.history.map_arrays(lambda _, a: np.delete(a, 5, axis=0))
    with pytest.raises(InputError, match=f"history has no row on {panel.history.dates[5]}"):
        replace(panel, history=history)
    with pytest.raises(InputError, match=f"no closes of its session {panel.history.dates[5]}"):
        market_returns(replace(panel, history=history, validate=False))


def test_earlier_adjusted_closes_never_join_raw_ones_they_overlap(tmp_path):
    raw = rows(SPY=[None, None, 30, 31, 32], A=[None, None, 10, 10, 1]).rename({"close": "spot"})
    days = [date(2026, 1, 2), date(2026, 1, 7)]
    split = as_actions(pl.DataFrame({"date": days, "asset": "A", "kind": "split", "factor": [0.5, 0.1]}))
    earlier = rows(SPY=[28, 29, None, None, None], A=[9.5, 10, None, None, None])
    earlier = earlier.rename({"asset": "ticker", "close": "adjusted"})
    file = tmp_path / "prices_sp500_2019_2025.parquet"
    earlier.write_parquet(file)
    history = panel_history(tmp_path, raw, split, DAYS[2:], "SPY", ["A"], [])
    assert history.dates.tolist() == DAYS.tolist()
    # The split of the 2nd is in the adjusted closes already, that of the 7th in none.
    np.testing.assert_array_equal(history.return_factor[:, 0], [1.0, 1.0, 1.0, 1.0, 0.1])
    assert "survivors" in history.note
    assert panel_history(tmp_path, raw, split, DAYS[2:], "A", ["SPY"], []).note == history.note
    pl.concat([earlier, earlier.head(1).with_columns(date=pl.lit(date(2026, 1, 6)))]).write_parquet(file)
    with pytest.raises(InputError, match="keep its rows before 2026-01-05"):
        panel_history(tmp_path, raw, split, DAYS[2:], "SPY", ["A"], [])
    file.unlink()
    assert panel_history(tmp_path, raw, split, DAYS[2:], "SPY", ["A"], []) is None


def test_histories_of_real_markets_agree_with_their_panels_and_reach_back_years(us_panel, nse_panel):
    for panel, first in ((us_panel, "2019-11-04"), (nse_panel, "2019-08-23")):
        history = panel.history
        at = np.searchsorted(history.dates, panel.dates)
        assert str(history.dates[0]) == first
        assert history.dates[-1] == panel.dates[-1]
        np.testing.assert_array_equal(history.dates[at], panel.dates)
        np.testing.assert_array_equal(history.close[at], panel.spot)
        np.testing.assert_array_equal(history.index_close[at], panel.index_spot)
        np.testing.assert_array_equal(history.leg_close[at], panel.sectors.leg_spot)
    assert "survivors" in us_panel.history.note
    assert np.datetime64("2026-02-01") not in nse_panel.history.dates  # the index did not trade that Sunday


def test_no_return_of_the_us_chains_spans_the_year_without_closes(us_panel):
    returns = market_returns(us_panel)
    first = returns.at[0]
    assert returns.dates[first] - returns.dates[first - 1] > np.timedelta64(300, "D")
    assert np.isnan(returns.names[first]).all()
    assert np.isnan(returns.legs["SPY"][first])
    assert np.isfinite(returns.legs["SPY"][first - 200 : first]).all()  # SPY's of the earlier years


@pytest.mark.parametrize(("market", "until"), [("us_chains", "2026-07-15"), ("nse", "2025-02-28")])
def test_a_history_extended_by_later_sessions_equals_that_of_the_whole_build(
    market, until, shared_data, us_panel, nse_panel, tmp_path
):
    whole = us_panel if market == "us_chains" else nse_panel
    save_panel(whole.slice(end=until), tmp_path / "p")
    assert_same_history(whole, extend_panel(tmp_path / "p", market, shared_data, progress=False))
