"""hydra/launcher=slurm_batch leaves what one machine leaves, in few tasks, also when tasks are killed."""

import importlib.util
import shutil
from pathlib import Path

import polars as pl
import pytest

from engine import InputError
from engine.sweep import slurm
from engine.sweep.pieces import PanelSource
from engine.sweep.slurm import SlurmSettings, run_task
from tests.sweep.slurm_here import slurm_here

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("submitit") is None, reason="submitit is not installed (the extra slurm)"
)
SMALL = ("debug=small", "report=none", "strategy=rich_correlation", "strategy.window=60")
GRID = ("strategy.enter=0.2,1", "costs.component=0.4,0.8", "schedule=monthly,weekly")
TABLE = ("sweep.store=table",)
SLURM = ("hydra/launcher=slurm_batch", "hydra.launcher.tasks=3")

# Kills itself the first time that a task of an array decides, as a node that dies does; a task sent again has no array.
MORTAL = """
import os, signal
from dataclasses import dataclass
from strategies.rich_correlation import RichCorrelation

@dataclass(frozen=True)
class Mortal(RichCorrelation):
    def exposure(self, market):
        if os.environ.get("SLURM_ARRAY_TASK_ID", "-") in os.environ.get("VICTIMS", "").split():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().exposure(market)
"""


@pytest.fixture(scope="module")
def kept(sweep_here, tmp_path_factory):
    """The sweep by the basic launcher."""
    return sweep_here(*SMALL, *GRID, place=tmp_path_factory.mktemp("kept"))


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Commands of Slurm, and nothing that waits for long."""
    monkeypatch.setattr(slurm, "SECONDS_A_DISK_IS_LATE", 1.0)
    monkeypatch.setattr(slurm, "SECONDS_BETWEEN_QUEUES", 0.2)
    return slurm_here(tmp_path, monkeypatch)


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """Words that take a strategy which dies in the tasks that VICTIMS names."""
    (tmp_path / "mortal_task.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[2]}")
    return ("strategy._target_=mortal_task.Mortal", "allow=mortal_task", "causality=off")


def same_table(one, other):
    frames = [pl.read_parquet(folder / "runs.parquet").drop("run") for folder in (one, other)]
    assert frames[0].equals(frames[1].select(frames[0].columns), null_equal=True)


@pytest.mark.parametrize("store", [(), TABLE])
def test_tasks_of_an_array_leave_what_one_machine_leaves(kept, commands, sweep_here, same_runs, tmp_path, store):
    asked = ("hydra.launcher.partition=desk", "+hydra.launcher.more.qos=high", "hydra.launcher.mem_gb=3")
    folder = sweep_here(*SMALL, *GRID, *store, *SLURM, *asked, place=tmp_path / "place")
    same_runs(kept, folder)
    script = (commands / "submitted").read_text()
    for words in ("--array=0-2", "--partition=desk", "--cpus-per-task=2", "--time=240", "--qos=high", "--mem=3GB"):
        assert words in script
    assert not list(folder.glob(".slurm-*"))


def test_processes_of_this_machine_try_it_out(kept, sweep_here, same_runs, tmp_path):
    same_runs(kept, sweep_here(*SMALL, *GRID, *SLURM, "hydra.launcher.cluster=local", place=tmp_path))


def test_tasks_take_the_dates_of_the_sweep_and_nothing_that_is_held_out(sweep_here, same_runs, tmp_path):
    asked = (*SMALL, *GRID, "start=2014-03-01", "holdout=2014-11-01", *TABLE)
    alone = sweep_here(*asked, "hydra/launcher=batch", place=tmp_path / "alone")
    same_runs(alone, sweep_here(*asked, *SLURM, "hydra.launcher.cluster=local", place=tmp_path / "tasks"))


def test_a_task_that_is_killed_is_sent_again(kept, commands, mortal, sweep_here, tmp_path, monkeypatch):
    monkeypatch.setenv("VICTIMS", "0 2")
    folder = sweep_here(*SMALL, *GRID, *TABLE, *SLURM, *mortal, place=tmp_path / "place")
    assert len(list((commands / "jobs").iterdir())) == 5  # three of the array, two sent again
    same_table(kept, folder)


def test_what_is_lost_is_told_and_gone_on_with(kept, commands, mortal, sweep_here, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VICTIMS", "1")
    asked = (*SMALL, *GRID, *TABLE, *SLURM, *mortal, "hydra.launcher.retries=0")
    place = tmp_path / "place"
    with pytest.raises(SystemExit) as ended:
        sweep_here(*asked, place=place)
    assert ended.value.code == 2
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    (folder,) = place.glob("results/*/*")
    assert "1 of 3 tasks of Slurm were lost" in told
    assert f"sweep.resume={folder.relative_to(place)}" in told
    (logs,) = folder.glob(".slurm-*")
    assert str(logs.relative_to(place)) in told
    left = pl.read_parquet(folder / "runs.parquet").height
    assert 0 < left < 8
    monkeypatch.delenv("VICTIMS")
    sweep_here(*asked, f"sweep.resume={folder.relative_to(place)}", place=place)
    assert f"{left} were finished already; ran {8 - left}" in capsys.readouterr().out
    same_table(kept, folder)


def test_a_node_that_does_not_see_the_panel_says_so(tmp_path):
    nowhere = PanelSource(str(tmp_path / "none"), "hash", None, None, "numpy", None)
    ((numbers, error),) = run_task(nowhere, [None, None], list)
    assert numbers == [0, 1]
    assert "there is no panel" in str(error)
    assert "DISPERSION_CACHE" in str(error)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("tasks=0", "hydra.launcher.tasks=0 is too few"),
        ("retries=-1", "hydra.launcher.retries=-1 is too few"),
        ("cluster=moon", "choose slurm or local"),
        ("taks=3", "taks"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(command, tmp_path, word, told):
    ended = command("run", "-m", *SMALL, *GRID, SLURM[0], f"hydra.launcher.{word}", place=tmp_path)
    ended.refuses(told)


@pytest.mark.skipif(shutil.which("sbatch") is not None, reason="Slurm is there")
def test_a_machine_without_slurm_is_told_so(command, tmp_path):
    command("run", "-m", *SMALL, *GRID, *SLURM, place=tmp_path).refuses("needs Slurm", "no sbatch", "cluster=local")


def test_without_submitit_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"dispersion-engine\[slurm\]"):
        slurm.check_slurm({})


def test_a_queue_that_gives_no_answer_is_asked_again(commands, monkeypatch):
    (commands / "squeue").write_text("#!/bin/bash\nexit 1\n")
    assert slurm._queued() is None
    (commands / "squeue").write_text("#!/bin/bash\necho 7_0; echo 7_1\n")
    assert slurm._queued() == {"7_0", "7_1"}
    assert SlurmSettings().cluster == "slurm"
