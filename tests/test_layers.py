"""Imports go down the layers only, each heavy library has its place, and `import engine` stays light."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).resolve().parents[1]

# What a user starts: nothing imports them.
ENTRIES = (
    "engine.run",
    "engine.book",
    "engine.correlate",
    "engine.benchmark",
    "engine.verify",
    "engine.inspect",
    "engine.merge",
)
LAYERS = (
    {
        "engine.arrays",
        "engine.errors",
        "engine.exchanges",
        "engine.backend",
        "engine.calendar",
        "engine.durable",
        "engine.kinds",
        "engine.kernels",
        "engine.once",
        "engine.places",
        "engine.progress",
        "engine.records",
        "engine.statistics",
        "engine.stream",
    },
    {"engine.pricing", "engine.selection"},
    {"engine.data"},
    {"engine.correlation"},
    {
        "engine.backtest.batch",
        "engine.backtest.market",
        "engine.backtest.metrics",
        "engine.backtest.text",
    },
    {"engine.backtest.contracts", "engine.backtest.signals"},
    {"engine.backtest.legs"},
    {"engine.backtest.cohorts"},
    {"engine.backtest.explain"},
    {"engine.backtest.risk"},
    {"engine.backtest.outcome"},
    {"engine.backtest"},
    {"strategies"},
    {"engine.report"},
    {"engine.testing"},
    {"engine.command"},
    {"engine.runs"},
    {"engine.sweep", "engine.study"},
    {
        "engine",
        *ENTRIES,
        "engine.plugins",
        "hydra_plugins",
    },
)
LAYER_OF = {module: number for number, modules in enumerate(LAYERS) for module in modules}
APPLICATION = frozenset().union(*LAYERS[-4:])

# Where a library may be imported at all; "engine.data" stands for the package and everything in it.
PLACES = {
    "polars": {
        "engine.data",
        "engine.backtest.outcome",
        "engine.report",
        *APPLICATION,
    },
    "dataframely": {"engine.data"},
    "pandas": {"engine.backtest.outcome.returns", "engine.runs.chosen"},
    "exchange_calendars": {"engine.exchanges"},
    "hydra": APPLICATION,
    "omegaconf": APPLICATION,
    "yaml": APPLICATION,
    "hydra_plugins": APPLICATION,
    "ray": {"engine.sweep.ray", "engine.sweep.pieces"},
    "submitit": {"engine.sweep.slurm"},
    "plotly": {"engine.report.plots"},
    "jinja2": {"engine.report"},
    "markupsafe": {"engine.report"},
    "scipy.special": {"engine.backend"},
    "cupyx": {"engine.backend", "engine.kernels"},
    "cupy": {"engine.backend", "engine.kernels", *APPLICATION},
}
# Imported inside functions only: whoever does not need them does not wait for them.
LAZY = {"cupy", "ray", "submitit", "cupyx", "scipy.special", "exchange_calendars", "pandas", "plotly"}
HEAVY = (
    "cupy",
    "plotly",
    "statsmodels",
    "arch",
    "pandas",
    "hydra",
    "polars",
    "scipy",
    "exchange_calendars",
    "dataframely",
)


def module_name(path: Path) -> str:
    relative = path.relative_to(ROOT)
    if relative.parts[:2] == ("engine", "plugins"):
        relative = Path(*relative.parts[2:])
    return ".".join(relative.with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_name(path): path
    for folder in ("engine", "strategies")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.stat().st_size
}


def imports(source: str) -> list[tuple[str, bool]]:
    """Every absolute import as (dotted name, whether it runs when the module is imported)."""
    found = []

    def visit(node, at_import):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.extend((f"{node.module}.{alias.name}", at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append(("." * node.level, at_import))
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, at_import and not inside)

    visit(ast.parse(source), True)
    return found


def within(name: str, place: str) -> bool:
    return name == place or name.startswith(place + ".")


def layer(name: str) -> int | None:
    """Layer of a module of ours, by its longest listed prefix; None for other libraries."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in LAYER_OF and (prefix != "engine" or length == len(parts) or parts[1] in engine.__all__):
            return LAYER_OF[prefix]
    return None


def offences(module: str, source: str) -> list[str]:
    """What a module imports that it should not."""
    own = layer(module)
    if own is None:
        return [f"{module} is in no layer: add it to LAYERS"]
    found = []
    for name, at_import in imports(source):
        if name.startswith("."):
            found.append(f"{module} imports relatively: write engine....")
            continue
        reaches = layer(name)
        if reaches is None and within(name, "engine"):
            found.append(f"{module} imports {name}, which is in no layer")
        if reaches is not None and reaches > own:
            found.append(f"{module} (layer {own}) imports {name} (layer {reaches})")
        for entry in ENTRIES:
            if within(name, entry) and not within(module, entry):
                found.append(f"{module} imports {name}: {entry} is started by users, nothing imports it")
        for library, places in PLACES.items():
            if within(name, library) and not any(module == p or (p != "engine" and within(module, p)) for p in places):
                found.append(f"{module} imports {name}: only {', '.join(sorted(places))} may")
        if at_import and any(within(name, library) for library in LAZY):
            found.append(f"{module} imports {name} when it is itself imported: move the import into the function")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_and_libraries_stay_in_their_place(module):
    assert offences(module, MODULES[module].read_text()) == []


