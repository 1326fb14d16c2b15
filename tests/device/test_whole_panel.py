"""Everything a panel on a device is used for gives the numbers of numpy, and nothing crosses over by itself."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
from hydra import compose, initialize_config_dir

from engine.backend import namespace
from engine.backtest import (
    BetaNeutral,
    Calendar,
    CorrelationSwap,
    DailyDelta,
    DailyLadder,
    DeskCosts,
    EarlyExit,
    EveryDays,
    ForwardStart,
    GammaSwap,
    IndexBeta,
    MarginScale,
    MinimumVariance,
    NextEntry,
    PremiumScale,
    Roll,
    SingleOption,
    Straddle,
    Strangle,
    StressCap,
    VegaNeutral,
    VegaOfNav,
    VolatilitySwap,
    VolatilityTarget,
    VolPoints,
    Weekly,
    WhalleyWilmott,
    backtest,
)
from engine.command.hydra import resolved
from engine.command.messages import CONFIGS
from engine.correlate import correlate
from engine.correlation import AllMembers, Liquid, Tracking
from engine.data import open_panel, save_panel
from engine.data.check_panel import check_panel
from engine.errors import InputError
from engine.report import write_tearsheet
from engine.run import run
from engine.sweep.batches import run_batch
from engine.sweep.jobs import Job
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation

SMALL = "memory_budget=0.0015"  # GB; the small market of the commands takes 2 MB
# A device's special functions are off by some 1e-15 of values of options, its sums are in another order, and what is
# told of a day is a difference of such values: of the size of the column's largest, 1e-12, with room for more.
CLOSE = 1e-9


def test_a_number_on_the_device_belongs_to_it(device):
    there = device.asarray(2.0)
    assert namespace(there) is namespace(there, 1.0, np.float64(1.0), None) is device
    with pytest.raises(TypeError, match="mixed"):
        namespace(there, np.ones(2))


@pytest.mark.parametrize("listed", [False, True])
def test_a_panel_goes_to_the_device_and_back_unchanged(device, listed):
    panel = small_market(listed=listed)
    there = panel.to("cupy")
    assert there.window_bytes is None
    assert namespace(there.component_iv, there.weights, there.spot) is device
    assert isinstance(there.dates, np.ndarray)
    back = {}
    there.to("numpy").map_arrays(lambda name, array: back.update({name: array}))
    panel.map_arrays(lambda name, array: np.testing.assert_array_equal(back[name], array, err_msg=name))


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("strategy", [ShortCorrelation(), RichCorrelation(window=20, enter=0.5)])
def test_a_backtest_on_a_device_gives_the_numbers_of_numpy(device, listed, strategy):
    panel = small_market(listed=listed)
    choices = {"structure": Straddle(tenor=30), "schedule": Weekly()}
    expected, found = backtest(panel, strategy, **choices), backtest(panel.to("cupy"), strategy, **choices)
    assert np.abs(expected.pnl_gross).sum() > 0.0
    assert_frames_close(found.daily(), expected.daily())
    assert found.ledger().drop("cohort").shape == expected.ledger().drop("cohort").shape
    for name, value in expected.summary().items():
        assert found.summary()[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


@pytest.fixture
def panels(tmp_path_factory, monkeypatch):
    """Built panels, kept for the tests of this file."""
    monkeypatch.setenv("DISPERSION_CACHE", str(tmp_path_factory.getbasetemp() / "device-panels"))


def done(task, backend, folder, *overrides):
    """Run a command's task in this process, where `cupy` may be the stand-in, and return its folder."""
    folder.mkdir()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        config = compose(
            "correlate" if task is correlate else "backtest", ["debug=small", f"backend={backend}", *overrides]
        )
    task(resolved(config), folder)
    return folder


@pytest.mark.parametrize("overrides", [(), ("exits=early", "exits.stop=2", "strategy=rich_correlation", "costs=none")])
def test_the_backtest_command_leaves_the_same_files_with_the_same_numbers(
    device, panels, overrides, tmp_path, monkeypatch
):
    monkeypatch.setattr("engine.run.in_sweep", lambda: False)
    expected, found = (done(run, backend, tmp_path / backend, *overrides) for backend in ("numpy", "cupy"))
    assert {file.name for file in found.iterdir()} == {file.name for file in expected.iterdir()}
    for name in ("daily", "ledger"):
        assert_frames_close(*(pl.read_parquet(folder / f"{name}.parquet") for folder in (found, expected)))
    assert json.loads((found / "manifest.json").read_text())["backend"] == "cupy"


