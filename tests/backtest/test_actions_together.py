"""Corporate actions of all kinds, many at once: a held book earns what a name's economy makes of its options.

A market is drawn by its economy: for each name a price that no action but a dividend moves, and a volatility. What is
quoted follows from it and from the actions; what the book makes must not depend on what they did to quoted prices.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from engine.backtest import DailyDelta, NoCosts, NoHedge, OnDates, Straddle, backtest
from engine.correlation import AllMembers
from engine.data import MarketPanel
from engine.kernels import switched_off
from tests.backtest.test_listed_quotes import Every

DAYS = [day for n in range(42) if (day := date(2026, 1, 5) + timedelta(n)).weekday() < 5]
ENTRY, EXPIRY = 3, DAYS[3] + timedelta(30)
LAST = max(t for t, day in enumerate(DAYS) if day <= EXPIRY)
NAMES = "ABCDE"
FACTORS = {"split": 0.25, "reverse_split": 8.0, "spinoff": 0.7, "adjusted_dividend": 0.8, "special_dividend": 0.8}
IN_CASH = {"cash_merger": 1.0, "delisting": 0.6, "bankruptcy": 0.0}  # of its price: what a share is paid
STOCK, MIXED, UNTOLD = "stock_merger", "cash_and_stock_merger", "untold_merger"
TAKEN = 0.15  # of a price: a dividend that is taken off strikes
CASH = st.sampled_from([0.1, 0.5, 0.99])  # of a price: what a merger pays beside shares
SESSIONS = st.integers(ENTRY + 1, LAST - 1)


@dataclass(frozen=True)
class Name:
    """What happens to a name: actions (session, kind), a new ticker from a session on, and its end."""

    actions: tuple
    renamed: int | None
    end: tuple | None  # (session, kind, acquirer, share of the price that is paid in cash)


@st.composite
def fates(draw):
    """Draw what happens to every name; acquirers come later in the alphabet, and outlive what they acquire."""
    found = {}
    for name in reversed(NAMES):
        kinds = [None, *IN_CASH, UNTOLD] + [STOCK, MIXED] * 3 * (name != NAMES[-1])
        kind, end = draw(st.sampled_from(kinds)), None
        if kind is not None:
            into, upto = None, LAST - 1
            if kind in (STOCK, MIXED):
                into = draw(st.sampled_from([other for other in NAMES if other > name]))
                upto = found[into].end[0] if found[into].end else upto
            end = (draw(st.integers(ENTRY + 1, upto)), kind, into, draw(CASH) if kind == MIXED else 0.0)
        upto = LAST - 1 if end is None else end[0]
        when = draw(st.lists(st.integers(ENTRY + 1, upto), max_size=4, unique=True))
        actions = tuple((t, draw(st.sampled_from([*sorted(FACTORS), "strike_dividend"]))) for t in sorted(when))
        renamed = draw(st.none() | SESSIONS)
        found[name] = Name(actions, renamed if renamed is None or renamed < upto else None, end)
    return found


class Economy:
    """Prices in shares of the entry, volatilities and ends of every name, and the tables that are quoted of them."""

    def __init__(self, fates):
        self.fates, t = fates, np.arange(len(DAYS))
        self.price, self.vol, self.scale, self.ends, self.terms, self.paid, self.cash = ({} for _ in range(7))
        for n, name in enumerate(["IDX", *reversed(NAMES)]):
            moved = np.exp(0.015 * np.sin(0.9 * t + n))
            self.price[name] = (1000.0 if name == "IDX" else 60.0 + 15.0 * n) * moved
            self.vol[name] = np.float32(0.2 + 0.02 * n + 0.002 * np.cos(t + n)).astype(float)
            self.scale[name], self.ends[name], self.paid[name] = np.ones(len(DAYS)), None, np.zeros(len(DAYS))
            if name != "IDX":
                self._live(name, fates[name])

    def _live(self, name, fate):
        """What actions do to a share, and what it becomes."""
        for t, kind in fate.actions:
            if kind == "strike_dividend":
                self.paid[name][t:] += TAKEN * self.price[name][t - 1]
                self.price[name][t:] *= 1.0 - TAKEN
            else:
                (self.price if kind == "special_dividend" else self.scale)[name][t:] *= FACTORS[kind]
        if fate.end is None:
            return
        t, kind, into, in_cash = fate.end
        if kind in (STOCK, MIXED):
            # Its own actions of that session come before the merger.
            own = {"special_dividend": FACTORS["special_dividend"], "strike_dividend": 1.0 - TAKEN}
            worth = self.price[name][t - 1] * own.get(dict(fate.actions).get(t), 1.0)
            of_acquirer = (1.0 - in_cash) * worth / self.price[into][t - 1]
            self.cash[name] = in_cash * worth * self.scale[name][t]
            later = self.paid[into][t:] - self.paid[into][t - 1]
            self.paid[name][t:] += in_cash * worth + of_acquirer * later
            self.price[name][t:] = of_acquirer * self.price[into][t:]
            self.vol[name][t:] = self.vol[into][t:]
            self.ends[name] = self.ends[into]
            self.terms[name] = of_acquirer * self.scale[name][t] / self.scale[into][t - 1]
        else:
            if kind in IN_CASH:
                self.price[name][t] *= IN_CASH[kind]
            self.ends[name] = (t, kind)

    def ticker(self, name, t):
        renamed = self.fates[name].renamed if name != "IDX" else None
        return name if renamed is None or t < renamed else f"{name}{name}"

    def tables(self):
        there = [
            (t, name)
            for name in self.price
            for t in range(len(DAYS))
            if name == "IDX" or self.fates[name].end is None or t < self.fates[name].end[0]
        ]
        iv = [
            (DAYS[t], self.ticker(name, t), tenor, delta, self.vol[name][t])
            for t, name in there
            for tenor in (5, 60)
            for delta in (25, 50, 75)
        ]
        closes = [(DAYS[t], self.ticker(name, t), self.price[name][t] * self.scale[name][t]) for t, name in there]
        return {
            "surface": pl.DataFrame(iv, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row"),
            "prices": pl.DataFrame(closes, schema=["date", "ticker", "close"], orient="row"),
            "weights": pl.DataFrame({"ticker": list(NAMES), "weight": [0.3, 0.25, 0.2, 0.15, 0.1]}),
            "actions": self.actions(),
            "rates": 0.0,
            "index": "IDX",
        }

    def actions(self):
        rows = []
        for name, fate in self.fates.items():
            for t, kind in fate.actions:
                taken = TAKEN * self.price[name][t - 1] * self.scale[name][t] if kind == "strike_dividend" else None
                rows.append((DAYS[t], self.ticker(name, t), kind, FACTORS.get(kind), taken, None, None))
            if fate.renamed is not None:
                t = fate.renamed
                rows.append((DAYS[t], name, "rename", None, None, self.ticker(name, t), None))
            if fate.end is not None:
                t, kind, into, _ = fate.end
                paid = self.price[name][t] * self.scale[name][t] if kind in IN_CASH else None
                given, cash = self.terms.get(name, paid), self.cash[name] if kind == MIXED else None
                kind = MIXED if kind == UNTOLD else kind
                rows.append((DAYS[t], self.ticker(name, t), kind, None, given, into and self.ticker(into, t), cash))
        numbers = dict.fromkeys(("factor", "amount"), pl.Float64)
        columns = {"date": pl.Date, "ticker": pl.String, "kind": pl.String} | numbers
        columns |= {"into": pl.String, "cash": pl.Float64}
        return pl.DataFrame(rows, schema=columns, orient="row").sample(fraction=1.0, shuffle=True, seed=7)

    def earned(self, name, strike, hedged):
        """What one straddle earns on each session, sold or held: by its value, and its delta against the price."""
        price, end, paid = self.price[name], self.ends[name], self.paid[name]
        last, kind = (LAST, None) if end is None else end
        value, delta = np.zeros(len(DAYS)), np.zeros(len(DAYS))
        for t in range(ENTRY, last + 1):
            deviation = self.vol[name][t] * np.sqrt((EXPIRY - DAYS[t]).days / 365.0)
            struck = strike - paid[t]
            if t == last and kind == UNTOLD:
                value[t] = value[t - 1]
                price, paid = (np.where(np.arange(len(DAYS)) == t, a[t - 1], a) for a in (price, paid))
            elif t == last:
                value[t] = abs(price[t] - struck)
            elif struck <= 0.0:  # the call delivers more cash than it asks for
                value[t], delta[t] = price[t] - struck, 1.0
            else:
                d1 = np.log(price[t] / struck) / deviation + deviation / 2.0
                delta[t] = 2.0 * norm.cdf(d1) - 1.0
                value[t] = price[t] * delta[t] - struck * (2.0 * norm.cdf(d1 - deviation) - 1.0)
        earned = np.zeros(len(DAYS))
        held = slice(ENTRY + 1, last + 1)
        earned[held] = np.diff(value)[ENTRY:last]
        if hedged:
            earned[held] -= delta[ENTRY:last] * np.diff(price + paid)[ENTRY:last]
        return earned


@given(fates(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_held_book_earns_what_the_economy_of_its_names_makes_whatever_happens_to_their_shares(drawn, kernels):
    economy = Economy(drawn)
    market = MarketPanel.from_frames(**economy.tables())

    def run(size, hedge):
        choices = {"basket": AllMembers(), "schedule": OnDates((str(DAYS[ENTRY]),)), "structure": Straddle(30)}
        return backtest(market, Every(size), **choices, costs=NoCosts(), hedge=hedge)

    def results():
        return {(size, hedge): run(size, hedge) for size in (1.0, -1.0) for hedge in (NoHedge(), DailyDelta())}

    if kernels:
        found = results()
    else:
        with switched_off():
            found = results()
    for hedge in (NoHedge(), DailyDelta()):
        result, other = found[1.0, hedge], found[-1.0, hedge]
        np.testing.assert_array_equal(result.pnl_gross, -other.pnl_gross)
        ledger = result.ledger()
        assert ledger.height == 1 + len(NAMES)
        expected = np.zeros(len(DAYS))
        for row in ledger.iter_rows(named=True):
            name = "IDX" if row["leg_class"] == "index" else row["leg"][0]
            earned = row["quantity"] * economy.earned(name, row["strike"], hedge != NoHedge())
            expected += earned
            assert abs(row["pnl_gross"] - earned.sum()) < 1e-9 * abs(row["quantity"] * row["strike"])
        scale = np.abs(ledger["quantity"] * ledger["strike"]).sum()
        np.testing.assert_allclose(result.pnl_gross[0], expected, rtol=0, atol=1e-9 * scale)
        assert abs(ledger["pnl_gross"].sum() - result.pnl_gross.sum()) < 1e-12 * scale
        for t in (ENTRY + 1, (ENTRY + LAST) // 2, LAST):
            assert abs(result.day(str(DAYS[t]))["pnl_gross"].sum() - result.pnl_gross[0, t]) < 1e-12 * scale


@given(fates())
@settings(max_examples=20, deadline=None)
def test_early_exercise_among_them_leaves_long_minus_short_and_every_sum(drawn):
    market = MarketPanel.from_frames(**Economy(drawn).tables())
    choices = {"basket": AllMembers(), "schedule": OnDates((str(DAYS[ENTRY]),)), "costs": NoCosts()}
    long, short = (
        backtest(market, Every(size), structure=Straddle(30, exercise="american"), **choices) for size in (1.0, -1.0)
    )
    np.testing.assert_array_equal(long.pnl_gross, -short.pnl_gross)
    ledger, daily = long.ledger(), long.daily()
    scale = np.abs(ledger["quantity"] * ledger["strike"]).sum()
    assert set(ledger["status"]) <= {"expired", "settled", "closed", "exercised"}
    for column in ("pnl_gross", "settlement"):
        assert abs(ledger[column].sum() - daily[column].sum()) < 1e-12 * scale
    for t in range(ENTRY + 1, LAST + 1):
        assert abs(long.day(str(DAYS[t]))["pnl_gross"].sum() - daily["pnl_gross"][t]) < 1e-12 * scale
