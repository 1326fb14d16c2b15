"""What a stored panel is keyed by: files, settings, and all the code its numbers come from."""

import ast
from pathlib import Path

import engine
from engine.data.sources.fingerprint import code_files

ROOT = Path(engine.__file__).resolve().parent
CHANGE_NO_NUMBER = {ROOT / "errors.py", ROOT / "progress.py", ROOT / "stream.py"}


def imported(file: Path) -> set[Path]:
    """Files of the engine a module imports from."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("engine."):
            place = ROOT.parent.joinpath(*node.module.split("."))
            found.add(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))
    return found


def test_every_module_that_reading_and_pricing_stand_on_is_part_of_the_fingerprint():
    hashed = set(code_files())
    assert {ROOT / "calendar.py", ROOT / "backend.py", ROOT / "data" / "sources" / "nse.py"} <= hashed
    needed = set().union(*(imported(file) for file in hashed))
    assert ROOT / "calendar.py" in needed
    assert needed - hashed == CHANGE_NO_NUMBER
