"""A small seeded share of the attacks that `make attack` makes: all of it must survive."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.attack import names
from tests.attack.__main__ import table
from tests.attack.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills and full disks as Linux has them")


@linux
def test_a_share_of_every_attack_is_survived():
    command = [sys.executable, "-m", "tests.attack", "--share"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    tried = [line for line in ended.stdout.splitlines() if line.startswith("| ") and "not here" not in line]
    assert len(tried) > 20, ended.stdout
    assert "failed" not in ended.stderr


def test_names_that_are_markup_run_nothing_in_a_browser():
    if names.browser() is None:
        pytest.skip(f"none of {', '.join(names.BROWSERS)} is installed")
    (outcome,) = names.attack()
    assert outcome.failed == []
    assert outcome.tries == len(names.HOSTILE)


@linux
def test_an_attacker_notices_what_does_not_survive():
    """A process that is killed, one that fails and one that hangs are told from one that ends well."""

    def in_a_process(text: str) -> str:
        code = f"from tests.attack.outcome import in_child\nimport os, time\n{text}"
        ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        return ended.stdout.strip()

    assert in_a_process("print(in_child(lambda: 5).value)") == "5"
    assert in_a_process("print(in_child(lambda: 1 / 0).code)") == "99"
    assert in_a_process("print(in_child(lambda: time.sleep(9), limit=0.2).code)") == "-9"
    assert in_a_process("print(in_child(lambda: os.kill(os.getpid(), 11)).code)") == "-11"
    failed = Outcome("x", 2, ["one"])
    assert table([failed, Outcome("y")]).splitlines()[2:] == ["| x | 2 | 1 |", "| y | not here |  |"]
