"""One self-contained HTML page per result: arranges tables and figures, holds no numbers of its own."""

import html
from pathlib import Path

import polars as pl

from engine.backend import to_host
from engine.backtest.metrics import drawdown
from engine.correlation import matched_window
from engine.report import plots
from engine.report.tables import as_text, correlation_levels, realized_words, rounded, summary_table

LEDGER_ROWS = 40

_STYLE = """
:root { --ink: #1b2733; --muted: #6b7885; --line: #e6eaee; --deep: #12395b; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7f9; color: var(--ink); font: 14px/1.5 Inter, "Helvetica Neue", Arial, sans-serif; }
header { background: var(--deep); color: white; padding: 28px 40px 24px; }
header h1 { margin: 0 0 4px; font-size: 24px; font-weight: 600; }
header p { margin: 2px 0; color: #c9d6e2; }
main { max-width: 1280px; margin: 0 auto; padding: 24px 24px 60px; }
section { background: white; border: 1px solid var(--line); border-radius: 8px; padding: 16px 20px; margin-top: 20px; }
section h2 { margin: 0 0 8px; font-size: 16px; }
section p { color: var(--muted); margin: 4px 0 10px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 16px; margin-top: 20px; }
.tile { background: white; border: 1px solid var(--line); border-radius: 8px; padding: 14px 18px; }
.tile b { display: block; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); }
.pair > * { min-width: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: 20px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--muted); font-weight: 500; border-bottom: 1px solid var(--line); padding: 6px 10px; }
td { border-bottom: 1px solid var(--line); padding: 5px 10px; white-space: nowrap; }
td.n, th.n { text-align: right; }
"""


def write_tearsheet(result, path, p: int = 0, title: str | None = None) -> Path:
    """Write the report of one parameter set of a backtest to a file, as `tearsheet` makes it; return the file."""
    path = Path(path)
    path.write_text(tearsheet(result, p, title), encoding="utf-8")
    return path


