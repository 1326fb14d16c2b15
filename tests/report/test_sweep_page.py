"""The page of a sweep opens with what its best run is worth, and shows every run once."""

import html

import polars as pl
import pytest

from engine.report import plots, sweep_report
from engine.report.sweep_page import settings_of, verdict
from tests.report.test_run_page import column, unpacked

JUDGED = {
    "best": "results/a/b/3",
    "runs": 40,
    "trials": 60,
    "independent": 4.0,
    "deflated": 0.4,
    "overfitting": 0.6,
    "later_ranks": [0.1] * 10,
    "superior": 0.3,
    "survivors": [],
    "left_out": 0,
    "leaders": [["results/a/b/5", 0.37]],
}


def runs(count: int = 6) -> pl.DataFrame:
    ratios = [None, *(0.1 * n for n in range(1, count))]
    return pl.DataFrame(
        {
            "run": [f"results/a/b/{n}" for n in range(count)],
            "strategy.enter": [n % 3 for n in range(count)],
            "sizing": [("vega", "theta")[n // 3 % 2] for n in range(count)],
            "lag": [1] * count,
            **{name: [1000.0 * n for n in range(count)] for name in ("pnl_gross", "cost", "pnl_net", "breakeven_cost")},
            **dict.fromkeys(("sharpe_gross", "sharpe_net", "hac_t"), ratios),
            "cohorts": [10] * count,
            "cautions": ["low_t"] * (count - 1) + ["low_t few_cohorts"],
        }
    )


def test_the_page_opens_with_the_judgement_and_holds_every_run():
    page = sweep_report(runs(), JUDGED, "Sweep <a>", {"5"}, "plotly.js")
    text = html.unescape(page)
    assert text.index("is not told from luck") < text.index("Leaders, by net")
    assert "&lt;a&gt;" in page
    held = unpacked(page)
    (names,) = (column(held, place) for place in held["rows"]["runs"] if place["name"] == "run")
    assert names == ["5", "4", "3", "2", "1", "0"]
    assert '<a href="5/report.html">5</a>' in page
    assert "4/report.html" not in page
    assert ">0.37<" in page
    assert page.count('class="plot"') == 4  # luck, ranks, one pair of settings, all settings


def test_money_is_the_same_in_the_table_of_leaders_and_in_that_of_all_runs():
    page = sweep_report(runs().with_columns(pnl_gross=pl.lit(4558452.3)), JUDGED, "Sweep", script="plotly.js")
    held = unpacked(page)
    (gross,) = (column(held, place) for place in held["rows"]["runs"] if place["name"] == "pnl_gross")
    assert gross == [4558452.0] * 6
    assert ">4,558,452<" in page


def test_the_page_says_what_the_runs_were_made_on_and_which_of_them_are_not_judged():
    made_on = "Market synthetic, sessions from 2014-01-02 to 2023-12-29. Money is in USD."
    text = html.unescape(sweep_report(runs(), JUDGED | {"left_out": 2}, "Sweep", script="plotly.js", remarks=[made_on]))
    assert made_on in text
    assert "2 runs are on other sessions than most: they are listed, and not judged" in text
    assert "other sessions" not in html.unescape(sweep_report(runs(), JUDGED, "Sweep", script="plotly.js"))


def test_ranks_by_tenths_are_drawn_of_runs_that_fill_tenths():
    few, many = (sweep_report(runs(), JUDGED | {"runs": count}, "Sweep", script="x") for count in (19, 20))
    assert (few.count('class="plot"'), many.count('class="plot"')) == (3, 4)


def test_only_settings_that_differ_are_axes():
    assert settings_of(runs()) == ["strategy.enter", "sizing"]


def test_settings_of_a_range_are_written_as_they_were_asked():
    steps = [0.1 * n for n in range(1, 41)]  # among them .30000000000000004
    many = pl.concat([runs(5).drop("lag")] * 8).with_columns(
        pl.Series("run", [f"results/a/b/{n}" for n in range(40)]), pl.Series("strategy.leave", steps)
    )
    page = sweep_report(many, None, "Sweep", script="plotly.js")
    held = unpacked(page)
    (asked,) = (column(held, place) for place in held["rows"]["runs"] if place["name"] == "strategy.leave")
    assert sorted(asked, key=float) == [str(round(step, 1)) for step in steps]
    assert "0000000" not in page.partition("<script")[0]
    parallel = next(figure for figure in held["figures"] if figure["data"][0]["type"] == "parcoords")
    (axis,) = (one for one in parallel["data"][0]["dimensions"] if one["label"] == "strategy.leave")
    judged = [str(round(step, 1)) for n, step in enumerate(steps) if n % 5]  # the first of each five has no ratio
    assert axis["ticktext"] == judged[::3]  # 12 at most
    assert axis["tickvals"] == list(range(0, 32, 3))


def test_axes_of_heat_maps_and_bars_are_categories():
    frame = runs().drop_nulls()
    heat = plots.plot_sweep_heatmap(
        frame.unique(["strategy.enter", "sizing"]), "strategy.enter", "sizing", "sharpe_net"
    )
    bars = plots.plot_by_setting(frame.group_by("sizing").agg(pl.col("sharpe_net").mean()), "sizing", "sharpe_net", "")
    assert [figure.plotly().layout.xaxis.type for figure in (heat, bars)] == ["category"] * 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"deflated": 0.99, "overfitting": 0.01, "superior": 0.01}, "more than the luck of 60 trials"),
        ({"deflated": 0.99, "overfitting": None, "superior": None}, "more than the luck of 60 trials"),
        ({"deflated": float("nan")}, "is not told from luck"),
        ({"deflated": 0.99, "overfitting": 0.6, "superior": 0.01}, "in 60% of the splits"),
    ],
)
def test_the_verdict_names_what_speaks_against_the_best_run(changed, words):
    (sentence,) = verdict(JUDGED | changed)
    assert words in sentence


def test_too_few_runs_to_judge_are_said_to_be_so():
    page = sweep_report(runs(2), None, "Sweep", script="plotly.js")
    assert "too few runs on the same sessions" in page


def test_a_sweep_without_a_single_ratio_has_a_page():
    page = sweep_report(runs(3).with_columns(sharpe_net=pl.lit(None, pl.Float64)), None, "Sweep", script="plotly.js")
    assert 'class="plot"' not in page


def test_the_page_of_ten_thousand_runs_is_small():
    count = 10_000
    frame = pl.concat([runs()] * (count // 6 + 1)).head(count).with_columns(run=pl.int_range(count).cast(pl.String))
    assert len(sweep_report(frame, JUDGED, "Sweep", script="plotly.js")) < 1_000_000
