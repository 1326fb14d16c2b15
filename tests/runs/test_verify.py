"""What is stored can be checked at any time: one flipped bit, one number that does not add up, and it is told."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from engine import InputError, load_run, load_runs
from engine.data import build_panel
from engine.durable import checksum, sealed
from engine.kernels.codes import PARTS
from engine.runs.manifest import config_hash, files_read, hash_of
from engine.runs.verify import STATISTICS, verify
from tests.commands import ROOT

OWN = """
from strategies.short_correlation import ShortCorrelation

class Peeks(ShortCorrelation):
    pass
"""
SMALL = ("debug=small", "report=none")


@pytest.fixture(scope="module")
def made(command, tmp_path_factory):
    """A study of one run, one sweep in folders and one as a table, and the panel."""
    place = tmp_path_factory.mktemp("made")
    for options in ((), ("-m", "lag=1,2"), ("-m", "lag=1,2", "sweep.store=table", "hydra/launcher=batch")):
        ended = command("run", *options, *SMALL, place=place, cache=place / "results" / "panels")
        assert ended.code == 0, ended.err
    return place / "results"


@pytest.fixture
def runs(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "results"))


def verified(*folders):
    command = [sys.executable, "-m", "engine.verify", *map(str, folders)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "engine" / "plugins")])
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path})
    assert "Traceback" not in told.stderr
    return told


def flip(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


def failures(folder):
    return [problem for _, found in verify(folder) for problem in found]


def found(runs, pattern):
    return sorted(path for path in runs.glob(pattern) if path.is_file())[0]


def test_what_was_just_made_passes_and_each_of_it_is_named(runs):
    told = verified(runs)
    assert told.returncode == 0, told.stdout
    assert len(told.stdout.splitlines()) == 1 + 3 + 1 + 1  # a run, two and their table, a table, the panel
    assert all(line.endswith(": pass") for line in told.stdout.splitlines())


RUN = ("*/*/0/daily.parquet", "*/*/0/.hydra/config.yaml", "*/*/.hydra/jobs.parquet")


@pytest.mark.parametrize("name", ["panels/*/spot.bin", "panels/*/truth.npz", *RUN])
def test_one_flipped_bit_is_noticed(runs, name):
    file = found(runs, name)
    flip(file, file.stat().st_size // 2)
    told = verified(runs)
    assert told.returncode == 2
    assert str(file) in told.stdout
    assert told.stdout.count("FAILED") == 1
    assert told.stdout.count(": pass") == 5


def test_a_sweeps_table_that_is_not_what_its_runs_say_is_told(runs):
    table = found(runs, "debug/*/1/summary.json").parents[1] / "runs.parquet"
    more(table, "pnl_net")
    assert failures(table.parent) == [f"{table} is not what the runs beside it say; load_runs reads those"]


@pytest.mark.parametrize("change", [lambda t: t.drop("run"), lambda t: t.with_columns(run=None), lambda t: t.head(0)])
def test_so_is_one_whose_columns_are_others(runs, change):
    table = found(runs, "debug/*/1/summary.json").parents[1] / "runs.parquet"
    change(pl.read_parquet(table)).write_parquet(table)
    assert failures(table.parent) == [f"{table} is not what the runs beside it say; load_runs reads those"]


def rewrite(run, name, change):
    """Change a file of a run, and the checksum that the manifest holds."""
    file = run / name
    change(file)
    made = json.loads((run / "manifest.json").read_text())
    made["files"][name] = checksum(file)
    (run / "manifest.json").write_text(json.dumps(sealed(made)))


def more(file, column):
    frame = pl.read_parquet(file)
    frame.with_columns(pl.col(column) + 1.0 * (np.arange(frame.height) == frame.height // 2)).write_parquet(file)


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [
        ("daily.parquet", "vega", "do not sum to pnl_gross on 20"),
        ("daily.parquet", "pnl_net", "pnl_gross less cost is not pnl_net on 20"),
        ("daily.parquet", "cost", "pnl_gross less cost is not pnl_net"),
        ("ledger.parquet", "pnl_gross", "in ledger.parquet"),
        ("ledger.parquet", "cost", "cost is "),
    ],
)
def test_numbers_that_do_not_add_up_are_told_even_where_the_files_are_whole(runs, name, column, words):
    run = found(runs, "debug/*/0/daily.parquet").parent
    rewrite(run, name, lambda file: more(file, column))
    assert any(words in problem for problem in failures(run))


def without(file, value):
    frame = pl.read_parquet(file)
    at = pl.Series(np.arange(frame.height) == frame.height // 2)
    frame.with_columns(pl.when(at).then(value).otherwise("pnl_gross").alias("pnl_gross")).write_parquet(file)


@pytest.mark.parametrize("name", ["daily.parquet", "ledger.parquet"])
@pytest.mark.parametrize("value", [None, float("nan")], ids=["null", "nan"])
def test_numbers_that_are_gone_are_told(runs, name, value):
    run = found(runs, "debug/*/0/daily.parquet").parent
    rewrite(run, name, lambda file: without(file, value))
    assert any("that have none" in problem for problem in failures(run))


@pytest.mark.parametrize(
    "change",
    [lambda rows: rows[1:], lambda rows: pl.concat([rows, rows[-1:]]), lambda rows: rows.reverse()],
    ids=["first gone", "last twice", "reversed"],
)
def test_other_days_than_the_runs_are_told(runs, change):
    run = found(runs, "debug/*/0/daily.parquet").parent
    rewrite(run, "daily.parquet", lambda file: change(pl.read_parquet(file)).write_parquet(file))
    assert any("daily.parquet is not of the" in problem for problem in failures(run))


def told_of(run, name, change):
    """Make a summary say something else, and return what is found."""

    def said(file):
        file.write_text(json.dumps(json.loads(file.read_text()) | {name: change}))

    rewrite(run, "summary.json", said)
    return failures(run)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("value", [9.0, None], ids=["another", "none"])
def test_a_statistic_that_the_days_do_not_have_is_told(runs, name, value):
    run = found(runs, "debug/*/0/daily.parquet").parent
    assert [problem for problem in told_of(run, name, value) if problem.startswith(f"{name} is ")]


def test_what_is_no_number_is_told(runs):
    run = found(runs, "debug/*/0/daily.parquet").parent
    assert told_of(run, "pnl_net", "x") == ["summary.json has 'x' for pnl_net, which is no number"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.drop("date"), "daily.parquet has no column date of Date"),
        (lambda rows: rows.drop("pnl_gross"), "daily.parquet has no column pnl_gross of Float64"),
        (lambda rows: rows.with_columns(pl.col("cost").cast(pl.String)), "no column cost of Float64"),
        (lambda rows: rows.clear(), "daily.parquet is not of the 504 sessions"),
    ],
    ids=["no date", "no P&L", "texts", "no row"],
)
def test_days_that_are_none_are_told(runs, change, words):
    run = found(runs, "debug/*/0/daily.parquet").parent
    rewrite(run, "daily.parquet", lambda file: change(pl.read_parquet(file)).write_parquet(file))
    assert any(words in problem for problem in failures(run))


def test_a_summary_a_configuration_and_a_panel_that_are_not_the_runs_own_are_told(runs):
    run = found(runs, "debug/*/0/daily.parquet").parent
    rewrite(run, "summary.json", lambda file: file.write_text(file.read_text().replace('"cost": ', '"cost": 9')))
    assert any("cost is " in problem for problem in failures(run))
    rewrite(run, ".hydra/config.yaml", lambda file: file.write_text(file.read_text().replace("lag: 1", "lag: 3")))
    assert any("config_hash is not that" in problem for problem in failures(run))
    table = found(runs, "debug/*/.hydra/jobs.parquet").parents[1]
    rewrite(
        table,
        ".hydra/jobs.parquet",
        lambda file: (
            pl.read_parquet(file)
            .with_columns(pl.col("config").struct.with_fields(pl.field("lag").str.replace("2", "3")))
            .write_parquet(file)
        ),
    )
    assert failures(table) == [
        "job 1: config_hash is not that of its configuration and panel; one of them was changed afterwards"
    ]


def test_a_strategy_that_was_not_proven_is_told(command, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    given = ("strategy._target_=mine.Peeks", "allow=mine", "causality=off")
    assert command("run", *SMALL, *given, place=tmp_path, first=tmp_path).code == 0
    (problem,) = failures(tmp_path / "results")
    assert "nothing proves that mine.Peeks uses nothing of the future" in problem


def test_a_folder_that_holds_nothing_and_one_that_is_none_are_told(tmp_path):
    told = verified(tmp_path, tmp_path / "nowhere")
    assert told.returncode == 2
    assert "holds no panel, run or table" in told.stderr
    assert "nowhere is not a folder" in told.stderr
    assert verified().returncode == 2


def test_a_damaged_header_and_a_damaged_manifest_are_failures_like_any_other(tmp_path):
    panel = build_panel("synthetic", cache=tmp_path, years=1, names=5, progress=False)
    (panel / "panel.json").write_text("{")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("")
    assert len(failures(tmp_path)) == 2


def test_a_run_is_another_one_when_the_file_of_its_strategy_has_changed(tmp_path):
    file, panel = tmp_path / "signal.csv", SimpleNamespace(content_hash="abc")
    config = {"strategy": {"_target_": "strategies.external_signal.ExternalSignal", "file": str(file), "enter": 1.0}}
    without = config_hash(config, panel)
    file.write_text("date,signal\n2024-01-02,1\n")
    one = config_hash(config, panel)
    file.write_text("date,signal\n2024-01-02,2\n")
    assert len({without, one, config_hash(config, panel)}) == 3
    again = hash_of(config, "abc", version("dispersion-engine"), files_read(config))
    assert again == config_hash(config, panel)


FILES = ("manifest.json", "summary.json", *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides")))


def from_the_other(run, name):
    """Put in place of a file the one of the sweep's other run."""
    shutil.copyfile(run.parent / "1" / name, run / name)