def tearsheet(result, p: int = 0, title: str | None = None) -> str:
    """Return the report of one parameter set of a backtest, an HTML page that needs nothing but itself to be read.

    Parameters
    ----------
    result : BacktestResult
    p : int
        Parameter set.
    title : str or None
        Heading; the market's name by default.
    """
    info = result.market.info
    summary = result.summary(p)
    daily = result.daily(p)
    money = info.currency
    dates = daily["date"].to_list()
    head = [
        f"{info.name}: {info.index} against its members, {dates[0]} to {dates[-1]}, {len(dates):,} sessions. "
        f"{info.source}",
        f"Capital: {result.capital_convention(p)}.",
        f"Costs: {_cost_words(result.rates(p), info)}. Hedged with the {info.hedge_instrument}; forwards: "
        f"{info.forward_convention}.",
        *(f"Caution: {caution.text}." for caution in result.cautions(p)),
    ]
    tiles = [
        ("Gross P&L", f"{as_text(summary['pnl_gross'], 'money')} {money}"),
        ("Cost", f"{as_text(summary['cost'], 'money')} {money}"),
        ("Net P&L", f"{as_text(summary['pnl_net'], 'money')} {money}"),
        ("Break-even option cost", f"{as_text(summary['breakeven_cost'], '')} vol pt"),
        ("Net per unit index vega", f"{as_text(summary['pnl_net_per_vega'], '')} vol pt"),
        (
            "Sharpe gross / net",
            f"{as_text(summary['sharpe_gross'], 'ratio')} / {as_text(summary['sharpe_net'], 'ratio')}",
        ),
    ]
    table = summary_table(summary, money)
    half = -(-table.height // 2)
    ledger = result.ledger(p)
    body = [
        _tiles(tiles),
        _section("Profit and loss", plots.as_html(plots.plot_equity(daily, money))),
        _pair(
            plots.as_html(plots.plot_drawdown(dates, drawdown(result.pnl_net[p]), money)),
            plots.as_html(plots.plot_exposure(daily)),
        ),
        _section("P&L explain", plots.as_html(plots.plot_attribution(daily, money))),
        _section("Correlation traded", plots.as_html(plots.plot_implied_correlation(correlation_series(result)))),
        _section(
            "Summary",
            f'<div class="pair">{_table(table[:half])}{_table(table[half:])}</div>',
            "Stale marks had no quote of their own that day; extrapolated ones rest on volatilities that nobody quoted, "
            "beyond the surface's tenors or deltas: both are shares of the sum of |P&L| over legs and days. Unexplained "
            "is what date, spot and volatility, moved one after the other, leave: changes of the interest rate, and "
            "time value lost when a name is settled before its expiry.",
        ),
        _section(
            f"Trade ledger, last {min(LEDGER_ROWS, ledger.height)} of {ledger.height:,} legs",
            _table(rounded(ledger.tail(LEDGER_ROWS))),
        ),
    ]
    return _page(title or f"Dispersion backtest on {info.name}", head, body)


def correlation_series(result) -> pl.DataFrame:
    """Return implied correlation at the traded tenor (the nearest on the surface) and trailing realised, per date.

    Realised over the sessions that the tenor holds, on the own returns of the underlying that the label names.
    """
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


def correlation_report(
    long: pl.DataFrame, realized: pl.DataFrame, info, extra: dict | None = None, research: dict | None = None
) -> str:
    """Return the report of a correlation run, an HTML page that needs nothing but itself to be read.

    Parameters
    ----------
    long : frame
        date, basket, tenor, delta, implied_correlation, names, coverage, status; decimals.
    realized : frame
        date, basket, window, realized_leg, realized_correlation; one window per basket.
    info : MarketInfo
    extra : dict of heading -> frame
        Further tables, such as the comparison with published values.
    research : dict of name -> frame
        What is drawn beside the levels, as far as it is there: `surface`, `premium`, `dispersion`, `drivers`,
        `drivers of DAY`, `season`.
    """
    basket = long["basket"][0]
    ours = long.filter((pl.col("basket") == basket) & (pl.col("status") == "ok"))
    levels = correlation_levels(long)
    atm = ours.filter(pl.col("delta") == 50)
    moved = realized.filter(pl.col("basket") == basket)
    words = realized_words(moved["window"][0], moved["realized_leg"][0])
    through_time = (
        atm.filter(pl.col("tenor").is_in(_spread(atm["tenor"].unique().sort().to_list())))
        .with_columns((pl.col("tenor").cast(pl.String) + " days").alias("series"))
        .pivot(on="series", index="date", values="implied_correlation")
        .join(moved.select("date", pl.col("realized_correlation").alias(words)), on="date", how="left")
        .sort("date")
    )
    term = levels.filter(pl.col("basket") == basket).select("tenor", "mean", "last")
    last_day = ours.filter(pl.col("date") == ours["date"].max())
    skew = (
        last_day.filter(pl.col("tenor").is_in(_spread(last_day["tenor"].unique().sort().to_list())))
        .pivot(on="tenor", index="delta", values="implied_correlation")
        .sort("delta")
    )
    statuses = long.group_by("basket", "status").len(name="cells").sort("basket", "cells", descending=[False, True])
    body = [
        _section(
            "Implied correlation at 50 delta",
            plots.as_html(plots.plot_implied_correlation(through_time, f"{basket}: implied correlation by tenor")),
        ),
        _pair(plots.as_html(plots.plot_term_structure(term)), plots.as_html(plots.plot_skew(skew))),
        *_researched(research or {}, info.index),
        *_heatmaps(long, realized),
        _section("Levels at 50 delta", _table(rounded(levels, 4)), "Means over dates whose status is ok; decimals."),
        *(_section(heading, _table(rounded(frame))) for heading, frame in (extra or {}).items()),
        _section("Cells by status", _table(statuses), "Values are never clipped: a status says what to think of them."),
    ]
    dates = long["date"]
    head = [
        f"{info.name}: {info.index} against its members, {dates.min()} to {dates.max()}. {info.source}",
        "Realised correlation is of the same names, weights and underlyings as the implied one; returns are of prices.",
    ]
    return _page(f"Implied correlation of {info.name}", head, body)


def _researched(research: dict, leg: str) -> list[str]:
    """Return one section with a figure per frame of research."""
    notes = {
        "premium": "What sellers earn is realised after it.",
        "dispersion": "Model-free volatilities of surfaces: member_vol stands for VIXEQ, dispersion_vol for DSPX.",
        "drivers": "Each day's change is split among its drivers, nothing left over; the parts are added up.",
        "season": "Relative to a trend that knows later days: a description, no signal. Bars are two standard errors.",
    }
    sections = []
    for name, frame in research.items():
        if name == "surface":
            figure = plots.plot_surface(frame, "Implied correlation of the last date, by tenor and delta")
        elif name == "premium":
            note = realized_words(frame["window"][0], frame["realized_leg"][0])
            notes["premium"] = f"Implied, {frame['tenor'][0]} days, less {note}: known that day. {notes['premium']}"
            columns = frame.select("date", "implied", "realized", pl.col("correlation_premium").alias("premium"))
            figure = plots.plot_series(columns, "Correlation risk premium", "correlation (x 100)")
        elif name == "dispersion":
            columns = frame.select("date", "member_vol", "dispersion_vol")
            figure = plots.plot_series(columns, f"Dispersion, {frame['tenor'][0]} days", "vol points")
        elif name == "drivers":
            figure = plots.plot_drivers(frame, leg)
        elif name == "season":
            figure = plots.plot_season(frame)
        else:
            figure = plots.plot_day_drivers(frame, name.removeprefix("drivers of "))
        sections.append(_section(name[0].upper() + name[1:], plots.as_html(figure), notes.get(name, "")))
    return sections


def _heatmaps(long: pl.DataFrame, realized: pl.DataFrame) -> list[str]:
    """Return heat maps where there are several baskets: implied at the tenor most often known, and realised."""
    if long["basket"].n_unique() < 2:
        return []
    usable = long.filter((pl.col("delta") == 50) & (pl.col("status") == "ok"))
    maps = []
    if usable.height:
        tenor = usable["tenor"].mode().min()
        implied = usable.filter(pl.col("tenor") == tenor)
        maps.append((f"Implied correlation by basket, {tenor} days at 50 delta", implied, "implied_correlation"))
    moved = realized.filter(pl.col("realized_correlation").is_not_null())
    if moved.height:
        maps.append((f"Realised correlation by basket, {moved['window'][0]} sessions", moved, "realized_correlation"))
    return [
        _section(
            "Baskets through time",
            plots.as_html(
                plots.plot_basket_heatmap(rows.pivot(on="basket", index="date", values=values).sort("date"), title)
            ),
        )
        for title, rows, values in maps
    ]


def _spread(values: list, count: int = 4) -> list:
    """Pick at most `count` of the values, ends included."""
    if len(values) <= count:
        return values
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]


