"""Real option files against what Cboe published: COR1M, COR3M, COR6M and COR1Y on every common date.

Nothing is fitted to these numbers: vendor volatilities, the 50 largest members by the previous close, the formula.
"""

import numpy as np
import polars as pl
import pytest

from engine import TopWeights, implied_correlation, load_market
from engine.published import compare_with_published


@pytest.fixture(scope="module")
def market(shared_data):
    return load_market("us_chains", path=shared_data, progress=False)


@pytest.fixture(scope="module")
def table(market, shared_data):
    rho = implied_correlation(market.index_iv, market.component_iv, TopWeights(50).select(market.weights, market.names))
    return compare_with_published(market, rho, pl.read_parquet(shared_data / "us_history" / "cboe_indices.parquet"))


def test_implied_correlation_agrees_with_the_published_indices(table, capsys):
    with (
        capsys.disabled(),
        pl.Config(tbl_cols=-1, tbl_width_chars=160, float_precision=3, tbl_hide_dataframe_shape=True),
    ):
        print(f"\n{table.drop('tenor')}")
    assert table["index"].to_list() == ["COR1M", "COR3M", "COR6M", "COR1Y"]
    # One point of correlation: what the missing members and SPY for SPX may cost; see the data's description.
    assert table["mean_abs_error"].max() <= 1.0
    # COR1Y hardly moved in these weeks, so its correlation is only printed.
    assert table.filter(pl.col("index") != "COR1Y")["correlation"].min() >= 0.9


def test_every_common_date_can_be_computed(table):
    assert table["dates"].min() >= 30
    assert table["not_computed"].max() == 0


def test_a_split_does_not_move_a_name_out_of_the_basket(market):
    basket = TopWeights(50).select(market.weights, market.names)
    klac = basket[:, list(market.names).index("KLAC")]
    around = (market.dates >= np.datetime64("2026-06-08")) & (market.dates <= np.datetime64("2026-06-18"))
    assert (klac[around] > 0.005).all()
    # Ten for one on 2026-06-12: shares held roll through it, so the weight moves only as the price does.
    assert np.abs(np.diff(np.log(klac[around]))).max() < 0.15
