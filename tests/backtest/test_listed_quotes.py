"""Listed contracts with bid and ask: fills, lots, marks that are missing, a split, and what cannot be had."""

import datetime
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    AbstractStrategy,
    EarlyExit,
    ListedMarks,
    NoCosts,
    NoHedge,
    SingleOption,
    Straddle,
    VarianceSwap,
    VegaNeutral,
    VolPoints,
    backtest,
)
from engine.backtest.batch import stack
from engine.backtest.legs.listed import ListedBook
from engine.correlation import AllMembers
from engine.data import MarketPanel, append_panel, open_panel, save_panel
from engine.data.contract_quotes import ContractQuotes
from engine.data.store.verify import verify_panel
from engine.errors import InputError
from engine.pricing import black_price
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

START, EXPIRIES = datetime.date(2026, 1, 5), (30, 65)
SPOTS, VOLS = {"IDX": 1000.0, "A": 100.0, "B": 50.0}, {"IDX": 0.15, "A": 0.25, "B": 0.35}
HALF = 0.05  # of every quote
SESSIONS = 45


@dataclass(frozen=True)
class Every(AbstractStrategy):
    """One exposure on all dates."""

    size: float = 1.0

    def exposure(self, market):
        """Return it, (T,)."""
        return np.full(len(market.panel), self.size)


@dataclass(frozen=True)
class First:
    """Enter on the session after the first, and no more."""

    def entries(self, dates, lag):
        """Return that session."""
        return np.array([lag])


def contracts(panel) -> ContractQuotes:
    return panel.contracts


def book_of(result) -> ListedBook:
    return result.book.listed


def sessions():
    days = [START + datetime.timedelta(n) for n in range(SESSIONS)]
    return [day for day in days if day.weekday() < 5]


def spot(name, day):
    return SPOTS[name] * (1.0 + 0.01 * np.sin(0.7 * (day - START).days + len(name)))


