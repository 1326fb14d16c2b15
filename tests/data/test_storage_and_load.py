"""Panels on disk: what is written comes back, what is half-written never does."""

import json
import sys
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from tiny_panel import assert_same, tiny_panel

from engine.data import append_panel, build_panel, load_market, load_quality, open_panel, save_panel
from engine.data import load as load_module
from engine.data.records import DELTAS, ListedSmiles, MarketInfo
from engine.data.source import Source
from engine.data.store.storage import PanelWriter
from engine.errors import InputError


def tiny_listed(t, n, e=2) -> ListedSmiles:
    expiry = np.broadcast_to(np.array(["2026-03-20", "2026-06-18"], "datetime64[D]"), (t, e))
    flat = np.full((t, n, e, len(DELTAS)), 0.2, np.float32)
    return ListedSmiles(expiry, flat[:, 0], flat, np.full((t, e), 100.0), np.full((t, n, e), 50.0))


def test_a_panel_comes_back_as_it_was_saved_and_memory_mapped(tmp_path):
    panel = tiny_panel()
    save_panel(panel, tmp_path / "p")
    opened = open_panel(tmp_path / "p")
    assert_same(panel, opened)
    assert isinstance(opened.component_iv, np.memmap)
    assert not opened.component_iv.flags.writeable
    assert len(opened.content_hash) == 64


def test_blocks_and_appends_give_the_same_panel_as_one_write(tmp_path):
    panel = tiny_panel(9)
    save_panel(panel.slice(end="2026-01-04"), tmp_path / "p")
    before = (tmp_path / "p" / "component_iv.bin").read_bytes()
    appended = append_panel(tmp_path / "p", panel.slice("2026-01-05"))
    assert_same(panel, appended)
    assert (tmp_path / "p" / "component_iv.bin").read_bytes().startswith(before)
    assert_same(panel, panel.slice(end="2026-01-04").append(panel.slice("2026-01-05")))


def test_an_append_that_does_not_follow_or_fit_is_refused_and_changes_nothing(tmp_path):
    save_panel(tiny_panel(6), tmp_path / "p")
    for later, words in (
        (tiny_panel(2, start="2026-01-06"), "already ends 2026-01-06"),
        (tiny_panel(2, start="2026-02-01", names=("A", "C")), "names differ"),
        (replace(tiny_panel(2, start="2026-02-01"), info=MarketInfo("tiny", "JDX")), "cannot append JDX to IDX"),
    ):
        with pytest.raises(InputError, match=words):
            append_panel(tmp_path / "p", later)
    assert_same(tiny_panel(6), open_panel(tmp_path / "p"))


def test_an_interrupted_append_leaves_the_panel_as_it_was(tmp_path):
    panel = tiny_panel(9)
    save_panel(panel.slice(end="2026-01-04"), tmp_path / "p")
    writer = PanelWriter(tmp_path / "p", append=True)
    writer.write(panel.slice("2026-01-05", "2026-01-07"))  # never committed
    assert_same(panel.slice(end="2026-01-04"), open_panel(tmp_path / "p"))
    assert_same(panel, append_panel(tmp_path / "p", panel.slice("2026-01-05")))


def test_a_panel_without_its_header_is_not_a_panel(tmp_path):
    PanelWriter(tmp_path / "p").write(tiny_panel())
    with pytest.raises(InputError, match=r"holds no panel: panel.json is missing"):
        open_panel(tmp_path / "p")


def test_a_truncated_array_is_named_with_what_to_do(tmp_path):
    save_panel(tiny_panel(), tmp_path / "p")
    file = tmp_path / "p" / "spot.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"spot.bin is truncated.*delete the folder"):
        open_panel(tmp_path / "p")


