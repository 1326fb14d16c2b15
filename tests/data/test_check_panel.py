"""What cannot be in a panel is refused by field, date and name; what seldom is stands in the quality report."""

import logging
import re
from dataclasses import replace

import numpy as np
import pytest

from engine.data import load_market, load_quality, open_panel, save_panel
from engine.data.check_panel import ARRAYS, arrays_of, check_panel
from engine.data.gaps import NO_CLOSE, WEIGHTS
from engine.data.load import build_panel
from engine.data.records import History, QuotedBand, QuoteStatus, SectorData
from engine.data.store.storage import PanelWriter
from engine.data.suspicions import HOLE, JUMP, suspicions
from engine.data.tracking import UNLIKE
from engine.errors import InputError
from engine.testing import small_market

DAY = "2024-01-29"  # session 20


@pytest.fixture(scope="module")
def market():
    """Everything a panel can have: listed expiries, sectors, a history."""
    panel = small_market(listed=True, missing=0.0)
    sessions, names, *cells = panel.component_iv.shape
    sectors = SectorData(
        of_name=np.array(["Banks", "Banks", "Banks", "Oil", "Oil", ""]),
        legs=np.array(["Banks"]),
        symbols=np.array(["SECX"]),
        weights=np.full((sessions, names), 1.0 / 3.0),
        leg_spot=np.full((sessions, 1), 50.0),
        leg_iv=np.full((sessions, 1, *cells), 0.2),
        leg_status=np.zeros((sessions, 1, *cells), np.uint8),
    )
    history = panel.known_closes()
    legs = History(**{**vars(history), "leg_close": sectors.leg_spot})
    band = QuotedBand(
        0.99 * panel.index_iv, 1.01 * panel.index_iv, 0.99 * panel.component_iv, 1.01 * panel.component_iv
    )
    return replace(panel, sectors=sectors, history=legs, band=band, strike_reduction=np.zeros((sessions, names)))


def changed(panel, field, at, value):
    """The panel with one value of one array changed, whatever part it is in."""
    part, _, name = field.rpartition(".")
    array = np.array(arrays_of(panel)[field])
    array[at] = value
    return {part: replace(getattr(panel, part), **{name: array})} if part else {name: array}


