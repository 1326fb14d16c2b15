"""python -m engine.run: folders, sums and sweeps."""

import html
import json
import os
import subprocess
from dataclasses import replace

import polars as pl
import pytest
from omegaconf import OmegaConf

from engine import InputError, load_runs
from engine.backtest.legs.attribution import PARTS
from engine.runs import manifest
from engine.runs.read import load_run
from engine.runs.written import read_yaml

SUMMARY = ("pnl_gross", "cost", "pnl_net", "breakeven_cost", "sharpe_gross", "sharpe_net", "hac_t")
MANIFEST = ("versions", "git_commit", "backend", "device", "dtype", "panel_hash", "seed", "seconds", "peak_memory_mb")


@pytest.fixture(scope="module")
def single(command, tmp_path_factory):
    ended = command("run", "debug=small", "seed=3", place=tmp_path_factory.mktemp("single"))
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def sweep(command, tmp_path_factory):
    options = (
        "-m",
        "debug=small",
        "seed=3",
        "report=none",
        "costs.component=0.0,0.8",
        "sizing=vega_neutral,theta_neutral",
    )
    ended = command("run", *options, place=tmp_path_factory.mktemp("sweep"))
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def run(single):
    return load_run(single.folders[0])


def test_a_run_is_made_again_for_what_its_folder_does_not_keep(run):
    worst = run.daily.sort("pnl_gross").row(0, named=True)
    legs = run.result().day(worst["date"])
    assert legs.height > 5
    for column in ("pnl_gross", "cost", "pnl_net"):
        assert legs[column].sum() == pytest.approx(worst[column])
    with pytest.raises(InputError, match="is no backtest"):
        replace(run, summary={}).result()  # as of a correlation run


def test_the_run_folder_holds_what_the_contract_names(single, run):
    assert len(single.folders) == 1
    assert run.folder.relative_to(single.place).parts[:2] == ("results", "debug")
    assert run.folder.name == "0"
    files = {file.name for file in run.folder.iterdir()}
    assert files == {".hydra", "manifest.json", "summary.json", "daily.parquet", "ledger.parquet", "report.html"}
    assert set(MANIFEST) <= set(run.manifest)
    assert run.manifest["seed"] == 3
    assert run.manifest["backend"] in ("numpy", "cupy")
    assert len(run.manifest["panel_hash"]) >= 12
    assert run.overrides == ["debug=small", "seed=3"]


def test_the_summary_is_one_flat_object_of_numbers_and_cautions(single, run):
    text = (run.folder / "summary.json").read_text()
    assert "NaN" not in text
    assert set(SUMMARY) <= set(json.loads(text))
    codes, lines = (run.summary[name] for name in ("cautions", "caution_lines"))
    numbers = {name: value for name, value in run.summary.items() if name not in ("cautions", "caution_lines")}
    assert all(value is None or isinstance(value, int | float) for value in numbers.values())
    assert {"few_cohorts", "synthetic_marks"} <= set(codes.split())
    assert len(lines) == len(codes.split())
    page = html.unescape((run.folder / "report.html").read_text())
    for line in lines:
        assert f"Caution: {line}" in single.out
        assert line in page


def test_daily_columns_add_up(run):
    daily = run.daily
    assert daily.columns[:5] == ["date", "exposure", "pnl_gross", "cost", "pnl_net"]
    assert daily["cost"].min() >= 0.0
    scale = daily["pnl_gross"].abs().max()
    # The same float64 numbers added in another order.
    assert (daily["pnl_net"] - (daily["pnl_gross"] - daily["cost"])).abs().max() <= 1e-12 * scale
    assert (daily.select(pl.sum_horizontal(PARTS)).to_series() - daily["pnl_gross"]).abs().max() <= 1e-9 * scale
    assert daily["pnl_gross"].sum() == pytest.approx(run.summary["pnl_gross"], rel=1e-9)


def test_the_ledger_sums_to_the_daily_pnl(run):
    for column in ("pnl_gross", "cost", "pnl_net"):
        # Legs and days add up the same numbers in another order.
        assert run.ledger[column].sum() == pytest.approx(run.daily[column].sum(), rel=1e-9)
    assert run.ledger.group_by("cohort").len().height == run.summary["cohorts"]


def test_the_printed_summary_names_gross_cost_net_break_even_and_the_report(single, run):
    for words in ("Gross P&L", "Cost", "Net P&L", "Break-even", "charged", "Sharpe", "HAC", "per unit index vega"):
        assert words in single.out
    for words in ("fixed capital", "stale", "beyond the tenors", "beyond the deltas", "Unexplained", "Cohorts"):
        assert words in single.out
    assert f"Report: {run.folder.relative_to(single.place) / 'report.html'}" in single.out


def test_the_report_needs_nothing_but_itself(run):
    page = (run.folder / "report.html").read_text()
    assert 'src="http' not in page
    assert 'rel="stylesheet"' not in page


