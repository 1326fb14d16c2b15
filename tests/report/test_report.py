"""Figures are built from frames, the page needs nothing but itself and shows the summary's numbers."""

import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.report import correlation_report, leaderboard, plots, summary_table, write_tearsheet
from tests.report.test_run_page import unpacked


@pytest.fixture(scope="module")
def result():

    from engine.backtest import Weekly, backtest
    from engine.correlation import AllMembers
    from engine.testing import small_market
    from strategies.short_correlation import ShortCorrelation

    return backtest(small_market(3, sessions=120), ShortCorrelation(), basket=AllMembers(), schedule=Weekly())


def assert_self_contained(page: str):
    outside_script = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.search(r"(src|href)\s*=\s*['\"](?!#)", outside_script)
    assert page.count("<script>/**") == 1, "plotly.js is inlined once"


def test_the_page_is_self_contained_and_shows_gross_cost_net_and_break_even(result, tmp_path):
    page = write_tearsheet(result, tmp_path / "report.html").read_text()
    assert_self_contained(page)
    summary = result.summary()
    for name in ("pnl_gross", "cost", "pnl_net"):
        assert f"{summary[name]:,.0f}" in page
    assert f"{summary['breakeven_cost']:.3f}" in page
    assert result.capital_convention() in page
    assert page.count('class="plot"') == 10  # 120 sessions have no rolling ratio


def test_the_correlation_page_is_self_contained_and_survives_missing_values(tmp_path):
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(5)]
    rows = [
        {
            "date": day,
            "basket": "top50",
            "tenor": tenor,
            "delta": delta,
            "implied_correlation": None if i == 2 else 0.1 + 0.001 * delta + 0.0001 * tenor,
            "names": 50,
            "coverage": 0.9,
            "status": "no_index_quote" if i == 2 else "ok",
        }
        for i, day in enumerate(days)
        for tenor in (30, 91)
        for delta in (10, 50, 90)
    ]
    realized = pl.DataFrame({"date": days, "basket": "top50", "realized_correlation": [None, 0.1, 0.2, 0.3, 0.2]})
    realized = realized.with_columns(window=21, realized_leg=pl.lit("IDX"))
    from engine.data.records import MarketInfo

    info = MarketInfo(name="small", index="IDX")
    page = correlation_report(pl.DataFrame(rows), realized, info)
    assert_self_contained(page)
    assert "no_index_quote" in page
    assert "realised, 21 sessions, own returns of IDX" in page
    held = unpacked(page)
    assert held["figures"][0]["data"][0]["name"] == "COR3M, 91 days"
    assert all(len(set(held["columns"][trace["y"]["column"]]) - {None}) for trace in held["figures"][0]["data"])


def test_a_series_without_a_number_has_no_line_and_no_legend():
    frame = pl.DataFrame({"date": [date(2024, 1, 1)], "a": [0.1], "b": [None]}, schema_overrides={"b": pl.Float64})
    assert [trace.name for trace in plots.plot_series(frame, "", "").plotly().data] == ["a"]


def test_the_summary_starts_with_gross_cost_net_and_break_even(result):
    table = summary_table(result.summary(), "USD")
    assert table["metric"].to_list()[:4] == ["Gross P&L", "Cost", "Net P&L", "Break-even option cost"]


def test_the_leaderboard_shows_what_differs_best_first():
    runs = pl.DataFrame(
        {
            "strategy.enter": [1.0, 2.0, 3.0],
            "strategy.window": [20, 20, 20],
            **{
                name: [1.0, 3.0, float("nan")]
                for name in ("pnl_gross", "cost", "pnl_net", "breakeven_cost", "sharpe_gross", "sharpe_net", "hac_t")
            },
        }
    ).with_columns(pl.col("sharpe_net").fill_nan(None))
    board = leaderboard(runs)
    assert "strategy.window" not in board.columns
    assert board["strategy.enter"].to_list() == [2.0, 1.0, 3.0]


