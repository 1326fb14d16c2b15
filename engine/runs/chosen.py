"""Runs side by side: the frame of `load_runs`, from which runs are chosen by what they were asked, and ranked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.backtest.outcome.wording import ROWS
from engine.command.messages import suggestion
from engine.errors import InputError
from engine.selection import stability as steps

if TYPE_CHECKING:
    import pandas as pd

METRICS = {name: words for name, words, _ in ROWS} | {"index_vega": "Index vega", "capital": "Capital"}
HEADINGS: Mapping[str, str] = METRICS | {
    "pnl_gross": "Gross",
    "pnl_net": "Net",
    "breakeven_cost": "Break-even",
    "sharpe_gross": "Sharpe gross",
    "sharpe_net": "Sharpe net",
    "hac_t": "t (HAC)",
    "cautions": "Cautions",
}


class Runs(pl.DataFrame):
    """A polars frame with a row per run; `select("enter=1.5")` keeps the runs that were asked for it.

    Every method of polars works and returns plain frames. `engine.compare` and `engine.leaderboard` take either.
    """

    def select(self, *exprs: Any, **named_exprs: Any) -> pl.DataFrame:
        """Keep runs by their settings where every argument is a text such as "enter=1.5"; else columns, as polars does.

        Parameters
        ----------
        *exprs : text
            "key=value", or "key=value,value" for any of several. A key is a column, or the end of one after a dot:
            `enter` for `strategy.enter`. Several arguments must all hold.

        Raises
        ------
        InputError
            When no column, or more than one, has that key, or no run that value.
        """
        asked = [expr for expr in exprs if isinstance(expr, str) and "=" in expr and expr not in self.columns]
        if not asked or len(asked) < len(exprs) or named_exprs:
            return super().select(*exprs, **named_exprs)
        kept: pl.DataFrame = self
        for text in asked:
            key, _, values = text.partition("=")
            name = self._setting(key.strip())
            words = [word.strip() for word in values.split(",")]
            held = [any(_same(value, word) for word in words) for value in kept[name]]
            if not any(held):
                there = ", ".join(str(value) for value in kept[name].unique().sort())
                raise InputError(f"no run has {text}; {name} is {there}")
            kept = kept.filter(pl.Series(held))
        return Runs(kept)

    def to_pandas(self, *_: Any, **__: Any) -> "pd.DataFrame":
        """Return the frame as a pandas one; unlike that of polars, this needs no pyarrow."""
        import pandas as pd

        return pd.DataFrame({name: self[name].to_numpy() for name in self.columns})

    def _setting(self, key: str) -> str:
        if key in self.columns:
            return key
        ends = [name for name in self.columns if name.rpartition(".")[2] == key]
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise InputError(f"{key} may be {' or '.join(ends)}; write the whole key")
        asked = [name for name in self.columns[1:] if name not in METRICS]
        known = [*asked, *(name.rpartition(".")[2] for name in asked)]
        raise InputError(f"no run was asked for {key}; {suggestion(key, dict.fromkeys(known), 'settings are')}")


def _same(value: Any, word: str) -> bool:
    """Tell whether a setting is what a text says: as a number where it is one."""
    if isinstance(value, bool):
        return str(value).lower() == word.lower()
    try:
        return float(value) == float(word)
    except (TypeError, ValueError):
        return str(value) == word


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Runs in the order of one metric; printed, it says which.

    Parameters
    ----------
    frame : frame
        What the runs were asked that differs, gross, cost, net, break-even, Sharpe ratios, t and cautions; in order.
    by : str
        The column it is sorted by; `lowest_first` : bool.
    """

    frame: pl.DataFrame
    by: str
    lowest_first: bool

    @property
    def sorted_by(self) -> str:
        """Say in words what the order is."""
        words = METRICS.get(self.by, self.by)
        unknown = self.frame[self.by].null_count()
        last = f"; {unknown:,} without one last" if unknown else ""
        return f"{self.frame.height:,} runs by {words}, {'lowest' if self.lowest_first else 'highest'} first{last}"

    def __repr__(self) -> str:
        """The order in words, the runs as one aligned table, and what the first of many is worth."""
        from engine.report import aligned

        lines = aligned(self.frame.rename({n: HEADINGS[n] for n in self.frame.columns if n in HEADINGS}))
        warn = "The first of many flatters itself: engine.judge(sweep) says what it is worth." * (self.frame.height > 1)
        return "\n".join([self.sorted_by, *lines, warn]).rstrip()