def another_digit(run, name):
    """Change one digit of a file, so that all of it can still be read."""
    words = {
        "manifest.json": '"holding_sessions": ',
        "summary.json": '"breakeven_cost": ',
        ".hydra/config.yaml": "lag: ",
    }
    text = (run / name).read_text()
    at = text.index(words.get(name, "lag=")) + len(words.get(name, "lag="))
    (run / name).write_text(text[:at] + "7" + text[at + 1 :])


def emptied(folder, name):
    (folder / name).write_bytes(b"")


def gone(run, name):
    (run / name).unlink()


def a_folder(run, name):
    (run / name).unlink()
    (run / name).mkdir()


@pytest.mark.parametrize("damage", [another_digit, from_the_other, gone, a_folder])
@pytest.mark.parametrize("name", FILES)
def test_no_reader_takes_a_file_of_a_run_that_is_not_what_was_written(runs, name, damage):
    if (name, damage) in (("manifest.json", gone), ("manifest.json", from_the_other)):
        pytest.skip("without its manifest a folder is no run; that of another lists other files, as below")
    run = found(runs, "debug/*/1/summary.json").parents[1] / "0"
    damage(run, name)
    with pytest.raises(InputError, match=r"(run this job again|run it again)$"):
        load_run(run)
    with pytest.raises(InputError, match=r"run this job again$"):
        load_runs(run.parent)
    assert any(str(run / name) in problem for problem in failures(run))


