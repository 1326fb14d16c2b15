"""Sweeps as they are composed, kept and gone on with: thousands of sets, one table, nothing computed twice."""

import json
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf, open_dict
from polars.testing import assert_frame_equal

import engine.runs.manifest
import engine.sweep.batches
from engine import InputError, compare, load_runs
from engine.command.messages import CONFIGS
from engine.durable import checksum, sealed
from engine.progress import progress_bar
from engine.runs import table_store
from engine.runs.claim import held
from engine.runs.read import compared, compared_rows, load_run, runs_of
from engine.runs.table_store import configs, read_rows
from engine.sweep.composer import SweepComposer, resolved_task

SMALL = ("debug=small", "report=none", "strategy=rich_correlation", "strategy.window=60")
GRID = ("strategy.enter=0.2,1", "costs.component=0.4,0.8", "schedule=monthly,weekly")
BASIC, BATCH = (), ("hydra/launcher=batch",)
FOLDERS, TABLE = (), ("sweep.store=table",)


class CountingLoader:
    """Hydra's own loader, and how often it was asked to compose a job."""

    def __init__(self, loader):
        self.loader, self.composed = loader, 0

    def load_sweep_config(self, master, overrides):
        self.composed += 1
        return self.loader.load_sweep_config(master, overrides)


@pytest.fixture
def loader():
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        yield CountingLoader(GlobalHydra.instance().config_loader())


@pytest.fixture
def composer(loader):
    return SweepComposer(loader, compose("backtest", return_hydra_config=True))


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["costs.component=0.4", "strategy=rich_correlation", "strategy.enter=1"],
        ["structure.tenor=91", "schedule=weekly", "start=2020-01-01", "end=null", "report.html=false"],
        ["costs=none", "study='a b'", "market.path='x,y'", 'market.name="3"'],
        ["seed=7"],  # which market.seed repeats
        ["seed=7", "market.seed=8"],
        ["market.path=${study}"],
        ["basket=names", "basket.names=[AAPL,MSFT]", "costs.index=1e-3"],
        ["costs={index: 0.9}", "costs.index=0.3"],
        ["costs.index=0.3", "costs={index: 0.9}"],
        ["+costs.new=1", "costs.index=0.2"],
        ["experiment=rich_weekly", "strategy.enter=-0.5"],
        ["sweep=entry", "sweep.store=table", "strategy.leave=0.25"],
    ],
)
def test_a_job_is_composed_as_hydra_composes_it(loader, composer, overrides):
    whole = loader.load_sweep_config(composer.master, overrides)
    plan = composer.plan(3, overrides)
    assert plan.settings == resolved_task(whole)
    assert plan.choices == OmegaConf.to_container(whole.hydra.runtime.choices)
    assert plan.overrides == OmegaConf.to_container(whole.hydra.overrides.task)
    asked = composer.asked(3, overrides, Path("/somewhere/3"))
    with open_dict(whole):
        whole.hydra.job.id, whole.hydra.job.num, whole.hydra.runtime.output_dir = "3", 3, "/somewhere/3"
        hydra = {"hydra": whole.pop("hydra")}
    assert asked == {
        "config.yaml": OmegaConf.to_yaml(whole),
        "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create(hydra)),
        "overrides.yaml": OmegaConf.to_yaml(overrides),
    }


@pytest.mark.parametrize(
    "overrides",
    [
        ["costs.indx=1"],
        ["costs.index.deep=1"],
        ["stratgy=rich_correlation"],
        ["strategy=rich_corelation", "costs.index=1"],
        ["costs.index=[0.3"],
        ["~costs.indx"],
    ],
)
def test_a_wrong_job_is_refused_in_the_words_of_hydra(loader, composer, overrides):
    with pytest.raises(Exception, match=r".") as theirs:
        loader.load_sweep_config(composer.master, overrides)
    with pytest.raises(type(theirs.value)) as ours:
        composer.plan(0, overrides)
    assert str(ours.value) == str(theirs.value)


def test_hydra_composes_once_for_each_set_of_choices(loader, composer):
    for number in range(2000):
        schedule = ("monthly", "weekly")[number % 2]
        overrides = [f"schedule={schedule}", f"structure.tenor={number}", f"costs.component={number / 1000}"]
        composer.load_sweep_config(composer.master, overrides)
        plan = composer.plan(number, overrides)
        assert plan.settings["costs"]["component"] == number / 1000
    assert loader.composed == 2


