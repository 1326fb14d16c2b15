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
    assert {"01_quickstart", "02_implied_correlation", "03_compare_runs"} <= {path.stem for path in NOTEBOOKS}


def test_no_output_is_stored(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_notebooks_hold_no_logic(notebook):
    assert len(notebook.cells) <= 18
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert not any(line.lstrip().startswith(("def ", "class ", "while ", "%", "!")) for line in lines)


# Jupyter's own parts warn about each other's futures; nothing here could be changed for it.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_runs_and_shows_its_figures(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPERSION_CACHE", str(tmp_path / "panels"))
    options = {"timeout": 300, "kernel_name": "python3", "resources": {"metadata": {"path": tmp_path}}}
    nbclient.NotebookClient(notebook, **options).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    figures = [o for o in outputs if "application/vnd.plotly.v1+json" in o.get("data", {})]
    assert len(figures) >= 2
