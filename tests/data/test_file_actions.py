"""What the action files of the prepared markets say of names that end: honoured as in tables of one's own."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.data import MarketPanel, find_source, load_market
from engine.errors import InputError
from tests.data.test_damaged_sources import INDIA, nse_files
from tests.data.test_us_chains import DAYS, FILES

NUMBERS = dict.fromkeys(("price_factor", "amount"), pl.Float64)
COLUMNS = {"date": pl.Date, "ticker": pl.String, "kind": pl.String} | NUMBERS | {"into": pl.String, "cash": pl.Float64}
SPLIT = (DAYS[2], "AAA", "split", 0.1, None, None, None)


def market(name, folder, rows, start="2026-06-01"):
    """The prepared market with such actions, and its source."""
    ticker, below = ("ticker", "us2026/") if name == "us_chains" else ("symbol", "nse/")
    files = FILES if name == "us_chains" else {f"nse/{key}": lambda f=frame: f for key, frame in nse_files().items()}
    actions = pl.DataFrame(rows, schema=COLUMNS, orient="row").rename({"ticker": ticker})
    for key, make in (files | {f"{below}corporate_actions": lambda: actions}).items():
        path = folder / "files" / f"{key}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        make().write_parquet(path)
    found = load_market(name, path=folder / "files", start=start, cache=folder / "panels", progress=False)
    return found, find_source(name, folder / "files", {"start": start})


def same_as_tables(panel, source, index):
    """Hold it to the panel that the source's own tables make."""
    tables = source.tables()
    rest = {name: frame for name, frame in tables.items() if name not in ("quotes", "weights", "prices")}
    three = (tables["quotes"], tables["weights"], tables["prices"])
    other = MarketPanel.from_quotes(*three, index=index, weights_known="open", **rest)
    for field in ("spot", "strike_factor", "return_factor", "settlement", "strike_reduction"):
        ours, theirs = getattr(panel, field), getattr(other, field)
        assert (ours is None) == (theirs is None), field
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs, err_msg=field)
    np.testing.assert_allclose(panel.component_iv, other.component_iv, rtol=0, atol=3e-7)


def test_us_chains_follow_a_merger_into_cash_and_shares_that_split_that_day(tmp_path):
    """BBB at 50 becomes .2 AAA, at 110 before its split, and 28 in cash."""
    panel, source = market(
        "us_chains", tmp_path, [SPLIT, (DAYS[2], "BBB", "cash_and_stock_merger", None, 0.2, "AAA", 28.0)]
    )
    a, b = (panel.names.tolist().index(name) for name in ("AAA", "BBB"))
    assert panel.spot[2, b] == 0.2 * panel.spot[2, a]
    assert panel.strike_factor[2, b] == 0.1
    assert panel.strike_reduction[2, b] == pytest.approx(2.8, rel=1e-15)
    assert panel.return_factor[2, b] == pytest.approx(0.1 * 22.0 / 50.0, rel=1e-15)
    np.testing.assert_array_equal(panel.component_iv[2, b], panel.component_iv[2, a])
    np.testing.assert_array_equal(panel.listed.forward[2, b], 0.2 * panel.listed.forward[2, a])
    same_as_tables(panel, source, "SPY")


@pytest.mark.parametrize(
    ("kind", "amount", "into"), [("cash_merger", 52.0, None), ("delisting", 9.0, None), ("bankruptcy", None, None)]
)
def test_what_is_paid_for_a_share_settles_options(kind, amount, into, tmp_path):
    panel, source = market("us_chains", tmp_path, [SPLIT, (DAYS[2], "BBB", kind, None, amount, into, None)])
    assert panel.settlement[2, panel.names.tolist().index("BBB")] == (amount or 0.0)
    assert np.isfinite(panel.settlement).sum() == 1
    same_as_tables(panel, source, "SPY")
    kept = panel.report.actions.filter(kind=kind)
    assert kept.select("asset", "amount").row(0) == ("BBB", amount)


def test_the_indian_exchange_follows_mergers_ends_and_strikes_that_fall(tmp_path):
    rows = [
        (INDIA[1], "AAA", "strike_dividend", None, 100.0, None, None),
        (INDIA[1], "BBB", "stock_merger", None, 0.5, "AAA", None),
    ]
    panel, _ = market("nse", tmp_path, rows, start="2026-01-01")
    a, b = (panel.names.tolist().index(name) for name in ("AAA", "BBB"))
    assert panel.spot[1, b] == 0.5 * panel.spot[1, a]
    assert panel.strike_reduction[1].tolist() == [100.0, 50.0]  # of half an acquirer that pays 100
    assert panel.return_factor[1].tolist() == [0.9, 0.9]
    np.testing.assert_array_equal(panel.component_iv[1, b], panel.component_iv[1, a])
    other = market("nse", tmp_path / "cash", [(INDIA[1], "BBB", "cash_merger", None, 510.0, None, None)], "2026-01-01")
    assert other[0].settlement[1].tolist()[b] == 510.0


def test_what_cannot_be_is_refused_and_a_rename_is_rejected(tmp_path):
    dear = (DAYS[2], "BBB", "cash_merger", None, 5000.0, None, None)
    with pytest.raises(InputError, match=r"corporate_actions.parquet: BBB ends by cash_merger on 2026-06-03 for 5000"):
        market("us_chains", tmp_path / "dear", [SPLIT, dear])
    late = (INDIA[1], "AAA", "strike_dividend", None, 2000.0, None, None)
    with pytest.raises(InputError, match=r"corporate_actions.parquet: the strike_dividend of AAA on .* pays 2000"):
        market("nse", tmp_path / "late", [late], "2026-01-01")
    _, source = market(
        "us_chains", tmp_path / "named", [SPLIT, (date(2026, 6, 2), "BBB", "rename", None, None, "C", None)]
    )
    list(source.blocks())
    assert source.rejected()["reason"].to_list() == ["kind_not_understood"]