def test_the_attribution_figure_carries_every_source_and_the_gross(result):
    figure = plots.plot_attribution(result.daily(), "USD").plotly()
    sources = [trace for trace in figure.data if trace.name != "gross"]
    gross = next(trace for trace in figure.data if trace.name == "gross")
    total = sum(np.asarray(trace.y, dtype=float) for trace in sources)
    # Sums of the same numbers in another order.
    np.testing.assert_allclose(total, np.asarray(gross.y, dtype=float), rtol=0, atol=1e-9 * np.abs(gross.y).max())


def test_the_heat_map_puts_each_run_in_its_cell_and_leaves_gaps_empty():
    runs = pl.DataFrame({"a": [1, 2, 1], "b": [0.5, 0.5, 1.0], "m": [10.0, 20.0, 30.0]})
    heat = plots.plot_sweep_heatmap(runs, "a", "b", "m").plotly().data[0]
    assert [list(row) for row in heat.z] == [[10.0, 20.0], [30.0, None]]


def test_baskets_through_time_are_a_heat_map_that_keeps_the_last_date_of_a_long_history():
    days = [date(2010, 1, 1) + timedelta(days=i) for i in range(1000)]
    frame = pl.DataFrame({"date": days, "top50": [i / 1000.0 for i in range(1000)], "Energy": [None] * 1000})
    (heat,) = plots.plot_basket_heatmap(frame, "Realised").plotly().data
    assert list(heat.y) == ["top50", "Energy"]
    assert 100 < len(heat.x) <= 160
    assert heat.x[-1] == days[-1]
    assert heat.z[0][-1] == pytest.approx(99.9)
    assert set(heat.z[1]) == {None}


def test_a_figure_without_plotly_is_what_plotly_makes_of_it(result):
    days = result.daily()
    for figure in (plots.plot_equity(days, "USD"), plots.plot_exposure(days), plots.plot_attribution(days, "USD")):
        drawn = figure.plotly()  # refuses a property that it does not know
        assert [trace.name for trace in drawn.data] == [trace["name"] for trace in figure.data]
        assert drawn.layout.height == figure.layout["height"]
        assert drawn.layout.template.layout.hovermode == "x unified"
    with pytest.raises(ValueError, match="colour"):
        plots.plot_exposure(days).update_layout(font={"colour": "red"}).plotly()


def test_a_page_does_not_wait_for_plotly():
    code = "import sys; from engine.report import plots, write_tearsheet; print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_numbers_in_cells_are_read_on_every_colour_of_a_heat_map_by_light_and_dark():
    script = (Path(plots.__file__).parents[1] / "templates" / "page.js").read_text()
    by_dark = dict(re.findall(r'"(#[0-9a-f]{6})": "(#[0-9a-f]{6})"', script))

    def luminance(colour: str) -> float:  # WCAG 2.1
        parts = (int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5))
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    runs = pl.DataFrame({"a": [1.0, 2.0], "b": [1.0, 1.0], "m": [-1.0, 2.0]})
    surface = pl.DataFrame({"tenor": [30], "10": [0.3], "50": [0.4]})
    for figure in (plots.plot_sweep_heatmap(runs, "a", "b", "m"), plots.plot_surface(surface, "one date")):
        (heat,) = figure.data
        for look in ({}, by_dark):
            ink, *cells = (look.get(c, c) for c in (heat["textfont"]["color"], *(c for _, c in heat["colorscale"])))
            assert bool(look) == (luminance(ink) > 0.5)
            for cell in cells:
                low, high = sorted((luminance(ink), luminance(cell)))
                assert (high + 0.05) / (low + 0.05) > 4.5  # AA


def test_a_heat_map_of_many_cells_has_a_scale_in_place_of_numbers():
    many = pl.DataFrame({"a": list(range(17)), "b": [0.0] * 17, "m": [1.0] * 17})
    (heat,) = plots.plot_sweep_heatmap(many, "a", "b", "m").plotly().data
    assert (heat.texttemplate, heat.showscale) == (None, None)
    (few,) = plots.plot_sweep_heatmap(many.head(16), "a", "b", "m").plotly().data
    assert few.texttemplate
    assert few.showscale is False
