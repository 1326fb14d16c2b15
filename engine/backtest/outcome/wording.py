"""How the metrics of a summary are named, and written in their units."""

from typing import TYPE_CHECKING

from engine.backtest.cohorts.costs import BidAsk, Costs, DeskCosts
from engine.backtest.contracts.instruments import pairs
from engine.backtest.legs.hedging import NoHedge
from engine.backtest.text import as_text
from engine.data.records import MarketInfo
from engine.kernels.codes import Kind

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult

# name in the summary, words shown, unit shown
ROWS = (
    ("pnl_gross", "Gross P&L", "money"),
    ("cost", "Cost", "money"),
    ("pnl_net", "Net P&L", "money"),
    ("breakeven_cost", "Break-even option cost", "vol points per index vega"),
    ("breakeven_multiple", "All costs it would bear, of those charged", "times"),
    ("option_cost_per_vega", "Option cost charged", "vol points per index vega"),
    ("hedge_cost_per_vega", "Hedge cost charged", "vol points per index vega"),
    ("pnl_gross_per_vega", "Gross P&L per unit index vega", "vol points"),
    ("pnl_net_per_vega", "Net P&L per unit index vega", "vol points"),
    ("sharpe_gross", "Sharpe ratio, gross", "ratio"),
    ("sharpe_net", "Sharpe ratio, net", "ratio"),
    ("hac_t", "t-statistic of net P&L (HAC)", "ratio"),
    ("return_net_annual", "Net return a year on capital", "percent"),
    ("turnover", "Index vega traded a year, of the most held at once", "times"),
    ("max_drawdown", "Worst drawdown, net", "money"),
    ("max_drawdown_share", "Worst drawdown, of capital", "percent"),
    ("worst_day", "Worst day, net", "money"),
    ("cohorts", "Cohorts entered", "count"),
    ("cohorts_apart", "of them not overlapping", "count"),
    ("cohorts_undecided", "Entry dates without an opinion of the strategy", "count"),
    ("cohorts_open", "still open at the end", "count"),
    ("cohorts_lost", "lost in a hole of the data", "count"),
    ("unsettled_share", "|P&L| of cohorts open or lost", "percent"),
    ("pnl_gross_unsettled", "Gross P&L of cohorts open or lost", "money"),
    ("cost_if_closed", "Cost, were those sold at their last marks", "money"),
    ("pnl_net_if_closed", "Net P&L, were those sold at their last marks", "money"),
    ("cohorts_exited", "sold before expiry", "count"),
    ("cohorts_skipped", "skipped for want of quotes", "count"),
    ("legs_settled_early", "Legs settled early (merger, delisting)", "count"),
    ("legs_closed_early", "Legs closed on unknown terms", "count"),
    ("coverage", "Basket weight quoted at entry", "percent"),
    ("stale_share", "|P&L| on stale marks", "percent"),
    ("beyond_tenors_share", "|P&L| on marks beyond the tenors", "percent"),
    ("beyond_deltas_share", "|P&L| on marks beyond the deltas", "percent"),
    ("surface_marks_share", "Marks of listed contracts from the surface", "percent"),
    ("trade_marks_share", "Marks of listed contracts from last trades", "percent"),
    ("unfilled_vega_share", "Vega asked for that volumes did not allow", "percent"),
    ("unexplained_share", "Unexplained of |gamma| + |theta|", "percent"),
)


def summary_rows(summary: dict, currency: str) -> list[tuple[str, str, str]]:
    """Return metric, value and unit of each metric of a summary as text, gross, cost, net and break-even first."""
    units = {"money": currency, "percent": "", "count": "", "ratio": ""}
    return [
        (words, as_text(summary[name], unit), units.get(unit, unit)) for name, words, unit in ROWS if name in summary
    ]


def summary_lines(summary: dict, currency: str) -> list[str]:
    """Return a summary as aligned lines of text.

    Examples
    --------
    >>> summary_lines({"pnl_gross": 1234.5, "sharpe_net": 0.5}, "USD")
    ['  Gross P&L          1,234  USD', '  Sharpe ratio, net   0.50']
    """
    rows = summary_rows(summary, currency)
    words, numbers = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"  {metric:<{words}}  {value:>{numbers}}  {unit}".rstrip() for metric, value, unit in rows]


def held_at_once(most: float, cohorts: int, share: float) -> str:
    """Say which exposure, at most, capital is counted for: so many cohorts of a share of it each, or a larger one."""
    if most == share * cohorts:
        return f"{cohorts} cohort(s){'' if share == 1.0 else f' of {share:.4g} each'} held at once at most"
    return f"an exposure of {most:,.4g} held at once at most, above {share:.4g} in some cohort"


def cost_words(costs: Costs, info: MarketInfo) -> str:
    """Say what a parameter set is charged."""
    words = f"{costs.index:g} vol points per index straddle, {costs.component:g} per component straddle, "
    words += f"{costs.hedge_bps:g} bp on hedges"
    words += f", {costs.delivery_bps:g} bp on deliveries" if info.physical_delivery else ""
    if not isinstance(costs, DeskCosts):
        return words
    if isinstance(costs, BidAsk):
        words = f"{costs.fill:g} of the half-spread where both sides are quoted, else {words}"
    words += f", {100 * costs.index_premium:g} % and {100 * costs.component_premium:g} % of premium, "
    words += f"{costs.commission:g} {info.currency} per contract, {costs.borrow_bps:g} bp a year on stock sold short, "
    words += f"{costs.index_hedge_bps:g} bp on the index's hedges, "
    return words + f"half-spreads {100 * costs.stress:g} % wider per vol point of the index above {100 * costs.calm:g}"


def hedge_line(result: "BacktestResult") -> str:
    """Say what deltas are hedged with, if anything is."""
    recipe, info = result.book.recipe, result.market.info
    has_delta = any(one.kind != Kind.CORRELATION for pair in pairs(recipe.structure) for one in pair)
    if not has_delta:
        said = "Nothing is hedged: a correlation swap has no delta"
    else:
        none = isinstance(recipe.hedge, NoHedge)
        said = "Nothing is hedged" if none else f"Hedged with the {info.hedge_instrument}"
    return f"{said}; forwards: {info.forward_convention}"


def limits_line(log, cohorts: int) -> str:
    """Say how many cohorts limits scaled and blocked, given the frame of `BacktestResult.limits`."""
    scaled, blocked = ((log["action"] == action).sum() for action in ("scaled", "blocked"))
    return f"Limits: of {cohorts:,} cohorts {scaled:,} were scaled and {blocked:,} blocked; limits.parquet has each"