def leaderboard(runs: pl.DataFrame, by: str = "net_sharpe", *, lowest_first: bool = False) -> Leaderboard:
    """Rank runs, and say by what.

    Parameters
    ----------
    runs : frame
        As from `load_runs`, or part of it.
    by : str
        A metric of the summary; the order of its words does not matter: `net_sharpe` is `sharpe_net`.
    lowest_first : bool
        For costs and shares.

    Raises
    ------
    InputError
        When there is no such metric, or its column holds no numbers.

    Examples
    --------
    >>> runs = pl.DataFrame({"run": ["a", "b"], "strategy.enter": [1.0, 1.5], "sharpe_net": [0.2, 0.4]})
    >>> print(leaderboard(runs))
    2 runs by Sharpe ratio, net, highest first
    run  strategy.enter  Sharpe net
      b           1.500       0.400
      a           1.000       0.200
    The first of many flatters itself: engine.judge(sweep) says what it is worth.
    """
    from engine.report import leaderboard as ranked

    name = _metric(runs, by)
    rows = _short(runs)
    board = ranked(rows.with_columns(pl.col(name).cast(pl.Float64).fill_nan(None)), name)
    return Leaderboard(
        board.sort(name, nulls_last=True, maintain_order=True) if lowest_first else board, name, lowest_first
    )


def _short(runs: pl.DataFrame) -> pl.DataFrame:
    """Name runs of one sweep by the last part of their folders."""
    sweeps = runs["run"].str.replace("[^/]*$", "")
    return runs.with_columns(pl.col("run").str.split("/").list.last()) if sweeps.n_unique() == 1 else runs


def stability(runs: pl.DataFrame, by: str = "net_sharpe") -> pl.DataFrame:
    """Set each run of a grid beside its neighbours: one row per run, the best neighbourhood first.

    Parameters
    ----------
    runs : frame
        As from `load_runs`: a grid of settings that are numbers; what else differs must be chosen first.
    by : str
        As in `leaderboard`.

    Returns
    -------
    frame
        The settings that differ, the metric, `neighbours`, and `mean` and `worst` of run and neighbours.

    Raises
    ------
    InputError
        When no setting differs, or one that is no number does.
    """
    name = _metric(runs, by)
    varied = [c for c in runs.columns[1:] if c not in METRICS and c != "cautions" and runs[c].n_unique() > 1]
    words = [c for c in varied if not runs[c].dtype.is_numeric()]
    if not varied or words:
        what = f"{', '.join(words)} differ too: choose one by select" if words else "no setting differs between them"
        raise InputError(f"stability takes runs on a grid of numbers; {what}")
    found = steps(
        pl.DataFrame(runs).select(varied).to_numpy(), runs[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    )
    beside = pl.DataFrame({"neighbours": found.neighbours, "mean": found.mean, "worst": found.worst}).fill_nan(None)
    return pl.DataFrame(runs).select(*varied, name).hstack(beside).sort("mean", descending=True, nulls_last=True)


def _metric(runs: pl.DataFrame, by: str) -> str:
    """Name the column of a metric."""
    if not isinstance(runs, pl.DataFrame):
        raise InputError(f"runs are ranked as load_runs(FOLDER) returns them; given was a {type(runs).__name__}")
    words = sorted(by.split("_"))
    found = [by] if by in runs.columns else [name for name in runs.columns if sorted(name.split("_")) == words]
    if not found:
        raise InputError(f"runs have no {by}; {suggestion(by, runs.columns, 'columns are')}")
    if not runs[found[0]].dtype.is_numeric():
        raise InputError(f"{found[0]} holds no numbers; rank by one such as sharpe_net, pnl_net or breakeven_cost")
    return found[0]