def test_the_manifest_of_another_run_is_told_by_the_files(runs):
    run = found(runs, "debug/*/1/summary.json").parents[1] / "0"
    from_the_other(run, "manifest.json")
    with pytest.raises(InputError, match=r"was changed or damaged after it was written"):
        load_run(run)
    assert failures(run)


@pytest.mark.parametrize("name", ["runs.parquet", ".hydra/jobs.parquet", "manifest.json"])
@pytest.mark.parametrize(
    "damage", [a_folder, lambda sweep, name: (sweep / name).write_bytes(b"")], ids=["folder", "empty"]
)
def test_nor_one_of_a_table(runs, name, damage):
    sweep = found(runs, "debug/*/.hydra/jobs.parquet").parents[1]
    damage(sweep, name)
    with pytest.raises(InputError, match=r"remove it, and |was changed or damaged"):
        load_runs(sweep)
    assert failures(sweep)


def test_what_is_no_backtest_has_no_returns(command, tmp_path):
    assert command("correlate", *SMALL, place=tmp_path).code == 0
    run = load_run(next(tmp_path.glob("results/*/*/0")))
    for method in (run.returns, run.statistics):
        with pytest.raises(InputError, match="is no backtest, and has no returns"):
            method()


MONEY = ("pnl_gross", "cost", "pnl_net", "pnl_option", "pnl_hedge", "financing", "settlement")
OF_SUMMARY = ("pnl_gross", "cost", "pnl_net", "max_drawdown", "worst_day", "cost_if_closed", "pnl_net_if_closed")


