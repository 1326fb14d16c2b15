"""What a stored panel is keyed by: its files, its settings, and the code that its own numbers come from."""

import ast
import shutil
from pathlib import Path

import pytest

from engine.data.fingerprint import ROOT, code_files, code_hash
from engine.data.sources import SOURCES
from engine.data.sources.synthetic import Synthetic
from engine.data.sources.us_chains.source import UsChains
from engine.data.vendors.recognise import VENDORS

# Of the vendors, whose files all go the same way, one stands for all.
MARKETS = [name for name in SOURCES if name == "ivydb" or name not in VENDORS]
MODULES = {name: Path(*SOURCES[name].partition(":")[0].split(".")).with_suffix(".py") for name in MARKETS}

EVERY = set(MODULES)


@pytest.fixture
def copy(tmp_path):
    """A copy of the engine, to edit."""
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def rebuilt(copy) -> set[str]:
    """Markets whose panels the edited copy builds again."""
    return {name for name, file in MODULES.items() if code_hash(copy / file, copy) != code_hash(ROOT / file)}


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        ("kernels/implied_vol.cuh", {"files", "ivydb", "nse"}),
        ("kernels/model_free.cu", {"files", "us_chains"}),  # beside the strips that their sources offer
        ("kernels/special.cuh", {"files", "ivydb", "nse", "us_chains"}),  # included by both kernels
        ("kernels/launch.py", {"files", "ivydb", "nse", "us_chains"}),
        ("kernels/book.cu", set()),
        ("kernels/straddle.cuh", set()),
        ("pricing/implied_vol.py", {"files", "ivydb", "nse"}),
        ("pricing/straddle.py", set()),
        ("pricing/surface.py", {"files", "ivydb", "nse", "us_chains"}),
        ("calendar.py", EVERY),
        ("data/panel.py", EVERY),
        ("data/store/storage.py", EVERY),
        ("data/load.py", set()),
        ("data/quotes/quotes_to_surface.py", {"files", "ivydb", "nse", "us_chains"}),
        ("data/synthetic/paths.py", {"synthetic"}),
        ("data/synthetic/chains.py", set()),  # listed quotes, which the panel does not have
        ("data/tables/table_files.py", {"files", "ivydb"}),
        ("data/sources/ivydb.py", {"ivydb"}),
        ("data/sources/orats.py", set()),
        ("data/vendors/raw_files.py", {"ivydb"}),
        ("data/sources/nse/source.py", {"nse"}),
        ("data/sources/nse/weights.py", {"nse"}),
        ("data/sources/us_chains/quotes.py", {"us_chains"}),
        ("data/quotes/quoted_strips.py", {"files", "us_chains"}),  # their sources offer them beside the panel
        ("data/series/sp500_history.py", {"us_chains"}),  # its source offers them beside the panel
        ("backtest/cohorts/book.py", set()),
    ],
)
def test_an_edit_builds_the_panels_again_whose_numbers_can_come_from_it_and_no_others(copy, edited, expected):
    assert rebuilt(copy) == set()
    with open(copy / "engine" / edited, "a", encoding="utf-8") as file:
        file.write("\n")
    assert rebuilt(copy) == expected


def test_an_import_inside_a_function_counts_and_one_for_annotations_does_not(copy):
    source = copy / "vendor.py"  # as of another package
    source.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from engine.pricing import straddle\n"
        "else:\n    import engine.errors\n"
        "def read():\n    from engine.pricing import vol_at_strike as vol\n    return vol\n"
    )
    found = {file.relative_to(copy).as_posix() for file in code_files(source, copy)}
    read = {"engine/arrays.py", "engine/backend.py", "engine/errors.py", "engine/pricing/surface.py"}
    assert found == {"vendor.py", *read}


def test_a_module_that_names_no_kernel_may_run_any(copy):
    source = copy / "vendor.py"
    source.write_text("from engine import kernels\ndef run(xp, name):\n    kernels.launch(xp, name, name, 1, ())\n")
    found = {file.stem for file in code_files(source, copy) if file.suffix == ".cu"}
    assert found == {file.stem for file in (ROOT / "engine" / "kernels").glob("*.cu")}


def test_packages_only_pass_names_on_so_that_the_file_which_defines_one_is_all_that_counts():
    for package in ("data", "pricing", "kernels"):
        for file in (ROOT / "engine" / package).rglob("__init__.py"):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                table = isinstance(node, ast.Assign) and node.targets[0].id in ("__all__", "SOURCES")
                docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                assert table or docstring or isinstance(node, ast.ImportFrom), f"{file} does more: {ast.unparse(node)}"


def test_settings_and_contents_of_files_count_and_their_place_does_not(tmp_path):
    assert Synthetic(seed=1).fingerprint() == Synthetic(seed=1).fingerprint()
    assert Synthetic(seed=1).fingerprint() != Synthetic(seed=2).fingerprint()
    chains, history = ("chains", "spot", "corporate_actions"), ("spy_holdings", "fed_funds_dff")
    for place in ("here", "there"):
        for name in (*(f"us2026/{name}" for name in chains), *(f"us_history/{name}" for name in history)):
            file = tmp_path / place / f"{name}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("contents")
    here, there = (UsChains(path=str(tmp_path / place)) for place in ("here", "there"))
    assert here.fingerprint() == there.fingerprint()
    assert here.fingerprint() != UsChains(path=here.path, index="QQQ").fingerprint()
    (tmp_path / "there" / "us2026" / "spot.parquet").write_text("others")
    assert here.fingerprint() != there.fingerprint()
