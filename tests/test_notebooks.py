"""Notebooks run from top to bottom, hold no logic and store no outputs."""

from pathlib import Path

import pytest

# Neither is needed where only a device is tested.
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install 'dispersion-engine[dev]'")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install 'dispersion-engine[dev]'")

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_quickstart",
        "02_implied_correlation",
        "03_judge_a_sweep",
        "04_write_a_strategy",
        "05_bring_your_files",
        "06_one_day_explained",
        "07_real_data",
    ]


def test_no_output_is_stored(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_notebooks_hold_no_logic(notebook, request):
    assert len(notebook.cells) <= 10
    its_subject = ("def ", "class ") if "04_write_a_strategy" in request.node.name else ()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            banned = {"def ", "class ", "while ", "for ", "if ", "try", "%", "!"} - set(its_subject)
            assert not any(line.lstrip().startswith(tuple(banned)) for line in lines if not line.startswith("    "))


# Jupyter's own parts warn about each other's futures; nothing here could be changed for it.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_runs_and_shows_its_figures(notebook, request, tmp_path, monkeypatch):
    cache = tmp_path / "panels"
    if "07_real_data" in request.node.name:
        monkeypatch.setenv("DISPERSION_DATA", str(request.getfixturevalue("shared_data")))
        cache = request.getfixturevalue("panel_cache")  # the chains take a minute to build
    monkeypatch.setenv("DISPERSION_CACHE", str(cache))
    options = {"timeout": 300, "kernel_name": "python3", "resources": {"metadata": {"path": tmp_path}}}
    nbclient.NotebookClient(notebook, **options).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    # What an exporter writes into a page: each figure's own script, and, once, the library that it calls.
    assert sum("Plotly.newPlot" in page and len(page) < 4_000_000 for page in pages) >= 1
    assert sum(len(page) > 4_000_000 for page in pages) == 1
