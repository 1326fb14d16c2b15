"""Names that are halted while options on them are held: carried with a flag, and no longer than was asked for."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import EarlyExit, ListedMarks, Straddle, SurfaceMarks, Weekly, backtest
from engine.correlation import AllMembers
from engine.errors import InputError
from engine.kernels import switched_off
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

HALTED, SESSIONS, NAME = slice(30, 37), 7, "S3"


def halted(listed, whole=True):
    """A market in which S3 has no price, and no quotes either, for seven sessions."""
    panel = small_market(80, missing=0.0, events=False, listed=listed)
    n = panel.names.tolist().index(NAME)

    def gone(name, array):
        if name not in ("spot", "component_iv", "listed.iv", "listed.forward") or (not whole and name == "spot"):
            return array
        cut = array.copy()
        cut[HALTED, n] = np.nan
        return cut

    return panel.map_arrays(gone)


def run(panel, sessions=None, **choices):
    given = {"basket": AllMembers(), "schedule": Weekly(), "structure": Straddle(25)} | choices
    return backtest(panel, ShortCorrelation(), marks=SurfaceMarks(halt_sessions=sessions), **given)


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_options_are_carried_so_many_sessions_and_then_sold_at_their_last_mark(listed, kernels):
    panel = halted(listed)
    with switched_off() if kernels == "off" else nullcontext():
        carried, sold = run(panel), run(panel, sessions=3)
    assert carried.summary()["stale_share"] > 0.0
    through = (pl.col("leg") == NAME) & (pl.col("entry_date") < panel.dates[30]) & (pl.col("expiry") > panel.dates[33])
    rows = sold.ledger().filter(through)
    assert rows.height >= 3
    assert set(rows["status"]) == {"closed"}
    assert set(rows["exit_date"]) == {panel.dates[33].item()}
    # Nothing of the name was sold by another: those of the others, and all before the halt's end, are as they were.
    others = [result.ledger().filter(pl.col("leg") != NAME) for result in (carried, sold)]
    assert others[0].equals(others[1])
    np.testing.assert_array_equal(sold.pnl_gross[:, :33], carried.pnl_gross[:, :33])
    assert (sold.pnl_gross[:, 33:] != carried.pnl_gross[:, 33:]).any()
    # What is carried has no news: all it earns in the halt is its decay, and what the book says by day adds up.
    for t in (32, 33, 34):
        day = sold.day(str(panel.dates[t]))
        assert day["pnl_gross"].sum() == pytest.approx(sold.pnl_gross[0, t], rel=1e-9)


@pytest.mark.parametrize("sessions", [SESSIONS, SESSIONS + 5])
def test_a_halt_no_longer_than_that_changes_nothing(sessions):
    panel = halted(listed=False)
    np.testing.assert_array_equal(run(panel, sessions=sessions).pnl_net, run(panel).pnl_net)


def test_a_name_that_has_a_price_and_no_quotes_is_not_halted():
    panel = halted(listed=False, whole=False)
    np.testing.assert_array_equal(run(panel, sessions=0).pnl_net, run(panel).pnl_net)


def test_an_early_exit_meets_the_same_end():
    panel = halted(listed=False)
    result = run(panel, sessions=2, exits=EarlyExit(days_left=3))
    rows = result.ledger().filter((pl.col("leg") == NAME) & (pl.col("status") == "closed"))
    assert set(rows["exit_date"]) == {panel.dates[32].item()}
    assert result.ledger()["pnl_gross"].sum() == pytest.approx(result.pnl_gross.sum(), rel=1e-9)


def test_whether_a_halt_lasts_is_not_known_before():
    panel = halted(listed=False)
    longer = replace(panel, spot=np.where(np.arange(len(panel))[:, None] >= 34, np.nan, panel.spot), validate=False)
    ours, theirs = run(panel, sessions=3), run(longer, sessions=3)
    np.testing.assert_array_equal(ours.pnl_gross[:, :34], theirs.pnl_gross[:, :34])


def test_less_than_no_session_is_refused():
    for kind in (SurfaceMarks, ListedMarks):
        with pytest.raises(InputError, match=r"marks.halt_sessions=-1 is below 0"):
            kind(halt_sessions=-1)


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_a_dividend_taken_off_strikes_in_a_halt_moves_no_forward(kernels):
    panel = halted(False)
    taken = np.zeros(panel.spot.shape)
    taken[32, panel.names.tolist().index(NAME)] = 4.0
    with switched_off() if kernels == "off" else nullcontext():
        day = run(replace(panel, strike_reduction=taken, validate=False)).day(str(panel.dates[32]))
    held = day.filter(pl.col("leg") == NAME)
    assert held.height
    # What left the share is its owner's, and there is no news: neither the option nor its hedge gains by a move.
    scale = held["theta"].abs().sum()
    assert held["delta"].abs().max() < 1e-9 * scale
    assert held["hedge"].abs().max() < 1e-9 * scale