def quotes():
    """Flat smiles, strikes in steps of 2 % of the first spot, no carry; bid and ask of the same width."""
    rows = []
    for day in sessions():
        for name, first in SPOTS.items():
            for days in EXPIRIES:
                expiry = START + datetime.timedelta(days)
                if expiry <= day:
                    continue
                years = (expiry - day).days / 365.0
                for strike in first * (1.0 + 0.02 * np.arange(-12, 13)):
                    for right in ("C", "P"):
                        mid = float(
                            black_price(spot(name, day), strike, np.array(VOLS[name]), np.array(years), right == "C")
                        )
                        bid, ask = max(mid - HALF, 0.0), mid + HALF
                        rows.append((day, name, expiry, round(strike, 2), right, bid, ask, 100.0, "european"))
    columns = ["date", "ticker", "expiry", "strike", "right", "bid", "ask", "multiplier", "style"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def prices():
    rows = [(day, name, spot(name, day)) for day in sessions() for name in SPOTS]
    return pl.DataFrame(rows, schema=["date", "ticker", "close"], orient="row")


@pytest.fixture(scope="module")
def tables():
    weights = pl.DataFrame({"ticker": ["A", "B"], "weight": [0.6, 0.4]})
    return {"quotes": quotes(), "weights": weights, "prices": prices(), "rates": 0.0, "index": "IDX"}


@pytest.fixture(scope="module")
def panel(tables):
    return MarketPanel.from_quotes(**tables)


def run(panel, **choices):
    defaults = {"basket": AllMembers(), "schedule": First(), "structure": Straddle(28), "sizing": VegaNeutral(5000.0)}
    strategy = choices.pop("strategy", Every())
    return backtest(panel, strategy, **defaults | {"marks": ListedMarks(), "costs": NoCosts()} | choices)


def test_fills_are_at_mid_and_the_far_side_costs_half_the_spread_of_each_contract(panel):
    far, mid, part = (run(panel, hedge=NoHedge(), marks=ListedMarks(fill=fill)) for fill in (1.0, 0.0, 0.4))
    ledger = far.ledger()
    assert ledger.height == 6
    assert set(ledger["entry_source"]) == {"bid/ask"}
    contracts = np.abs(ledger["lots"].to_numpy()).sum() * 100.0
    # Held to the expiry: only the entry pays.
    assert far.cost.sum() == pytest.approx(HALF * contracts, rel=1e-9)
    assert part.cost.sum() == pytest.approx(0.4 * HALF * contracts, rel=1e-9)
    assert mid.cost.sum() == 0.0
    np.testing.assert_array_equal(far.pnl_gross, mid.pnl_gross)
    assert "trade_marks_share" in far.summary()
    assert far.summary()["trade_marks_share"] == far.summary()["surface_marks_share"] == 0.0


def test_selling_early_pays_the_spread_again_and_so_does_closing_what_is_open(panel):
    sold = run(panel, hedge=NoHedge(), exits=EarlyExit(days_left=10.0))
    contracts = np.abs(sold.ledger()["lots"].to_numpy()).sum() * 100.0
    assert sold.cost.sum() == pytest.approx(2.0 * HALF * contracts, rel=1e-9)
    assert sold.ledger()["cost"].sum() == pytest.approx(sold.cost.sum(), rel=1e-9)
    still = run(panel, hedge=NoHedge(), structure=Straddle(60))
    summary = still.summary()
    contracts = np.abs(still.ledger()["lots"].to_numpy()).sum() * 100.0
    assert summary["cohorts_open"] == 1
    assert summary["cost_if_closed"] - summary["cost"] == pytest.approx(HALF * contracts, rel=1e-9)


def test_a_missing_mark_comes_from_the_surface_and_is_counted(tables, panel):
    held = (
        run(panel, hedge=NoHedge())
        .ledger()
        .row(by_predicate=(pl.col("leg") == "A") & (pl.col("right") == "C"), named=True)
    )
    gone = sessions()[9]
    of_it = (pl.col("ticker") == "A") & (pl.col("strike") == held["strike"]) & (pl.col("date") == gone)
    without = MarketPanel.from_quotes(
        **tables | {"quotes": tables["quotes"].filter(~(of_it & (pl.col("right") == "C")))}
    )
    ours, full = run(without), run(panel)
    marks = book_of(full).marks.sum()
    assert ours.summary()["surface_marks_share"] == pytest.approx(1.0 / marks)
    assert "marks_without_quote" in [caution.code for caution in ours.cautions()]
    # The smile is flat and its neighbours are quoted: to a hundredth of a point of volatility the same mark.
    day = list(sessions()).index(gone)
    moved = np.abs(ours.pnl_gross - full.pnl_gross)[0]
    vega = abs(held["entry_vega"])
    assert 0.0 < moved[day] < 0.1 * vega
    assert moved[:day].max() == 0.0
    assert ours.pnl_gross.sum() == pytest.approx(full.pnl_gross.sum(), abs=0.1 * vega)


def test_a_trade_without_two_sides_pays_vol_points_and_is_called_one(tables):
    only = tables["quotes"].with_columns(price=(pl.col("bid") + pl.col("ask")) / 2.0, volume=pl.lit(5.0))
    market = MarketPanel.from_quotes(**tables | {"quotes": only.drop("bid", "ask")})
    result = run(market, hedge=NoHedge(), costs=VolPoints(index=0.5, component=1.0, hedge_bps=0.0, delivery_bps=0.0))
    ledger = result.ledger()
    assert set(ledger["entry_source"]) == {"last trade, not executable"}
    rate = pl.when(pl.col("leg_class") == "index").then(0.5).otherwise(1.0)
    assert result.cost.sum() == pytest.approx(ledger.select((rate * pl.col("entry_vega").abs()).sum()).item(), rel=1e-9)
    # What did not trade has no quote.
    idle = MarketPanel.from_quotes(**tables | {"quotes": only.drop("bid", "ask").with_columns(volume=pl.lit(0.0))})
    with pytest.raises(InputError, match="none of 1 cohorts can be entered"):
        run(idle)


def test_lots_are_whole_and_what_is_less_than_half_a_lot_is_not_held(panel):
    for vega in (400.0, 3000.0, 50_000.0):
        ledger = run(panel, sizing=VegaNeutral(vega)).ledger()
        exact = ledger["quantity"] / 100.0
        np.testing.assert_allclose(exact, exact.round(), atol=1e-9)
    with pytest.raises(InputError, match="none of 1 cohorts"):
        run(panel, sizing=VegaNeutral(1.0))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"strategy": Every(0.5)}, "whole lots, so the exposure must be -1, 0 or 1 .* not 0.5"),
        ({"structure": VarianceSwap(28)}, "VarianceSwap is none; choose Straddle"),
        ({"sizing": stack([VegaNeutral(1.0), VegaNeutral(2.0)])}, "give one number"),
    ],
)
def test_what_cannot_be_had_is_refused(panel, choices, message):
    with pytest.raises(InputError, match=message):
        run(panel, **choices)


