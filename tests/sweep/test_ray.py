"""Sweeps by joblib, submitit, Slurm and Ray leave what the basic launcher leaves, also when a node dies."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from engine.backtest import DailyDelta, HoldToExpiry, Monthly, Straddle, VegaNeutral, VolPoints, Weekly
from engine.command.backtests import GROUPS
from engine.correlation import TopWeights
from engine.data import build_panel
from engine.data.store.storage import open_panel
from engine.runs.plan import Plan
from engine.sweep.jobs import Job
from engine.sweep.pieces import PanelSource, opened_panel, pieces, run_piece
from strategies.short_correlation import ShortCorrelation
from tests.commands import ROOT
from tests.sweep.slurm_here import slurm_here

SMALL = ("debug=small", "report=none", "strategy=rich_correlation", "strategy.window=60")
GRID = ("strategy.enter=0.2,1", "costs.component=0.4,0.8", "schedule=monthly,weekly")
PAIR = ("costs.component=0.4,0.8",)
TABLE = "sweep.store=table"


def needs(package: str, extra: str):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed (the extra {extra})")


@pytest.fixture(scope="module")
def kept(sweep_here, tmp_path_factory):
    """A sweep by the basic launcher: folder of the whole grid, and of two jobs."""
    return {grid: sweep_here(*SMALL, *grid, place=tmp_path_factory.mktemp("kept")) for grid in (GRID, PAIR)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two Ray nodes of one core each on this machine, which this process is connected to; with where they run."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as here:
        place = tmp_path_factory.mktemp("cluster")
        here.chdir(place)
        here.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for name, value in {"period_ms": 1000, "timeout_ms": 3000, "failure_threshold": 3}.items():
            here.setenv(f"RAY_health_check_{name}", str(value))  # a dead node is noticed within seconds
        here.setenv("MORTAL", str(place / "mortal"))
        here.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=node)
        made.add_node(**node)
        ray.init(address=made.address, log_to_driver=False)
        yield made, place
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def workers_end():
    """End the workers of joblib, which stay in the folder they began in."""
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def spoil(folder):
    """Take half of a sweep's eight jobs away, as if they had never been run."""
    if (folder / "0").exists():
        for number in range(4):
            shutil.rmtree(folder / str(number))
        (folder / "runs.parquet").unlink()
    else:
        (folder / ".parts").mkdir()  # as a kill leaves it
        pl.read_parquet(folder / "runs.parquet").tail(4).write_parquet(folder / "runs.parquet")


def same_table(one, other):
    frames = [pl.read_parquet(folder / "runs.parquet").drop("run") for folder in (one, other)]
    assert frames[0].equals(frames[1], null_equal=True)


