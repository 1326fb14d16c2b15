"""python -m engine.book: a ledger replayed day by day, and a sheet that says what the backtest says of its book."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import STRESSES, HoldToExpiry, ShortestTenor, Straddle, VolPoints
from engine.backtest.risk.positions import day
from engine.data import QuoteStatus
from engine.errors import InputError
from engine.kernels import switched_off
from engine.kernels.codes import PARTS
from engine.study.positions import read_positions, session_of
from engine.study.sheet import HEDGE, sheet
from engine.testing import small_market
from tests.backtest.test_scenarios import SESSION, flat, run

NO_LIMITS = dict.fromkeys(("correlation_vega", "name_vega", "short_gamma", "stress_loss"))


def ledger_of(result, tmp_path):
    file = tmp_path / "ledger.parquet"
    result.ledger().write_parquet(file)
    return file


def sheet_of(result, tmp_path, limits=NO_LIMITS, target=None, session=SESSION):
    positions = read_positions(result.market, ledger_of(result, tmp_path), session)
    return sheet(result.market, result.view.weights, positions, session, VolPoints(), limits, target, 100.0)


@pytest.fixture(params=["kernels", "array code"])
def code(request):
    with switched_off() if request.param == "array code" else nullcontext():
        yield request.param


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("exits", [HoldToExpiry(), ShortestTenor()], ids=lambda exits: type(exits).__name__)
def test_a_ledger_replayed_day_by_day_is_the_backtest_but_for_rounding(tmp_path, code, exits, listed):
    result = run(small_market(5, listed=listed), Straddle(28), exits=exits)
    market, daily = result.market, result.daily()
    positions = read_positions(market, ledger_of(result, tmp_path), 0)
    last, eps = positions.cohorts(market).last, np.finfo(float).eps
    for session in range(len(market)):
        found = day(market, positions, session, HEDGE, result.costs)
        held = (positions.entry <= session) & (last >= session)
        strikes = (np.abs(positions.quantity) * positions.strike)[held].sum()
        for name in (*PARTS, "cost"):
            # The book adds legs up before it is scaled, a replay positions that are: one rounding for each, and few for
            # the products, of terms larger than their sum.
            rounding = (len(positions) + 8) * eps * np.abs(found[name]).sum()
            if code == "kernels":
                # A price is a difference of terms as large as its strike, which either code rounds in its own way.
                rounding += 4 * eps * strikes
            assert abs(found[name].sum() - daily[name][session]) <= rounding, name
    assert np.abs(daily["pnl_gross"].to_numpy()).max() > 1e3
    assert (daily["cost"] > 0.0).any()


def test_greeks_carry_and_stresses_are_those_that_the_backtest_tells_of_the_book(tmp_path):
    result = run(small_market(5, events=False), Straddle(28))
    date = result.dates[SESSION]
    found = sheet_of(result, tmp_path)
    greeks = result.greeks().filter(pl.col("date") == date)
    is_index = pl.col("underlying") == result.market.info.index
    for leg_class, rows in (("index", is_index), ("component", ~is_index)):
        ours = found.positions.filter(rows)
        (expected,) = greeks.filter(pl.col("leg_class") == leg_class).iter_rows(named=True)
        for name in ("vega", "gamma", "theta"):
            assert ours[name].sum() == pytest.approx(expected[name], rel=1e-11), name
    assert found.totals["carry"] == pytest.approx(result.carry(date)["pnl_gross"].sum(), rel=1e-8, abs=1e-3)
    stressed = result.stress(dates=[date])
    assert found.stresses["stress"].to_list() == [stress.name for stress in STRESSES]
    assert found.stresses["pnl"].to_list() == pytest.approx(stressed["pnl_gross"].to_list(), rel=1e-9)
    (row,) = result.daily().filter(pl.col("date") == date).iter_rows(named=True)
    assert found.totals["pnl_net"] == pytest.approx(row["pnl_net"], rel=1e-9)
    assert found.names["vega"].sum() == pytest.approx(found.totals["vega"])


def test_correlation_vega_is_what_a_small_rise_of_correlation_makes_of_the_book(tmp_path):
    result = run(flat(40), Straddle(28))
    moved = result.scenarios(result.dates[SESSION], spot=(0.0,), vol=(0.0,), correlation=(-1e-6, 1e-6))["pnl_gross"]
    found = sheet_of(result, tmp_path)
    assert found.totals["correlation_vega"] == pytest.approx((moved[1] - moved[0]) / 2e-6 * 0.01, rel=1e-4)


def test_the_trades_lead_to_the_target_but_for_less_than_half_a_lot(tmp_path):
    market = small_market(5, events=False)
    result, other = run(market, Straddle(28)), run(market, Straddle(28), level=-0.5)
    target = read_positions(market, ledger_of(other, tmp_path), SESSION)
    found = sheet_of(result, tmp_path, target=target)
    trades = found.trades
    assert trades is not None
    moved = (trades[name].to_numpy() for name in ("target", "held", "lots", "left_open"))
    target_size, held, lots, left_open = moved
    np.testing.assert_allclose(held + 100.0 * lots + left_open, target_size, rtol=1e-12)
    assert np.abs(left_open).max() <= 50.0
    assert set(trades["kind"]) == {"C", "P"}
    np.testing.assert_allclose(target_size, -0.5 * held, rtol=1e-12)
    same = sheet_of(other, tmp_path, target=target).trades
    assert same is not None
    assert same.is_empty()


def test_a_limit_that_is_exceeded_is_told_and_one_that_is_not_is_not(tmp_path):
    result = run(small_market(5, events=False), Straddle(28))
    free = sheet_of(result, tmp_path)
    assert free.breaches == []
    assert free.limits_told() == ["No limit is set."]  # and none is claimed to be held to
    assert sheet_of(result, tmp_path, NO_LIMITS | {"name_vega": 1e12}).limits_told() == ["No limit is breached."]
    limits = {"correlation_vega": 1.0, "name_vega": 1e12, "short_gamma": 1.0, "stress_loss": 1e12}
    told = sheet_of(result, tmp_path, limits).breaches
    assert [line.split(" is ")[0] for line in told] == [
        "Limit breached: correlation_vega",
        "Limit breached: short_gamma",
    ]
    assert told[0] in "\n".join(sheet_of(result, tmp_path, limits).lines(result.market))


@pytest.fixture
def market():
    return small_market(5, events=False, missing=0.0)


def written(tmp_path, *rows, header="symbol,underlying,expiry,strike,kind,quantity"):
    file = tmp_path / "positions.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def test_osi_symbols_and_keys_of_ones_own_name_the_same_contract(tmp_path, market):
    renamed = replace(market, names=np.array([f"S{letter}" for letter in "ABCDEFGH"[: len(market.names)]]))
    day, session = str(renamed.dates[SESSION + 20]), SESSION
    code = day.replace("-", "")[2:]
    rows = [f"SB{code}C00100500,,,,,3", f",SB,{day},100.5,call,300", f",{renamed.info.index},{day},1000,straddle,-2"]
    found = read_positions(renamed, written(tmp_path, *rows), session)
    assert found.leg.tolist() == [1, 1, -1]
    assert found.strike.tolist() == [100.5, 100.5, 1000.0]
    assert found.quantity.tolist() == [300.0, 300.0, -2.0]  # an OSI contract is of 100 shares
    assert found.expiry.tolist() == [np.datetime64(day).item()] * 3
    assert set(found.entry) == {session}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",XX,{later},100,call,1", ["XX", "does not have"]),
        ("nonsense,,,,,1", ["nonsense", "no OSI symbol"]),
        ("SB1   {code}C00100500,,,,,1", ["adjusted"]),
        ("SB{code}C00100500,,,,put,1", ["has kind C", "column kind says P"]),
        ("SB{code}C00100500,,,90,,1", ["has strike 100.5", "column strike says 90"]),
        (",S1,{before},100,call,1", ["has expired by"]),
        (",S1,{later},,call,1", ["position 3 has no strike"]),
        (",S1,{later},-5,call,1", ["line 4", "strike"]),
        (",S1,{later},100,swaption,1", ["line 4", "kind"]),
    ],
    ids=["unknown", "symbol", "adjusted", "other kind", "other strike", "expired", "incomplete", "strike", "kind"],
)
def test_a_row_that_is_no_contract_is_refused_with_what_is_wrong(tmp_path, market, row, words):
    later, before = str(market.dates[SESSION + 20]), str(market.dates[SESSION - 5])
    row = row.format(later=later, before=before, code=later.replace("-", "")[2:])
    good = [f",S{n},{later},100,call,1" for n in (1, 2)]
    with pytest.raises(InputError) as refused:
        read_positions(market, written(tmp_path, *good, row), SESSION)
    for word in ("positions.csv", *words):
        assert word in str(refused.value)


def test_what_a_date_brought_is_told_only_of_positions_that_say_when_they_were_entered(tmp_path, market):
    later, entered = str(market.dates[SESSION + 20]), str(market.dates[SESSION - 3])
    header = "underlying,expiry,strike,kind,quantity,entered"
    told = []
    for when in (entered, ""):
        file = written(tmp_path, f"S1,{later},100,call,1,{when}", f"S2,{later},100,call,1,{entered}", header=header)
        positions = read_positions(market, file, SESSION)
        told.append(sheet(market, market.weights, positions, SESSION, VolPoints(), NO_LIMITS, None, 100.0).totals)
    assert {"pnl_gross", "cost", "pnl_net"} == set(told[0]) - set(told[1])
    with pytest.raises(InputError, match="lot=0"):
        sheet(market, market.weights, positions, SESSION, VolPoints(), NO_LIMITS, None, 0.0)


def test_a_position_without_a_quote_is_named_and_a_date_that_is_no_session_refused(tmp_path, market):
    gone, status = market.component_iv.copy(), market.component_status.copy()
    gone[SESSION, 1], status[SESSION, 1] = np.nan, QuoteStatus.NO_QUOTE
    bare = replace(market, component_iv=gone, component_status=status)
    later = str(market.dates[SESSION + 20])
    file = written(tmp_path, f",S1,{later},100,call,1", f",S2,{later},100,call,1")
    positions = read_positions(bare, file, SESSION)
    with pytest.raises(InputError, match=r"1 of 2 positions have no quote.*S1"):
        sheet(bare, bare.weights, positions, SESSION, VolPoints(), NO_LIMITS, None, 100.0)
    with pytest.raises(InputError, match="no session"):
        session_of(market, "1999-01-01")
    with pytest.raises(InputError, match="no position is held"):
        sheet(market, market.weights, positions, SESSION - 1, VolPoints(), NO_LIMITS, None, 100.0)


def test_a_file_of_thirty_lines_is_a_sheet_in_one_command(command, tmp_path):
    names = ["SYNX", *(f"SYN{n}" for n in range(1, 6))]
    rows = [
        f",{name},2015-{month}-15,{strike},{kind},{-1 if name == 'SYNX' else 10}"
        for name in names
        for month, strike, kind in (
            ("12", 100, "call"),
            ("12", 110, "put"),
            ("11", 90, "straddle"),
            ("11", 95, "c"),
            ("10", 100, "P"),
        )
    ]
    file = written(tmp_path, *rows)
    assert len(rows) == 30
    ended = command("book", "debug=small", f"positions={file}", "date=2015-09-15", place=tmp_path)
    assert ended.code == 0, ended.err
    (folder,) = ended.folders
    told = json.loads((folder / "sheet.json").read_text())
    assert pl.read_parquet(folder / "positions.parquet").height == 30
    assert told["date"] == "2015-09-15"
    for word in ("correlation_vega", "carry", "Mar 2020", "No limit is set"):
        assert word in ended.out
    page = (folder / "report.html").read_text()
    for word in ("Stresses, at once", "Mar 2020", "No limit is set", "Carry to the next session", "SYN5"):
        assert word in page
    assert "http" not in page.split("<body")[1].replace("http://www.w3.org", "")  # needs no network


@pytest.mark.parametrize(
    ("strike", "quantity", "match"),
    [
        ("100000", "1", r"the strike of S1 .* is \d+ times the close of S1 on .*; give it in the unit"),
        ("0.5", "1", "the strike of S1 .* times the close of S1"),
        ("100", "1e300", r"quantity 1e\+300 is more than any market has"),
    ],
)
def test_a_strike_in_another_unit_is_refused(tmp_path, strike, quantity, match):
    # The last eight digits of an OSI symbol are thousandths of the strike.
    market = small_market(events=False, missing=0.0)
    later = str(market.dates[SESSION + 20])
    with pytest.raises(InputError, match=match):
        read_positions(market, written(tmp_path, f",S1,{later},{strike},call,{quantity}"), SESSION)


def test_a_file_that_is_not_there_is_named(command, tmp_path):
    command("book", "debug=small", "positions=none.csv", place=tmp_path).refuses("positions=none.csv is no file")
    command("book", "debug=small", place=tmp_path).refuses("positions=FILE")


def test_positions_that_the_surface_does_not_reach_are_told(tmp_path):
    market = small_market()
    file = tmp_path / "held.csv"
    date, longest = market.dates[SESSION], int(market.tenors[-1])
    rows = [("IDX", date + days, market.index_spot[SESSION]) for days in (longest, longest + 400)]
    text = "".join(f"{name},{expiry},{strike:.2f},straddle,10\n" for name, expiry, strike in rows)
    file.write_text("underlying,expiry,strike,kind,quantity\n" + text)
    positions = read_positions(market, file, SESSION)
    found = sheet(market, market.weights, positions, SESSION, VolPoints(), NO_LIMITS, None, 100.0)
    told = f"1 of 2 positions expire after {longest} days, the longest tenor of the surface"
    assert [caution.startswith(told) for caution in found.cautions] == [True]
    assert any(line.startswith(f"Caution: {told}") for line in found.lines(market))


SMALL = ("market.names=8", "market.years=1")


def test_the_command_trades_towards_what_a_strategy_holds(command, tmp_path):
    """The book is the run's own: the same strategy asks for nothing, one of half its size to close half of it."""
    ran = command("run", *SMALL, "report=none", place=tmp_path)
    ledger = ran.folders[0] / "ledger.parquet"
    date = pl.read_parquet(ledger)["entry_date"][-1]

    def trades(*words):
        asked = (f"positions={ledger}", f"date={date}", "target=strategy")
        done = command("book", *SMALL, *asked, *words, place=tmp_path)
        assert done.code == 0, done.err
        return pl.read_parquet(done.folders[-1] / "trades.parquet")

    assert trades().is_empty()
    half = trades("sizing.index_vega=50000", "study=half")
    assert half.height > 0
    np.testing.assert_allclose(half["target"], 0.5 * half["held"], rtol=1e-9)
    out = trades("strategy=reverse_dispersion", "study=other")  # which finds nothing to do
    assert (out["target"] == 0.0).all()
    assert out.height == half.height