def test_a_price_without_time_value_is_no_entry(tables):
    """Deep calls of A are offered a tick above what they are worth at once: sized by that vega, millions of them."""
    call = SingleOption(28, moneyness=0.9, min_coverage=0.3)
    usual = run(MarketPanel.from_quotes(**tables), structure=call)
    spots = pl.DataFrame(
        [(day, "A", spot("A", day)) for day in sessions()], schema=["date", "ticker", "spot"], orient="row"
    )
    deep = (pl.col("strike") < 0.95 * pl.col("spot")) & (pl.col("right") == "C")
    worth = pl.col("spot") - pl.col("strike")
    rows = tables["quotes"].join(spots, on=["date", "ticker"], how="left", maintain_order="left")
    sides = [
        pl.when(deep).then(worth + tick).otherwise(side).alias(side) for side, tick in (("bid", 0.002), ("ask", 0.006))
    ]
    odd = run(MarketPanel.from_quotes(**tables | {"quotes": rows.with_columns(sides).drop("spot")}), structure=call)
    assert set(usual.ledger()["leg"]) == {"IDX", "A", "B"}
    assert set(odd.ledger()["leg"]) == {"IDX", "B"}
    assert abs(odd.pnl_gross).max() < 20.0 * abs(usual.pnl_gross).max()


def test_a_market_without_contracts_or_their_size_is_refused(tables):
    with pytest.raises(InputError, match="has a surface only"):
        backtest(small_market(), ShortCorrelation(), marks=ListedMarks())
    unknown = MarketPanel.from_quotes(**tables | {"quotes": tables["quotes"].drop("multiplier")})
    with pytest.raises(InputError, match="does not say how many shares"):
        run(unknown)
    assert (run(unknown, marks=ListedMarks(multiplier=50.0)).ledger()["multiplier"] == 50.0).all()
    for fill in (-0.1, 1.1):
        with pytest.raises(InputError, match=r"marks.fill"):
            ListedMarks(fill=fill)


def test_views_that_reprice_on_the_surface_are_refused(panel):
    result = run(panel)
    for view in (result.carry, result.scenarios, result.breakeven_correlation):
        with pytest.raises(InputError, match="use marks=surface"):
            view("2026-01-12")
    with pytest.raises(InputError, match="use marks=surface"):
        result.split()


def test_selling_correlation_short_is_buying_it_long(panel):
    sold, bought = run(panel), run(panel, strategy=Every(-1.0))
    np.testing.assert_allclose(sold.pnl_gross, -bought.pnl_gross, rtol=1e-12)
    np.testing.assert_allclose(sold.cost, bought.cost, rtol=1e-12)


def test_contracts_are_kept_beside_the_panel_and_read_back_alike(panel, tmp_path):
    save_panel(panel, tmp_path / "whole")
    stored = open_panel(tmp_path / "whole")
    columns = ["date", "ticker", "expiry", "strike", "right"]
    ours, theirs = (contracts(p).rows.sort(columns).collect() for p in (panel, stored))
    assert ours.equals(theirs)
    assert ours.height == quotes().height
    np.testing.assert_array_equal(run(stored).pnl_net, run(panel).pnl_net)
    middle = panel.dates[20]
    save_panel(panel.slice(None, middle), tmp_path / "grown")
    before = sorted(path.name for path in (tmp_path / "grown").glob("contracts-*"))
    append_panel(tmp_path / "grown", panel.slice(str(panel.dates[21])))
    grown = open_panel(tmp_path / "grown")
    assert contracts(grown).rows.sort(columns).collect().equals(ours)
    assert len(before) < len(list((tmp_path / "grown").glob("contracts-*")))
    assert grown.content_hash == stored.content_hash  # however they are cut into files
    assert list(verify_panel(tmp_path / "grown")) == []