@needs("joblib", "joblib")
@pytest.mark.parametrize("store", [(), (TABLE,)])
def test_joblib_leaves_the_same_and_goes_on(kept, sweep_here, same_runs, workers_end, tmp_path, capfd, store):
    given = (*SMALL, *GRID, *store, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    folder = sweep_here(*given, place=tmp_path)
    same_runs(kept[GRID], folder)
    spoil(folder)
    capfd.readouterr()
    sweep_here(*given, f"sweep.resume={folder.relative_to(tmp_path)}", place=tmp_path)
    assert capfd.readouterr().out.count("finished already") == 4
    same_table(kept[GRID], folder)


@needs("submitit", "slurm")
def test_submitit_leaves_the_same(kept, sweep_here, same_runs, tmp_path):
    same_runs(kept[PAIR], sweep_here(*SMALL, *PAIR, "hydra/launcher=submitit_local", place=tmp_path))


@needs("submitit", "slurm")
def test_slurm_runs_each_job_as_a_task_of_an_array(kept, sweep_here, same_runs, tmp_path, monkeypatch):
    commands = slurm_here(tmp_path, monkeypatch)
    given = ("hydra/launcher=slurm", "hydra.launcher.partition=desk", "hydra.launcher.cpus_per_task=3")
    same_runs(kept[PAIR], sweep_here(*SMALL, *PAIR, *given, place=tmp_path / "place"))
    asked = (commands / "submitted").read_text()
    for words in ("--array=0-1", "--partition=desk", "--cpus-per-task=3", "--time=240"):
        assert words in asked


@pytest.mark.parametrize(("launcher", "extra"), [("joblib", "joblib"), ("slurm", "slurm"), ("submitit_local", "slurm")])
def test_a_launcher_that_is_not_installed_names_its_extra(command, tmp_path, launcher, extra):
    hiding = tmp_path / "hiding" / "hydra_plugins"  # a package that comes first hides those of all other places
    hiding.mkdir(parents=True)
    (hiding / "__init__.py").touch()
    ended = command("run", "-m", *PAIR, f"hydra/launcher={launcher}", place=tmp_path, first=hiding.parent)
    ended.refuses(f"hydra/launcher={launcher}", f"pip install 'dispersion-engine[{extra}]'")


@pytest.mark.parametrize(
    ("word", "meant"), [("ray_bach", "did you mean ray_batch?"), ("cloud", "can be basic, batch, ray_")]
)
def test_an_unknown_launcher_is_met_with_the_known_ones(command, tmp_path, word, meant):
    command("run", "-m", *PAIR, f"hydra/launcher={word}", place=tmp_path).refuses(f"hydra/launcher={word}", meant)


def test_ray_batch_without_ray_names_its_extra(sweep_here, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        sweep_here(*SMALL, *PAIR, "hydra/launcher=ray_batch", place=tmp_path)
    assert ended.value.code == 2
    assert "pip install 'dispersion-engine[ray]'" in capsys.readouterr().err


@needs("submitit", "slurm")
@pytest.mark.skipif(shutil.which("srun") is not None, reason="Slurm is there")
def test_a_machine_without_slurm_is_told_so(command, tmp_path):
    command("run", "-m", *PAIR, "hydra/launcher=slurm", place=tmp_path).refuses("needs Slurm", "no srun")


@needs("ray", "ray")
@pytest.mark.parametrize("store", [(), (TABLE, "hydra.launcher.panel=object_store")])
def test_ray_batch_leaves_the_same_and_goes_on(cluster, kept, sweep_here, same_runs, tmp_path, capsys, store):
    given = (*SMALL, *GRID, *store, "hydra/launcher=ray_batch")
    folder = sweep_here(*given, place=tmp_path)
    same_runs(kept[GRID], folder)
    spoil(folder)
    capsys.readouterr()
    sweep_here(*given, f"sweep.resume={folder.relative_to(tmp_path)}", place=tmp_path)
    assert "4 were finished already; ran 4" in capsys.readouterr().out
    same_table(kept[GRID], folder)


@needs("ray", "ray")
@pytest.mark.parametrize("victim", ["worker", "node"])
def test_a_death_in_the_middle_loses_nothing(cluster, kept, sweep_here, tmp_path, victim):
    import ray

    _, place = cluster
    (place / "mortal").write_text(f"{victim} {ray.get_runtime_context().get_node_id()}")
    alive = sum(node["Alive"] for node in ray.nodes())
    given = ("strategy._target_=mortal.Mortal", "allow=mortal", "causality=off", TABLE, "hydra/launcher=ray_batch")
    folder = sweep_here(*SMALL, *GRID, *given, place=tmp_path)
    assert not (place / "mortal").exists()
    left = alive - (victim == "node")
    deadline = time.monotonic() + 60.0  # the cluster may notice later than the sweep does
    while sum(node["Alive"] for node in ray.nodes()) != left:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    frames = [pl.read_parquet(at / "runs.parquet").drop("run") for at in (kept[GRID], folder)]
    assert frames[0].equals(frames[1].drop("strategy._target_", "allow", "causality"), null_equal=True)


@needs("ray", "ray")
def test_the_command_finds_a_cluster_by_its_address(cluster, kept, command, same_runs, tmp_path):
    made, _ = cluster
    address = f"hydra.launcher.address={made.address}"
    ended = command("run", "-m", *SMALL, *PAIR, "hydra/launcher=ray_batch", address, place=tmp_path)
    assert ended.code == 0, ended.err
    (folder,) = tmp_path.glob("results/debug/*")
    same_runs(kept[PAIR], folder)


@needs("ray", "ray")
def test_no_cluster_at_an_address_is_told(command, tmp_path):
    given = ("hydra/launcher=ray_batch", "hydra.launcher.address=localhost:1")
    ended = command("run", "-m", *SMALL, *PAIR, *given, place=tmp_path)
    ended.refuses("no Ray cluster", "hydra.launcher.address=localhost:1")


@needs("ray", "ray")
def test_a_task_that_no_node_can_hold_is_refused(cluster, sweep_here, tmp_path, capsys):
    given = ("hydra/launcher=ray_batch", "hydra.launcher.num_cpus=2")  # the nodes have one core each
    with pytest.raises(SystemExit) as ended:
        sweep_here(*SMALL, *PAIR, *given, place=tmp_path)
    assert ended.value.code == 2
    assert (
        "no node of the cluster holds a task of hydra.launcher.num_cpus=2: its nodes have 1 CPU"
        in capsys.readouterr().err
    )


SLOW = """
import os, time
from dataclasses import dataclass
from strategies.short_correlation import ShortCorrelation

@dataclass(frozen=True)
class Slow(ShortCorrelation):
    def exposure(self, market):
        time.sleep(float(os.environ.get("SECONDS_EACH", "0")))
        return super().exposure(market)
"""


def listening() -> set:
    """Ports of this machine that other machines reach, of IPv4 and IPv6."""
    found = set()
    for kind in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and not address.split(":")[0].endswith("0100007F"):
                found.add(address)
    return found


@needs("ray", "ray")
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are looked for in /proc")
def test_an_own_cluster_is_this_machines_alone_and_an_interrupt_keeps_what_is_done(panels, tmp_path):
    (tmp_path / "mine.py").write_text(SLOW)
    path = os.pathsep.join(map(str, [tmp_path, ROOT, ROOT / "engine" / "plugins"]))
    given = (
        "hydra/launcher=ray_batch",
        "+hydra.launcher.init.num_cpus=1",
        "strategy._target_=mine.Slow",
        "allow=[mine]",
    )
    runtime = "+hydra.launcher.init.runtime_env={env_vars:{SECONDS_EACH:'1'}}"  # on the nodes only
    command = [
        sys.executable,
        "-m",
        "engine.run",
        "-m",
        "debug=small",
        "report=none",
        *given,
        runtime,
        "lag=1,2,3,4,5,6,7,8",
    ]
    environment = os.environ | {"DISPERSION_CACHE": str(panels), "PYTHONPATH": path, "HYDRA_FULL_ERROR": ""}
    environment.pop("RAY_ADDRESS", None)
    before = listening()
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("results/*/*/0/manifest.json")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        assert listening() <= before
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(60) == 130, told
    (sweep,) = tmp_path.glob("results/debug/*")
    assert f"go on with sweep.resume={sweep.relative_to(tmp_path)}" in told
    assert "Traceback" not in told
    assert 0 < pl.read_parquet(sweep / "runs.parquet").height < 8


def test_a_strategy_that_is_missing_on_a_node_names_the_node(tmp_path):
    folder = build_panel("synthetic", cache=tmp_path, progress=False, years=1, names=5)
    key = json.loads((folder / "panel.json").read_text())["content_hash"]
    choices = {name: {"_target_": "nowhere.Strategy"} for name in GROUPS}
    plan = Plan(0, [], {}, {**choices, "lag": 1, "allow": ["nowhere"]})
    ((numbers, error),) = run_piece(PanelSource(str(folder), key, None, None, "numpy", None), [plan], None)
    assert numbers == [0]
    assert str(error).startswith(
        f"on node {socket.gethostname()}: strategy._target_=nowhere.Strategy cannot be imported"
    )


def test_a_big_book_is_cut_so_that_every_slot_has_work():
    rest = (HoldToExpiry(), DailyDelta(), VolPoints())
    weekly, monthly = (
        Job("market", ShortCorrelation(), TopWeights(), Straddle(), VegaNeutral(), schedule, *rest)
        for schedule in (Weekly(), Monthly())
    )
    big, small = [weekly] * 100, [monthly] * 3
    cut = list(pieces([*big, *small], slots=4, largest=1000))
    assert sorted(n for piece in cut for n in piece) == list(range(103))
    assert max(map(len, cut)) == 7  # 103 jobs in four pieces for each of four slots
    assert cut[-1] == [100, 101, 102]
    assert max(map(len, pieces(big, slots=1, largest=10))) == 10


def test_a_node_opens_a_panel_from_its_folder_only_where_it_is_the_same(tmp_path):
    settings = {"years": 1, "names": 5}
    folder = build_panel("synthetic", cache=tmp_path, progress=False, **settings)
    cut = open_panel(folder).slice("2014-03-01", "2014-06-30")
    ends = str(cut.dates[0]), str(cut.dates[-1])
    source = PanelSource(str(folder), cut.content_hash, *ends, "numpy", None)
    market, _ = opened_panel(source)
    assert (market.dates == cut.dates).all()
    assert opened_panel(source)[0] is market
    assert opened_panel(PanelSource(str(folder), "another", None, None, "numpy", None)) is None
    assert opened_panel(PanelSource(str(folder), cut.content_hash, "2014-03-05", ends[1], "numpy", None)) is None
    assert opened_panel(PanelSource(str(folder), cut.content_hash, "1999-01-01", "1999-02-01", "numpy", None)) is None
    assert opened_panel(PanelSource(str(tmp_path / "nowhere"), cut.content_hash, *ends, "numpy", None)) is None
