"""The prepared markets through the front door: their tables make the panel that they make themselves."""

from pathlib import Path

import numpy as np
import pytest

from engine import MarketPanel
from engine.backtest import DailyLadder, ListedMarks, VegaNeutral, backtest
from engine.correlation import AllMembers
from engine.data import find_source, load_market
from strategies.short_correlation import ShortCorrelation

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
INDIAN = {"currency": "INR", "calendar": "XBOM", "max_extrapolation_days": 7.0}
# Index, dates, and what the tables do not say of themselves; KLAC and KOTAKBANK split on the second session.
SOURCES = {"us_chains": ("SPY", "2026-06-11", "2026-06-16", {}), "nse": ("NIFTY", "2026-01-13", "2026-01-16", INDIAN)}
# Volatilities are stored as float32, a millionth of a vol point apart where two ways round otherwise.
ROUNDING = 3e-7


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not there")
    cache, found = tmp_path_factory.mktemp("cache"), {}

    def make(name):
        if name not in found:
            index, start, end, choices = SOURCES[name]
            asked = {"index": index, "start": start, "end": end}
            own = load_market(name, SHARED, **asked, cache=cache, progress=False)
            tables = find_source(name, SHARED, asked).tables()
            choices = {"index": index, "weights_known": "open"} | choices
            found[name] = own, tables, choices
        return found[name]

    return make


def through_the_front_door(tables, choices):
    others = {name: frame for name, frame in tables.items() if name not in ("quotes", "weights", "prices")}
    return MarketPanel.from_quotes(tables["quotes"], tables["weights"], tables["prices"], **others, **choices)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_and_its_tables_make_the_same_panel(name, made):
    own, tables, choices = made(name)
    panel = through_the_front_door(tables, choices)
    assert panel.dates.tolist() == own.dates.tolist()
    assert panel.names.tolist() == own.names.tolist()
    assert panel.tenors.tolist() == own.tenors.tolist()
    for field in ("index_iv", "component_iv"):
        np.testing.assert_allclose(getattr(panel, field), getattr(own, field), rtol=0, atol=ROUNDING, err_msg=field)
    for field in ("index_status", "component_status", "index_spot", "spot", "rate", "strike_factor", "return_factor"):
        np.testing.assert_array_equal(getattr(panel, field), getattr(own, field), err_msg=field)
    np.testing.assert_allclose(panel.weights, own.weights, rtol=1e-15)  # divided by a sum that is 1 but for rounding
    assert panel.sectors.of_name.tolist() == own.sectors.of_name.tolist()


def test_indian_tables_trade_the_lots_of_the_source(made):
    own, tables, choices = made("nse")
    assert tables["quotes"]["multiplier"].null_count() == 0
    panel = through_the_front_door(tables, choices)
    common = {"basket": AllMembers(), "schedule": DailyLadder(1), "marks": ListedMarks(), "sizing": VegaNeutral(2e6)}
    ours, theirs = (backtest(market, ShortCorrelation(), **common).ledger() for market in (own, panel))
    contract = ["entry_date", "leg", "expiry", "strike", "right", "lots", "multiplier", "entry_price"]
    assert ours.select(contract).equals(theirs.select(contract))
    assert ours["multiplier"].n_unique() > 30


@pytest.mark.parametrize("name", SOURCES)
def test_tables_as_files_make_the_bits_of_tables_as_frames(name, made, tmp_path):
    _, tables, choices = made(name)
    for table, frame in tables.items():
        frame.write_parquet(tmp_path / f"{table}.parquet")
    panel = load_market("files", tmp_path, **choices, cache=tmp_path / "cache", progress=False)
    expected = through_the_front_door(tables, choices)
    for field in ("index_iv", "component_iv", "weights", "spot", "rate", "carry", "strike_factor", "return_factor"):
        np.testing.assert_array_equal(getattr(panel, field), getattr(expected, field), err_msg=field)
    np.testing.assert_array_equal(panel.listed.iv, expected.listed.iv)
