"""What the page on other tools says is here, is here: words of pages on a page, and names where Python has them."""

import html
import inspect
import re
from pathlib import Path

import pytest

import engine
from engine.backtest import Weekly, backtest
from engine.backtest.outcome.result import BacktestResult
from engine.report import tearsheet
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

ROOT = Path(__file__).resolve().parents[2]
HERE = [
    row.strip("|").split("|")[1]
    for row in (ROOT / "engine/docs/beside.md").read_text(encoding="utf-8").splitlines()
    if row.startswith("| ") and not row.startswith("| shown there")
]


@pytest.fixture(scope="module")
def words():
    """All that a run's page says, as text in one line."""
    page = tearsheet(backtest(small_market(7, sessions=300), ShortCorrelation(), schedule=Weekly()))
    return " ".join(re.sub(r"<[^>]+>", "", html.unescape(page)).split())


def test_the_page_compares_with_four_kinds_of_tools():
    assert len(HERE) > 25


def test_words_of_pages_are_on_the_page_of_a_run(words):
    told = {said for cell in HERE for said in re.findall(r"\*([^*]+)\*", cell)}
    assert len(told) > 25
    assert sorted(said for said in told if said.lower() not in words.lower()) == []


def test_names_are_those_of_results_of_the_engine_and_of_settings():
    code = {name for cell in HERE for name in re.findall(r"`([^`]+)`", cell)}
    results = {name.removeprefix("result.").removesuffix("()") for name in code if name.startswith("result.")}
    assert sorted(name for name in results if not hasattr(BacktestResult, name)) == []
    others = {name for name in code if re.fullmatch(r"\w+", name)}
    groups = {path.name for path in (ROOT / "configs").iterdir()}
    known = {*engine.__all__, *dir(engine.backtest), *inspect.signature(backtest).parameters, *groups}
    assert sorted(others - known) == []
    files = {name for name in code if name.endswith(".md")}
    assert all((ROOT / name).is_file() for name in files)