def test_a_damaged_header_is_named_with_what_to_do(tmp_path):
    save_panel(tiny_panel(), tmp_path / "p")
    (tmp_path / "p" / "panel.json").write_text("{")
    with pytest.raises(InputError, match=r"panel.json is damaged.*delete the folder"):
        open_panel(tmp_path / "p")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: {},
        lambda header: [],
        lambda header: {key: value for key, value in header.items() if key != "sessions"},
        lambda header: header | {"info": header["info"] | {"colour": "red"}},
        lambda header: header | {"names": header["names"][:1]},
        lambda header: header | {"arrays": {k: v for k, v in header["arrays"].items() if k != "spot"}},
    ],
)
def test_a_header_that_is_not_one_of_a_panel_is_refused(tmp_path, spoil):
    save_panel(tiny_panel(), tmp_path / "p")
    file = tmp_path / "p" / "panel.json"
    file.write_text(json.dumps(spoil(json.loads(file.read_text()))))
    with pytest.raises(InputError, match=r"panel.json is damaged or.*delete the folder .* rebuild=True"):
        open_panel(tmp_path / "p")


def test_a_block_that_lacks_arrays_of_the_panel_is_refused_rather_than_filled(tmp_path):
    panel = tiny_panel()
    with_listed = replace(panel, listed=tiny_listed(len(panel), len(panel.names)))
    writer = PanelWriter(tmp_path / "p")
    writer.write(with_listed)
    with pytest.raises(InputError, match=r"only one of the two has listed.expiry"):
        writer.write(tiny_panel(2, start="2026-02-01"))
    writer.commit()
    assert_same(with_listed, open_panel(tmp_path / "p"))


def test_a_session_without_an_interest_rate_is_refused_by_date_and_what_was_there_stays(tmp_path):
    panel = tiny_panel()
    rate = np.where(np.arange(len(panel)) < 4, panel.rate, np.nan)
    with pytest.raises(InputError, match=r"tiny has no interest rate on 2026-01-05 \(2 sessions in all\)"):
        save_panel(replace(panel, rate=rate), tmp_path / "p")
    save_panel(panel.slice(end="2026-01-04"), tmp_path / "p")
    with pytest.raises(InputError, match="no interest rate on 2026-01-05"):
        append_panel(tmp_path / "p", replace(panel, rate=rate).slice("2026-01-05"))
    assert_same(panel.slice(end="2026-01-04"), open_panel(tmp_path / "p"))


def test_the_content_hash_tells_panels_apart(tmp_path):
    hashes = set()
    first = tiny_panel(seed=0)
    for panel in (first, tiny_panel(seed=0), tiny_panel(seed=1), replace(first, names=first.names[::-1])):
        save_panel(panel, tmp_path / "p")
        hashes.add(open_panel(tmp_path / "p").content_hash)
    assert len(hashes) == 3


def test_a_part_of_a_panel_and_panels_put_together_have_hashes_of_their_own(tmp_path):
    save_panel(tiny_panel(9), tmp_path / "p")
    whole = open_panel(tmp_path / "p")
    first, last = whole.slice(end="2026-01-04"), whole.slice("2026-01-05")
    hashes = [whole.content_hash, first.content_hash, last.content_hash, first.append(last).content_hash]
    assert {len(found) for found in hashes} == {64}
    assert len(set(hashes)) == 4
    assert whole.slice("2026-01-01", "2026-12-31").content_hash == whole.content_hash
    assert whole.slice(end="2026-01-04").content_hash == first.content_hash
    assert whole.to("numpy").content_hash == whole.content_hash
    stored = append_panel(
        tmp_path / "p", replace(tiny_panel(1, start="2026-02-01"), info=MarketInfo("tiny", "IDX", source="now"))
    )
    assert stored.content_hash not in hashes
    assert stored.info.source == "now"


def test_a_panel_of_which_nothing_is_known_passes_no_hash_on():
    panel = tiny_panel(9)
    named = replace(panel, content_hash="a" * 64)
    assert panel.slice(end="2026-01-04").content_hash == ""
    assert panel.slice(end="2026-01-04").append(named.slice("2026-01-05")).content_hash == ""
    assert named.map_arrays(lambda _, array: array[::-1]).content_hash == ""


@dataclass(frozen=True)
class Tiny(Source):
    """A source for these tests: three blocks; a fault in the third, or no quote kept, if asked."""

    seed: int = 0
    fault: bool = False
    kept: bool = True

    def fingerprint(self):
        return f"{self.seed:064d}"

    def sessions(self):
        return 6

    def blocks(self):
        for first in (0, 2, 4):
            if self.fault and first == 4:
                raise KeyboardInterrupt
            whole = tiny_panel(6, seed=self.seed)
            yield whole.map_arrays(lambda _, array, f=first: array[f : f + 2])

    def quality(self):
        reason = "kept" if self.kept else "missing_iv"
        return pl.DataFrame({"asset": ["A"], "reason": [reason], "rows": [12]})

    def truth(self):
        return None