IMPOSSIBLE = [
    ("component_iv", (20, 3, 1, 8), -1.0, f"component_iv of S3 on {DAY} at 30 days at delta 50 is -1; a volatility"),
    ("component_iv", (20, 3, 1, 8), -99.99, "is -99.99; a volatility is a positive decimal"),
    ("component_iv", (20, 3, 1, 8), 0.0, "is 0; a volatility is a positive decimal"),
    ("component_iv", (20, 3, 1, 8), 25.0, "is 25; a volatility is a positive decimal, 0.2 for 20 %"),
    ("component_iv", (20, 3, 1, 8), np.inf, "is inf; a volatility is a positive decimal"),
    ("component_iv", (20, 3, 1, 8), np.nan, "is NaN and its status is 0, a quote"),
    ("component_status", (20, 3, 1, 8), 2, "its status is 2, no quote; a number has the status 0"),
    ("index_iv", (20, 1, 8), 0.0, f"index_iv on {DAY} at 30 days at delta 50 is 0"),
    ("listed.iv", (20, 3, 0, 8), -1.0, f"listed.iv of S3 on {DAY} for the expiry .* at delta 50 is -1"),
    ("listed.index_iv", (20, 0, 8), 0.0, f"listed.index_iv on {DAY} for the expiry"),
    ("listed.forward", (20, 3, 0), 0.0, f"listed.forward of S3 on {DAY} for the expiry .* is 0.0; it is positive"),
    ("listed.index_forward", (20, 0), -5.0, "it is positive, or NaN"),
    ("listed.expiry", (20, 0), np.datetime64("2023-01-01"), f"listed.expiry on {DAY} .* expiries ascend from the date"),
    ("listed.expiry", (20, 0), np.datetime64("2030-01-01"), "expiries ascend from the date on"),
    ("band.bid", (20, 3, 1, 8), -1.0, f"band.bid of S3 on {DAY} at 30 days at delta 50 is -1"),
    ("band.ask", (20, 3, 1, 8), 0.0, f"band.ask of S3 on {DAY} at 30 days at delta 50 is 0"),
    ("band.index_bid", (20, 1, 8), 30.0, f"band.index_bid on {DAY} at 30 days at delta 50 is 30"),
    ("band.index_ask", (20, 1, 8), np.inf, f"band.index_ask on {DAY} at 30 days at delta 50 is inf"),
    ("weights", (20, 3), -0.01, f"weights of S3 on {DAY} is -0.01; a weight lies from 0"),
    ("weights", (20, 3), np.nan, "is nan; a weight lies from 0"),
    ("weights", (20, 3), 17.0, "is 17.0; a weight lies from 0"),
    ("weights", (20, 3), 0.9, f"weights of {DAY} sum to 1.7.*; weights are fractions, at most 1 together"),
    ("index_spot", 20, 0.0, f"index_spot on {DAY} is 0.0; it is positive"),
    ("index_spot", 20, np.inf, "is inf; it is positive"),
    ("spot", (20, 3), -4.0, f"spot of S3 on {DAY} is -4.0; it is positive"),
    ("spot", (20, 3), 0.0, f"spot of S3 on {DAY} is 0.0; it is positive"),
    ("rate", 20, 4.2, f"rate on {DAY} is 4.2; rates are decimals a year, 0.04 for 4 %"),
    ("rate", 20, np.nan, f"has no interest rate on {DAY}"),
    ("index_carry", 20, np.nan, f"index_carry on {DAY} is nan; it is a finite number"),
    ("carry", (20, 3), np.inf, f"carry of S3 on {DAY} is inf"),
    ("strike_factor", (20, 3), 0.0, f"strike_factor of S3 on {DAY} is 0.0; it is positive"),
    ("return_factor", (20, 3), -1.0, f"return_factor of S3 on {DAY} is -1.0"),
    ("settlement", (20, 3), -1.0, f"settlement of S3 on {DAY} is -1.0; it is 0 or more"),
    ("strike_reduction", (20, 3), -1.0, f"strike_reduction of S3 on {DAY} is -1.0; it is 0 or more"),
    ("strike_reduction", (20, 3), np.nan, "is nan; it is 0 or more, and 0 where there is none"),
    ("sectors.weights", (20, 3), -1.0, "sectors.weights of S3"),
    ("sectors.weights", (20, slice(None)), 0.9, "sectors.weights of .* sum to"),
    ("sectors.leg_spot", (20, 0), 0.0, "sectors.leg_spot of SECX"),
    ("sectors.leg_iv", (20, 0, 1, 8), -1.0, "sectors.leg_iv of SECX"),
    ("history.close", (20, 3), -1.0, f"history.close of S3 on {DAY} is -1.0"),
    ("history.index_close", 20, 0.0, f"history.index_close on {DAY} is 0.0"),
    ("history.return_factor", (20, 3), 0.0, f"history.return_factor of S3 on {DAY} is 0.0"),
    ("history.leg_close", (20, 0), -1.0, f"history.leg_close of SECX on {DAY} is -1.0"),
    ("history.dates", 20, np.datetime64("2024-01-28"), f"history has no row on {DAY}, a session of the panel"),
    ("dates", 20, np.datetime64("2024-01-26"), "dates has 2024-01-26 after 2024-01-26; give each date once, ascending"),
    ("dates", 20, np.datetime64("NaT", "D"), "dates has no date in row 20"),
]


@pytest.mark.parametrize(("field", "at", "value", "words"), IMPOSSIBLE, ids=lambda v: str(v)[:24])
def test_a_value_that_cannot_be_is_refused_when_a_panel_is_made_and_when_it_is_stored(
    market, field, at, value, words, tmp_path
):
    check_panel(market)
    wrong = changed(market, field, at, value)
    with pytest.raises(InputError, match=words):
        replace(market, **wrong)
    unchecked = replace(market, **wrong, validate=False)
    with pytest.raises(InputError, match=words):
        save_panel(unchecked, tmp_path / "p")
    with pytest.raises(InputError, match="holds no panel"):
        open_panel(tmp_path / "p")


def test_every_array_of_a_panel_is_checked(market):
    assert arrays_of(market).keys() == ARRAYS.keys()
    told = {}
    market.map_arrays(lambda name, array: told.setdefault(name, array))
    market.history.map_arrays(lambda name, array: told.setdefault(name, array))
    assert told.keys() == ARRAYS.keys()
    tried = {field for field, *_ in IMPOSSIBLE}
    assert ARRAYS.keys() - tried <= {"index_status", "sectors.leg_status"}  # codes: tried with the members' ones


