"""Options on members that are exercised, and assigned, before their expiry: against trees of plain loops."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    Calendar,
    DailyDelta,
    DailyLadder,
    DeskCosts,
    EveryDays,
    ForwardStart,
    ListedMarks,
    NoCosts,
    NoHedge,
    OnDates,
    SingleOption,
    Straddle,
    Strangle,
    VolPoints,
    Weekly,
    WhalleyWilmott,
    backtest,
)
from engine.correlation import AllMembers
from engine.data import MarketPanel
from engine.errors import InputError
from engine.pricing import black_price
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation
from tests.backtest.test_listed_quotes import START, Every, panel, prices, tables  # noqa: F401 - fixtures
from tests.backtest.test_listed_quotes import run as run_listed
from tests.backtest.test_listed_quotes import spot as listed_spot

DAYS = [day for n in range(50) if (day := date(2026, 1, 5) + timedelta(n)).weekday() < 5]
ENTRY, TENOR, RATE = 2, 30, 0.06
EXPIRY = DAYS[ENTRY] + timedelta(TENOR)
NEAR = 0.006  # trees of 40 steps are right within 6e-5 of a spot of 100, root mean square
NAMES, VOLS = ("A", "B"), {"IDX": 0.15, "A": 0.2, "B": 0.25}
CALL, PUT = ({"member_kind": kind, "index_kind": "call"} for kind in ("call", "put"))


class World:
    """Two names that move at random, by `seed`, and pay a dividend, {name: (session, amount)}."""

    def __init__(self, seed=0, paid=None, drift=0.0, splits=None, rate=RATE):
        rng = np.random.default_rng(seed)
        self.paid, self.splits, self.rate = paid or {}, splits or {}, rate
        self.close, actions = {}, []
        for name in ("IDX", *NAMES):
            moves = np.exp(np.cumsum(0.008 * rng.standard_normal(len(DAYS)) + drift * (name != "IDX")))
            price = (1000.0 if name == "IDX" else 100.0) * moves
            for t, amount in [self.paid[name]] if name in self.paid else []:
                factor = 1.0 - amount / price[t - 1]
                price[t:] *= factor
                actions.append((DAYS[t], name, "dividend", factor))
            for t, factor in [self.splits[name]] if name in self.splits else []:
                price[t:] *= factor
                actions.append((DAYS[t], name, "split", factor))
            self.close[name] = price
        self.actions = pl.DataFrame(actions, schema=["date", "ticker", "kind", "factor"], orient="row")

    def market(self, dividends=True):
        rows = [(day, x, k, d, VOLS[x]) for day in DAYS for x in VOLS for k in (5, 30, 90) for d in (10, 50, 90)]
        closes = [(day, x, self.close[x][t]) for x in VOLS for t, day in enumerate(DAYS)]
        kept = self.actions if dividends else self.actions.filter(pl.col("kind") != "dividend")
        return MarketPanel.from_frames(
            pl.DataFrame(rows, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row"),
            pl.DataFrame({"ticker": NAMES, "weight": [0.6, 0.4]}),
            pl.DataFrame(closes, schema=["date", "ticker", "close"], orient="row"),
            actions=kept if kept.height else None,
            rates=self.rate,
            index="IDX",
        )

    def mark(self, name, t, strike, is_call):
        years = (EXPIRY - DAYS[t]).days / 365.0
        forward = self.close[name][t] * np.exp(self.rate * years)
        return float(black_price(forward, strike, np.float32(VOLS[name]).astype(float), years, is_call, self.rate))

    def waits(self, name, t, strike, is_call, steps=500):
        """What the option is worth to who cannot exercise before the next session: one tree, node by node in rows."""
        years, wait = (EXPIRY - DAYS[t]).days / 365.0, (DAYS[t + 1] - DAYS[t]).days / 365.0
        gone, amount = self.paid.get(name, (0, 0.0))
        amount = amount if gone == t + 1 else 0.0  # later ones are not told by prices
        share = self.close[name][t] - amount * np.exp(-self.rate * wait)
        step, sign = years / steps, 1.0 if is_call else -1.0
        up = np.exp(VOLS[name] * np.sqrt(step))
        odds, discount = (np.exp(self.rate * step) - 1.0 / up) / (up - 1.0 / up), np.exp(-self.rate * step)

        def pays(i):
            return sign * (share * up ** (2.0 * np.arange(i + 1) - i) - strike)

        value = np.maximum(pays(steps), 0.0)
        for i in range(steps - 1, -1, -1):
            value = discount * (odds * value[1:] + (1.0 - odds) * value[:-1])
            if i * step >= wait:
                value = np.maximum(value, pays(i))
        return value[0]

    def gains(self, name, strike, is_call, upto):
        """What exercise pays more than waiting, on each close from the one after the entry, before the expiry."""
        sign, last = 1.0 if is_call else -1.0, max(t for t, day in enumerate(DAYS) if day <= EXPIRY)
        return {
            t: sign * (self.close[name][t] - strike) - self.waits(name, t, strike, is_call)
            for t in range(ENTRY + 1, min(upto + 1, last))
        }


def run(market, structure, size=1.0, hedge=None, costs=None, **choices):
    choices = {"basket": AllMembers(), "schedule": OnDates((str(DAYS[ENTRY]),))} | choices
    return backtest(
        market, Every(size), structure=structure, hedge=hedge or NoHedge(), costs=costs or NoCosts(), **choices
    )


def option(kind, moneyness, exercise="american", **choices):
    return SingleOption(TENOR, **kind, moneyness=moneyness, exercise=exercise, **choices)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "moneyness", "paid", "drift"),
    [
        (CALL, 0.85, {"A": (9, 1.2), "B": (12, 0.9)}, 0.0),
        (CALL, 0.95, {"A": (9, 0.5), "B": (12, 0.05)}, 0.004),
        (PUT, 1.04, {}, -0.004),
        (PUT, 1.1, {"A": (9, 1.2)}, 0.0),
        (PUT, 1.2, {}, 0.0),
    ],
)
def test_options_are_exercised_when_a_tree_of_plain_loops_says_so(kind, moneyness, paid, drift, seed):
    world = World(seed, paid, drift)
    ledger = run(world.market(), option(kind, moneyness)).ledger().filter(leg_class="component")
    for row in ledger.iter_rows(named=True):
        is_call = kind is CALL
        at = DAYS.index(row["exit_date"])
        gains = world.gains(row["leg"], row["strike"], is_call, at)
        assert max((gain for t, gain in gains.items() if t < at), default=0.0) < NEAR
        if row["status"] == "expired":
            assert row["exit_date"] == EXPIRY - timedelta(EXPIRY.weekday() - 4)
            assert row["settlement"] == 0.0
            continue
        assert row["status"] == "exercised"
        assert gains[at] > -NEAR
        worth = abs(world.close[row["leg"]][at] - row["strike"])
        mark = world.mark(row["leg"], at, row["strike"], is_call)
        assert row["events"].endswith(f"exercised {DAYS[at]}")
        assert row["exit_value"] == pytest.approx(row["quantity"] * worth, rel=1e-9)
        assert row["settlement"] == pytest.approx(
            row["quantity"] * (worth - mark), rel=1e-6, abs=1e-9 * row["exit_value"]
        )
        assert row["pnl_option"] + row["settlement"] == pytest.approx(row["exit_value"] - row["premium"], rel=1e-9)


def test_what_is_written_is_assigned_when_a_holder_would_exercise_and_the_hedge_goes_with_it():
    world = World(1, {"A": (9, 1.2), "B": (9, 1.5)})
    market, structure = world.market(), option(CALL, 0.85)
    long, short = (run(market, structure, size, DailyDelta(), VolPoints()) for size in (1.0, -1.0))
    np.testing.assert_array_equal(long.pnl_gross, -short.pnl_gross)
    np.testing.assert_array_equal(long.cost, short.cost)
    said = [set(result.ledger().filter(leg_class="component")["status"]) for result in (long, short)]
    assert said == [{"exercised"}, {"assigned"}]
    greeks = long.greeks().filter(leg_class="component").drop("date", "leg_class").to_numpy()
    assert np.abs(greeks[7]).max() > 0.0
    assert not greeks[8:].any()  # on the eve of the ex-date everything is gone
    daily, ledger = long.daily(), long.ledger()
    for t, day in enumerate(DAYS):
        rows = long.day(str(day))
        for column in ("pnl_gross", "settlement", "hedge", "cost"):
            assert rows[column].sum() == pytest.approx(daily[column][t], rel=1e-9, abs=1e-6), (column, day)
        members = rows.filter(leg_class="component")
        if t > 8:
            assert not members["pnl_gross"].to_numpy().any()
    # Hedges of a member are given up on the eve, as by hand: delta of the forward, from each close to the next.
    for row in ledger.filter(leg_class="component").iter_rows(named=True):
        hedge = 0.0
        for t in range(ENTRY, 8):
            ahead = [world.close[row["leg"]][s] * np.exp(RATE * (EXPIRY - DAYS[s]).days / 365.0) for s in (t, t + 1)]
            bump = 1e-5 * ahead[0]
            years = (EXPIRY - DAYS[t]).days / 365.0
            up, down = (
                float(black_price(ahead[0] + b, row["strike"], float(np.float32(VOLS[row["leg"]])), years, True, RATE))
                for b in (bump, -bump)
            )
            hedge -= row["quantity"] * (up - down) / (2.0 * bump) * (ahead[1] - ahead[0])
        assert row["pnl_hedge"] == pytest.approx(hedge, rel=1e-6)
    assert ledger["pnl_gross"].sum() == pytest.approx(daily["pnl_gross"].sum(), rel=1e-9)
    assert ledger["settlement"].sum() == pytest.approx(daily["settlement"].sum(), rel=1e-9)
    by_name, split = long.by_name(), long.split()
    assert by_name["pnl_gross"].sum() == pytest.approx(daily["pnl_gross"].sum(), rel=1e-9)
    np.testing.assert_allclose(split.drop("date").sum_horizontal(), daily["pnl_gross"], rtol=0, atol=1e-5)
    vols = long.vega_split()
    np.testing.assert_allclose(
        vols.drop("date").sum_horizontal(), daily["vega"] + daily["vanna_volga"], rtol=0, atol=1e-5
    )


def test_of_a_straddle_one_half_is_exercised_and_the_other_lives_on():
    world = World(3, {"A": (14, 2.5)}, drift=0.008)
    result = run(world.market(), Straddle(TENOR, exercise="american"), hedge=DailyDelta())
    status = dict(result.ledger().filter(leg="A").select("instrument", "status").iter_rows())
    assert status == {"call": "exercised", "put": "expired"}
    assert set(result.ledger().filter(leg="B")["status"]) == {"expired"}
    daily = result.daily()
    for t in range(12, 18):
        assert result.day(str(DAYS[t]))["pnl_gross"].sum() == pytest.approx(daily["pnl_gross"][t], rel=1e-9, abs=1e-6)


HEDGES = [
    DailyDelta(vol="realized", window=5),
    DailyDelta(vol="surface"),
    DailyDelta(netted=True),
    EveryDays(days=2),
    WhalleyWilmott(vol="sticky_delta"),
]


@pytest.mark.parametrize("hedge", HEDGES, ids=lambda one: f"{type(one).__name__} {one.vol} {one.netted}")
@pytest.mark.parametrize(
    "structure", [option(CALL, 0.85), Straddle(TENOR, exercise="american")], ids=["call", "straddle"]
)
def test_whatever_the_hedge_nothing_of_what_is_exercised_is_hedged_on_and_days_and_ledger_sum(structure, hedge):
    world = World(1, {"A": (9, 2.5), "B": (9, 2.5)}, drift=0.012)
    result = run(world.market(), structure, hedge=hedge, costs=DeskCosts())
    daily, ledger = result.daily(), result.ledger()
    calls = ledger.filter(leg_class="component", instrument="call")
    assert set(calls["status"]) == {"exercised"}
    assert set(calls["exit_date"]) == {DAYS[8]}
    for t in range(ENTRY + 1, 20):
        rows = result.day(str(DAYS[t]))
        for column in ("pnl_gross", "hedge", "cost"):
            assert rows[column].sum() == pytest.approx(daily[column][t], rel=1e-9, abs=1e-6), (column, t)
        gone = rows.filter(leg_class="component", instrument="call") if t > 8 else rows.clear()
        assert not gone["pnl_gross"].to_numpy().any()
    for column in ("pnl_gross", "cost"):
        assert ledger[column].sum() == pytest.approx(daily[column].sum(), rel=1e-9)
    if isinstance(structure, SingleOption):
        greeks = result.greeks().filter(leg_class="component").drop("date", "leg_class").to_numpy()
        assert not greeks[8:].any()


@pytest.mark.parametrize("structure", [Straddle, Strangle, Calendar, SingleOption], ids=lambda one: one.__name__)
def test_without_interest_and_dividends_nobody_exercises_and_all_stays_as_it_was(structure):
    market = small_market(90, sessions=110, missing=0.0)
    market = market.map_arrays(lambda name, array: array * 0.0 if name in ("rate", "carry", "index_carry") else array)
    found = {
        exercise: backtest(
            market,
            ShortCorrelation(),
            structure=structure(28, exercise=exercise),
            schedule=Weekly(),
            basket=AllMembers(),
        )
        for exercise in ("european", "american")
    }
    american, european = found["american"], found["european"]
    scale = np.abs(european.pnl_gross).max()
    np.testing.assert_allclose(american.pnl_gross, european.pnl_gross, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(american.cost, european.cost, rtol=0, atol=1e-9 * scale)
    assert not {"exercised", "assigned"} & set(american.ledger()["status"])
    assert not american.daily()["settlement"].to_numpy().any()


def test_a_forward_below_the_spot_alone_has_no_call_exercised_and_one_above_it_knows_of_no_dividend():
    paid = {"A": (9, 1.2), "B": (9, 1.2)}
    for carry, dividends in ((-0.1, {}), (RATE, paid), (RATE + 0.2, paid)):
        market = World(1, dividends).market()
        market = market.map_arrays(lambda name, array, carry=carry: array * 0.0 + carry if name == "carry" else array)
        calls = run(market, option(CALL, 0.85)).ledger().filter(leg_class="component")
        assert set(calls["status"]) == ({"exercised"} if dividends else {"expired"})
        assert not dividends or set(calls["exit_date"]) == {DAYS[8]}


def test_a_table_of_dividends_counts_from_when_they_were_known_and_per_share_of_its_day(tmp_path):
    paid = {"A": (9, 1.2), "B": (9, 1.5)}
    known = run(World(1, paid).market(), option(CALL, 0.85)).ledger().filter(leg_class="component")
    eve, day = DAYS[8], DAYS[9]

    def told(*rows, splits=None):
        file = tmp_path / "dividends.csv"
        pl.DataFrame(rows, schema=["date", "ticker", "amount", "known"], orient="row").write_csv(file)
        market = World(1, paid, splits=splits).market(dividends=False)
        return run(market, option(CALL, 0.85, dividends=str(file))).ledger().filter(leg_class="component")

    same = told((day, "A", 1.2, DAYS[3]), (day, "B", 1.5, eve), (day, "ELSE", 1.0, eve))
    assert same["exit_date"].to_list() == known["exit_date"].to_list() == [eve, eve]
    assert same["settlement"].to_list() == pytest.approx(known["settlement"].to_list(), rel=1e-9)
    # Told on its own day it is too late; and of a share that was split that day it was four times as much.
    late = told((day, "A", 1.2, DAYS[3]), (day, "B", 1.5, day))
    assert late["status"].to_list() == ["exercised", "expired"]
    split = told((day, "A", 0.3, DAYS[3]), (day, "B", 0.1, eve), splits={"A": (9, 0.25)})
    assert split["status"].to_list() == ["exercised", "expired"]
    with pytest.raises(InputError, match=r"dividends.csv has no dividend of a name of frames"):
        told((day, "ELSE", 1.0, eve))


def test_a_dividend_is_taken_that_alone_would_not_be_where_the_next_one_will_be_anyway(tmp_path):
    """Alone it is less than three weeks of interest on the strike; to the eve of the next one it is only a week."""
    file, found = tmp_path / "paid.csv", []
    small, large = (DAYS[9], "A", 0.2), (DAYS[14], "A", 3.0)
    for rows in ([small], [small, large], [large]):
        pl.DataFrame(rows, schema=["date", "ticker", "amount"], orient="row").write_csv(file)
        ledger = run(World(1).market(), option(CALL, 0.85, dividends=str(file))).ledger().filter(leg="A")
        found.append((ledger["status"][0], ledger["exit_date"][0]))
    assert found == [("expired", date(2026, 2, 6)), ("exercised", DAYS[8]), ("exercised", DAYS[13])]


def test_of_listed_contracts_exercise_pays_beyond_their_own_quote(panel, tmp_path):  # noqa: F811
    ex_date = START + timedelta(11)
    pl.DataFrame({"date": [ex_date], "ticker": ["A"], "amount": [2.0]}).write_csv(tmp_path / "paid.csv")
    structure = SingleOption(28, moneyness=0.9, exercise="american", dividends=str(tmp_path / "paid.csv"))
    result = run_listed(panel, structure=structure, hedge=NoHedge(), marks=ListedMarks(fill=0.0))
    row = result.ledger().row(by_predicate=pl.col("leg") == "A", named=True)
    eve = START + timedelta(10)
    eve = eve if eve.weekday() < 5 else eve - timedelta(eve.weekday() - 4)
    assert (row["status"], row["exit_date"], row["exit_source"]) == ("exercised", eve, "settlement")
    worth = listed_spot("A", eve) - row["strike"]
    assert row["exit_price"] == pytest.approx(worth, rel=1e-12)
    assert row["pnl_gross"] == pytest.approx(row["quantity"] * (worth - row["entry_price"]), rel=1e-9)
    years = (START + timedelta(30) - eve).days / 365.0
    mid = float(black_price(listed_spot("A", eve), row["strike"], 0.25, years, True))
    assert row["settlement"] == pytest.approx(row["quantity"] * (worth - mid), rel=1e-6)
    assert result.daily()["pnl_gross"].sum() == pytest.approx(result.ledger()["pnl_gross"].sum(), rel=1e-9)
    assert set(result.ledger().filter(pl.col("leg") != "A")["status"]) == {"expired"}


def test_what_cannot_be_exercised_is_refused():
    with pytest.raises(InputError, match=r"structure\.exercise=bermudan is unknown; choose european or american"):
        Straddle(exercise="bermudan")
    with pytest.raises(InputError, match=r"structure\.dividends is read for structure\.exercise=american"):
        Straddle(dividends="file.csv")
    with pytest.raises(InputError, match=r"structure\.exercise=american is not known of what is struck later"):
        ForwardStart(exercise="american")
    with pytest.raises(InputError, match=r"structure\.dividends=nowhere\.csv is no file; give a table of date, ticker"):
        run(World().market(), option(CALL, 0.9, dividends="nowhere.csv"))


@pytest.mark.parametrize("of_table", [False, True])
def test_windows_of_a_panel_that_streams_make_the_same_book(of_table, tmp_path):
    market = small_market(sessions=160)
    paid, spot = np.array(market.return_factor), np.array(market.spot)
    days = (25, 50, 80, 110, 140)
    for t in days:
        paid[t, 4:] *= 0.97
        spot[t:, 4:] *= 0.97
    market = replace(market, return_factor=paid, spot=spot)
    rows = [(str(market.dates[t]), name, 3.0) for t in days for name in ("S4", "S5")]
    pl.DataFrame(rows, schema=["date", "ticker", "amount"], orient="row").write_csv(tmp_path / "paid.csv")
    file = str(tmp_path / "paid.csv") if of_table else None
    choices = {"basket": AllMembers(), "schedule": DailyLadder(5), "costs": NoCosts()}
    whole, streamed = (
        backtest(each, ShortCorrelation(), structure=Straddle(30, exercise="american", dividends=file), **choices)
        for each in (market, replace(market, window_bytes=40 * market.component_iv[:1].nbytes))
    )
    assert "exercised" in set(whole.ledger()["status"])
    np.testing.assert_array_equal(streamed.pnl_gross, whole.pnl_gross)
    assert streamed.ledger().equals(whole.ledger())
