"""What a panel depends on, as one hash: the files read, the settings, and the code between files and panel.

The code is found by following imports from the source's own module, those inside functions too, as far as they stay in
`engine`: an edit builds again the panels of exactly those sources that use the edited file. Kernels are part of it.
"""

import ast
import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from engine.durable import checksum
from engine.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
WRITER = Path("engine", "data", "store", "storage.py")  # no source imports it, and every panel goes through it
HOW = {"how": True}  # metadata of a setting that decides how a panel is built, and nothing of what it holds
_KERNELS = Path("engine", "kernels")
_CODES = "codes.py"  # constants there, with which nothing can be run
_MAY_HOLD_IMPORTS = (ast.stmt, ast.excepthandler, ast.match_case)  # expressions, most of a file, hold none
_INCLUDE = re.compile(r'^#include "(.+)"', re.MULTILINE)


def fingerprint(source: Any, files: Iterable[Path | str] = (), hashed: Callable[[Path], str] = checksum) -> str:
    """Return the hash of a source's settings, of its input files' contents and of the code.

    Files count by their contents, not by their place; `hashed` tells the SHA-256 of one.

    Raises
    ------
    InputError
        When a file is missing.
    """
    digest = hashlib.sha256(_code_hash(inspect.getfile(type(source))).encode())
    what = [f.name for f in fields(source) if f.init and f.name != "path" and not f.metadata.get("how")]
    settings = {name: getattr(source, name) for name in what}
    digest.update(repr((type(source).__name__, sorted(settings.items()))).encode())
    for file in files:
        path = Path(file)
        if not path.is_file():
            raise InputError(f"{path} is missing; market.path must be the folder that holds {path.parent.name}/")
        digest.update(bytes.fromhex(hashed(path)))
    return digest.hexdigest()


def code_files(module: Path | str, root: Path | str = ROOT) -> list[Path]:
    """Return the files that a module's results come from: itself, what it imports of `engine`, and kernels it runs.

    A name that a package only passes on leads to the file that defines it: who takes `call_delta` from
    `engine.pricing` does not depend on `engine/pricing/implied_vol.py`.

    Parameters
    ----------
    module : path
        A Python file, in the engine or elsewhere.
    root : path
        Folder that holds `engine`.

    Returns
    -------
    list of Path
        Sorted. A module that imports the kernels and names some of them runs these; one that names none may run all.
    """
    found: set[Path] = set()
    waiting = [Path(module)]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _needed(file, Path(root))
    return sorted(found)


def code_hash(module: Path | str, root: Path | str = ROOT) -> str:
    """Hash the code that a panel of the source in `module` comes from, and the code that writes panels."""
    return _hash_of({*code_files(module, root), *code_files(Path(root) / WRITER, root)})


_code_hash = cache(code_hash)  # the code of a process does not change


@cache
def step_hash(module: str) -> str:
    """Hash the code that what one module makes comes from, whoever asks for it and writes it."""
    return _hash_of(code_files(module))


def _hash_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _needed(file: Path, root: Path) -> list[Path]:
    """Files that one file refers to itself."""
    if file.suffix != ".py":
        return [file.parent / name for name in _INCLUDE.findall(file.read_text(encoding="utf-8"))]
    code = file.read_text(encoding="utf-8")
    needed = [_defining(module, name, root) for module, name in _imported(code)]
    kernels = root / _KERNELS
    runs = any(kernels in other.parents and other.name != _CODES for other in needed)
    if kernels in file.parents or not runs:
        return needed
    known = {kernel.stem: kernel for kernel in kernels.glob("*.cu")}
    return [*needed, *(known[name] for name in known.keys() & _strings(code) or known)]


@cache
def _imported(code: str) -> list[tuple[str, str | None]]:
    return list(_imports(ast.parse(code)))


@cache
def _strings(code: str) -> set[str]:
    constants = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str)}


def _imports(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield (module of the engine, name taken from it or None) for every import that can run."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        node = ast.Module(node.orelse, [])
    found: list[tuple[str, str | None]] = []
    if isinstance(node, ast.Import):
        found += [(alias.name, None) for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        found += [(node.module, alias.name) for alias in node.names]
    yield from (pair for pair in found if pair[0].split(".")[0] == "engine")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _MAY_HOLD_IMPORTS):
            yield from _imports(child)


def _defining(module: str, name: str | None, root: Path) -> Path:
    """Return the file that defines a name of a module, or the module's own where the whole of it is imported."""
    place = root.joinpath(*module.split("."))
    if not place.is_dir():
        return place.with_suffix(".py")
    package = place / "__init__.py"
    if name is not None:
        if passed_on := _passed_on(package.read_text(encoding="utf-8")).get(name):
            return _defining(*passed_on, root)
        if (place / name).is_dir() or (place / f"{name}.py").is_file():
            return _defining(f"{module}.{name}", None, root)
    return package


@cache
def _passed_on(package: str) -> dict[str, tuple[str, str]]:
    """Return (module, name in it) by each name that the text of a package imports at its top."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.parse(package).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, (node.module, alias.name))
    return found
