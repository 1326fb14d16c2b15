"""Compiled kernels are kept where nobody else can put them, and a damaged one is made again rather than run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.durable import locked
from engine.kernels import host
from tests.commands import ROOT

TEXT = 'extern "C" int answer() { return 42; }'

pytestmark = pytest.mark.skipif(host.compiler() is None, reason="no C++ compiler")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder for libraries, and how often one was compiled."""
    compiled, compile_ = [], host._compile

    def counted(text, path, flags):
        compiled.append(path)
        compile_(text, path, flags)

    monkeypatch.setattr(host, "_compile", counted)
    monkeypatch.setattr(host, "_folders", lambda: (tmp_path / "kernels",))
    (tmp_path / "kernels").mkdir()
    return tmp_path / "kernels", compiled


def test_a_library_is_compiled_once_and_only_itself_and_its_checksum_are_left(cache):
    folder, compiled = cache
    for _ in range(2):
        assert host.built("answer", TEXT).answer() == 42
    assert len(compiled) == 1
    assert sorted(path.suffix for path in folder.iterdir()) == [".sha256", ".so"]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [flip, os.unlink, lambda path: os.unlink(f"{path}.sha256")])
def test_a_damaged_library_is_made_again(cache, monkeypatch, spoil):
    _, compiled = cache
    monkeypatch.setattr(host.ctypes, "CDLL", str)  # the path alone: a file that is loaded must not be written to
    path = Path(host.built("answer", TEXT))
    spoil(path)
    assert host.built("answer", TEXT) == str(path)
    assert compiled == [path, path]
    assert host._is_whole(path)


def test_a_cut_library_of_an_earlier_run_does_not_end_the_process(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from engine.kernels import host\n"
        "host._folders = lambda: (Path(sys.argv[1]),)\n"
        "print(host.built('answer', sys.argv[2]).answer())"
    )
    command = [sys.executable, "-c", code, str(tmp_path), TEXT]
    for _ in range(2):
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert told.stdout == "42\n"
        (library,) = tmp_path.glob("*.so")
        library.write_bytes(library.read_bytes()[:5000])


def test_what_killed_compilers_left_goes_and_what_one_at_work_makes_stays(cache):
    folder, _ = cache
    for name in ("dead.so.part", "dead.so.lock", "alive.so.part"):
        (folder / name).touch()
    with locked(folder / "alive.so", "compiling"):
        host.built("answer", TEXT)
        assert {path.name for path in folder.glob("*.part")} == {"alive.so.part"}
    assert not list(folder.glob("dead*"))


def test_a_cache_that_may_only_be_read_is_read(cache, monkeypatch):
    folder, compiled = cache
    host.built("answer", TEXT)
    monkeypatch.setattr(host.os, "access", lambda path, mode: False)
    assert host.built("answer", TEXT).answer() == 42
    assert len(compiled) == 1
    assert host.built("another", TEXT).answer() == 42  # somewhere else
    assert len(list(folder.glob("*.so"))) == 1
    place = host._temporary.pop()
    assert [path.name[:7] for path in sorted(Path(place.name).glob("*.so"))] == ["another"]
    place.cleanup()  # as at the end of the process