@pytest.fixture(scope="module")
def kept(sweep_here, tmp_path_factory):
    """The same sweep by both launchers in both stores: its folder, by (launcher, store)."""
    found = {}
    for launcher in (BASIC, BATCH):
        for store in (FOLDERS, TABLE):
            place = tmp_path_factory.mktemp("kept")
            found[launcher, store] = sweep_here(*SMALL, *GRID, *launcher, *store, place=place)
    return found


@pytest.mark.parametrize("launcher", [BASIC, BATCH])
def test_a_table_holds_the_columns_and_numbers_of_folders(kept, same_runs, launcher):
    same_runs(kept[BASIC, FOLDERS], kept[launcher, TABLE])


@pytest.mark.parametrize("launcher", [BASIC, BATCH])
def test_a_table_is_all_that_its_sweep_leaves(kept, launcher):
    folder = kept[launcher, TABLE]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    written = {"runs.parquet", "manifest.json", ".hydra/multirun.yaml", ".hydra/jobs.parquet"}
    assert files == written | {"selection.json"}
    manifest = json.loads((folder / "manifest.json").read_text())
    single = json.loads((kept[BASIC, FOLDERS] / "0" / "manifest.json").read_text())
    assert manifest["jobs"] == 8
    assert manifest.keys() - {"jobs"} == single.keys() - {"config_hash", "holding_sessions"}
    assert manifest["panel_hash"] == single["panel_hash"]


def test_tables_and_folders_are_read_into_one_frame(kept, tmp_path):
    for number, folder in enumerate((kept[BASIC, FOLDERS], kept[BATCH, TABLE])):
        (tmp_path / str(number)).symlink_to(folder)
    table = load_runs(kept[BATCH, TABLE])
    assert table.drop("run").equals(load_runs(kept[BASIC, FOLDERS]).drop("run"), null_equal=True)
    rows = read_rows(kept[BATCH, TABLE])
    made = compared(runs_of(rows, kept[BATCH, TABLE]))
    assert compared_rows(rows, kept[BATCH, TABLE]).equals(made, null_equal=True)
    with pytest.raises(InputError, match=r"no finished backtest in .*nothing"):
        load_runs([str(kept[BATCH, TABLE]), str(tmp_path / "nothing*")])
    both = load_runs(str(tmp_path / "*"))
    assert both.height == 16
    assert both.drop("run").n_unique() == 8


def test_a_key_that_only_another_sweep_asked_for_is_filled_for_a_table(kept, sweep_here, tmp_path):
    other = sweep_here("debug=small", "report=none", "sizing.index_vega=5e4", "lag=2", place=tmp_path)
    (tmp_path / "both").mkdir()
    for number, folder in enumerate((kept[BATCH, TABLE], other)):
        (tmp_path / "both" / str(number)).symlink_to(folder)
    runs = load_runs(str(tmp_path / "both" / "*"))
    assert runs["lag"].to_list() == [1] * 8 + [2]
    assert runs["sizing.index_vega"].to_list() == [1e5] * 8 + [5e4]


def test_a_row_of_a_table_is_made_again_when_its_days_are_asked_for(kept):
    row, folder = load_run(kept[BATCH, TABLE] / "3"), load_run(kept[BASIC, FOLDERS] / "3")
    assert row.config["strategy"] == folder.config["strategy"]
    assert row.holding_sessions == folder.holding_sessions > 20
    assert_frame_equal(row.daily, folder.daily, abs_tol=0.0, rel_tol=1e-9)
    assert_frame_equal(row.ledger, folder.ledger, abs_tol=0.0, rel_tol=1e-9)
    assert_frame_equal(row.statistics().metrics, folder.statistics().metrics, rel_tol=1e-9)
    assert row.returns().to_numpy() == pytest.approx(folder.returns().to_numpy(), rel=1e-9)
    with pytest.raises(InputError, match=r"3 is a row of a table and has no limits; of it there are daily and ledger"):
        row.frame("limits")


def test_rows_of_a_table_are_compared_as_folders_are(kept):
    told, known = (
        compare(load_runs(kept[how]).select("enter=0.2", "schedule=weekly"))
        for how in ((BATCH, TABLE), (BASIC, FOLDERS))
    )
    assert told.settings.equals(known.settings)
    assert told.settings["setting"].to_list() == ["costs.component"]
    assert_frame_equal(told.daily, known.daily, rel_tol=1e-9)
    assert_frame_equal(told.difference, known.difference, rel_tol=1e-6)
    assert abs(told.difference["difference"][0]) > 1.0
    same = compare([kept[BATCH, TABLE] / "2", kept[BASIC, FOLDERS] / "2"])
    assert same.settings.height == 0
    assert same.difference["difference"][0] == pytest.approx(0.0, abs=1e-3)