@pytest.mark.parametrize("field", [field for field, (_, kind) in ARRAYS.items() if kind not in ("dates", "expiries")])
def test_arrays_of_another_shape_or_type_are_refused_by_name(market, field):
    part, _, name = field.rpartition(".")
    array = np.asarray(arrays_of(market)[field])
    odd = {
        "shape": array[:-1],
        "type": np.zeros(array.shape, np.int32),
        "a masked array": np.ma.masked_less(array, 0),
        "of type list": array.tolist(),
    }
    for words, given in odd.items():
        with pytest.raises(InputError, match=f"{re.escape(field)} .*{words}"):
            replace(market, **({part: replace(getattr(market, part), **{name: given})} if part else {name: given}))


@pytest.mark.parametrize(
    ("axis", "value", "words"),
    [
        ("names", np.array(["S0", "S1", "S2", "S2", "S4", "S5"]), "names has 'S2' more than once"),
        ("names", np.arange(6), "names are of type int64; give text"),
        ("names", np.array(["S0"]), "shape"),
        ("tenors", np.array([10, 91, 30]), r"tenors are \[10, 91, 30\] .* whole numbers that ascend"),
        ("tenors", np.array([0, 30, 91]), "tenors are calendar days, 1 or more"),
        ("tenors", np.array([10.0, 30.5, 91.0]), "whole numbers"),
        ("deltas", np.arange(0.1, 0.95, 0.05), "whole numbers"),
        ("deltas", np.arange(20, 105, 5), "call deltas lie from 1 to 99 percent"),
        ("deltas", np.arange(90, 5, -5), "whole numbers that ascend"),
        ("dates", np.arange("2024-01", "2031-07", dtype="datetime64[M]"), "give whole dates"),
        ("dates", np.arange(90), "dates is of type int64"),
    ],
    ids=lambda v: str(v)[:24],
)
def test_axes_that_do_not_ascend_or_are_of_another_kind_are_refused(axis, value, words):
    with pytest.raises(InputError, match=words):
        replace(small_market(), **{axis: value})


def test_a_surface_in_percent_or_divided_by_a_hundred_twice_is_refused_as_such():
    panel = small_market()
    for factor in (100.0, 0.01):
        for field in ("index_iv", "component_iv"):
            with pytest.raises(
                InputError, match=rf"{field} has a median of .*; volatilities are decimals, 0.2 for 20 %"
            ):
                replace(panel, **{field: np.float32(factor) * getattr(panel, field)})


def test_a_last_close_of_zero_is_that_of_a_bankruptcy(market):
    spot, settlement = np.array(market.spot), np.array(market.settlement)
    spot[54:, 2] = np.nan
    spot[54, 2] = 0.0
    assert replace(market, spot=spot, settlement=settlement).spot[54, 2] == 0.0


def test_views_of_a_panel_are_not_read_again_and_validate_false_reads_nothing(market, monkeypatch):
    def never(_):
        raise AssertionError("read again")

    monkeypatch.setattr("engine.data.panel.check_panel", never)
    assert len(market.slice("2024-02-01")) < len(market)
    assert len(market.slice(end="2024-02-01").append(market.slice("2024-02-02"))) == len(market)
    assert market.to("numpy").window_bytes is None
    assert len(replace(market, validate=False)) == len(market)
    with pytest.raises(AssertionError, match="read again"):
        replace(market)


def test_opening_reads_axes_and_series_but_no_surface(market, tmp_path, monkeypatch):
    save_panel(market, tmp_path / "p")
    monkeypatch.setattr("engine.data.check_panel._check_vols", lambda *_: pytest.fail("a surface was read"))
    assert len(open_panel(tmp_path / "p")) == len(market)


def test_a_block_that_cannot_be_leaves_no_panel(market, tmp_path):
    writer = PanelWriter(tmp_path / "p")
    writer.write(market.slice(end="2024-02-01"))
    later = market.slice("2024-02-02")
    with pytest.raises(InputError, match="a volatility is a positive decimal"):
        writer.write(replace(later, **changed(later, "component_iv", (0, 0, 0, 0), 0.0), validate=False))


def odd_ones(panel):
    """What is suspicious, but that the index of the small market is a walk of its own."""
    return [s for s in suspicions(panel) if s.reason != UNLIKE]