@pytest.mark.parametrize("basket", ["all", "top50"])
def test_the_correlate_command_leaves_the_same_files_with_the_same_numbers(device, panels, basket, tmp_path):
    expected, found = (
        done(correlate, backend, tmp_path / backend, f"basket={basket}") for backend in ("numpy", "cupy")
    )
    assert {file.name for file in found.iterdir()} == {file.name for file in expected.iterdir()}
    for name in ("correlation", "realized"):
        assert_frames_close(*(pl.read_parquet(folder / f"{name}.parquet") for folder in (found, expected)))


def test_correlation_streamed_through_a_small_budget_is_that_of_the_whole_panel(device, panels, tmp_path, caplog):
    caplog.set_level("INFO")
    whole, part = (
        done(correlate, "cupy", tmp_path / name, *overrides) for name, overrides in (("whole", ()), ("part", (SMALL,)))
    )
    assert "stay on the host and stream" in caplog.text
    for name in ("correlation", "realized"):
        assert pl.read_parquet(part / f"{name}.parquet").equals(pl.read_parquet(whole / f"{name}.parquet"))


def test_a_backtest_streamed_through_a_small_budget_is_that_of_the_whole_panel(device, panels, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.run.in_sweep", lambda: False)
    whole, part = (
        done(run, "cupy", tmp_path / name, "schedule=weekly", "exits=early", *overrides)
        for name, overrides in (("whole", ()), ("part", (SMALL,)))
    )
    for name in ("daily", "ledger"):
        assert pl.read_parquet(part / f"{name}.parquet").equals(pl.read_parquet(whole / f"{name}.parquet"))


def test_a_panel_on_a_device_is_stored_like_one_on_the_host(device, tmp_path):
    for name, panel in (("host", small_market(listed=True)), ("device", small_market(listed=True).to("cupy"))):
        save_panel(panel, tmp_path / name)
    assert open_panel(tmp_path / "device").content_hash == open_panel(tmp_path / "host").content_hash


def test_panels_on_a_device_are_put_together_there(device):
    panel = small_market()
    early, late = panel.slice(end=panel.dates[40]), panel.slice(start=panel.dates[41])
    both = early.to("cupy").append(late.to("cupy"))
    assert namespace(both.component_iv) is device
    np.testing.assert_array_equal(both.component_iv.get(), panel.component_iv)


def test_a_batch_on_a_device_gives_the_numbers_and_reports_of_numpy(device, tmp_path):
    panel = small_market()
    outcomes = []
    for market in (panel, panel.to("cupy")):
        jobs = [
            Job(
                *(market, RichCorrelation(window=20, enter=enter), AllMembers(), Straddle(), VegaNeutral()),
                *(Weekly(), EarlyExit(stop=stop), DailyDelta(), VolPoints(component=cost)),
            )
            for enter, stop, cost in ((0.5, 1.0, 0.4), (1.0, 2.0, 0.8), (0.0, 3.0, 0.8))
        ]
        outcomes.append([result.summary(p) for result, p in run_batch(jobs)])
        for cost, (result, p) in zip((0.4, 0.8, 0.8), run_batch(jobs), strict=True):
            page = write_tearsheet(result, tmp_path / "report.html", p).read_text()
            assert f"{cost} per component straddle" in page
    for expected, found in zip(*outcomes, strict=True):
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


UNLIKE_VOLATILITY = (CorrelationSwap, ForwardStart)  # have no break-even correlation


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    "structure",
    [
        Strangle(30),
        SingleOption(30, member_kind="put", moneyness=1.05, exercise="american"),
        SingleOption(30, index_kind="put", delta=40.0),
        GammaSwap(30),
        VolatilitySwap(30),
        CorrelationSwap(30),
        Calendar(30),
        ForwardStart(60, start=30),
    ],
)
def test_structures_and_views_on_a_device_give_the_numbers_of_numpy(device, listed, structure):
    panel = small_market(3, listed=listed)
    choices = {"structure": structure, "schedule": Weekly(), "basket": AllMembers()}
    expected, found = (backtest(p, ShortCorrelation(), **choices) for p in (panel, panel.to("cupy")))
    assert np.abs(expected.pnl_gross).sum() > 0.0
    for view in ("daily", "ledger", "by_name", "by_cohort"):
        # What a size leaves open of the greek that it balances is rounding.
        there, here = (getattr(result, view)().drop("residual_vega", strict=False) for result in (found, expected))
        assert_frames_close(there, here)
    assert_frames_close(found.day(panel.dates[40]), expected.day(panel.dates[40]))
    moves = {"spot": (-0.05, 0.05), "vol": (0.1,), "correlation": (0.0, 0.05)}
    assert_frames_close(found.scenarios(panel.dates[40], **moves), expected.scenarios(panel.dates[40], **moves))
    for view in ("greeks", "split", "breakeven_correlation")[: 2 if isinstance(structure, UNLIKE_VOLATILITY) else 3]:
        given = (panel.dates[40],) if view == "breakeven_correlation" else ()
        assert_frames_close(getattr(found, view)(*given), getattr(expected, view)(*given))
    # Where nothing moves, what a move earns is rounding.
    there, here = (result.carry(panel.dates[40]).drop("delta", "gamma", "vanna_volga") for result in (found, expected))
    assert_frames_close(there, here)


