"""Frames of one's own to a panel: axes, weights, rates, actions and carry as stated, whatever form they come in."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine import backtest
from engine.backtest import Straddle
from engine.data import MarketPanel
from engine.data.records import QuoteStatus
from engine.data.tables.frames import own_market
from engine.errors import InputError
from engine.kernels import switched_off
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation
from tests.data.tiny_panel import assert_same

pd = pytest.importorskip("pandas")  # comes with exchange_calendars; engine never needs it for this
DAYS = [date(2026, 1, 5) + timedelta(days) for days in (0, 1, 2, 3, 4, 7, 8, 9)]
TICKERS = ("IDX", "A", "B")


def surface(tenors=(30, 91), deltas=(25, 50, 75)) -> pl.DataFrame:
    rows = [
        (day, ticker, tenor, delta, round(0.15 + 0.05 * n + 0.001 * t + 0.0001 * tenor + 0.0002 * delta, 6))
        for t, day in enumerate(DAYS)
        for n, ticker in enumerate(TICKERS)
        for tenor in tenors
        for delta in deltas
    ]
    return pl.DataFrame(rows, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row")


def prices(first=0) -> pl.DataFrame:
    days = [DAYS[0] - timedelta(days) for days in range(first, 0, -1)] + DAYS
    rows = [(day, x, 100.0 + 10 * n + t) for t, day in enumerate(days) for n, x in enumerate(TICKERS)]
    return pl.DataFrame(rows, schema=["date", "ticker", "close"], orient="row")


def panel(**changes) -> MarketPanel:
    given = {"surface": surface(), "weights": "equal", "prices": prices(), "index": "IDX"} | changes
    return MarketPanel.from_frames(**given)


def test_each_number_lies_where_its_row_says():
    found, rows = panel(), surface()
    assert (found.info.index, found.names.tolist()) == ("IDX", ["A", "B"])
    assert (found.tenors.tolist(), found.deltas.tolist()) == ([30, 91], [25, 50, 75])
    for day, ticker, tenor, delta, iv in rows.iter_rows():
        at = (DAYS.index(day), found.tenors.tolist().index(tenor), found.deltas.tolist().index(delta))
        own = (
            found.index_iv[at]
            if ticker == "IDX"
            else found.component_iv[at[0], found.names.tolist().index(ticker)][at[1:]]
        )
        assert own == np.float32(iv)
    assert found.index_spot.tolist() == [100.0 + t for t in range(len(DAYS))]
    assert found.spot[3].tolist() == [113.0, 123.0]
    assert (found.component_status == QuoteStatus.OK).all()


def test_what_is_not_there_is_nan_and_says_why():
    rows = surface().filter(~((pl.col("ticker") == "A") & (pl.col("date") == DAYS[1])))
    rows = rows.filter(~((pl.col("ticker") == "B") & (pl.col("date") == DAYS[2]) & (pl.col("tenor") == 91)))
    rows = rows.filter(~((pl.col("ticker") == "B") & (pl.col("date") == DAYS[3]) & (pl.col("delta") == 25)))
    found = panel(surface=rows)
    assert (found.component_status[1, 0] == QuoteStatus.NO_QUOTE).all()
    assert (found.component_status[2, 1, 1] == QuoteStatus.BEYOND_TENOR).all()
    assert (found.component_status[3, 1, :, 0] == QuoteStatus.BEYOND_DELTA).all()
    assert np.isnan(found.component_iv[found.component_status != QuoteStatus.OK]).all()


def test_polars_and_pandas_long_and_wide_percent_and_decimals_make_one_panel():
    rows, closes = surface((91,), (50,)), prices()
    whole = panel(surface=rows, prices=closes)
    wide = rows.pivot("ticker", index="date", values="iv")
    wide_closes = closes.pivot("ticker", index="date", values="close")
    dated = pd.DataFrame(wide.to_dict(as_series=False)).set_index("date")
    dated.index = pd.to_datetime(dated.index)
    dated_closes = pd.DataFrame(wide_closes.to_dict(as_series=False))
    one = {"tenor": 91, "delta": 50}
    assert_same(whole, panel(surface=wide, prices=wide_closes, **one))
    assert_same(whole, panel(surface=dated, prices=dated_closes, **one))
    assert_same(whole, panel(surface=rows.lazy(), prices=closes.rename({"ticker": "Symbol", "date": "Date"})))
    assert_same(whole, panel(surface=rows.sample(fraction=1.0, shuffle=True, seed=1), prices=closes.reverse()))
    tokens = closes.with_columns(pl.col("date").dt.strftime("%Y%m%d").cast(pl.Int64))
    assert_same(whole, panel(surface=rows.with_columns(pl.col("date").cast(pl.String)), prices=tokens))
    percent = panel(surface=rows.with_columns(pl.col("iv") * 100.0))
    np.testing.assert_allclose(percent.component_iv, whole.component_iv, rtol=1e-6)
    assert any("iv is in percent" in note for note in percent.info.notes)
    assert not any("percent" in note for note in whole.info.notes)


def test_deltas_of_puts_signed_or_told_land_on_the_call_delta_of_their_strike():
    whole = panel()
    signed = surface().with_columns(delta=pl.when(pl.col("delta") > 50).then(pl.col("delta") - 100).otherwise("delta"))
    assert_same(replace(whole, info=panel(surface=signed).info), panel(surface=signed))
    told = signed.with_columns(right=pl.when(pl.col("delta") < 0).then(pl.lit("put")).otherwise(pl.lit("call")))
    told = told.with_columns(pl.col("delta").abs() / 100.0)
    assert_same(replace(whole, info=panel(surface=told).info), panel(surface=told))


def test_at_fifty_call_and_put_are_averaged_and_elsewhere_the_one_out_of_the_money_counts():
    calls = surface().with_columns(right=pl.lit("C"))
    puts = calls.with_columns(right=pl.lit("P"), delta=100 - pl.col("delta"), iv=pl.col("iv") + 0.02)
    own = own_market(pl.concat([calls, puts]), "equal", prices(), index="IDX")
    both, alone = own.panel(), panel()
    for d, add in ((0, 0.0), (1, 0.01), (2, 0.02)):
        np.testing.assert_allclose(both.component_iv[..., d], alone.component_iv[..., d] + add, rtol=1e-5)
    dropped = own.quality.filter(pl.col("reason") == "surface.other_side_of_a_node")
    assert dropped["rows"].sum() == calls.height


def test_weights_of_a_close_count_from_the_next_session_and_those_known_at_the_open_on_it():
    dated = pl.DataFrame({"date": [DAYS[1]] * 2 + [DAYS[4]], "ticker": ["A", "B", "A"], "weight": [0.6, 0.4, 1.0]})
    none, first, second = [0.0, 0.0], [0.6, 0.4], [1.0, 0.0]
    assert panel(weights=dated).weights.tolist() == [none, none, first, first, first, second, second, second]
    at_open = panel(weights=dated, weights_known="open")
    assert at_open.weights.tolist() == [none, first, first, first, second, second, second, second]
    assert any("2 sessions have no weights" in note for note in panel(weights=dated).info.notes)
    with pytest.raises(InputError, match="weights_known=monday"):
        panel(weights=dated, weights_known="monday")


def test_undated_weights_are_constant_and_a_caution_says_so():
    found = panel(weights=pl.DataFrame({"ticker": ["A", "B"], "weight": [60.0, 40.0]}))
    assert found.weights.tolist() == [[0.6, 0.4]] * len(DAYS)
    assert any("weights have no dates" in note for note in found.info.notes)
    assert any("survivors" in note for note in found.info.notes)


def test_equal_weights_are_of_the_names_that_had_a_price_the_session_before():
    closes = prices().filter(~((pl.col("ticker") == "A") & (pl.col("date") == DAYS[2])))
    found = panel(prices=closes)
    assert found.weights.tolist() == [[0.0, 0.0], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0], *[[0.5, 0.5]] * 4]
    earlier = panel(prices=prices(first=3))
    assert (earlier.weights == 0.5).all()
    assert earlier.history is not None
    assert len(earlier.history) == len(DAYS) + 3


def test_a_rate_counts_from_the_day_after_it_is_known_and_none_is_zero_and_said():
    rates = pl.DataFrame({"date": [DAYS[0] - timedelta(40), DAYS[2]], "rate": [0.01, 0.02]})
    found = panel(rates=rates)
    assert found.rate.tolist() == [0.01] * 3 + [0.02] * 5
    assert found.carry[4].tolist() == [0.02, 0.02]
    assert any("more than 31 days old, at most 42" in note for note in found.info.notes)
    assert (panel(rates=0.03).rate == 0.03).all()
    assert any("0 is used" in note for note in panel().info.notes)
    with pytest.raises(InputError, match="no rate before the first session 2026-01-05"):
        panel(rates=rates[1:])
    with pytest.raises(InputError, match=r"rates=3\.0 is no rate in decimals"):
        panel(rates=3.0)


def test_splits_move_contracts_and_dividends_returns_only():
    closes = prices().with_columns(
        close=pl.when((pl.col("ticker") == "A") & (pl.col("date") >= DAYS[3]))
        .then(pl.col("close") / 10)
        .otherwise("close")
    )
    actions = pl.DataFrame(
        {
            "date": [DAYS[3], DAYS[5], DAYS[6]],
            "ticker": ["A", "B", "B"],
            "kind": ["split", "special_dividend", "demerger"],
        }
    ).with_columns(factor=pl.Series([0.1, 0.98, None]))
    found = panel(prices=closes, actions=actions)
    assert found.strike_factor[:, 0].tolist() == [1, 1, 1, 0.1, 1, 1, 1, 1]
    assert found.strike_factor[:6, 1].tolist() == [1.0] * 6
    assert found.return_factor[5, 1] == 0.98
    assert np.isnan(found.strike_factor[6, 1])
    assert np.isnan(found.return_factor[6, 1])


def test_an_action_that_the_prices_contradict_is_refused():
    split = {"date": [DAYS[3]], "ticker": ["A"], "kind": ["split"]}
    with pytest.raises(InputError, match="seem to be adjusted already"):
        panel(actions=pl.DataFrame(split | {"factor": [0.1]}))
    closes = prices().with_columns(
        close=pl.when((pl.col("ticker") == "A") & (pl.col("date") >= DAYS[3]))
        .then(pl.col("close") / 10)
        .otherwise("close")
    )
    with pytest.raises(InputError, match="upside down"):
        panel(prices=closes, actions=pl.DataFrame(split | {"factor": [10.0]}))


def test_the_carry_of_given_forwards_is_theirs_and_elsewhere_the_rate():
    forwards = pl.DataFrame(
        [
            (day, "A", day + timedelta(days), (110.0 + t) * np.exp(0.05 * days / 365))
            for t, day in enumerate(DAYS[:4])
            for days in (30, 91, 182)
        ],
        schema=["date", "ticker", "expiry", "forward"],
        orient="row",
    )
    found = panel(forwards=forwards, rates=0.02)
    np.testing.assert_allclose(found.carry[:4, 0], 0.05, rtol=1e-12)
    assert (found.carry[4:, 0] == 0.02).all()
    assert (found.carry[:, 1] == 0.02).all()
    assert (found.index_carry == 0.02).all()


def test_forwards_in_another_unit_than_the_closes_are_refused():
    row = {"date": [DAYS[0]], "ticker": ["A"], "expiry": [DAYS[0] + timedelta(90)], "forward": [1100.0]}
    with pytest.raises(InputError, match=r"the forwards of A on 2026-01-05 grow at 9\.34 a year over its close of 110"):
        panel(forwards=pl.DataFrame(row))


def test_weights_that_list_changes_only_are_told():
    changes = pl.DataFrame(
        {"date": [DAYS[0] - timedelta(3)] * 2 + [DAYS[3]], "ticker": ["A", "B", "B"], "weight": [0.7, 0.3, 0.4]}
    )
    found = panel(weights=changes)
    assert any("on 4 sessions the weights known sum to less than 50%" in note for note in found.info.notes)


def test_sectors_are_of_the_names_and_weigh_them_among_themselves():
    weights = pl.DataFrame({"ticker": ["A", "B", "C"], "weight": [0.5, 0.3, 0.2]})
    sectors = pl.DataFrame({"ticker": ["A", "C"], "sector": ["Banks", "Banks"]})
    found = panel(weights=weights, sectors=sectors)
    assert found.names.tolist() == ["A", "B", "C"]
    assert found.sectors is not None
    assert found.sectors.of_name.tolist() == ["Banks", "", "Banks"]
    np.testing.assert_allclose(found.sectors.weights[0], [0.5 / 0.7, 0.0, 0.2 / 0.7])


def test_a_member_without_volatilities_stays_one_and_is_named_with_what_may_be_meant(caplog):
    weights = pl.DataFrame({"ticker": ["A US", "B"], "weight": [0.6, 0.4]})
    with caplog.at_level(logging.WARNING):
        found = panel(weights=weights)
    assert found.names.tolist() == ["A US", "B"]
    assert (found.component_status[:, 0] == QuoteStatus.NO_QUOTE).all()
    assert np.isnan(found.spot[:, 0]).all()
    assert found.weights[0].tolist() == [0.6, 0.4]
    assert "surface has no row of the members A US (A there)" in caplog.text
    assert "prices has rows of A (A US there), no members: left out" in caplog.text


def test_rows_of_other_tickers_and_rejected_rows_are_counted_and_strict_takes_none():
    closes = pl.concat([prices(), pl.DataFrame({"date": [DAYS[0]] * 2, "ticker": ["X", "A"], "close": [1.0, -5.0]})])
    closes = closes.filter(~((pl.col("ticker") == "A") & (pl.col("close") == 110.0)))
    own = own_market(surface(), "equal", closes, index="IDX")
    assert own.quality.filter(pl.col("reason") == "prices.not_a_member").rows() == [("X", "prices.not_a_member", 1)]
    assert own.rejected.select("table", "reason", "value").rows() == [("prices", "close_not_positive", "-5.0")]
    assert ("A", "prices.close_not_positive", 1) in own.quality.rows()
    assert np.isnan(own.panel().spot[0, 0])
    with pytest.raises(InputError, match=r"prices, line \d+, column close: close_not_positive \(-5.0\)"):
        own_market(surface(), "equal", closes, index="IDX", strict=True)
    assert own.quality.filter(pl.col("reason") == "kept")["rows"].sum() == surface().height


def test_tables_without_anything_in_common_are_refused():
    later = prices().with_columns(pl.col("date") + timedelta(days=400))
    with pytest.raises(InputError, match="no date and ticker in common"):
        panel(prices=later)
    with pytest.raises(InputError, match="index=SPX is no ticker of surface"):
        panel(index="SPX")
    with pytest.raises(InputError, match=r"index=idx is no ticker of surface.*did you mean IDX"):
        panel(index="idx")
    with pytest.raises(InputError, match=r'weights=cap is unknown; give a frame, or "equal"'):
        panel(weights="cap")
    with pytest.raises(InputError, match="surface is of type list"):
        panel(surface=[1])
    with pytest.raises(
        InputError, match=r"has no column tenor; say which one it holds, such as tenor=91 \(a command: market.tenor=\)"
    ):
        panel(surface=surface((91,), (50,)).pivot("ticker", index="date", values="iv"))
    with pytest.raises(InputError, match=r"tenors is not a setting of tables of your own; did you mean tenor\?"):
        panel(tenors=91)
    with pytest.raises(InputError, match="calendar=MARS is unknown"):
        panel(calendar="MARS")


def test_the_report_says_what_the_index_leg_is():
    assert "Index leg IDX: a column of your own" in panel().info.source
    assert "Index leg IDX: VIX3M x .92" in panel(index_note="VIX3M x .92").info.source


@pytest.mark.parametrize("code", [nullcontext, switched_off], ids=["kernels", "array code"])
def test_a_surface_with_one_delta_has_no_strike_beyond_it(code):
    market = small_market(listed=True, missing=0.0)  # listed smiles: nothing is beyond a tenor
    one = [market.deltas.tolist().index(50)]
    listed = replace(market.listed, index_iv=market.listed.index_iv[..., one], iv=market.listed.iv[..., one])
    flat = replace(
        market,
        deltas=market.deltas[one],
        listed=listed,
        **{
            name: getattr(market, name)[..., one]
            for name in ("index_iv", "component_iv", "index_status", "component_status")
        },
    )
    with code():
        summaries = [backtest(m, ShortCorrelation(), structure=Straddle(30)) for m in (market, flat)]
    assert summaries[0].summary()["beyond_deltas_share"] > 0.0
    assert summaries[1].summary()["beyond_deltas_share"] == 0.0
    assert "flat_smiles" in [caution.code for caution in summaries[1].cautions()]


def test_what_is_noted_of_the_data_is_a_caution_of_every_run_on_them():
    market = small_market()
    noted = replace(market, info=replace(market.info, notes=("the members are survivors",)))
    said = [caution.text for caution in backtest(noted, ShortCorrelation(), structure=Straddle(30)).cautions()]
    assert said[-1] == "the members are survivors"


def test_a_real_panel_written_as_tables_is_the_same_panel_again(us_panel):
    """Its surface, closes, weights, splits and rates go through the front door: the same grid, bit for bit."""
    names = us_panel.names[np.isfinite(us_panel.spot).all(axis=0)][:20]
    at = np.isin(us_panel.names, names)
    iv = np.concatenate([us_panel.index_iv[:, None], us_panel.component_iv[:, at]], axis=1)
    tickers = np.array(["SPY", *names])
    t, a, k, d = np.nonzero(np.isfinite(iv))
    rows = {"date": us_panel.dates[t], "ticker": tickers[a], "tenor": us_panel.tenors[k], "delta": us_panel.deltas[d]}
    spot = np.concatenate([us_panel.index_spot[:, None], us_panel.spot[:, at]], axis=1)
    closes = {"date": np.repeat(us_panel.dates, len(tickers)), "ticker": np.tile(tickers, len(spot))}
    weights = {"date": np.repeat(us_panel.dates, len(names)), "ticker": np.tile(names, len(spot))}
    split = np.argwhere(us_panel.strike_factor[:, at] != 1.0)
    found = MarketPanel.from_frames(
        pl.DataFrame(rows | {"iv": iv[t, a, k, d].astype(np.float64)}),
        pl.DataFrame(weights | {"weight": us_panel.weights[:, at].ravel()}),
        pl.DataFrame(closes | {"close": spot.ravel()}),
        rates=pl.DataFrame({"date": us_panel.dates - np.timedelta64(1, "D"), "rate": us_panel.rate}),
        actions=pl.DataFrame(
            {
                "date": us_panel.dates[split[:, 0]],
                "ticker": names[split[:, 1]],
                "kind": ["split"] * len(split),
                "factor": us_panel.strike_factor[:, at][tuple(split.T)],
            }
        ),
        index="SPY",
        weights_known="open",
    )
    assert len(split) > 0
    for name in ("index_iv", "index_spot", "rate"):
        np.testing.assert_array_equal(getattr(found, name), getattr(us_panel, name), err_msg=name)
    for name in ("component_iv", "spot", "weights", "strike_factor", "return_factor"):
        np.testing.assert_array_equal(getattr(found, name), getattr(us_panel, name)[:, at], err_msg=name)


def wide(days=12):
    dates = [str(np.datetime64("2026-01-05") + np.timedelta64(i, "D")) for i in range(days)]
    vols = pl.DataFrame(
        {"date": dates, "IDX": [0.16] * days, "A": [0.25] * days, "B": [0.3] * days, "C": [0.28] * days}
    )
    return vols, vols.with_columns(pl.col("IDX", "A", "B", "C") * 100.0)


def test_two_units_by_date_are_refused_as_two_by_ticker_are():
    vols, closes = wide()
    late = pl.int_range(pl.len()) >= 6
    mixed = vols.with_columns(pl.when(late).then(pl.col(name) * 100).otherwise(name) for name in ("IDX", "A", "B", "C"))
    with pytest.raises(InputError, match=r"column iv: .* on 2026-01-05 .*two units in one column"):
        MarketPanel.from_frames(mixed, "equal", closes, index="IDX", tenor=91, delta=50)


def test_a_ticker_without_a_usable_row_and_a_dear_rate_are_told():
    vols, closes = wide()
    unread = vols.with_columns(A=pl.lit("25%"))
    rates = pl.DataFrame({"date": ["2026-01-01"], "rate": [0.245]})
    found = MarketPanel.from_frames(unread, "equal", closes, index="IDX", tenor=91, delta=50, rates=rates)
    assert found.names.tolist() == ["B", "C"]
    assert any("no row of A can be used" in note for note in found.info.notes)
    assert any("rates are read as decimals, which makes the middle one 24.5 % a year" in n for n in found.info.notes)
    constant = MarketPanel.from_frames(vols, "equal", closes, index="IDX", tenor=91, delta=50, rates=0.3)
    assert any("the rate is read in decimals: 30 % a year" in note for note in constant.info.notes)


def test_a_split_over_a_hole_of_years_is_not_held_against_what_the_price_did_meanwhile():
    """A third of the price by a split, and three times the price by the years: nothing to see in it."""
    days = [date(2022, 9, day) for day in (12, 13, 14)] + [date(2025, 1, day) for day in (2, 3, 6)]
    vols = pl.DataFrame({"date": days, "IDX": 0.2, "A": 0.3, "B": 0.3})
    closes = pl.DataFrame({"date": days, "IDX": 100.0, "A": [30.0] * 3 + [50.0] * 3, "B": 10.0})
    split = pl.DataFrame({"date": [days[3]], "ticker": ["A"], "kind": ["split"], "factor": [1 / 3]})
    found = MarketPanel.from_frames(vols, "equal", closes, index="IDX", tenor=30, delta=50, actions=split)
    assert found.strike_factor[3].tolist() == pytest.approx([1 / 3, 1.0])
    late = split.with_columns(date=pl.lit(days[4]))
    with pytest.raises(InputError, match=r"the factor of A on 2025-01-03 is 0\.3333"):
        MarketPanel.from_frames(vols, "equal", closes, index="IDX", tenor=30, delta=50, actions=late)


def test_a_basket_of_one_name_is_told_to_have_no_correlation():
    days = [date(2026, 1, day) for day in (5, 6, 7)]
    vols, closes = (pl.DataFrame({"date": days, "IDX": x, "A": 2.0 * x}) for x in (0.2, 100.0))
    found = MarketPanel.from_frames(vols, "equal", closes, index="IDX", tenor=30, delta=50, rates=0.0)
    assert any(note.startswith("A is the only member: a basket of one name has no") for note in found.info.notes)