@pytest.fixture
def tiny_market(monkeypatch):
    monkeypatch.setitem(load_module.SOURCES, "tiny", f"{__name__}:Tiny")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def test_a_market_is_built_once_and_then_opened(tiny_market, tmp_path):
    first = load_market("tiny", cache=tmp_path, progress=False)
    header = next(tmp_path.glob("tiny-*/panel.json"))
    changed = header.stat().st_mtime_ns
    second = load_market("tiny", cache=tmp_path, progress=False)
    assert_same(first, second)
    assert header.stat().st_mtime_ns == changed
    assert len(load_market("tiny", cache=tmp_path, start="2026-01-03", end="2026-01-04", progress=False)) == 2
    quality = load_quality(build_panel("tiny", cache=tmp_path))
    assert quality.row(0, named=True) == {"source": "tiny", "asset": "A", "reason": "kept", "rows": 12}


def test_an_interrupted_build_leaves_nothing_and_the_next_one_starts_clean(tiny_market, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        load_market("tiny", cache=tmp_path, progress=False, fault=True)
    assert list(tmp_path.iterdir()) == []
    assert_same(load_market("tiny", cache=tmp_path, progress=False), tiny_panel(6))


def test_a_rebuild_that_cannot_be_written_is_not_passed_off_as_done(tiny_market, tmp_path, monkeypatch):
    load_market("tiny", cache=tmp_path, progress=False)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PanelWriter, "write", full)
    with pytest.raises(OSError, match="No space left"):
        load_market("tiny", cache=tmp_path, progress=False, rebuild=True)
    assert_same(load_market("tiny", cache=tmp_path, progress=False), tiny_panel(6))


def test_a_damaged_panel_is_built_again_on_request(tiny_market, tmp_path):
    folder = build_panel("tiny", cache=tmp_path, progress=False)
    (folder / "spot.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"spot.bin is truncated.*rebuild=True"):
        load_market("tiny", cache=tmp_path, progress=False)
    assert_same(load_market("tiny", cache=tmp_path, progress=False, rebuild=True), tiny_panel(6))


def test_a_market_of_which_no_quote_is_usable_is_refused(tiny_market, tmp_path):
    with pytest.raises(InputError, match=r"every quote was dropped \(missing_iv 12\)"):
        load_market("tiny", cache=tmp_path, progress=False, kept=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("date", ["soon", "2026-02-31", ""])
def test_a_date_that_is_none_is_refused(tiny_market, tmp_path, date):
    with pytest.raises(InputError, match=r"end=.* is not a date"):
        load_market("tiny", cache=tmp_path, end=date, progress=False)


@pytest.mark.parametrize(
    ("name", "path", "settings", "words"),
    [
        ("us_chain", ".", {}, "did you mean us_chains"),
        ("us_chains", ".", {"indx": "SPY"}, "did you mean index"),
        ("us_chains", None, {}, "market.path=FOLDER"),
        ("us_chains", "nowhere", {}, "nowhere is not a folder"),
        ("us_chains", "empty", {}, "chains.parquet is missing"),
    ],
)
def test_a_wrong_request_says_what_to_do(tmp_path, monkeypatch, name, path, settings, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=words):
        load_market(name, path=path, cache=tmp_path / "cache", progress=False, **settings)


def test_an_empty_range_of_dates_is_refused(tiny_market, tmp_path):
    with pytest.raises(InputError, match=r"no session of tiny.*2026-01-01 .. 2026-01-06"):
        load_market("tiny", cache=tmp_path, start="2027-01-01", progress=False)


def test_the_header_is_readable_by_people(tmp_path):
    save_panel(tiny_panel(), tmp_path / "p")
    header = json.loads((tmp_path / "p" / "panel.json").read_text())
    assert header["names"] == ["A", "B"]
    assert header["sessions"] == 6
