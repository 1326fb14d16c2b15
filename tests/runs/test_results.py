"""Results in Python: runs chosen, ranked and compared, as tables in words, and as returns for other libraries."""

import json
import pydoc
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

import engine
from engine import InputError, TopWeights, compare, leaderboard, load_market, load_run, load_runs, stability
from engine.runs.chosen import Runs
from engine.runs.folder import with_cautions
from strategies.short_correlation import ShortCorrelation

DATES = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")


def write_run(folder, enter, net, dates=DATES, **summary):
    """A finished run of known daily P&L, as a command leaves it."""
    (folder / ".hydra").mkdir(parents=True)
    config = {"strategy": {"_target_": "strategies.rich_correlation.RichCorrelation", "enter": enter}, "lag": 1}
    asked = {"config": config, "hydra": {"hydra": {"runtime": {"choices": {"strategy": "rich_correlation"}}}}}
    for name, content in (asked | {"overrides": [f"strategy.enter={enter}"]}).items():
        (folder / ".hydra" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    metrics = {"pnl_gross": 2.0 * sum(net), "cost": sum(net), "pnl_net": sum(net), "sharpe_net": enter, "capital": 1e4}
    (folder / "summary.json").write_text(json.dumps(metrics | summary))
    pl.DataFrame({"date": dates, "pnl_net": np.asarray(net, dtype=float)}).write_parquet(folder / "daily.parquet")
    (folder / "manifest.json").write_text(json.dumps({"panel_hash": "a", "holding_sessions": 5, "currency": "EUR"}))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A sweep of three runs, and a run by itself on later dates."""
    place = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(0)
    for number, enter in enumerate((0.5, 1.0, 1.5)):
        write_run(place / "study" / "first" / str(number), enter, rng.normal(enter, 1.0, len(DATES)))
    write_run(place / "alone" / "then" / "0", 2.0, np.full(len(DATES), 3.0), DATES + np.timedelta64(31, "D"))
    return place


def test_runs_of_several_places_are_read_into_one_frame_each_once(place):
    runs = load_runs([place / "study", f"{place}/alone/*", place / "study" / "first" / "1"])
    assert runs.height == 4
    assert runs["strategy.enter"].to_list() == [0.5, 1.0, 1.5, 2.0]
    with pytest.raises(InputError, match=r"no finished backtest in .*nowhere"):
        load_runs([place / "study", place / "nowhere"])


def test_runs_are_chosen_by_what_they_were_asked(place):
    runs = load_runs(place / "study")
    assert runs.select("enter=1.5")["strategy.enter"].to_list() == [1.5]
    assert runs.select("strategy.enter=0.5,1").select("enter=1.0").height == 1
    assert runs.select("run").columns == ["run"]  # as polars does
    assert runs.select(pl.col("pnl_net").sum()).shape == (1, 1)
    with pytest.raises(InputError, match=r"no run has enter=9; strategy.enter is 0.5, 1.0, 1.5"):
        runs.select("enter=9")
    with pytest.raises(InputError, match=r"no run was asked for entr; did you mean enter\?"):
        runs.select("entr=1")


def test_a_key_that_may_be_two_is_asked_for_whole():
    runs = Runs(
        {"run": ["a", "b"], "strategy.tenor": [30, 91], "structure.tenor": [30, 30], "strategy.on": [True, False]}
    )
    with pytest.raises(InputError, match=r"tenor may be strategy\.tenor or structure\.tenor; write the whole key"):
        runs.select("tenor=30")
    assert runs.select("strategy.tenor=30", "on=true")["run"].to_list() == ["a"]


def test_the_leaderboard_says_what_it_sorts_by(place):
    runs = load_runs(place / "study")
    board = leaderboard(runs, by="net_sharpe")
    assert board.frame["strategy.enter"].to_list() == [1.5, 1.0, 0.5]
    assert repr(board).startswith("3 runs by Sharpe ratio, net, highest first\n")
    lowest = leaderboard(runs.with_columns(cost=pl.Series([3.0, float("nan"), 1.0])), "cost", lowest_first=True)
    assert lowest.frame["run"].to_list() == ["2", "0", "1"]
    assert lowest.sorted_by == "3 runs by Cost, lowest first; 1 without one last"
    with pytest.raises(InputError, match=r"runs have no sharpe; did you mean sharpe_net\?"):
        leaderboard(runs, "sharpe")
    with pytest.raises(InputError, match="run holds no numbers"):
        leaderboard(runs, "run")
    for ranked in (leaderboard, stability):
        with pytest.raises(InputError, match=r"as load_runs\(FOLDER\) returns them; given was a str"):
            ranked(str(place / "study"))


def test_compared_runs_show_what_differs_and_the_difference_it_made(place):
    runs = load_runs(place / "study")
    told = compare(runs)
    assert told.settings.to_dict(as_series=False) == {
        "setting": ["strategy.enter"], "0": ["0.5"], "1": ["1"], "2": ["1.5"],
    }  # fmt: skip
    days = [load_run(folder).daily["pnl_net"].to_numpy() for folder in runs["run"]]
    assert told.difference["difference"].to_list() == pytest.approx([sum(days[1] - days[0]), sum(days[2] - days[0])])
    assert told.difference["correlation"][0] == pytest.approx(np.corrcoef(days[0], days[1])[0, 1])
    off = days[1] - days[0]
    weights = [2.0 * (1.0 - lag / 5.0) for lag in range(1, 5)]  # four lags: cohorts are held five sessions
    around = off - off.mean()
    long_run = around @ around + sum(w * (around[lag:] @ around[:-lag]) for lag, w in enumerate(weights, 1))
    assert told.difference["t"][0] == pytest.approx(off.sum() / np.sqrt(long_run))
    assert "strategy.enter  0.5  1  1.5" in repr(told)


def test_runs_of_other_dates_are_compared_where_they_meet(place):
    told = compare([place / "study" / "first" / "0", place / "alone" / "then" / "0"])
    assert told.daily.columns == ["date", "first/0", "then/0"]
    assert told.daily.height == 91
    assert told.daily["then/0"].null_count() == 31
    assert told.difference["sessions"].to_list() == [29]
    assert np.isnan(told.difference["correlation"][0])  # one of them never moves


def test_runs_of_several_sweeps_are_named_with_theirs_and_numbers_differ_as_numbers(place, tmp_path):
    one = place / "study" / "first" / "1"
    other = write_run(tmp_path / "later" / "2", 1, np.ones(len(DATES)))  # asked as 1, where the default is 1.0
    told = compare([one, other])
    assert told.daily.columns == ["date", "first/1", "later/2"]
    assert told.settings.height == 0
    assert leaderboard(load_runs([one, other])).frame["run"].to_list() == [str(one), str(other)]


def test_a_folder_is_compared_as_the_frame_of_its_runs(place):
    folder = place / "study" / "first"
    assert_frame_equal(compare(str(folder)).difference, compare(load_runs(folder)).difference)


def test_what_cannot_be_compared_is_refused(place, tmp_path):
    one = place / "study" / "first" / "0"
    with pytest.raises(InputError, match="takes two runs or more, 1 given"):
        compare([one])
    with pytest.raises(InputError, match="is given twice"):
        compare([one, one])
    apart = write_run(tmp_path / "0", 1.0, [1.0], np.array(["2030-01-01"], "datetime64[D]"))
    with pytest.raises(InputError, match="share no session"):
        compare([one, apart])


def test_returns_are_as_other_libraries_take_them(place):
    pandas = pytest.importorskip("pandas")
    run = load_run(place / "study" / "first" / "0")
    returns = run.returns()
    assert isinstance(returns.index, pandas.DatetimeIndex)
    assert returns.name == "first/0"
    assert returns.to_numpy() * 1e4 == pytest.approx(run.daily["pnl_net"].to_numpy())
    frame = load_runs(place / "study").to_pandas()  # without pyarrow
    assert frame["strategy.enter"].tolist() == [0.5, 1.0, 1.5]


def test_what_is_printed_is_a_table_in_words(place):
    market = load_market("synthetic", years=1, names=5, progress=False)
    result = engine.backtest(market, ShortCorrelation(), basket=TopWeights(5))
    assert result.returns().sum() == pytest.approx(result.summary()["pnl_net"] / result.capital())
    book = repr(result.book).splitlines()
    assert "  Cohorts entered       11 of 12" in book
    gross = result.book.by_day["gross"].sum()
    assert book[-1].split() == ["gross", *book[-1].split()[1:3], f"{gross:,.2f}"]
    (net,) = (row for row in repr(load_run(place / "study" / "first" / "0")).splitlines() if "Net P&L  " in row)
    assert net.split()[-1] == "EUR"
    assert "array(" not in repr(result) + repr(result.book)


def test_what_is_noted_of_the_data_is_one_code_of_a_run_and_a_line_for_each_note():
    market = load_market("synthetic", years=1, names=5, progress=False)
    noted = replace(market, info=replace(market.info, notes=("one", "other")))
    result = engine.backtest(noted, ShortCorrelation(), basket=TopWeights(5))
    written = with_cautions(result, 0)
    assert written["cautions"] == result.caution_codes[0]  # as the row of a table has it
    assert written["cautions"].split().count("noted_of_data") == 1
    assert written["caution_lines"][-2:] == ["one", "other"]


def test_help_shows_the_function_that_backtest_is():
    told = pydoc.plain(pydoc.render_doc(engine.backtest)).split("PACKAGE CONTENTS")[0]
    assert "backtest(market, strategy, *, basket=None" in told
    assert "short the index's options, long those of the members" in told


def test_the_statistics_of_a_run_are_those_of_its_days(place):
    run = load_run(place / "study" / "first" / "2")
    metrics = {row["metric"]: row for row in run.statistics().metrics.iter_rows(named=True)}
    returns = run.daily["pnl_net"].to_numpy() / 1e4
    assert metrics["mean, a year"]["value"] == pytest.approx(252 * returns.mean())
    assert run.statistics().regimes is None  # these take the market


def test_a_grid_of_runs_is_set_beside_its_neighbours(place):
    found = stability(load_runs(place / "study"))
    assert found["strategy.enter"].to_list() == [1.5, 1.0, 0.5]
    assert found["mean"].to_list() == [1.25, 1.0, 0.75]  # of the Sharpe ratios 1, 1.5; .5, 1, 1.5; .5, 1
    with pytest.raises(InputError, match="no setting differs"):
        stability(load_runs(place / "study" / "first" / "0"))
    mixed = load_runs(place / "study").with_columns(sizing=pl.Series(["a", "b", "b"]))
    with pytest.raises(InputError, match="sizing differ too: choose one by select"):
        stability(mixed)
