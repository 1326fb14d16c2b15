"""causality=: a user's own strategy that looks ahead does not run without a word."""

import polars as pl
import pytest

PEEKS = """
from dataclasses import dataclass, field
import numpy as np
from engine.backtest import AbstractStrategy
from engine.correlation import forward_realized_correlation

@dataclass(frozen=True)
class Peeks(AbstractStrategy):
    level: float = field(default=0.3, metadata={"batch": True})
    def exposure(self, market):
        return 1.0 * (forward_realized_correlation(market.returns, market.weights, 22).clean < self.level)

@dataclass(frozen=True)
class Honest(AbstractStrategy):
    level: float = field(default=0.0, metadata={"batch": True})
    def exposure(self, market):
        return 1.0 * (market.implied_correlation(30) > self.level)

@dataclass(frozen=True)
class Never(AbstractStrategy):
    def exposure(self, market):
        return np.zeros(len(market.dates))
"""
SMALL = ("debug=small", "report=none", "allow=mine")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "mine.py").write_text(PEEKS)
    return tmp_path


@pytest.mark.parametrize("launcher", [(), ("-m", "hydra/launcher=batch", "lag=1,2")])
def test_a_strategy_that_looks_ahead_is_refused(command, place, launcher):
    ended = command("run", *launcher, *SMALL, "strategy._target_=mine.Peeks", place=place, first=place)
    assert ended.code == 2
    assert "Peeks looks ahead: its exposure on 201" in ended.err
    assert "causality=off" in ended.err
    assert not list(place.glob("results/*/*/*/summary.json"))


def test_it_runs_where_the_user_insists(command, place):
    options = ("strategy._target_=mine.Peeks", "causality=off")
    assert command("run", *SMALL, *options, place=place, first=place).code == 0


def test_an_honest_strategy_runs_and_one_that_never_trades_says_that_nothing_is_proven(command, place):
    assert command("run", *SMALL, "strategy._target_=mine.Honest", place=place, first=place).code == 0
    ended = command("run", *SMALL, "strategy._target_=mine.Never", place=place, first=place)
    assert ended.code == 0
    assert "nothing can be proven" in ended.err


def test_the_choice_changes_no_number_and_a_wrong_one_is_refused(command, place):
    command("run", *SMALL, "causality=maybe", place=place).refuses("causality=maybe", "auto, check, off")
    for choice in ("check", "off"):
        assert command("run", *SMALL, f"causality={choice}", f"study={choice}", place=place).code == 0
    frames = [pl.read_parquet(next(place.glob(f"results/{choice}/*/0/daily.parquet"))) for choice in ("check", "off")]
    assert frames[0].equals(frames[1])