def _cost_words(rates: dict, info) -> str:
    words = f"{rates['index']:g} vol points per index straddle, {rates['component']:g} per component straddle, "
    words += f"{rates['hedge_bps']:g} bp on hedges"
    return words + (f", {rates['delivery_bps']:g} bp on deliveries" if info.physical_delivery else "")


def _tiles(tiles) -> str:
    cells = (
        f'<div class="tile"><span>{html.escape(name)}</span><b>{html.escape(text)}</b></div>' for name, text in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _section(heading: str, content: str, note: str = "") -> str:
    note = f"<p>{html.escape(note)}</p>" if note else ""
    return f"<section><h2>{html.escape(heading)}</h2>{note}{content}</section>"


def _pair(left: str, right: str) -> str:
    return f'<div class="pair"><section>{left}</section><section>{right}</section></div>'


def _table(frame: pl.DataFrame) -> str:
    numeric = {c for c, t in frame.schema.items() if t.is_numeric()} | {"value"}
    head = "".join(f'<th class="{"n" if c in numeric else ""}">{html.escape(c)}</th>' for c in frame.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="{"n" if c in numeric else ""}">{html.escape(_cell(v))}</td>'
            for c, v in zip(frame.columns, row, strict=True)
        )
        + "</tr>"
        for row in frame.iter_rows()
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _page(title: str, head, body) -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in head)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><script>{plots.plotly_script()}</script></head>"
        f"<body><header><h1>{html.escape(title)}</h1>{lines}</header><main>{''.join(body)}</main></body></html>"
    )