RULES = {
    "every days": {"hedge": EveryDays(days=3)},
    "whalley wilmott": {"hedge": WhalleyWilmott(vol="sticky_delta")},
    "index beta": {"hedge": IndexBeta(beta_window=10)},
    "realized": {"hedge": DailyDelta(vol="realized", window=10)},
    "desk": {"costs": DeskCosts(stress=0.1, calm=0.1), "exits": EarlyExit(sessions=8, band=0.05)},
    "levels": {"exits": EarlyExit(correlation_low=0.2, correlation_high=0.6)},
    "ladder": {"schedule": DailyLadder(5), "exits": NextEntry()},
    "roll": {"schedule": Roll(days=5, band=0.03)},
    "premium": {"scale": PremiumScale()},
    "nav": {"scale": VegaOfNav(nav=5e6, share=0.01)},
    "target": {"scale": VolatilityTarget(window=10)},
    "stress": {"scale": StressCap(loss=1e5)},
    "margin": {"scale": MarginScale()},
    "beta": {"sizing": BetaNeutral(window=10)},
    "least variance": {"sizing": MinimumVariance(window=10)},
    "liquid": {"basket": Liquid(n=4, window=10)},
    "tracking": {"basket": Tracking(n=3, window=15)},
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_of_a_desk_on_a_device_give_the_numbers_of_numpy(device, rule):
    panel = small_market(4, missing=0.0)
    # Members' volatilities that move with the index's: some sizings ask how much.
    moves = (panel.index_iv[:, 1, 8] / panel.index_iv[:, 1, 8].mean()) ** 2
    panel = replace(panel, component_iv=(panel.component_iv * moves[:, None, None, None]).astype(np.float32))
    choices = {"structure": Straddle(25), "schedule": Weekly(), "basket": AllMembers()} | RULES[rule]
    expected, found = (backtest(p, ShortCorrelation(), **choices) for p in (panel, panel.to("cupy")))
    assert np.abs(expected.pnl_gross).sum() > 0.0
    for view in ("daily", "ledger"):
        assert_frames_close(getattr(found, view)(), getattr(expected, view)())
    for name, number in expected.summary().items():
        assert found.summary()[name] == pytest.approx(number, rel=1e-7, nan_ok=True), name


def assert_frames_close(found, expected):
    assert found.schema == expected.schema
    assert found.drop(cs.float()).equals(expected.drop(cs.float()))
    for name, column in expected.select(cs.float()).to_dict().items():
        largest = np.nanmax(np.abs(column.fill_null(0.0).to_numpy()), initial=0.0)
        np.testing.assert_allclose(
            found[name].to_numpy(), column.to_numpy(), rtol=CLOSE, atol=CLOSE * largest, err_msg=name
        )


def test_a_panel_on_a_device_is_checked_as_on_the_host(device):
    there = small_market(listed=True).to("cupy")
    check_panel(there)
    iv = there.component_iv.copy()
    iv[20, 3, 1, 8] = -1.0
    with pytest.raises(InputError, match="component_iv of S3 on 2024-01-29 at 30 days at delta 50 is -1"):
        replace(there, component_iv=iv)
    weights = there.weights.copy()
    weights[20, 3] = -1.0
    with pytest.raises(InputError, match=r"weights of S3 on 2024-01-29 is -1\.0"):
        replace(there, weights=weights)
