"""What an attack comes to, and processes in which it can be killed, hang or crash without ending the attacker."""

import contextlib
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.command.memory_lines import MEMORY

HANG_SECONDS = 120.0


@dataclass
class Outcome:
    """Tries of one attack, and what failed."""

    attack: str
    tries: int = 0
    failed: list[str] = field(default_factory=list)

    def record(self, problem: str | None) -> None:
        """Count a try; a text says what was wrong with how it ended."""
        self.tries += 1
        if problem:
            self.failed.append(problem)


@dataclass(frozen=True)
class Child:
    """How a child ended: its exit code (negative: the signal that ended it), what it printed and returned."""

    code: int
    printed: str
    seconds: float
    value: Any = None


def in_child(work: Callable[[], Any], kill_after: float | None = None, limit: float = HANG_SECONDS) -> Child:
    """Run work in a process of its own, a copy of this one: killed with all it started after so many seconds.

    Whoever calls must not have used threads: a copy has none of them.
    """
    read, write = os.pipe()
    said, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(read), os.close(said)
        os.dup2(write, 1), os.dup2(write, 2)
        code, value = 0, None
        try:
            value = work()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            traceback.print_exc()
            code = 99
        for stream in (os.sys.stdout, os.sys.stderr):
            stream.flush()
        with os.fdopen(say, "wb") as out:
            pickle.dump(value, out)
        os._exit(code)
    os.close(write), os.close(say)
    started = time.perf_counter()
    parts: dict[int, list[bytes]] = {read: [], said: []}
    for pipe in parts:
        os.set_blocking(pipe, False)
    ended = None
    while ended is None:
        for pipe, found in parts.items():
            _drain(pipe, found)
        waited = time.perf_counter() - started
        if waited > (limit if kill_after is None else min(kill_after, limit)):
            _kill(pid)
            ended = os.waitpid(pid, 0)[1]
            break
        done, status = os.waitpid(pid, os.WNOHANG)
        ended = status if done else None
        if ended is None:
            time.sleep(0.0005 if kill_after is not None else 0.002)
    seconds = time.perf_counter() - started
    _kill(pid)  # what it started
    for pipe, found in parts.items():
        _drain(pipe, found)
        os.close(pipe)
    code = os.waitstatus_to_exitcode(ended)
    value = pickle.loads(b"".join(parts[said])) if parts[said] and code >= 0 else None
    return Child(code, b"".join(parts[read]).decode(errors="replace"), seconds, value)


def _drain(pipe: int, found: list[bytes]) -> None:
    with contextlib.suppress(BlockingIOError):
        while part := os.read(pipe, 1 << 16):
            found.append(part)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by name, but for the memory of what was tried: its lines say when."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MEMORY.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def different(found: dict, expected: dict) -> str | None:
    """Say which file is not what it should be, None where all are."""
    if odd := sorted(found.keys() ^ expected.keys()):
        return f"files differ: {', '.join(odd[:4])}"
    changed = [name for name, data in expected.items() if found[name] != data]
    return f"not byte-equal: {', '.join(changed[:4])}" if changed else None
