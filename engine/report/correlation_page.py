"""The report of a correlation run: levels, surface, premia, dispersion and drivers as one page."""

import polars as pl

from engine.correlation.indices import TENORS, index_name
from engine.report import plots
from engine.report.cells import as_table
from engine.report.page import Page, Section
from engine.report.tables import correlation_levels, realized_words

HEADINGS = {"premium": "Correlation risk premium", "season": "Season of the quarter"}


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
    measured = long.filter(pl.col("status") != "no_index_leg")
    ours = long.filter((pl.col("basket") == basket) & (pl.col("status") == "ok"))
    levels = correlation_levels(measured)
    atm = ours.filter(pl.col("delta") == 50)
    moved = realized.filter(pl.col("basket") == basket)
    words = realized_words(moved["window"][0], moved["realized_leg"][0])
    shown = _terms(atm["tenor"].unique().to_list())
    through_time = (
        atm.filter(pl.col("tenor").is_in(shown))
        .with_columns(series=pl.col("tenor").replace_strict(shown, [_series(tenor) for tenor in shown]))
        .pivot(on="series", index="date", values="implied_correlation")
        .join(moved.select("date", pl.col("realized_correlation").alias(words)), on="date", how="left")
        .sort("date")
        .select("date", *(_series(tenor) for tenor in shown), words)
    )
    term = levels.filter(pl.col("basket") == basket).select("tenor", "mean", "last")
    last_day = ours.filter(pl.col("date") == pl.col("date").max())
    skew = (
        last_day.filter(pl.col("tenor").is_in(_spread(last_day["tenor"].unique().sort().to_list())))
        .pivot(on="tenor", index="delta", values="implied_correlation")
        .sort("delta")
    )
    statuses = measured.group_by("basket", "status").len(name="cells").sort("basket", "cells", descending=[False, True])
    page = Page("sections.html", f"Implied correlation of {info.name}")
    sections = [
        Section(
            "Implied correlation at 50 delta",
            [page.figure(plots.plot_implied_correlation(through_time, f"{basket}: implied correlation by tenor"))],
            note=f"Beside it correlation {words}.",
        ),
        Section(
            "By tenor and delta", [page.figure(plots.plot_term_structure(term)), page.figure(plots.plot_skew(skew))]
        ),
        *_researched(page, research or {}, info.index),
        *_heatmaps(page, long, realized),
        Section(
            "Levels at 50 delta",
            tables=[as_table(levels.filter(pl.col("dates_ok") > 0))],
            note="Means over dates whose status is ok; decimals. What has no such date is counted by status below.",
        ),
        *(Section(heading, tables=[as_table(frame)]) for heading, frame in (extra or {}).items()),
        Section(
            "Cells by status",
            tables=[as_table(statuses)],
            note=f"Values are never clipped: see the status.{_left_out(long)}",
        ),
    ]
    dates = long["date"]
    head = [
        f"{info.name}: {info.index} against its members, {dates.min()} to {dates.max()}. {info.source}",
        "Realised correlation is of the same names, weights and underlyings as the implied one; returns are of prices.",
    ]
    return page.render(head=head, cautions=info.notes, tiles=[], sections=sections)


def _researched(page: Page, research: dict, leg: str) -> list[Section]:
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
        sections.append(Section(HEADINGS.get(name, name.capitalize()), [page.figure(figure)], note=notes.get(name, "")))
    return sections


def _heatmaps(page: Page, long: pl.DataFrame, realized: pl.DataFrame) -> list[Section]:
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
    frames = [
        (title, rows.pivot(on="basket", index="date", values=values).sort("date")) for title, rows, values in maps
    ]
    return [
        Section("Baskets through time", [page.figure(plots.plot_basket_heatmap(frame, title))])
        for title, frame in frames
    ]


def _terms(tenors: list[int]) -> list[int]:
    """Pick the tenors shown through time: those nearest to three months, one month and a year, three months first."""
    wanted = [min(tenors, key=lambda days: abs(days - near)) for near in (91, 30, 365)] if tenors else []
    return list(dict.fromkeys(wanted))


def _series(tenor: int) -> str:
    return f"{index_name(tenor)}, {tenor} days" if tenor in TENORS.values() else f"{tenor} days"


def _left_out(long: pl.DataFrame) -> str:
    without = long.filter(pl.col("status") == "no_index_leg")["basket"].unique(maintain_order=True).to_list()
    return f" Without an index leg, so realised only: {', '.join(without)}." if without else ""


def _spread(values: list, count: int = 4) -> list:
    """Pick at most `count` of the values, ends included."""
    if len(values) <= count:
        return values
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