@pytest.mark.parametrize(
    ("module", "line", "offence"),
    [
        ("engine.pricing.black", "from engine.data.panel import MarketPanel", "layer 1) imports engine.data.panel"),
        ("engine.pricing.black", "from engine.data import panel", "(layer 1) imports engine.data.panel (layer 2)"),
        ("engine.correlation.implied", "from engine import load_market", "imports engine.load_market (layer 18)"),
        ("engine.correlation.implied", "import engine", "imports engine (layer 18)"),
        ("engine.backtest.cohorts.book", "def f():\n    import strategies.rich_correlation", "(layer 12)"),
        ("engine.backtest.cohorts.book", "import polars as pl", "imports polars: only"),
        (
            "engine.backtest.legs.legs",
            "from engine.backtest.cohorts import book",
            "(layer 6) imports engine.backtest.cohorts",
        ),
        (
            "engine.backtest.metrics",
            "from engine.backtest import backtest",
            "(layer 4) imports engine.backtest.backtest",
        ),
        ("engine.report.tables", "from plotly import graph_objects", "only engine.report.plots may"),
        ("engine.pricing.black", "def f():\n    from scipy.special import ndtr", "only engine.backend may"),
        ("engine.pricing.black", "def f():\n    from scipy import special", "only engine.backend may"),
        ("engine.runs.chosen", "import pandas as pd", "move the import into the function"),
        ("engine.data.quotes.schema", "import cupy", "imports cupy"),
        ("engine.data.quotes.schema", "import hydra.utils", "imports hydra.utils"),
        ("engine.data.quotes.schema", "from .panel import MarketPanel", "relatively"),
        ("engine.helpers", "x = 1", "is in no layer"),
        ("engine.runs.read", "from engine.helpers import f", "imports engine.helpers.f, which is in no layer"),
        ("engine.command.objects", "from engine.runs.manifest import manifest", "(layer 16)"),
        ("engine.runs.read", "def f():\n    from engine.sweep.jobs import Job", "(layer 17)"),
        ("engine.report.tables", "from engine.command.messages import suggestion", "(layer 15)"),
        ("engine.sweep.local", "from engine.run import run", "nothing imports it"),
        ("engine.study.research", "def f():\n    import engine.correlate", "nothing imports it"),
        ("hydra_plugins.batch_launcher", "from engine.run import run", "nothing imports it"),
    ],
)
def test_a_planted_offence_is_found(module, line, offence):
    assert any(offence in found for found in offences(module, line))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (
            "engine.backtest.cohorts.book",
            "from engine.correlation import TopWeights\nfrom engine.backtest.legs.marks import Marks",
        ),
        ("engine.run", "import hydra\nfrom omegaconf import OmegaConf\nfrom engine import backtest"),
        ("hydra_plugins.batch_launcher", "from hydra.plugins.launcher import Launcher\nimport engine.sweep.local"),
        ("strategies.rich_correlation", "from engine.backtest import zscore"),
        ("engine.runs.chosen", "def f():\n    import pandas as pd"),
        ("engine.backtest.outcome.result", "import polars as pl\nimport numpy as np"),
    ],
)
def test_imports_in_their_place_are_let_through(module, line):
    assert offences(module, line) == []


def test_files_keep_to_one_idea_and_no_drawer_for_odds_and_ends_exists():
    for module, path in MODULES.items():
        assert not {"utils", "common", "helpers", "core"} & set(module.split("."))
        assert len(path.read_text().splitlines()) <= 300, f"{path} holds more than one idea"


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_importing_the_engine_is_quick_and_brings_in_no_heavy_library():
    code = (
        "import json, sys, time; start = time.perf_counter(); import engine; took = time.perf_counter() - start; "
        "print(json.dumps([took, sorted(sys.modules)]))"
    )
    runs = [json.loads(run_python(code)) for _ in range(3)]
    # The best of three: the others may have waited for a disk or for another test.
    assert min(took for took, _ in runs) < 0.3
    assert not set(HEAVY) & set(runs[0][1])


def test_measuring_correlation_brings_in_neither_frames_nor_plots():
    code = "import json, sys, engine; engine.implied_correlation; print(json.dumps(sorted(sys.modules)))"
    assert not set(HEAVY) & set(json.loads(run_python(code)))


def test_printing_a_table_brings_in_no_library_of_pages():
    code = "import json, sys; from engine.report import aligned; print(json.dumps(sorted(sys.modules)))"
    assert not {"plotly", "jinja2"} & set(json.loads(run_python(code)))


@pytest.mark.parametrize("name", engine.__all__)
def test_every_public_name_is_there(name):
    assert callable(getattr(engine, name))


def test_backtest_can_be_called_whether_or_not_the_package_was_imported_before():
    calls = "try:\n    backtest()\nexcept TypeError as error:\n    print(error)"
    before = run_python(f"from engine import backtest\n{calls}")
    after = run_python(f"import engine.backtest\nfrom engine import backtest\n{calls}")
    assert before == after
    assert "market" in before


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'implied_corelation'"):
        _ = engine.implied_corelation


def test_the_version_is_that_of_the_package():
    assert f'version = "{engine.__version__}"' in (ROOT / "pyproject.toml").read_text()
