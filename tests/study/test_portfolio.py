"""python -m engine.correlate portfolio=FILE: what diversifies a portfolio, against plain loops over its pairs."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.correlation import baskets, daily_returns
from engine.correlation.basket import AllMembers
from engine.data import QuoteStatus
from engine.errors import InputError
from engine.study.levels import middle_delta
from engine.study.portfolio import monitor_portfolio, read_portfolio
from engine.testing import small_market

RISE = 0.1
HELD = {"S1": 0.5, "S2": 0.3, "S4": 0.4, "S5": -0.2}


def written(tmp_path, rows, name="portfolio.csv"):
    file = tmp_path / name
    file.write_text("\n".join(["name,weight", *(f"{ticker},{weight}" for ticker, weight in rows)]) + "\n")
    return file


@pytest.fixture(scope="module")
def market():
    return small_market(3, sessions=90, names=8, events=False, missing=0.0)


@pytest.fixture(scope="module")
def monitor(market):
    portfolio = pl.DataFrame({"ticker": list(HELD), "weight": list(HELD.values())})
    return monitor_portfolio(market, baskets(AllMembers(), market), portfolio, RISE, 0.8)


def plain(market, window, k):
    """Volatility, pieces and contributions of the last date by loops: realised pairs, moved to price the index."""
    t, d = len(market) - 1, middle_delta(market)
    moves = daily_returns(market.spot, market.return_factor, market.dates)[-window:]
    moves = np.where(np.isfinite(moves), moves, 0.0)
    (basket,) = baskets(AllMembers(), market)
    names = [n for n in range(len(market.names)) if basket.weights[t, n] > 0.0]
    s = {n: float(market.component_iv[t, n, k, d]) for n in names}
    w = {n: float(basket.weights[t, n]) for n in names}
    total = {(i, j): sum(r[i] * r[j] for r in moves) for i in names for j in names}
    c = {(i, j): total[i, j] / math.sqrt(total[i, i] * total[j, j]) for i in names for j in names}
    before = sum(w[i] * w[j] * s[i] * s[j] * c[i, j] for i in names for j in names)
    variance, lowest = float(market.index_iv[t, k, d]) ** 2, -1.0 / (len(names) - 1)
    goal = 1.0 if variance >= before else lowest
    ends = {(i, j): 1.0 if i == j else goal for i in names for j in names}
    reach = sum(w[i] * w[j] * s[i] * s[j] * ends[i, j] for i in names for j in names)
    share = (variance - before) / (reach - before)
    rho = {pair: c[pair] + share * (ends[pair] - c[pair]) for pair in c}
    apart = [(i, j) for i in names for j in names if i != j]
    product = {(i, j): w[i] * w[j] * s[i] * s[j] for i, j in apart}
    level = sum(product[pair] * rho[pair] for pair in apart) / sum(product.values())
    risen = {(i, j): rho[i, j] + (0.0 if i == j else RISE / (1.0 - level) * (1.0 - rho[i, j])) for i, j in rho}
    x = {n: HELD.get(str(market.names[n]), 0.0) * s[n] for n in names}

    def vol(pairs):
        return math.sqrt(sum(x[i] * x[j] * pairs[i, j] for i in names for j in names))

    own = {n: x[n] * sum(x[j] * rho[n, j] for j in names) / vol(rho) for n in names if x[n]}
    return {
        "vol": vol(rho),
        "undiversified_vol": sum(map(abs, x.values())),
        "diversification_ratio": sum(map(abs, x.values())) / vol(rho),
        "correlation": sum(x[i] * x[j] * rho[i, j] for i, j in apart) / sum(abs(x[i] * x[j]) for i, j in apart),
        "basket_correlation": level,
        "stressed_vol": vol(risen),
        "rise_costs": vol(risen) - vol(rho),
        "rise_costs_share": vol(risen) / vol(rho) - 1.0,
        "coverage": 1.0,
    }, {str(market.names[n]): value for n, value in own.items()}


@pytest.mark.parametrize("k", [0, 2])
def test_every_figure_of_the_last_date_equals_plain_loops_over_the_pairs(market, monitor, k):
    expected, own = plain(market, monitor.window, k)
    last, tenor = pl.col("date") == market.dates[-1], pl.col("tenor") == int(market.tenors[k])
    (row,) = monitor.rows.filter(last, tenor).to_dicts()
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-9), name  # sums of 64 products, and a difference of two roots
    names = monitor.names.filter(last, tenor)
    assert dict(zip(names["name"], names["contribution"], strict=True)) == pytest.approx(own, rel=1e-9)
    assert names["contribution"].sum() == pytest.approx(row["vol"], rel=1e-12)
    assert names["share"].sum() == pytest.approx(1.0, rel=1e-12)


def test_there_is_a_row_for_every_date_and_tenor_and_none_is_filled_before_the_window(market, monitor):
    assert monitor.rows.height == len(market) * len(market.tenors)
    assert monitor.names.height == len(HELD) * monitor.rows.height
    early = monitor.rows.filter(pl.col("date") < market.dates[10])
    assert early["vol"].null_count() == early.height


def test_a_name_that_has_no_volatility_is_told_and_adds_nothing_known(market):
    gone, status = market.component_iv.copy(), market.component_status.copy()
    gone[-1, 4], status[-1, 4] = np.nan, QuoteStatus.NO_QUOTE
    portfolio = pl.DataFrame({"ticker": list(HELD), "weight": list(HELD.values())})
    cut = replace(market, component_iv=gone, component_status=status)
    found = monitor_portfolio(cut, baskets(AllMembers(), cut), portfolio, RISE, 0.0)
    last = found.names.filter(pl.col("date") == market.dates[-1], pl.col("name") == "S4")
    assert last["contribution"].null_count() == last.height
    row = found.rows.filter(pl.col("date") == market.dates[-1])
    np.testing.assert_allclose(row["coverage"].to_numpy(), 1.0 / 1.4, rtol=1e-12)
    assert any("S4" in line and line.startswith("Caution") for line in found.lines(cut))


def test_the_command_writes_the_frames_and_one_screen(command, tmp_path):
    file = written(tmp_path, [("SYN1", 0.5), ("SYN2", 0.5)])
    ended = command("correlate", "debug=small", f"portfolio={file}", place=tmp_path)
    assert ended.code == 0, ended.err
    (folder,) = ended.folders
    assert {file.name for file in folder.glob("*.parquet")} == {"portfolio.parquet", "portfolio_names.parquet"}
    assert len(ended.out.splitlines()) < 40
    for word in ("diversification_ratio", "rise_costs", "SYN1"):
        assert word in ended.out


@pytest.mark.parametrize("rise", [1, -3, 5])
def test_a_rise_beyond_any_correlation_is_refused(command, tmp_path, rise):
    file = written(tmp_path, [("SYN1", 0.5), ("SYN2", 0.5)])
    told = f"rise={rise} is no change of a correlation"
    command("correlate", "debug=small", f"portfolio={file}", f"rise={rise}", place=tmp_path).refuses(told)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("SYN01", 0.5), ("SYN02", 0.2)], ["sum to 0.7"]),
        ([("SYN01", 50), ("SYN02", 50)], ["percent"]),
        ([("SYN01", 0.5), ("SYN01", 0.5)], ["line 3", "duplicate"]),
        ([("SYN01", 0.5), ("SYN02", "half")], ["line 3", "weight"]),
        ([("SYN01", 0.0)], ["no weight"]),
    ],
    ids=["sum", "percent", "twice", "text", "nothing"],
)
def test_a_portfolio_that_is_none_is_refused_with_its_line(tmp_path, rows, words):
    with pytest.raises(InputError) as refused:
        read_portfolio(written(tmp_path, rows))
    for word in ("portfolio.csv", *words):
        assert word in str(refused.value)


def test_shorts_may_sum_to_anything(tmp_path):
    assert read_portfolio(written(tmp_path, [("SYN01", 1.0), ("SYN02", -1.0)])).height == 2


def test_a_name_that_the_market_does_not_have_is_named_with_what_may_be_meant(market):
    portfolio = pl.DataFrame({"ticker": ["S2", "s-3", "XXX"], "weight": [0.4, 0.3, 0.3]})
    with pytest.raises(InputError, match="XXX") as refused:
        monitor_portfolio(market, baskets(AllMembers(), market), portfolio, RISE, 0.8)
    assert "s-3 (S3 there)" in str(refused.value)
