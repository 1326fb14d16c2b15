"""A sweep on a trade book that is built already, as a careful loop in plain Python, to compare speeds with."""

import math
from operator import mul

from engine.backtest.metrics import SESSIONS_PER_YEAR
from engine.statistics import hac_lags


def plain_sweep(book: dict, sets) -> list[dict]:
    """Backtest parameter sets one by one: signal, daily account, and what `Accounts.statistics` reports of it.

    Parameters
    ----------
    book : dict of lists
        `score` [t], the z-score of implied correlation; `entry` [c], `entered` [c]; by cohort and day held, [c][day]:
        `gross`, `index_traded`, `component_traded`, `hedge_traded`.
    sets : sequence of (enter, leave, index_vega, costs)
        `costs` is a `VolPoints`. Cohorts are held to expiry, and no shares are delivered.
    """
    return [_statistics(*_account(book, *chosen), holding_days=len(book["gross"][0]) - 1) for chosen in sets]


def _account(book: dict, enter, leave, index_vega, costs) -> tuple[list, list, list]:
    """Daily gross P&L, cost of options, and cost of hedges."""
    exposure, held = [], 0.0
    for score in book["score"]:
        if score >= enter:
            held = 1.0
        elif score <= leave:
            held = 0.0
        exposure.append(held)
    dates = len(exposure)
    pnl = [0.0] * dates
    option_cost = [0.0] * dates
    hedge_cost = [0.0] * dates
    rate = 1e-4 * costs.hedge_bps
    columns = [book[name] for name in ("gross", "index_traded", "component_traded", "hedge_traded")]
    for entry, entered, *days in zip(book["entry"], book["entered"], *columns, strict=True):
        if not (entered and exposure[entry - 1]):
            continue
        scale = exposure[entry - 1] * index_vega
        for t, gross, index, component, hedge in zip(range(entry, dates), *days, strict=False):
            pnl[t] += scale * gross
            option_cost[t] += scale * (costs.index * index + costs.component * component)
            hedge_cost[t] += scale * rate * hedge
    return pnl, option_cost, hedge_cost


def _statistics(pnl: list, option_cost: list, hedge_cost: list, holding_days: int) -> dict:
    net = [p - (o + h) for p, o, h in zip(pnl, option_cost, hedge_cost, strict=True)]
    count = len(net)
    gross, total = sum(pnl), sum(net)
    gross_spread = sum([(p - gross / count) ** 2 for p in pnl])
    off = [n - total / count for n in net]
    spread = long_run = sum(map(mul, off, off))
    lags = hac_lags(count, holding_days)
    for lag in range(1, lags + 1):
        long_run += 2.0 * (1.0 - lag / (lags + 1)) * sum(map(mul, off[lag:], off))
    year = math.sqrt(SESSIONS_PER_YEAR * (count - 1))  # with the sample deviation, spread / (count - 1)
    equity = high = fall = 0.0
    for n in net:
        equity += n
        high = max(high, equity)
        fall = min(fall, equity - high)
    return {
        "pnl_gross": gross,
        "option_cost": sum(option_cost),
        "hedge_cost": sum(hedge_cost),
        "sharpe_gross": year * gross / count / math.sqrt(gross_spread) if gross_spread else math.nan,
        "sharpe_net": year * total / count / math.sqrt(spread) if spread else math.nan,
        "hac_t": total / math.sqrt(long_run) if spread and long_run > 0.0 else math.nan,
        "max_drawdown": fall,
        "worst_day": min(net),
    }
