"""Names that are markup, in a real browser: a report shows them, and runs nothing of them."""

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.attack.outcome import Outcome

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
RAN = "HOSTILE-RAN"  # the title of a page in which something of a name has run
HOSTILE = [
    f"<img src=x onerror=\"document.title='{RAN}'\">",
    f"</script><script>document.title='{RAN}'</script>",
    f'"><svg onload="document.title=\'{RAN}\'">',
    f"';document.title='{RAN}';//",
    f"</title></style><script>document.title='{RAN}'</script>",
    f"<iframe srcdoc=\"<script>parent.document.title='{RAN}'</script>\"></iframe>",
    f"<a href=\"javascript:document.title='{RAN}'\" autofocus onfocus=\"document.title='{RAN}'\">x</a>",
]


def browser() -> str | None:
    """Return a browser that runs without a screen, None where there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def attack() -> list[Outcome]:
    """Open a backtest's and a correlation's report of each hostile name; nothing where there is no browser."""
    outcome = Outcome("names that are markup, in a browser")
    if browser() is None:
        return [outcome]
    with tempfile.TemporaryDirectory() as place:
        (control := Path(place) / "control.html").write_text(f"<title>calm</title><body>{HOSTILE[0]}")
        if RAN not in _page(control):
            raise RuntimeError("the browser runs no script even in a page that lets it: this would prove nothing")
        for n, name in enumerate(HOSTILE):
            for kind, page in _pages(name, Path(place) / str(n)).items():
                shown = _page(page)
                ran, known = f"<title>{RAN}" in shown, "<svg" in shown or "<table" in shown
                problem = "it ran" if ran else None if known else "the page did not come up"
                outcome.record(problem and f"{kind} with {name}: {problem}")
    return [outcome]


def _page(path: Path) -> str:
    """Return a page as a browser has it once its scripts have run."""
    command = [str(browser()), "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"]
    profile = f"--user-data-dir={path.parent / 'profile'}"
    ended = subprocess.run(
        [*command, profile, "--dump-dom", path.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    return ended.stdout


def _pages(name: str, folder: Path) -> dict[str, Path]:
    """Write the reports of a market in which everything that has a name has this one."""
    from engine.backtest import Weekly, backtest
    from engine.correlation import AllMembers
    from engine.report import write_tearsheet
    from engine.testing import small_market
    from strategies.short_correlation import ShortCorrelation

    folder.mkdir()
    plain = small_market(sessions=90, events=False)
    names = np.array([f"{name}{n}" for n in range(len(plain.names))])
    words = dict.fromkeys(("name", "index", "currency", "source", "contracts", "forward_convention"), name)
    market = replace(plain, names=names, info=replace(plain.info, **words, hedge_instrument=name, notes=(name,)))
    result = backtest(market, ShortCorrelation(), basket=AllMembers(), schedule=Weekly())
    page = folder / "tearsheet.html"
    write_tearsheet(result, page)
    return {"backtest": page}
