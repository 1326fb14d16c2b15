"""What a summary cannot bear: when its numbers say less than they seem to, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.legs.precision import error_budget
from engine.data.records import MARKS

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult

# A cohort is one draw: P&L of cohorts that overlap is the same draw twice. Below some thirty draws as skewed as a short
# option's, neither the t-statistic nor the Sharpe ratio has the distribution it is read with.
FEW_COHORTS = 30
# Below this size of the HAC t-statistic a mean is not told from zero at the usual 5 %.
LEAST_T = 2.0
# Cohorts that the data do not settle are valued at a mark nobody traded at, and pay no exit. Up to a tenth of the P&L
# is what a run over some years has at its end.
MOST_UNSETTLED = 0.1
FLAT = "flat_smiles"
SINGLE = "single_precision"
NOTED = "noted_of_data"  # code of what `MarketInfo.notes` says


@dataclass(frozen=True)
class Caution:
    """One reason not to lean on a summary.

    Parameters
    ----------
    code : str
        Short and fixed, as in `runs.parquet`.
    text : str
        A sentence with the numbers of the run.
    """

    code: str
    text: str


@dataclass(frozen=True)
class Rule:
    """When a caution is due, for all parameter sets at once, and what it then says of one of them.

    Parameters
    ----------
    code : callable
        Of the market's information; the code of the caution.
    due : callable
        Of the metrics, name -> array (P,), and the market's information; array (P,), bool.
    says : callable
        Of the metrics of one set, name -> number, and the result; a sentence.
    """

    code: Callable
    due: Callable
    says: Callable


def caution_codes(metrics: dict, info, deltas: int, single: bool = False) -> np.ndarray:
    """Return the codes of the cautions due for each parameter set, (P,) text: one after the other, "" where none is."""
    due = {rule.code(info): rule.due(metrics, info) for rule in RULES}
    due[FLAT] = _traded(metrics) & (deltas == 1)
    due[SINGLE] = _traded(metrics) & single
    due[NOTED] = _traded(metrics) & bool(info.notes)
    rows = np.stack(np.broadcast_arrays(*due.values()), axis=1).tolist()
    return np.array(
        [" ".join(code for code, is_due in zip(due, row, strict=True) if is_due) for row in rows], dtype=str
    )


def cautions(result: "BacktestResult", p: int = 0) -> tuple[Caution, ...]:
    """Return the cautions due for a parameter set, in the order of `RULES`; empty where its numbers bear weight.

    What is noted of the market's data comes last, one caution for each note.
    """
    summary, info = result.summary(p), result.market.info
    due = result.caution_codes[p].split()
    found = [Caution(rule.code(info), rule.says(summary, result)) for rule in RULES if rule.code(info) in due]
    if FLAT in due:
        text = "the surface has one delta: smiles are taken to be flat, so that skew earns and costs nothing, unseen"
        found.append(Caution(FLAT, text))
    if SINGLE in due:
        book = result.book
        budget = error_budget(book.legs.units, book.legs.forward, book.recipe.structure)
        text = (
            f"marks are in single precision: the P&L of a cohort is within {float(budget.max()):.1e} vol points per "
            "unit index vega of double's, but where an exit or a hedge hangs on a threshold that rounding crosses"
        )
        found.append(Caution(SINGLE, text))
    return (*found, *(Caution(NOTED, note) for note in info.notes if NOTED in due))


def _no_trades(summary: dict, result: "BacktestResult") -> str:
    possible, sessions = int(result.book.entered.sum()), len(result.dates)
    if summary["cohorts_undecided"] == possible:
        return (
            f"nothing was traded: the strategy has no opinion on any of {possible} entry dates. A signal whose window "
            f"is longer than the {sessions} sessions of the data never has one: shorten it, or widen start and "
            "end; nor has a signal of a file without a recent value on those dates"
        )
    if blocked := result.limits().height:
        return f"nothing was traded: limits blocked all {blocked} cohorts that the strategy asked for"
    return (
        f"nothing was traded: the strategy asked for no exposure on any of {possible} entry dates, "
        f"{summary['cohorts_undecided']} of which came before it had an opinion"
    )


def _few_cohorts(summary: dict, result: "BacktestResult") -> str:
    return (
        f"{summary['cohorts_apart']} cohort(s) that do not overlap: with fewer than {FEW_COHORTS} no ratio, "
        "t-statistic or return a year says what to expect"
    )


def _not_significant(summary: dict, result: "BacktestResult") -> str:
    t = summary["hac_t"]
    if not np.isfinite(t):
        return "net P&L has no HAC t-statistic: there is too little of it to tell it from zero"
    return f"net P&L has a HAC t-statistic of {t:.2f}: below {LEAST_T:g} it is not told from zero"


def _unsettled(summary: dict, result: "BacktestResult") -> str:
    return (
        f"{summary['unsettled_share']:.0%} of the P&L of cohorts is that of {summary['cohorts_open']} open and "
        f"{summary['cohorts_lost']} lost ones, valued at their last marks; sold there at the spread: gross "
        f"{summary['pnl_gross']:,.0f}, cost {summary['cost_if_closed']:,.0f}, net {summary['pnl_net_if_closed']:,.0f} "
        f"{result.market.info.currency}"
    )


def _lost(summary: dict, result: "BacktestResult") -> str:
    return (
        f"{summary['cohorts_lost']} cohort(s) expire in a hole of the data: what became of them after their last mark "
        "is not in the numbers"
    )


def _marks(summary: dict, result: "BacktestResult") -> str:
    return MARKS[result.market.info.marks]


def _traded(metrics: dict) -> np.ndarray:
    return metrics["cohorts"] > 0


def _named(code: str) -> Callable:
    return lambda info: code


def _share(metrics: dict, name: str) -> np.ndarray:
    """Return a share that only a book of listed contracts has, 0 in others."""
    return np.nan_to_num(metrics[name]) if name in metrics else np.zeros(metrics["cohorts"].shape)


def _no_quote(summary: dict, result: "BacktestResult") -> str:
    return (
        f"{summary['surface_marks_share']:.2%} of the marks of listed contracts come from the surface: the contract "
        "had no quote of its own that day"
    )


def _last_trades(summary: dict, result: "BacktestResult") -> str:
    return (
        f"{summary['trade_marks_share']:.0%} of the marks of listed contracts are last trades, at which nobody could "
        "trade any more: the ledger's parity_gap tells how far they were from the price they are marked on"
    )


def _unfilled(summary: dict, result: "BacktestResult") -> str:
    return (
        f"{summary['unfilled_vega_share']:.1%} of the vega asked for could not be had of the volume of its contracts: "
        "what is held is not as neutral as the sizing is; unfilled() has it by leg"
    )


RULES = (
    Rule(_named("no_trades"), lambda m, info: ~_traded(m), _no_trades),
    Rule(_named("few_cohorts"), lambda m, info: _traded(m) & (m["cohorts_apart"] < FEW_COHORTS), _few_cohorts),
    Rule(_named("low_t"), lambda m, info: _traded(m) & ~(np.abs(m["hac_t"]) >= LEAST_T), _not_significant),
    Rule(_named("unsettled"), lambda m, info: m["unsettled_share"] > MOST_UNSETTLED, _unsettled),
    Rule(_named("lost"), lambda m, info: m["cohorts_lost"] > 0, _lost),
    Rule(_named("marks_without_quote"), lambda m, info: _share(m, "surface_marks_share") > 0.0, _no_quote),
    Rule(_named("marks_of_last_trades"), lambda m, info: _share(m, "trade_marks_share") > 0.0, _last_trades),
    Rule(_named("unfilled"), lambda m, info: _share(m, "unfilled_vega_share") > 0.0, _unfilled),
    Rule(lambda info: f"{info.marks}_marks", lambda m, info: _traded(m) & bool(MARKS[info.marks]), _marks),
)