def test_a_sweep_compares_its_runs(sweep):
    (parquet,) = sweep.place.glob("results/debug/*/runs.parquet")
    runs = pl.read_parquet(parquet)
    assert runs.height == 4
    assert sorted(runs["costs.component"].unique()) == [0.0, 0.8]
    assert set(SUMMARY) <= set(runs.columns)
    assert runs["cautions"].str.contains("few_cohorts").all()
    assert runs.drop("run").equals(load_runs(parquet.parent).drop("run"))
    assert str(parquet.relative_to(sweep.place)) in sweep.out
    assert "theta_neutral" in sweep.out


def test_costs_change_nothing_but_cost(sweep):
    runs = (
        load_runs(str(sweep.place / "results" / "debug" / "*")).filter(pl.col("sizing") == "vega_neutral").sort("cost")
    )
    assert runs["pnl_gross"][0] == runs["pnl_gross"][1]
    assert runs["cost"][0] < runs["cost"][1]


def test_single_runs_and_sweeps_are_read_into_one_frame(single, sweep, tmp_path):
    (tmp_path / "both").mkdir()
    for number, ended in enumerate((single, sweep)):
        (tmp_path / "both" / str(number)).symlink_to(ended.folders[0].parent)
    runs = load_runs(str(tmp_path / "both" / "*"))
    assert runs.height == 5
    # The single run never named a sizing: its default is filled in.
    assert runs.filter(pl.col("report") == "html")["sizing"].to_list() == ["vega_neutral"]


def test_the_same_seed_gives_the_same_run_bit_for_bit(run, sweep):
    runs = [load_run(folder) for folder in sweep.folders]
    (same,) = [
        other for other in runs if other.config["costs"] == run.config["costs"] and "vega" in other.choices["sizing"]
    ]
    assert same.daily.equals(run.daily)
    assert same.manifest["panel_hash"] == run.manifest["panel_hash"]


def test_an_unfinished_folder_is_not_read(run, tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "summary.json").write_text("{}")
    with pytest.raises(InputError, match="no finished backtest"):
        load_runs(tmp_path)
    with pytest.raises(InputError, match="holds no finished run"):
        load_run(tmp_path / "0")
    with pytest.raises(InputError, match=r"has no correlation.parquet; it holds daily.parquet, ledger.parquet"):
        run.frame("correlation")


def test_what_was_asked_is_read_as_omegaconf_reads_it(tmp_path):
    values = ["2024-01-01", "1e-3", 1e-05, 1e20, float("inf"), -float("inf"), None, True, "yes", "null", "012", "0x1f"]
    texts = [
        "",
        "1_000",
        "12:30",
        "~",
        "a: b",
        "- x",
        "#1",
        "é\n[*]",
        "2024-01-01T10:00:00",
        "1.",
        ".5",
        "NaN",
        "=",
        "<<",
    ]
    file = tmp_path / "config.yaml"
    OmegaConf.save({"values": values, "texts": texts, "deep": {"2024": {"x": [1, [2.5]]}}}, file)
    read = read_yaml(file.read_text(encoding="utf-8"))
    assert read == OmegaConf.to_container(OmegaConf.load(file))
    assert read["values"] == values
    assert [type(value) for value in read["values"]] == [type(value) for value in values]
    assert read["texts"] == texts


def test_reports_of_a_sweep_share_one_script(command, tmp_path):
    for launcher in ("basic", "batch"):
        (tmp_path / launcher).mkdir()
        asked = ("-m", "debug=small", "costs.component=0.1,0.2", f"hydra/launcher={launcher}")
        ended = command("run", *asked, place=tmp_path / launcher, cache=tmp_path / "panels")
        assert ended.code == 0, ended.err
        (sweep,) = (tmp_path / launcher).glob("results/debug/*")
        assert "Plotly" in (sweep / "plotly.js").read_text(encoding="utf-8")
        for number in (0, 1):
            page = sweep / str(number) / "report.html"
            assert page.stat().st_size < 300_000
            assert '<script src="../plotly.js"' in page.read_text(encoding="utf-8")


def test_asking_git_for_the_commit_writes_nothing(tmp_path, monkeypatch):
    def git(*words):
        return subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    (tmp_path / "file").write_text("as it was")
    git("add", "file")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "one")
    index = tmp_path / ".git" / "index"
    os.utime(tmp_path / "file", (0, 0))  # what git knows of it is old: it would look, and write down what it saw
    before = index.read_bytes()
    monkeypatch.setattr(manifest, "checkout", lambda: tmp_path)
    assert manifest._git.__wrapped__() == (git("rev-parse", "HEAD").strip(), False)
    assert index.read_bytes() == before
    git("status", "--porcelain")
    assert index.read_bytes() != before, "else the test shows nothing"