def changed(column, edit, kept, place):
    """A copy of the sweep kept as a table in which one of the columns of its jobs is another."""
    sweep = place / "sweep"
    shutil.copytree(kept[BATCH, TABLE], sweep)
    file = sweep / (table_store.RUNS if column == "pnl_net" else table_store.JOBS)
    pl.read_parquet(file).with_columns(edit(pl.col(column))).write_parquet(file)
    manifest = json.loads((sweep / "manifest.json").read_text())
    manifest["files"][str(file.relative_to(sweep))] = checksum(file)
    (sweep / "manifest.json").write_text(json.dumps(sealed(manifest)))
    return sweep


@pytest.mark.parametrize(
    ("column", "edit", "words"),
    [
        ("pnl_net", lambda net: net + 2.0 * net.abs(), r"pnl_net comes to .*, and is kept as .*; run it again"),
        ("manifest", lambda text: text.str.replace('"panel_hash": "....', '"panel_hash": "0000'), "no longer those"),
        (
            "config",
            lambda of: of.struct.with_fields(
                pl.field("market").str.replace('"name": "synthetic"', '"name": "nowhere"')
            ),
            "again: .*nowhere",
        ),
    ],
)
def test_a_row_that_cannot_be_made_again_is_refused(kept, tmp_path, column, edit, words):
    sweep = changed(column, edit, kept, tmp_path)
    with pytest.raises(InputError, match=words):
        _ = load_run(sweep / "3").daily
    assert load_run(sweep / "3").summary["cohorts"] > 0  # what the table has needs no data


def test_a_table_of_before_whose_configurations_are_whole_texts_is_read(kept, tmp_path):
    whole = [json.dumps(config) for config in configs(read_rows(kept[BATCH, TABLE]))]
    sweep = changed("config", lambda _: pl.Series("config", whole), kept, tmp_path)
    assert isinstance(pl.read_parquet(sweep / ".hydra" / "jobs.parquet")["config"][3], str)
    assert load_run(sweep / "3").config == load_run(kept[BATCH, TABLE] / "3").config
    assert load_runs(sweep).drop("run").equals(load_runs(kept[BATCH, TABLE]).drop("run"), null_equal=True)


def test_a_row_that_is_not_there_is_told(kept):
    with pytest.raises(InputError, match=r"the table of .* has no row 8; load_runs\(.*\) has all"):
        load_run(kept[BATCH, TABLE] / "8")


@pytest.fixture
def simulated(monkeypatch):
    """Count the parameter sets that are simulated from now on."""
    count = []
    alone = sys.modules["engine.backtest.simulate"]  # `engine.backtest.simulate` is the function
    simulate = alone.simulate

    def counting(*given):
        result = simulate(*given)
        count.append(len(result.entry_exposure))
        return result

    for module in (alone, engine.sweep.batches):
        monkeypatch.setattr(module, "simulate", counting)
    return count


