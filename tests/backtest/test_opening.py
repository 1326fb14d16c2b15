"""Index options that settle on the opening of their expiry: what that adds is a line of its own, and sums hold."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.backtest import (
    Calendar,
    EarlyExit,
    ForwardStart,
    SingleOption,
    Straddle,
    Strangle,
    VarianceSwap,
    VolPoints,
    Weekly,
    backtest,
)
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.attribution import PARTS
from engine.correlation import AllMembers
from engine.errors import InputError
from engine.kernels import switched_off
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

STRUCTURES = [
    Straddle(28),
    Strangle(28),
    SingleOption(28, index_kind="put", member_kind="call"),
    Calendar(28, far_tenor=60),
    ForwardStart(42, start=14),
]
REST = [part for part in PARTS if part != "settlement"]


def run(panel, structure, **choices):
    choices = {"basket": AllMembers(), "schedule": Weekly(), "costs": VolPoints()} | choices
    return backtest(panel, ShortCorrelation(), structure=structure, **choices)


def opens(panel, tmp_path, missing=0.0, seed=0, **columns):
    """A file of openings, 1 % off the close, and the same as an array with NaN where it has none."""
    rng = np.random.default_rng(seed)
    opening = panel.index_spot * np.exp(0.01 * rng.standard_normal(len(panel)))
    opening[rng.random(len(panel)) < missing] = np.nan
    known = np.isfinite(opening)
    frame = pl.DataFrame({"date": panel.dates[known], "open": opening[known]}).with_columns(**columns)
    frame.write_csv(tmp_path / "open.csv")
    return str(tmp_path / "open.csv"), opening


def worth(label, spot, strike):
    call, put = max(spot - strike, 0.0), max(strike - spot, 0.0)
    return {"call": call, "put": put}.get(label.split()[0], call + put)


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_the_gap_is_what_the_index_leg_pays_at_the_opening_less_the_close_and_all_else_stays(
    structure, kernels, tmp_path, caplog
):
    panel = small_market(80, sessions=110, missing=0.0)
    file, opening = opens(panel, tmp_path, missing=0.3)
    morning = replace(structure, opening=file)
    caplog.set_level("WARNING")
    if kernels:
        close, found = run(panel, structure), run(panel, morning)
    else:
        with switched_off():
            close, found = run(panel, structure), run(panel, morning)
    daily, before = found.daily(), close.daily()
    assert_frame_equal(
        daily.select("date", "exposure", "cost", *REST), before.select("date", "exposure", "cost", *REST)
    )
    np.testing.assert_allclose(daily.select(PARTS).sum_horizontal(), daily["pnl_gross"], rtol=0, atol=1e-5)
    assert not before["settlement"].to_numpy().any()

    ledger, expected, gaps = found.ledger(), np.zeros(len(panel)), 0
    session = {date: t for t, date in enumerate(panel.dates.tolist())}
    for row in ledger.iter_rows(named=True):
        t, gap = session[row["exit_date"]], 0.0
        settles = row["leg_class"] == "index" and row["status"] == "expired" and np.isfinite(opening[t])
        if settles:
            at_open, at_close = (worth(row["instrument"], s[t], row["strike"]) for s in (opening, panel.index_spot))
            gap = row["quantity"] * (at_open - at_close)
            assert row["exit_value"] == pytest.approx(row["quantity"] * at_open, rel=1e-9, abs=1e-6)
            gaps += 1
        assert row["settlement"] == pytest.approx(gap, rel=1e-9, abs=1e-6)
        expected[t] += gap
    assert gaps > 5
    cohorts = found.book.cohorts
    lacking = (cohorts.settled & ~np.isfinite(opening[cohorts.last])).sum()
    assert f"{lacking} of {cohorts.settled.sum()} expiries have no opening in {file}: they settle" in caplog.text
    np.testing.assert_allclose(daily["settlement"], expected, rtol=1e-9, atol=1e-5)
    gross = ("pnl_option", "pnl_hedge", "financing", "settlement")
    np.testing.assert_allclose(ledger.select(gross).sum_horizontal(), ledger["pnl_gross"], rtol=0, atol=1e-5)
    for table in (ledger, found.by_name(), found.by_cohort()):
        assert table["pnl_gross"].sum() == pytest.approx(daily["pnl_gross"].sum(), rel=1e-9)
        assert table["settlement"].sum() == pytest.approx(expected.sum(), rel=1e-9)
    t = int(np.flatnonzero(expected)[0])
    day = found.day(panel.dates[t])
    for column in (*PARTS, "pnl_gross"):
        assert day[column].sum() == pytest.approx(daily[column][t], rel=1e-9, abs=1e-5), column
    carry, same = (result.carry(panel.dates[t - 1]) for result in (found, close))
    assert_frame_equal(carry, same)
    split = found.split()
    np.testing.assert_allclose(split.drop("date").sum_horizontal(), daily["pnl_gross"], rtol=0, atol=1e-5)


def test_an_opening_at_the_close_changes_nothing_and_what_is_sold_before_never_settles(tmp_path):
    panel = small_market(81, sessions=110, missing=0.0)
    pl.DataFrame({"date": panel.dates, "ticker": ["IDX"] * 110, "open": panel.index_spot}).write_csv(
        tmp_path / "same.csv"
    )
    same, close = run(panel, Straddle(28, opening=str(tmp_path / "same.csv"))), run(panel, Straddle(28))
    np.testing.assert_allclose(same.pnl_gross, close.pnl_gross, rtol=0, atol=1e-6)
    file, _ = opens(panel, tmp_path)
    sold = run(panel, Straddle(28, opening=file), exits=EarlyExit(days_left=8))
    expired = sold.ledger().filter((pl.col("leg_class") == "index") & (pl.col("status") == "expired"))
    assert not sold.daily()["settlement"].to_numpy().any()
    assert not expired.height
    mixed = run(panel, Straddle(28, opening=file), exits=EarlyExit(stop=0.2))
    ledger, daily = mixed.ledger(), mixed.daily()
    assert {"expired", "exited"} <= set(ledger["status"])
    assert ledger["settlement"].sum() == pytest.approx(daily["settlement"].sum(), rel=1e-9)
    assert (ledger.filter(ledger["status"] == "exited")["settlement"] == 0.0).all()
    assert set(mixed.book.legs.status[mixed.book.legs.settlement[..., 0] != 0.0]) == {LegStatus.EXPIRED}


def test_openings_that_cannot_be_used_are_refused(tmp_path):
    panel = small_market(82)
    file, _ = opens(panel, tmp_path)
    swap = VarianceSwap(28)
    known = {"tenor": 28, "min_days": 7, "min_coverage": 0.8, "index": swap.index, "members": swap.members}
    own = type("Own", (), known | {"opening": file})
    with pytest.raises(
        InputError, match=r"structure.opening=nowhere.csv is no file; give a table of date, ticker, open"
    ):
        run(panel, Straddle(28, opening="nowhere.csv"))
    with pytest.raises(InputError, match=r"structure\.opening settles options, and Own holds variance"):
        run(panel, own())
    other, _ = opens(panel, tmp_path, ticker=pl.lit("OTHER"))
    with pytest.raises(InputError, match="has no opening quotation of IDX on any session of small"):
        run(panel, Straddle(28, opening=other))
    tenfold = panel.index_spot[3] * 10.0
    (tmp_path / "scale.csv").write_text(f"date,open\n{panel.dates[3]},{tenfold}\n")
    with pytest.raises(InputError, match=rf"opening {tenfold:g} on {panel.dates[3]} is not of IDX, which closed at"):
        run(panel, Straddle(28, opening=str(tmp_path / "scale.csv")))
    (tmp_path / "bad.csv").write_text("date,open\n2024-01-02,-1\n2024-01-03,100\n")
    with pytest.raises(InputError, match=r"bad.csv, line 2, column open: open_not_positive"):
        run(panel, Straddle(28, opening=str(tmp_path / "bad.csv")))
