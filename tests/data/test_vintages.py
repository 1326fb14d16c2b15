"""A market as of an earlier time is the panel of then, and every value that its files changed since is listed."""

import json

import numpy as np
import polars as pl
import pytest

from engine.benchmark.vendor_folder import write_vendor_folder
from engine.data import load_market, save_panel, vintages
from engine.data.vintages import VINTAGES, restated
from engine.durable import sealed
from engine.errors import InputError
from engine.testing import small_market

TOLD = {"progress": False}
RAISED = "900001"  # secid of N0000


@pytest.fixture
def files(tmp_path):
    write_vendor_folder(tmp_path / "files", 3, 8, 64)
    return tmp_path / "files"


def restate(files) -> str:
    """Raise the volatilities of one name on one day, as a vendor that corrects its history would; return the day."""
    file = sorted(files.glob("opprcd_*"))[4]
    rows = pl.read_csv(file, schema_overrides={"secid": pl.String})
    ours = pl.col("secid") == RAISED
    dearer = [pl.when(ours).then((1.04 * pl.col(c)).round(2)).otherwise(c).alias(c) for c in ("best_bid", "best_offer")]
    rows.with_columns(dearer).write_csv(file)
    return rows["date"][0]


def arrays(panel) -> dict:
    found = {}
    panel.map_arrays(lambda name, array: found.setdefault(name, np.asarray(array)))
    return found


def seen_at(cache, number: int, moment: str) -> None:
    """Say that a vintage was seen at another time."""
    lines = [json.loads(line) for line in (cache / VINTAGES).read_text().splitlines()]
    lines[number]["seen"] = moment
    (cache / VINTAGES).write_text("".join(json.dumps(sealed(line)) + "\n" for line in lines))


def test_a_panel_as_of_before_a_restatement_has_the_old_bits_and_lists_what_changed(files, tmp_path):
    cache = tmp_path / "cache"
    then = load_market("ivydb", files, cache=cache, **TOLD)
    day = restate(files)
    now = load_market("ivydb", files, cache=cache, **TOLD)
    assert now.content_hash != then.content_hash
    seen_at(cache, 0, "2026-01-05T10:00:00+00:00")
    for as_of in ("2026-01-05", "2026-01-05T10:00:00", "2026-03-01", then.content_hash, then.content_hash[:8]):
        found = load_market("ivydb", files, cache=cache, as_of=as_of, **TOLD)
        assert found.content_hash == then.content_hash
        for name, array in arrays(then).items():
            np.testing.assert_array_equal(array, arrays(found)[name], err_msg=name)
    listed = found.report.restated
    assert {str(date) for date in listed["date"]} == {day}
    assert set(listed["name"]) == {"N0000"}
    # Every cell that differs, by a slow loop over all of them.
    t, n = now.dates.astype(str).tolist().index(day), now.names.tolist().index("N0000")
    cells = {
        (int(tenor), int(delta)): (float(then.component_iv[t, n, k, d]), float(now.component_iv[t, n, k, d]))
        for k, tenor in enumerate(now.tenors)
        for d, delta in enumerate(now.deltas)
        if then.component_iv[t, n, k, d] != now.component_iv[t, n, k, d] and np.isfinite(now.component_iv[t, n, k, d])
    }
    rows = listed.filter(pl.col("field") == "iv")
    assert {(r["tenor"], r["delta"]): (r["then"], r["now"]) for r in rows.iter_rows(named=True)} == cells
    assert len(cells) > 20
    assert f"as of {as_of}: {listed.height:,} values on 1 sessions were restated since" in found.info.notes[-1]
    assert load_market("ivydb", files, cache=cache, **TOLD).report.restated is None


def test_later_sessions_are_no_restatement(files, tmp_path):
    last = sorted(files.glob("opprcd_*"))[-1]
    text = last.read_bytes()
    last.unlink()
    then = load_market("ivydb", files, cache=tmp_path, **TOLD)
    last.write_bytes(text)
    found = load_market("ivydb", files, cache=tmp_path, as_of=then.content_hash, **TOLD)
    assert len(found) == 7
    assert found.report.restated.height == 0
    assert found.info.notes[-1].endswith("nothing was restated since")