@pytest.mark.parametrize(
    ("at", "factor", "name"),
    [
        ((20, 3), 10.0, "S3"),
        ((slice(20, None), 4), 0.5, "S4"),
        ((slice(20, None), 4), 3.0, "S4"),
        ((slice(20, None), 4), 1.7e4, "S4"),
    ],
    ids=["undone", "a split of two", "a reverse split of three", "further than anything goes"],
)
def test_a_jump_that_nothing_explains_is_told_and_one_that_an_action_explains_is_not(market, at, factor, name, caplog):
    spot = market.spot.copy()
    spot[at] *= factor
    caplog.clear()
    odd = replace(market, spot=spot)
    assert [(s.asset, s.reason, str(s.date)) for s in odd_ones(odd)] == [(name, JUMP, DAY)]
    assert f"the close of {name} on {DAY} is" in caplog.text
    if factor != 10.0:
        action = market.return_factor.copy()
        action[20, 4] = factor
        assert odd_ones(replace(odd, return_factor=action)) == []


def test_a_jump_of_the_index_is_told_at_a_quarter(market):
    index = market.index_spot.copy()
    index[20] *= 1.3
    assert [(s.asset, s.reason) for s in odd_ones(replace(market, index_spot=index))] == [("IDX", JUMP)]
    assert odd_ones(market) == []


@pytest.mark.parametrize("factor", [0.01, 0.1, 100.0])
def test_a_rate_that_is_off_on_one_session_is_told_and_one_that_moves_for_good_is_not(factor):
    market = small_market()
    rate = np.full(len(market), 0.024)
    odd = rate.copy()
    odd[20] *= factor
    found = odd_ones(replace(market, rate=odd, validate=False))
    assert [(s.reason, s.date) for s in found] == [("rate_jump", market.dates[20])]
    assert odd_ones(replace(market, rate=np.where(np.arange(len(market)) < 20, rate, rate + 0.01))) == []


def test_a_hole_is_told_unless_the_exchange_was_closed():
    panel = small_market(sessions=12, events=False)
    golden_week = np.busday_offset(
        "2019-04-22",
        np.arange(12),
        holidays=[f"2019-04-{d}" for d in (29, 30)] + [f"2019-05-0{d}" for d in (1, 2, 3, 6)],
    )
    told = {}
    for calendar in ("XTKS", "XNYS"):
        odd = replace(panel, dates=golden_week.astype("datetime64[D]"), info=replace(panel.info, calendar=calendar))
        told[calendar] = [(s.reason, str(s.date)) for s in odd_ones(odd)]
    assert told == {"XTKS": [], "XNYS": [(HOLE, "2019-05-07")]}


def test_what_is_suspicious_stands_in_the_quality_report(tmp_path, monkeypatch, caplog):
    from engine.data.sources.synthetic import Synthetic

    plain = Synthetic.blocks

    def with_a_bad_close(self):
        for block in plain(self):
            spot = block.spot.copy()
            spot[100, 2] *= 10.0
            yield replace(block, spot=spot, validate=False)

    monkeypatch.setattr(Synthetic, "blocks", with_a_bad_close)
    with caplog.at_level(logging.WARNING):
        folder = build_panel("synthetic", cache=tmp_path, years=1, names=5, progress=False)
    quality = load_quality(folder)
    told = quality.filter(quality["reason"] == JUMP)
    assert told["rows"].to_list() == [1]
    assert f"the close of {told['asset'][0]} on" in caplog.text
    clean = load_quality(build_panel("synthetic", cache=tmp_path, years=1, names=6, progress=False))
    assert clean.filter(clean["reason"] == HOLE).is_empty()


def test_missing_quotes_and_their_reasons_agree_in_what_sources_build(tmp_path):
    panel = load_market("synthetic", years=1, names=6, cache=tmp_path, progress=False)
    assert ((panel.component_status == QuoteStatus.OK) == np.isfinite(panel.component_iv)).all()


def test_a_close_that_a_member_lacks_and_weights_that_do_not_add_up_are_told(market):
    spot, index, weights = market.spot.copy(), market.index_spot.copy(), market.weights.copy()
    spot[[20, 25], 3] = np.nan
    index[30] = np.nan
    weights[35, 4] = 0.0
    told = odd_ones(replace(market, spot=spot, index_spot=index, weights=weights))
    assert [(s.asset, s.reason, str(s.date), s.sessions) for s in told] == [
        ("IDX", NO_CLOSE, str(market.dates[30]), 1),
        ("S3", NO_CLOSE, DAY, 2),
        ("IDX", WEIGHTS, str(market.dates[35]), 1),
    ]