def spoil_folders(folder):
    """Spoil four of the eight jobs of a sweep, each in another way."""
    shutil.rmtree(folder / "1")
    (folder / "2" / "manifest.json").write_text("{")
    whole = (folder / "4" / "ledger.parquet").read_bytes()
    (folder / "4" / "ledger.parquet").write_bytes(whole[: len(whole) // 2])
    made = json.loads((folder / "7" / "manifest.json").read_text())
    (folder / "7" / "manifest.json").write_text(json.dumps(made | {"config_hash": "another"}))


def spoil_table(folder):
    """Take four of the eight jobs of a sweep from one or the other of its files, as a kill between them can."""
    (folder / ".parts").mkdir()
    for path, lost in ((folder / "runs.parquet", (1, 2)), (folder / ".hydra" / "jobs.parquet", (4, 7))):
        frame = pl.read_parquet(path).with_row_index()
        frame.filter(~pl.col("index").is_in(lost)).drop("index").write_parquet(path)


@pytest.mark.parametrize("launcher", [BASIC, BATCH])
@pytest.mark.parametrize(("store", "spoil"), [(FOLDERS, spoil_folders), (TABLE, spoil_table)])
def test_a_sweep_that_goes_on_computes_only_what_is_not_finished(
    kept, same_runs, sweep_here, simulated, tmp_path, launcher, store, spoil
):
    folder = tmp_path / "results" / "debug" / "then"
    shutil.copytree(kept[launcher, store], folder)
    spoil(folder)
    resume = "sweep.resume=results/debug/then"
    assert sweep_here(*SMALL, *GRID, *launcher, *store, resume, place=tmp_path) == folder
    assert sum(simulated) == 4
    if store == TABLE:
        same_runs(kept[launcher, store], folder)
    else:
        frames = [pl.read_parquet(at / "runs.parquet").drop("run") for at in (kept[launcher, store], folder)]
        assert frames[0].equals(frames[1], null_equal=True)
    simulated.clear()
    sweep_here(*SMALL, *GRID, *launcher, *store, resume, place=tmp_path)
    assert simulated == []


def test_a_sweep_goes_on_with_other_settings_only_where_numbers_stay(
    kept, sweep_here, simulated, tmp_path, monkeypatch
):
    folder = tmp_path / "results" / "debug" / "then"
    shutil.copytree(kept[BATCH, TABLE], folder)
    given = (*SMALL, *GRID, *BATCH, *TABLE, "sweep.resume=results/debug/then")
    sweep_here(*given, "study=other", "report.html=true", place=tmp_path)
    assert simulated == []
    sweep_here(*given, "costs.index=0.3", place=tmp_path)
    assert sum(simulated) == 8
    monkeypatch.setattr(engine.runs.manifest, "_versions", lambda: {"dispersion-engine": "another"})
    sweep_here(*given, "costs.index=0.3", place=tmp_path)
    assert sum(simulated) == 16


def gone(folder):
    """Let go of a folder's lock in this process, as the end of a killed one does."""
    held(folder)._let_go()


class Killed(BaseException):
    """Ends a command where it stands, without tidying up, as a kill does."""


@pytest.mark.parametrize(("end", "raised"), [(Killed, Killed), (KeyboardInterrupt, SystemExit)])
def test_what_an_interrupted_sweep_has_put_into_parts_is_not_lost(
    kept, same_runs, sweep_here, simulated, tmp_path, monkeypatch, capsys, end, raised
):
    decide = engine.sweep.batches.decide

    def interrupt(*given):
        if sum(simulated) >= 4:
            raise end
        return decide(*given)

    with monkeypatch.context() as patched:
        patched.setattr(engine.sweep.batches, "decide", interrupt)
        with pytest.raises(raised) as ended:
            sweep_here(*SMALL, *GRID, *BATCH, *TABLE, place=tmp_path)
    assert sum(simulated) == 4
    (folder,) = tmp_path.glob("results/debug/*")
    assert (folder / "runs.parquet").exists() == (end is KeyboardInterrupt)
    if end is KeyboardInterrupt:
        assert ended.value.code == 130
        told = f"error: interrupted; go on with sweep.resume={folder.relative_to(tmp_path)}"
        assert told in capsys.readouterr().err
    else:
        gone(folder)
    sweep_here(*SMALL, *GRID, *BATCH, *TABLE, f"sweep.resume={folder.relative_to(tmp_path)}", place=tmp_path)
    assert sum(simulated) == 8
    same_runs(kept[BATCH, TABLE], folder)


@pytest.mark.parametrize("store", [FOLDERS, TABLE])
def test_a_batched_sweep_keeps_the_runs_that_finished(command, tmp_path, store):
    ended = command("run", "-m", *SMALL, *BATCH, *store, "lag=1,0", place=tmp_path)
    assert ended.code == 2
    assert "lag=0" in ended.err
    assert "Traceback" not in ended.err
    (parquet,) = tmp_path.glob("results/debug/*/runs.parquet")
    assert pl.read_parquet(parquet).height == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("sweep.store=tabel",), ("sweep.store=tabel", "folders or table")),
        (("sweep.stroe=table",), ("sweep has no setting stroe", "did you mean store?")),
        (("sweep.resume=nowhere",), ("sweep.resume=nowhere", "results/<study>/<time>")),
    ],
)
def test_a_mistake_about_the_sweep_is_told_in_one_message(command, tmp_path, options, words):
    command("run", "-m", *SMALL, *options, "lag=1,2", place=tmp_path).refuses(*words)


def test_a_table_is_not_gone_on_with_as_folders(kept, command, tmp_path):
    ended = command("run", "-m", *SMALL, *GRID, f"sweep.resume={kept[BATCH, TABLE]}", place=tmp_path)
    ended.refuses("is kept as table", "sweep.store=table")


def test_the_bar_tells_how_many_sets_a_second_are_done(monkeypatch):
    from io import StringIO

    class Terminal(StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("Backtests", 3, unit="sets") as advance:
        for _ in range(3):
            advance(1)
    assert "sets/s" in terminal.getvalue()