def test_a_state_that_comes_back_is_the_last_one_again(files, tmp_path):
    file = sorted(files.glob("opprcd_*"))[4]
    text = file.read_bytes()
    hashes = []
    for content in (text, None, text):
        if content is None:
            restate(files)
        else:
            file.write_bytes(content)
        hashes += [load_market("ivydb", files, cache=tmp_path, **TOLD).content_hash] * 2  # asked twice, noted once
        load_market("ivydb", files, cache=tmp_path, **TOLD)
    told = [json.loads(line)["panel"] for line in (tmp_path / VINTAGES).read_text().splitlines()]
    assert told == hashes[::2]
    assert told[0] == told[2] != told[1]
    assert load_market("ivydb", files, cache=tmp_path, as_of="2100-01-01", **TOLD).content_hash == told[2]


def test_other_settings_have_vintages_of_their_own(files, tmp_path):
    one = load_market("ivydb", files, cache=tmp_path, **TOLD)
    other = load_market("ivydb", files, cache=tmp_path, max_extrapolation_days=30.0, **TOLD)
    for panel, settings in ((one, {"memory_budget": 2.0}), (other, {"max_extrapolation_days": 30.0})):
        assert load_market("ivydb", files, cache=tmp_path, as_of="2100-01-01", **settings, **TOLD).content_hash == (
            panel.content_hash
        )


@pytest.mark.parametrize(
    ("as_of", "match"),
    [
        ("2020-01-01", r"as_of=2020-01-01: no panel of .*files had been built then; there are those of 2\d{3}-"),
        ("ffffffff", r"as_of=ffffffff: no panel of .*files had been built then"),
        ("yesterday", "as_of=yesterday is no date, no moment and no hash; write 2026-11-27"),
        ("2026", "as_of=2026 is no date, no moment and no hash"),
    ],
)
def test_a_time_of_which_there_is_no_panel_is_said(files, tmp_path, as_of, match):
    with pytest.raises(InputError, match=match):
        load_market("ivydb", files, cache=tmp_path, as_of=as_of, **TOLD)


def test_a_vintage_that_is_gone_or_damaged_is_said(files, tmp_path):
    then = load_market("ivydb", files, cache=tmp_path, **TOLD)
    restate(files)
    load_market("ivydb", files, cache=tmp_path, **TOLD)
    first = json.loads((tmp_path / VINTAGES).read_text().splitlines()[0])
    (tmp_path / first["folder"]).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is no longer at"):
        load_market("ivydb", files, cache=tmp_path, as_of=then.content_hash, **TOLD)
    with open(tmp_path / VINTAGES, "a") as stream:
        stream.write('{"cut off')  # by a kill: it is no line
    load_market("ivydb", files, cache=tmp_path, **TOLD)
    with open(tmp_path / VINTAGES, "a") as stream:
        stream.write("\nno json\n")
    load_market("ivydb", files, cache=tmp_path, **TOLD)  # who asks for no vintage needs none
    with pytest.raises(InputError, match=r"vintages\.jsonl, line \d: is no vintage; restore or remove that line"):
        load_market("ivydb", files, cache=tmp_path, as_of=then.content_hash, **TOLD)


def test_no_digit_of_a_vintage_is_another_in_silence(files, tmp_path):
    then = load_market("ivydb", files, cache=tmp_path, **TOLD)
    told = (tmp_path / VINTAGES).read_text()
    for before, after in (('"seen": "2', '"seen": "1'), ('"seen": "2', '"seen": "X'), ('"market": "i', '"market": "j')):
        assert before in told
        (tmp_path / VINTAGES).write_text(told.replace(before, after))
        assert load_market("ivydb", files, cache=tmp_path, **TOLD).content_hash == then.content_hash
        (tmp_path / VINTAGES).write_text(told.replace(before, after))
        with pytest.raises(InputError, match=r"vintages\.jsonl, line 1: is no vintage; restore or remove that line"):
            load_market("ivydb", files, cache=tmp_path, as_of="2099-01-01", **TOLD)