def test_a_damaged_or_lost_file_of_contracts_is_named(panel, tmp_path):
    save_panel(panel, tmp_path / "p")
    file = min((tmp_path / "p").glob("contracts-*.parquet"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert [file.name in said for said in verify_panel(tmp_path / "p")] == [True]
    file.unlink()
    with pytest.raises(InputError, match=file.name):
        open_panel(tmp_path / "p")


def test_what_an_interrupted_append_left_does_not_count(panel, tmp_path):
    first = panel.slice(None, panel.dates[20])
    save_panel(first, tmp_path / "p")
    (tmp_path / "p" / "contracts-2026-02-03.parquet").write_bytes(b"half a file")
    opened = open_panel(tmp_path / "p")
    kept = sum(rows.height for rows in contracts(first).by_date(first.dates).values())
    assert contracts(opened).rows.select(pl.len()).collect().item() == kept
    append_panel(tmp_path / "p", panel.slice(str(panel.dates[21])))
    assert list(verify_panel(tmp_path / "p")) == []


def test_contracts_are_found_again_at_the_strike_that_a_dividend_left_them(tables):
    """A pays 5 that the exchange takes off strikes: what was listed at 98 is listed at 93, at quotes of its own."""
    ex_date, paid = sessions()[8], 5.0
    after = (pl.col("date") >= ex_date) & (pl.col("ticker") == "A")
    # Dearer by the same 0.3 as no surface would put it: the contract's own quote is told from the smile's mark.
    moved = {name: pl.when(after).then(pl.col(name) + 0.3).otherwise(name) for name in ("bid", "ask")}
    moved["strike"] = pl.when(after).then((pl.col("strike") - paid).round(2)).otherwise("strike")
    given = tables | {
        "quotes": tables["quotes"].with_columns(**moved),
        "prices": tables["prices"].with_columns(close=pl.when(after).then(pl.col("close") - paid).otherwise("close")),
    }
    action = {"date": [ex_date], "ticker": ["A"], "kind": ["strike_dividend"], "factor": [None], "amount": [paid]}
    result = run(
        MarketPanel.from_quotes(**given, actions=pl.DataFrame(action)), structure=Straddle(30), hedge=NoHedge()
    )
    rows = result.ledger().filter(leg="A").sort("cohort", "right")
    held = rows.filter((pl.col("entry_date") < ex_date) & (pl.col("exit_date") > ex_date))
    assert held.height == 2
    assert held["strike_reduction"].to_list() == [paid, paid]
    day = result.day(str(ex_date)).filter(leg="A")
    for row in held.iter_rows(named=True):
        of_it = (pl.col("ticker") == "A") & (pl.col("right") == row["right"]) & (pl.col("expiry") == row["expiry"])
        quote = [
            given["quotes"].filter(of_it & (pl.col("date") == when) & ((pl.col("strike") - strike).abs() < 1e-9))
            for when, strike in ((sessions()[7], row["strike"]), (ex_date, row["strike"] - paid))
        ]
        mids = [one.select((pl.col("bid") + pl.col("ask")) / 2.0).item() for one in quote]
        label = {"C": "call", "P": "put"}[row["right"]]
        earned = day.filter((pl.col("cohort") == row["cohort"]) & (pl.col("instrument") == label))["pnl_gross"].item()
        assert earned == pytest.approx(row["quantity"] * (mids[1] - mids[0]), rel=1e-9)
        assert row["exit_source"] in ("settlement", "bid/ask")


def aapl(shared_data, tmp_path):
    """AAPL over its split, and an index that is the same without one: seven shares each after it."""
    from engine.data.vendors.canonical import vendor_tables

    found = vendor_tables(shared_data / "lean", None, "lean").tables["quotes"].kept
    quotes = found.filter(pl.col("ticker") == "AAPL").with_columns(multiplier=pl.lit(100.0))
    after = pl.col("date") == datetime.date(2014, 6, 9)
    index = quotes.with_columns(
        ticker=pl.lit("IDX"),
        strike=pl.when(after).then((pl.col("strike") * 7.0).round()).otherwise("strike"),
        bid=pl.when(after).then(pl.col("bid") * 7.0).otherwise("bid"),
        ask=pl.when(after).then(pl.col("ask") * 7.0).otherwise("ask"),
    ).unique(["date", "ticker", "expiry", "strike", "right"], keep="first", maintain_order=True)
    days = [datetime.date(2014, 6, 5), datetime.date(2014, 6, 6), datetime.date(2014, 6, 9)]
    closes = {"AAPL": [647.35, 645.57, 93.70], "IDX": [647.35, 645.57, 655.9]}
    rows = [(day, name, close) for name, of in closes.items() for day, close in zip(days, of, strict=True)]
    first = pl.concat([quotes, index]).filter(pl.col("date") == days[1]).with_columns(date=pl.lit(days[0]))
    market = MarketPanel.from_quotes(
        pl.concat([first, quotes, index]).select(pl.exclude("delta", "iv", "price")),
        pl.DataFrame({"ticker": ["AAPL"], "weight": [1.0]}),
        pl.DataFrame(rows, schema=["date", "ticker", "close"], orient="row"),
        actions=pl.DataFrame({"date": [days[2]], "ticker": ["AAPL"], "kind": ["split"], "factor": [1.0 / 7.0]}),
        rates=0.002,
        index="IDX",
    )
    return market, quotes


def test_aapl_is_held_through_its_split_at_its_own_bid_and_ask(shared_data, tmp_path):
    market, quotes = aapl(shared_data, tmp_path)
    choices = {"structure": Straddle(15), "sizing": VegaNeutral(20_000.0), "hedge": NoHedge()}
    result = run(market, **choices)
    ledger = result.ledger().filter(pl.col("leg") == "AAPL")
    assert ledger["right"].to_list() == ["C", "P"]
    assert (ledger["strike"] == 645.0).all()
    for row in ledger.iter_rows(named=True):
        assert row["entry_source"] == row["exit_source"] == "bid/ask"
        of_it = (pl.col("expiry") == row["expiry"]) & (pl.col("right") == row["right"])
        before, after = (
            quotes.filter(of_it & (pl.col("strike") == strike) & (pl.col("date") == day)).row(0, named=True)
            for strike, day in ((645.0, datetime.date(2014, 6, 6)), (92.14, datetime.date(2014, 6, 9)))
        )
        mids = [(quote["bid"] + quote["ask"]) / 2.0 for quote in (before, after)]
        assert (row["entry_price"], row["exit_price"]) == pytest.approx(tuple(mids), abs=1e-9)
        assert row["strike_factor"] == pytest.approx(1.0 / 7.0)
        shares = row["lots"] * 100.0
        assert row["pnl_option"] == pytest.approx(shares * (7.0 * mids[1] - mids[0]), abs=0.005)
    # The surface of that day, marked without the contract's own quote, puts it inside its own bid and ask.
    restated = (pl.col("strike") == 92.14) & (pl.col("date") == datetime.date(2014, 6, 9))
    rows = contracts(market).rows.filter(~(restated & (pl.col("ticker") == "AAPL")))
    other = run(replace(market, contracts=ContractQuotes(rows)), **choices).ledger().filter(pl.col("leg") == "AAPL")
    assert (other["exit_source"] == "surface").all()
    for row, from_surface in zip(ledger.iter_rows(named=True), other["exit_price"], strict=True):
        of_it = (pl.col("expiry") == row["expiry"]) & (pl.col("right") == row["right"])
        quote = quotes.filter(of_it & restated).row(0, named=True)
        assert quote["bid"] <= from_surface <= quote["ask"]
    # So the value goes on: seven times the shares at a seventh of the strike, and a day's news in volatility.
    day = result.day("2014-06-09").filter(pl.col("leg") == "AAPL")
    assert (day["unexplained"].abs() < 1e-3 * day["quantity"].abs()).all()
