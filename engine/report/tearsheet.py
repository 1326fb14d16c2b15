"""The report of a backtest: arranges tables and figures on one page, holds no numbers of its own."""

from pathlib import Path

import polars as pl

from engine.backend import to_host
from engine.backtest.metrics import drawdown
from engine.backtest.wording import as_text
from engine.correlation import matched_window
from engine.report import plots
from engine.report.page import as_table, as_tiles, page, pair, section
from engine.report.tables import realized_words, rounded, summary_table

LEDGER_ROWS = 40


def write_tearsheet(result, path, p: int = 0, title: str | None = None) -> Path:
    """Write the report of one parameter set of a backtest to a file, as `tearsheet` makes it; return the file."""
    path = Path(path)
    path.write_text(tearsheet(result, p, title), encoding="utf-8")
    return path


def tearsheet(result, p: int = 0, title: str | None = None, script: str | None = None) -> str:
    """Return the report of one parameter set of a backtest, an HTML page that needs nothing but itself to be read.

    Parameters
    ----------
    result : BacktestResult
    p : int
        Parameter set.
    title : str or None
        Heading; the market's name by default.
    script : str or None
        Where the page finds plotly.js, for pages that share one; None = in itself.
    """
    info = result.market.info
    summary = result.summary(p)
    daily = result.daily(p)
    money = info.currency
    dates = daily["date"].to_list()
    head = [
        f"{info.name}: {info.index} against {result.view.basket.label}, {dates[0]} to {dates[-1]}, "
        f"{len(dates):,} sessions. {info.source}",
        f"Capital: {result.capital_convention(p)}.",
        f"Costs: {_cost_words(result.rates(p), info)}. Hedged with the {info.hedge_instrument}; forwards: "
        f"{info.forward_convention}." + (f" Contracts: {result.contracts}." if result.contracts else ""),
        *(f"Caution: {caution.text}." for caution in result.cautions(p)),
    ]
    tiles = [
        ("Gross P&L", f"{as_text(summary['pnl_gross'], 'money')} {money}"),
        ("Cost", f"{as_text(summary['cost'], 'money')} {money}"),
        ("Net P&L", f"{as_text(summary['pnl_net'], 'money')} {money}"),
        ("Break-even option cost", f"{as_text(summary['breakeven_cost'], '')} vol pt"),
        ("Net per unit index vega", f"{as_text(summary['pnl_net_per_vega'], '')} vol pt"),
        ("Sharpe gross / net", " / ".join(as_text(summary[f"sharpe_{kind}"], "ratio") for kind in ("gross", "net"))),
    ]
    table = summary_table(summary, money)
    half = -(-table.height // 2)
    ledger = result.ledger(p)
    body = [
        as_tiles(tiles),
        section("Profit and loss", plots.as_html(plots.plot_equity(daily, money))),
        pair(
            plots.as_html(plots.plot_drawdown(dates, drawdown(result.pnl_net[p]), money)),
            plots.as_html(plots.plot_exposure(daily)),
        ),
        section("P&L explain", plots.as_html(plots.plot_attribution(daily, money))),
        section("Correlation traded", plots.as_html(plots.plot_implied_correlation(correlation_series(result)))),
        section(
            "Summary",
            f'<div class="pair">{as_table(table[:half])}{as_table(table[half:])}</div>',
            "Stale marks had no quote of their own that day; marks beyond the tenors or the deltas are extrapolated "
            "from a surface that does not reach the time left, or else the strike. All three are shares of the sum of "
            "|P&L| over legs and days, the last two without overlap: together they rest on volatilities that nobody "
            "quoted. The unexplained share is what is left when date, spot and volatility have moved one after the "
            "other: changes of the interest rate, and time value lost when a name is settled before its expiry.",
        ),
        section(
            f"Trade ledger, last {min(LEDGER_ROWS, ledger.height)} of {ledger.height:,} legs",
            as_table(rounded(ledger.tail(LEDGER_ROWS))),
        ),
    ]
    return page(title or f"Dispersion backtest on {info.name}", head, body, script)


def correlation_series(result) -> pl.DataFrame:
    """Return implied correlation at the traded tenor (the nearest on the surface), and realised over its sessions."""
    view, tenors = result.view, result.market.tenors
    tenor = int(tenors[abs(tenors - result.book.recipe.structure.tenor).argmin()])
    window = matched_window(tenor)
    return pl.DataFrame(
        {
            "date": result.dates,
            f"implied, {tenor} days": to_host(view.implied_correlation(tenor)),
            realized_words(window, view.realized_leg): to_host(view.realized_correlation(window)),
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def _cost_words(rates: dict, info) -> str:
    words = f"{rates['index']:g} vol points per index straddle, {rates['component']:g} per component straddle, "
    words += f"{rates['hedge_bps']:g} bp on hedges"
    return words + (f", {rates['delivery_bps']:g} bp on deliveries" if info.physical_delivery else "")
