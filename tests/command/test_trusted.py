"""A configuration runs the engine's code, and code of the packages that the user allows; nothing else."""

import sys

import pytest

from engine.command.logging_config import check_logging
from engine.command.objects import build
from engine.errors import InputError

MINE = """
from dataclasses import dataclass
from pathlib import Path
from engine.correlation import TopWeights as Theirs
import os

@dataclass(frozen=True)
class Mine(Theirs):
    pass

class Nothing:
    pass

print("the package was imported")
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine_of_this_test.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "mine_of_this_test"
    sys.modules.pop("mine_of_this_test", None)


@pytest.mark.parametrize(
    ("group", "target", "words"),
    [
        ("strategy", "os.system", "is not of engine or strategies; if you trust its code, add allow=os"),
        ("strategy", "subprocess.Popen", "add allow=subprocess"),
        ("strategy", "engineering.Strategy", "add allow=engineering"),
        ("strategy", "system", "add allow=system"),
        ("strategy", "engine.command.objects.import_module", "is no class that engine or strategies defines"),
        ("strategy", "engine.data.load.Path", "is no class that engine or strategies defines"),
        ("strategy", "engine.data.load.os", "is no class that"),
        ("strategy", "engine.data.load.os.system", "cannot be imported"),
        ("strategy", "engine.run.run", "is no class that"),
        ("strategy", "engine.runs.claim.Claim", "is no AbstractStrategy: it has no exposure"),
        ("strategy", "engine.backtest.AbstractStrategy", "cannot be made of"),
        ("sizing", "engine.backtest.VolPoints", "is no AbstractSizing"),
        ("costs", "engine.backtest.VegaNeutral", "is no Costs: it has no index, component"),
        ("basket", "engine.backtest.Monthly", "is no Basket: it has no label, select"),
        ("hedge", "engine.backtest.Straddle", "is no Hedge: it has no ratio"),
        ("exits", "engine.sweep.callback.CompareRuns", "is no Exits: it has no exit_day"),
    ],
)
def test_a_class_of_elsewhere_or_of_another_group_is_refused(group, target, words):
    with pytest.raises(InputError, match=f"{group}._target_=.*{words}"):
        build({"_target_": target}, group)


def test_a_package_is_imported_only_where_it_is_allowed(mine, capsys):
    node = {"_target_": f"{mine}.Mine", "n": 3}
    with pytest.raises(InputError, match=f"add allow={mine}"):
        build(node, "basket")
    assert capsys.readouterr().out == ""
    assert build(node, "basket", allow=mine).n == build(node, "basket", allow=["other", mine]).n == 3
    assert "imported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"), [("Path", "no class that"), ("os", "no class that"), ("Nothing", "no Basket")]
)
def test_what_an_allowed_package_only_imports_or_does_not_fit_is_refused_too(mine, name, words):
    with pytest.raises(InputError, match=words):
        build({"_target_": f"{mine}.{name}"}, "basket", allow=mine)


@pytest.mark.parametrize("allow", [5, [None], "no-package", "", {"os": 1}])
def test_what_is_allowed_must_be_names_of_packages(allow):
    with pytest.raises(InputError, match="is not the name of a package"):
        build({"_target_": "engine.correlation.TopWeights"}, "basket", allow)


def test_a_market_is_loaded_by_the_engine_alone(command, tmp_path):
    command("run", "market._target_=os.system", "market.name='touch made'", place=tmp_path).refuses("loads no market")
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_can_allow_a_package_and_its_hash_does_not_change(mine):
    from types import SimpleNamespace

    from engine.runs.manifest import config_hash

    panel = SimpleNamespace(content_hash="abc")
    assert config_hash({"lag": 1, "allow": []}, panel) == config_hash({"lag": 1, "allow": [mine]}, panel)


RUNS = "touch made"
HOSTILE = {
    "factory": {"handlers": {"x": {"()": "os.system", "command": RUNS}}, "root": {"handlers": ["x"]}},
    "formatter": {"formatters": {"x": {"()": "os.system", "command": RUNS}}},
    "handler": {
        "handlers": {"x": {"class": "subprocess.Popen", "args": RUNS, "shell": True}},
        "root": {"handlers": ["x"]},
    },
    "file": {
        "handlers": {"x": {"class": "logging.config.fileConfig", "fname": "evil.ini"}},
        "root": {"handlers": ["x"]},
    },
    "import": {"handlers": {"x": {"class": "logging.StreamHandler", "stream": "ext://antigravity.fly"}}},
}


@pytest.mark.parametrize("config", HOSTILE.values(), ids=HOSTILE)
def test_a_configuration_of_logging_names_no_code(config):
    with pytest.raises(InputError, match=r"hydra.job_logging.*is refused"):
        check_logging({"version": 1, **config}, "hydra.job_logging")


def test_handlers_formatters_and_filters_of_python_are_taken():
    check_logging(
        {
            "formatters": {"f": {"class": "logging.Formatter", "format": "%(message)s"}},
            "handlers": {"h": {"class": "logging.handlers.RotatingFileHandler", "filename": "log", "formatter": "f"}},
            "root": {"level": "INFO", "handlers": ["h"]},
        },
        "hydra.job_logging",
    )


@pytest.mark.parametrize("kind", ["job_logging", "hydra_logging"])
@pytest.mark.parametrize("sweep", [(), ("-m", "lag=1,2")])
def test_a_choice_of_logging_that_runs_a_command_is_refused(command, tmp_path, kind, sweep):
    choice = tmp_path / "configs" / "hydra" / kind / "evil.yaml"
    choice.parent.mkdir(parents=True)
    choice.write_text(f"version: 1\nhandlers: {{x: {{(): os.system, command: {RUNS}}}}}\nroot: {{handlers: [x]}}\n")
    ended = command("run", *sweep, f"hydra/{kind}=evil", "debug=small", "report=none", place=tmp_path)
    assert ended.code == 2
    assert "os.system" in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "made").exists()
