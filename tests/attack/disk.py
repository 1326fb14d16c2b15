"""A full disk, and a folder that nobody may write to: one line, nothing half-written, and room makes it go on."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.attack.kills import Work, _compared, _must, works
from tests.attack.outcome import Child, Outcome, different, in_child

KILOBYTES = (0, 16, 128, 512, 1024, 2048)  # of room beside what is there


def attack(kinds: int | None = None) -> list[Outcome]:
    """Fill the disk under each kind of work at several sizes, and take the right to write away from it."""
    chosen = works()[:kinds]
    return [_full(chosen), _read_only(chosen)]


def mounts() -> bool:
    """Say whether a small disk can be mounted here, in a namespace of its own."""
    command = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _full(chosen: list[Work]) -> Outcome:
    outcome = Outcome("a full disk")
    if not mounts():
        return outcome
    with tempfile.TemporaryDirectory() as place:
        for work in chosen:
            prepared, whole = Path(place) / f"{work.name}-prepared", Path(place) / f"{work.name}-whole"
            prepared.mkdir()
            _must(in_child(lambda: work.prepare(prepared)))  # noqa: B023
            shutil.copytree(prepared, whole)
            _must(in_child(lambda: work.do(whole)))  # noqa: B023
            expected, size = _compared(whole), _kilobytes(prepared)
            for room in KILOBYTES:
                outcome.record(_filled(work, prepared, expected, size + room, Path(place)))
    return outcome


def _filled(work: Work, prepared: Path, expected: dict, size: int, place: Path) -> str | None:
    """Do the work on a disk of that size, read what is there, give it room, and do it again."""
    disk = place / "disk"
    disk.mkdir(exist_ok=True)

    def try_it() -> str | None:
        _own_mounts()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], check=True)
        folder = disk / "work"
        shutil.copytree(prepared, folder)
        first = in_child(lambda: work.do(folder))
        problems = []
        if not _fine(first):
            last = (first.printed.strip().splitlines() or [""])[-1]
            problems.append(f"exit code {first.code}: {last[:300]}")
        read = in_child(lambda: work.readable(folder))
        problems += [read.printed[-300:]] if read.code else [read.value] if read.value else []
        subprocess.run(["mount", "-o", "remount,size=512m", str(disk)], check=True)
        again = in_child(lambda: work.do(folder))
        problems += [f"with room: {again.printed[-300:]}"] if again.code else []
        problems.append(different(_compared(folder), expected))
        return "; ".join(problem for problem in problems if problem) or None

    ended = in_child(try_it)
    told = ended.printed[-300:] if ended.code else ended.value
    return f"{work.name} on {size} KB: {told}" if told else None


def _own_mounts() -> None:
    """Have mounts of this process's own: what it mounts is gone with it."""
    import ctypes

    users, mounts_, owner, group = 0x10000000, 0x00020000, os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(users | mounts_):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {owner} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _without_power() -> None:
    """Give up what lets root write anywhere."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _fine(ended: Child) -> bool:
    """Say whether a command ended in one line, and a function with an error of the system's or of its input."""
    last = (ended.printed.strip().splitlines() or [""])[-1]
    of_system = ("OSError: [Errno", "PermissionError: [Errno", "engine.errors.InputError: ")
    return ended.code in (0, 2) or (ended.code == 99 and last.startswith(of_system))


def _kilobytes(folder: Path) -> int:
    """Room that a copy of a folder takes, in whole pages."""
    pages = sum(-(-path.stat().st_size // 4096) + 1 if path.is_file() else 1 for path in folder.rglob("*"))
    return 4 * pages + 8


def _read_only(chosen: list[Work]) -> Outcome:
    """As a user who may read and not write."""
    outcome = Outcome("a folder that nobody may write to")
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        for work in chosen:
            folder = Path(place) / work.name.replace(" ", "-")
            folder.mkdir()
            _must(in_child(lambda: work.prepare(folder)))  # noqa: B023
            before = _compared(folder)
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)

            def powerless(work: Work = work, folder: Path = folder) -> None:
                _without_power()
                work.do(folder)

            ended = in_child(powerless)
            last = (ended.printed.strip().splitlines() or [""])[-1]
            problem = None if _fine(ended) else f"{work.name}: exit code {ended.code}: {last[:300]}"
            outcome.record(problem or different(_compared(folder), before))
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o755)
    return outcome
