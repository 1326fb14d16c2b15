"""The quality of a market's data: planted gaps, repeats and jumps are found, and nothing else is."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.data.records import QuoteStatus
from engine.report import quality_report
from engine.study.quality import quality_of
from tests.data.tiny_panel import tiny_panel

FRONT, MIDDLE = 0, 8  # 30 days, 50 delta
NAMES = ("A", "B", "C", "D", "E")


@pytest.fixture
def quiet():
    """Five names over eight sessions whose volatilities move by a hundredth at most; E never is a member."""
    panel = tiny_panel(sessions=8, names=NAMES)
    rng = np.random.default_rng(3)
    iv = (0.2 + 0.002 * rng.random(panel.component_iv.shape)).astype(np.float32)
    weights = np.tile([0.4, 0.3, 0.2, 0.1, 0.0], (8, 1))
    return replace(panel, component_iv=iv, index_iv=np.full_like(panel.index_iv, 0.15), weights=weights)


def changed(panel, change):
    iv, status = panel.component_iv.copy(), panel.component_status.copy()
    change(iv, status)
    return replace(panel, component_iv=iv, component_status=status)


def test_a_quiet_market_has_nothing_to_tell(quiet):
    found = quality_of(quiet)
    assert found.by_date["quoted"].to_list() == pytest.approx([1.0] * 8)
    assert found.by_name["name"].to_list() == ["A", "B", "C", "D"]  # E is no member
    assert found.by_name["weight"].to_list() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert found.jumps.height == 0
    assert found.by_name["repeated"].sum() == 0.0
    assert found.reasons is None


def test_gaps_count_by_date_name_and_tenor(quiet):
    def gaps(iv, status):
        iv[2, 1], status[2, 1] = np.nan, QuoteStatus.NO_QUOTE  # B for a day
        iv[:, 2, FRONT], status[:, 2, FRONT] = np.nan, QuoteStatus.BEYOND_TENOR  # C's front tenor, always
        iv[:, 4], status[:, 4] = np.nan, QuoteStatus.NO_QUOTE  # not a member: nobody misses it

    found = quality_of(changed(quiet, gaps))
    assert found.by_date["quoted"].to_list() == pytest.approx([0.8, 0.8, 0.5, 0.8, 0.8, 0.8, 0.8, 0.8])
    assert found.by_name["name"].to_list() == ["C", "B", "A", "D"]  # by the weight they miss
    assert found.by_name["quoted"].to_list() == pytest.approx([0.0, 7 / 8, 1.0, 1.0])
    assert found.by_name["cells"].to_list() == pytest.approx([6 / 7, 7 / 8, 1.0, 1.0])
    assert found.by_name["first"][0] is None
    front = found.by_tenor.row(0, named=True)
    assert front["members_beyond_tenor"] == pytest.approx(8 / 32)
    assert front["members_no_quote"] == pytest.approx(1 / 32)
    assert front["members_ok"] == pytest.approx(23 / 32)
    assert front["index_ok"] == 1.0
    assert "Members without any quote: 1 of 4" in found.lines()


def test_a_surface_that_repeats_is_counted_for_every_session_but_the_first(quiet):
    def stale(iv, status):
        iv[3:6, 0] = iv[2, 0]

    found = quality_of(changed(quiet, stale))
    assert dict(found.by_name.select("name", "repeated").iter_rows()) == {"A": 3 / 8, "B": 0, "C": 0, "D": 0}


def test_one_name_that_jumps_alone_is_told_and_a_day_on_which_all_move_is_not(quiet):
    def jumps(iv, status):
        iv[4, 3] *= 3.0  # D alone, up and down again
        iv[6:] *= 2.0  # everybody

    found = quality_of(changed(quiet, jumps))
    days = [str(day) for day in found.jumps["date"]]
    assert found.jumps["name"].to_list() == ["D", "D"]
    assert sorted(days) == [str(quiet.dates[4]), str(quiet.dates[5])]
    assert found.jumps["factor"].to_list() == pytest.approx([3.0, 1 / 3], rel=0.02)  # the others' noise is 1 %


def test_blocks_of_dates_change_nothing(quiet, monkeypatch):
    whole = quality_of(quiet)
    monkeypatch.setattr("engine.study.quality.BYTES_PER_BLOCK", 1)
    cut = quality_of(quiet)
    for one, other in zip(vars(whole).values(), vars(cut).values(), strict=True):
        assert one is other is None or one.equals(other)


def test_rows_read_are_counted_by_reason_with_the_asset_that_has_most(quiet):
    counts = pl.DataFrame(
        [("s", "A", "kept", 90), ("s", "A", "crossed", 2), ("s", "B", "crossed", 8)],
        schema=["source", "asset", "reason", "rows"],
        orient="row",
    )
    found = quality_of(quiet, counts)
    assert found.reasons.rows() == [("kept", 90, 0.9, 1, "A"), ("crossed", 10, 0.1, 2, "B")]
    assert "Rows dropped: 10.0 % (crossed 10, ...)" in found.lines()
    page = quality_report(found, quiet.info)
    assert "crossed" in page
    assert "Quality of the data of tiny" in page