def scaled(run):
    """Twice the money in days, ledger and summary alike: everything adds up as before."""
    for name, money in (("daily.parquet", (*PARTS, *MONEY[:3])), ("ledger.parquet", MONEY)):
        rewrite(run, name, lambda f, of=money: pl.read_parquet(f).with_columns(pl.col(of) * 2.0).write_parquet(f))
    summary = json.loads((run / "summary.json").read_text())
    twice = {key: 2.0 * value if key in OF_SUMMARY else value for key, value in summary.items()}
    rewrite(run, "summary.json", lambda file: file.write_text(json.dumps(twice)))


def changed(name, change):
    return lambda run: rewrite(run, name, lambda file: change(pl.read_parquet(file)).write_parquet(file))


def without_a_cohort(ledger):
    """The second cohort's rows as if the first had held them."""
    return ledger.with_columns(pl.col("cohort").replace(1, 0))


ONE_ROW = pl.int_range(pl.len()) == 7
SWAPPED = {"pnl_option": pl.col("pnl_hedge"), "pnl_hedge": pl.col("pnl_option")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            changed("ledger.parquet", lambda rows: rows.with_columns(pl.col("exit_date").dt.offset_by("9y"))),
            "exit_date is no session from the entry on",
        ),
        (
            changed("ledger.parquet", lambda rows: rows.with_columns(pl.col("entry_date").dt.offset_by("-9y"))),
            "entry_date is no session of the run",
        ),
        (
            changed(
                "ledger.parquet",
                lambda rows: rows.with_columns(
                    entry_date=pl.when(ONE_ROW).then(pl.col("entry_date").last()).otherwise("entry_date")
                ),
            ),
            "there are two dates of entry",
        ),
        (changed("ledger.parquet", without_a_cohort), "21 cohorts, and summary.json 22"),
        (
            changed("ledger.parquet", lambda rows: rows.with_columns(pnl_hedge=pl.col("pnl_hedge") * 2.0)),
            "pnl_option, pnl_hedge, financing, settlement do not sum to pnl_gross",
        ),
    ],
)
def test_a_ledger_that_contradicts_itself_is_told(runs, change, words):
    run = found(runs, "debug/*/0/daily.parquet").parent
    change(run)
    assert any(words in problem for problem in failures(run))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (scaled, "and is kept as"),
        (
            changed("ledger.parquet", lambda rows: rows.with_columns(**SWAPPED)),
            "pnl_option is not what comes out again",
        ),
        (
            changed("ledger.parquet", lambda rows: rows.with_columns(entry_iv=pl.col("entry_iv") * 1.01)),
            "entry_iv is not what comes out again",
        ),
        (
            changed("daily.parquet", lambda rows: rows.with_columns(theta=pl.col("gamma"), gamma=pl.col("theta"))),
            "gamma is not what comes out again",
        ),
        (
            changed("daily.parquet", lambda rows: rows.with_columns(pl.col("exposure").shift(1, fill_value=0.0))),
            "exposure is not what comes out again",
        ),
    ],
)
def test_what_adds_up_and_was_never_made_is_told_by_running_it_again(runs, monkeypatch, change, words):
    monkeypatch.setenv("DISPERSION_CACHE", str(runs / "panels"))
    run = found(runs, "debug/*/0/daily.parquet").parent
    change(run)
    assert failures(run) == []
    told = [problem for _, of_one in verify(run, again=True) for problem in of_one]
    assert any(words in problem for problem in told), told


def test_what_was_made_comes_out_again(runs, monkeypatch):
    monkeypatch.setenv("DISPERSION_CACHE", str(runs / "panels"))
    assert [problem for _, of_one in verify(runs, again=True) for problem in of_one] == []
