"""What a command does first: imports are looked for in the right order, and late help is let through."""

import argparse
import os
import sys
from types import SimpleNamespace

import pytest

from engine.command.hydra import start
from engine.command.start import help_that_comes_late, import_from_here_last, sweep_from_anywhere
from engine.places import ROOT


@pytest.fixture
def search(monkeypatch):
    """Set the module search path, as if a command had been started with it, and return what it then is."""

    def set_and_settle(*path):
        monkeypatch.setattr(sys, "path", list(path))
        import_from_here_last()
        return sys.path

    return set_and_settle


def test_the_working_directory_comes_last_however_it_was_named(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert search(str(tmp_path), "/libraries") == ["/libraries", str(tmp_path)]
    assert search("", "/libraries") == ["/libraries", str(tmp_path)]
    assert search("/libraries") == ["/libraries", str(tmp_path)]


def test_the_checkout_that_runs_stays_where_it_is(search, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert search(str(ROOT), "/libraries") == [str(ROOT), "/libraries"]


def test_a_sweep_is_asked_for_before_among_and_after_the_settings(monkeypatch):
    for asked in (["-m", "lag=1,2", "seed=1"], ["lag=1,2", "-m", "seed=1"], ["lag=1,2", "seed=1", "-m"]):
        monkeypatch.setattr(sys, "argv", ["run", *asked])
        sweep_from_anywhere()
        assert sys.argv == ["run", "-m", "lag=1,2", "seed=1"]


def test_help_that_is_no_text_yet_is_not_looked_at_early(monkeypatch):
    looked = []
    monkeypatch.setattr(argparse.ArgumentParser, "_check_help", lambda self, a: looked.append(a.help), raising=False)
    parser = argparse.ArgumentParser()
    with help_that_comes_late():
        parser._check_help(SimpleNamespace(help=object()))
        parser._check_help(SimpleNamespace(help="text"))
    parser._check_help(SimpleNamespace(help=None))
    assert looked == ["text", None]


def test_configurations_that_another_package_replaced_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("engine.command.hydra.CONFIGS", tmp_path)
    with pytest.raises(SystemExit) as ended:
        start(None, "backtest")
    assert ended.value.code == 2
    assert f"{tmp_path} does not hold backtest.yaml" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_named(command, tmp_path):
    (tmp_path / "results").write_text("")  # a file where the folder should be: nobody can write into it, root neither
    command("run", "debug=small", "report=none", place=tmp_path).refuses("results")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_place_where_nothing_may_be_written_is_named(command, tmp_path):
    tmp_path.chmod(0o500)
    command("run", "debug=small", "report=none", place=tmp_path).refuses("cannot be written")
