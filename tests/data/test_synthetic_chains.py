"""Listed quotes of the synthetic market, and the way from them back to what was planted."""

import numpy as np
import polars as pl
import pytest

from engine.calendar import DAY, sessions
from engine.correlation import implied_correlation
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.quotes_to_surface import constant_maturity, expiry_slots, listed_smiles
from engine.data.quotes.schema import Quotes
from engine.data.synthetic import SyntheticMarket, chains, synthetic_market
from engine.data.synthetic.chains import listed_expiries
from engine.errors import InputError
from engine.pricing import InversionStatus, implied_vol

MARKET = SyntheticMarket(years=2, names=20, seed=4, crossed_rate=0.01)


@pytest.fixture(scope="module")
def world():
    panel, truth = synthetic_market(MARKET)
    dates = panel.dates[20::70]
    return panel, truth, dates, chains(truth, dates)


def clean(quotes):
    """Invert mid prices and drop what was planted wrong, as a reader of exchange files does."""
    years = ((quotes["expiry"] - quotes["date"]).dt.total_days() / 365.0).to_numpy()
    mid = (0.5 * (quotes["bid"] + quotes["ask"])).fill_null(np.nan).to_numpy()
    columns = (quotes[name].to_numpy() for name in ("forward", "strike"))
    iv, status = implied_vol(mid, *columns, years, (quotes["right"] == "C").to_numpy(), MARKET.rate)
    report = QualityReport()
    depth = pl.when(pl.col("right") == "C").then(pl.col("call_delta")).otherwise(1.0 - pl.col("call_delta"))
    kept = report.keep(
        quotes.with_columns(iv=iv, status=status),
        {
            "missing": pl.col("bid").is_null(),
            "crossed": pl.col("bid") > pl.col("ask"),
            "not_inverted": pl.col("status") != int(InversionStatus.OK),
            "deep_in_the_money": depth > 0.8,
        },
    )
    return Quotes.validate(kept.select(Quotes.column_names()), cast=True), report.frame()


def test_planted_correlation_comes_back_from_listed_quotes(world):
    panel, truth, dates, quotes = world
    good, _ = clean(quotes)
    slots = expiry_slots(good, dates, 32)
    smiles = listed_smiles(good, dates, ["SYNX", *panel.names], slots, panel.deltas)
    iv, _ = constant_maturity(smiles, (slots - dates[:, None]).astype(float), panel.tenors, 14.0)
    at = np.searchsorted(panel.dates, dates)
    found = implied_correlation(iv[:, 0], iv[:, 1:], panel.weights[at])
    error = found.clean - truth.implied_correlation[at]
    middle = np.isin(panel.deltas, (25, 50, 75))
    # Total variance between listed expiries is read as linear, and has kinks at the tenors and at earnings. Expiries
    # are a week apart: 5 days may be read from 1 and 8, across the kinks at 5 and 7.
    short = panel.tenors < 30
    assert np.abs(error[:, short][..., middle]).max() <= 0.015
    assert np.abs(error[:, ~short][..., middle]).max() <= 0.006
    assert np.abs(error[:, ~short][..., panel.deltas == 50]).mean() <= 0.001
    assert found.coverage.min() > 0.95  # a quote missing at the edge of a smile takes the outer delta with it


def test_planted_quotes_are_found_and_counted_by_reason(world):
    *_, quotes = world
    _, report = clean(quotes)
    counted = dict(report.group_by("reason").agg(pl.col("rows").sum()).iter_rows())
    planted = dict(quotes.drop_nulls("planted").group_by("planted").len().iter_rows())
    assert counted["missing"] == planted["missing"]
    assert counted["crossed"] == planted["crossed"]
    assert sum(counted.values()) == len(quotes)
    # 1 % each of some hundred thousand quotes, drawn independently.
    assert planted["missing"] / len(quotes) == pytest.approx(0.01, rel=0.1)
    assert planted["crossed"] / len(quotes) == pytest.approx(0.01, rel=0.1)


def test_quotes_of_one_date_do_not_depend_on_the_dates_asked_with_it(world):
    _, truth, dates, quotes = world
    assert chains(truth, dates[2]).equals(quotes.filter(pl.col("date") == dates[2].astype(object)))
    assert chains(MARKET, str(dates[2])).equals(chains(truth, dates[2]))


def test_volatilities_at_the_nodes_are_those_of_the_surface(world):
    """A quote near 50 delta, on the expiry of exactly 91 days, has the surface's volatility."""
    panel, truth, *_ = world
    session = next(
        t for t in range(len(panel)) if panel.dates[t] + 91 * DAY in set(listed_expiries(MARKET, panel.dates[t]))
    )
    quotes = chains(truth, panel.dates[session])
    quotes = quotes.filter(pl.col("expiry") == (panel.dates[session] + 91 * DAY).astype(object), pl.col("right") == "C")
    k, d = list(panel.tenors).index(91), list(panel.deltas).index(50)
    for n, name in enumerate(panel.names):
        smile = quotes.filter(pl.col("asset") == name).drop_nulls("iv").sort("call_delta")
        if len(smile) and np.isfinite(panel.component_iv[session, n, k, d]):
            found = np.interp(0.5, smile["call_delta"], smile["iv"])
            assert found == pytest.approx(panel.component_iv[session, n, k, d], abs=2e-4)  # between strikes


def test_expiries_are_sessions_that_cover_every_tenor(world):
    panel, *_, quotes = world
    open_days = sessions("XNYS", panel.dates[0], panel.dates[-1] + 1000 * DAY)
    assert np.isin(quotes["expiry"].unique().to_numpy(), open_days).all()
    days = quotes.group_by("date").agg((pl.col("expiry") - pl.col("date")).dt.total_days().max().alias("days"))
    assert days["days"].min() >= panel.tenors[-1]


def test_strikes_reach_from_5_to_95_delta_and_are_round(world):
    *_, quotes = world
    smile = ["date", "asset", "expiry"]
    reach = quotes.group_by(smile).agg(
        pl.col("call_delta").min().alias("low"), pl.col("call_delta").max().alias("high"), pl.len()
    )
    # The outermost round strike lies within one step, some 3 % of delta, of the edge.
    assert reach["low"].is_between(0.045, 0.10).all()
    assert reach["high"].is_between(0.90, 0.955).all()
    assert reach["len"].is_between(2 * 20, 2 * 64).all()
    assert (quotes["strike"] == quotes["strike"].round(3)).all()  # the finest step here is .025


def test_bid_and_ask_straddle_the_mid_unless_planted_crossed(world):
    *_, quotes = world
    good = quotes.filter(pl.col("planted").is_null())
    assert (good["bid"] < good["ask"]).all()
    assert (good["bid"] > 0.0).all()
    crossed = quotes.filter(pl.col("planted") == "crossed")
    assert (crossed["bid"] > crossed["ask"]).all()


def test_only_names_that_trade_are_quoted(world):
    panel, truth, *_ = world
    event = truth.of_kind("delisting")[0]
    before, on = chains(truth, panel.dates[event.session - 1]), chains(truth, event.date)
    assert event.name in before["asset"].unique()
    assert event.name not in on["asset"].unique()


def test_a_date_without_session_is_named():
    with pytest.raises(InputError, match="2014-07-04 is no session"):
        chains(MARKET, "2014-07-04")
