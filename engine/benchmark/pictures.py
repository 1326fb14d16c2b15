"""The pictures: roofline, growth of time with size, history of speed; pages in a run's folder, PNG for the README."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import polars as pl

from engine.benchmark import history
from engine.report import plots
from engine.runs.claim import Claim

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
PAGE = '<!doctype html><meta charset="utf-8"><title>{title}</title><script>{script}</script>{figure}\n'


def write_pictures(result: dict, runs: list[dict], folder: Claim) -> list[Path]:
    """Write `roofline.html`, `growth.html` and `history.html` of a benchmark and of all runs like it, oldest first."""
    growth = plots.plot_growth(pl.DataFrame(result["growth"]), result["device"])
    return [
        write_page(roofline(result), folder, "roofline"),
        write_page(growth, folder, "growth"),
        write_history(runs, folder, "history"),
    ]


def write_history(runs: list[dict], folder: Claim, name: str) -> Path:
    """Write the picture of a history as a page, and return its path."""
    return write_page(plots.plot_history(history.speeds(runs), runs[-1]["device"]), folder, name)


def write_page(figure, folder: Claim, name: str) -> Path:
    """Write a figure as a page that needs nothing but itself, and return its path."""
    page = PAGE.format(title=name, script=plots.plotly_script(), figure=plots.as_html(figure))
    folder.write_text(f"{name}.html", page)
    return folder.folder / f"{name}.html"


def roofline(result: dict):
    """Return the roofline of the cases that have a label."""
    points = [
        {
            "label": row["label"],
            "intensity": row["multiply_adds"] / row["bytes"],
            "rate": row["multiply_adds"] / row["seconds"],
            "plain": "loop" in row["label"],
        }
        for row in result["cases"]
        if row["label"]
    ]
    return plots.plot_roofline(pl.DataFrame(points), device=result["device"], **result["limits"])


def photograph(page: Path, picture: Path) -> bool:
    """Write a page as PNG with a browser; False where none is installed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return False
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, *QUIET.split(), f"--user-data-dir={profile}", f"--screenshot={picture.absolute()}"),
                *("--window-size=1100,580", "--virtual-time-budget=8000", page.absolute().as_uri()),
            ],
            capture_output=True,
            check=True,
            timeout=120,
        )
    return True