def test_a_vintage_noted_after_one_that_a_kill_cut_off_is_not_lost(files, tmp_path):
    load_market("ivydb", files, cache=tmp_path, **TOLD)
    whole = (tmp_path / VINTAGES).read_text()
    (tmp_path / VINTAGES).write_text(whole + whole[:20])
    restate(files)
    now = load_market("ivydb", files, cache=tmp_path, **TOLD)
    first, torn, last = (tmp_path / VINTAGES).read_text().splitlines()
    assert (first + "\n", torn, json.loads(last)["panel"]) == (whole, whole[:20], now.content_hash)


def test_a_panel_is_opened_where_nothing_can_be_noted(files, tmp_path, monkeypatch, caplog):
    then = load_market("ivydb", files, cache=tmp_path, **TOLD)
    monkeypatch.setattr(vintages, "locked", None)  # what is noted already asks for no lock
    assert load_market("ivydb", files, cache=tmp_path, **TOLD).content_hash == then.content_hash
    (tmp_path / VINTAGES).unlink()

    def refused(path, what):
        raise InputError(f"{path} cannot be locked")

    monkeypatch.setattr(vintages, "locked", refused)
    assert load_market("ivydb", files, cache=tmp_path, **TOLD).content_hash == then.content_hash
    assert "its vintage is not noted" in caplog.text


@pytest.mark.parametrize("name", ["synthetic", "panel"])
def test_a_market_without_files_has_no_vintages(tmp_path, name):
    path = None
    if name == "panel":
        save_panel(small_market(), path := tmp_path / "stored")
    with pytest.raises(InputError, match="has no vintages"):
        load_market(name, path, cache=tmp_path, as_of="2026-01-01", **TOLD)


def test_values_that_differ_are_listed_field_by_field(monkeypatch):
    monkeypatch.setattr(vintages, "AT_ONCE", 7)  # in several blocks
    then = small_market(listed=True, missing=0.0)
    planted = {"spot": (12, 3), "weights": (20, 1), "rate": (5,), "index_iv": (30, 1, 4), "component_iv": (40, 2, 0, 3)}
    planted |= {"listed.iv": (8, 1, 0, 2), "listed.forward": (9, 2, 1), "listed.index_forward": (10, 0)}

    def change(name, array):
        if name not in planted:
            return array
        array = np.array(array)
        array[planted[name]] *= 1.001
        return array

    found = restated(then, then.map_arrays(change))
    assert found.height == len(planted)
    for row in found.iter_rows(named=True):
        name = "component_iv" if row["field"] == "iv" else row["field"]
        at = planted[name]
        assert row["date"] == then.dates[at[0]].item()
        assert row["now"] == pytest.approx(1.001 * row["then"], rel=1e-6)  # float32
        named = {"index_iv": then.info.index, "listed.index_forward": then.info.index, "rate": ""}
        assert row["name"] == (named[name] if name in named else then.names[at[1]])
    missing = then.map_arrays(lambda name, a: np.full_like(a, np.nan) if name == "settlement" else a)
    assert restated(then, missing).height == int(np.isfinite(then.settlement).sum())


def test_the_command_writes_what_was_restated(files, tmp_path, command):
    cache = tmp_path / "cache"
    then = load_market("ivydb", files, cache=cache, **TOLD)
    restate(files)
    asked = [f"market.path={files}", f"market.as_of={then.content_hash[:12]}", f"hydra.run.dir={tmp_path / 'out'}"]
    ended = command("correlate", "market=ivydb", *asked, place=tmp_path, cache=cache)
    assert ended.code == 0, ended.err
    told = pl.read_parquet(tmp_path / "out" / "restated.parquet")
    assert told.height > 20
    assert f"{told.height:,} values on 1 sessions were restated since" in ended.err
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["panel_hash"] == then.content_hash
