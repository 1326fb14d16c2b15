"""The term structure on the names of each tenor and on the names common to all, against loops."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.correlation import AllMembers, Sectors, baskets, correlate_baskets
from engine.data import load_market
from engine.study.levels import measure_levels
from engine.study.tables import long_form, negative_levels, statuses
from engine.study.term import term_form, term_table


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Two years are not listed on half of the members, and not on the index on the first dates."""
    whole = load_market("synthetic", years=1, names=6, cache=tmp_path_factory.mktemp("panels"), progress=False)
    members, index = whole.component_iv.copy(), whole.index_iv.copy()
    members[:, 3:, whole.tenors == 730] = np.nan
    index[:20, whole.tenors == 730] = np.nan
    return replace(whole, component_iv=members, index_iv=index, validate=False)


def clean_by_loop(index, vols, weights):
    total = sum(weights)
    average = sum(w / total * s for w, s in zip(weights, vols, strict=True))
    own = sum((w / total * s) ** 2 for w, s in zip(weights, vols, strict=True))
    return (index**2 - own) / (average**2 - own)


def measured(market, choice, min_coverage=0.8):
    chosen = baskets(choice, market)
    rho = correlate_baskets(chosen, market.component_iv, min_coverage=min_coverage)
    return chosen, rho, term_form(market, rho, chosen, min_coverage)


def test_common_names_are_those_quoted_at_every_tenor_that_can_be_measured(market):
    chosen, _, term = measured(market, AllMembers())
    weights, middle = chosen[0].weights, market.deltas.tolist().index(50)
    for t in (0, 19, 20, 100):
        rows = term.filter(pl.col("date") == market.dates[t].astype(object))
        usable = [k for k in range(len(market.tenors)) if math.isfinite(rows["implied_correlation"][k] or math.nan)]
        iv = market.component_iv[t, :, :, middle]
        names = [n for n in range(6) if weights[t, n] > 0.0 and all(np.isfinite(iv[n, k]) for k in usable)]
        for k in usable:
            expected = clean_by_loop(
                float(market.index_iv[t, k, middle]), [float(iv[n, k]) for n in names], [weights[t, n] for n in names]
            )
            assert rows["common_correlation"][k] == pytest.approx(expected, rel=1e-9)  # a few float64 sums
            assert rows["common_names"][k] == len(names)
            assert rows["common_coverage"][k] == pytest.approx(sum(weights[t, n] for n in names))
        assert (market.tenors.tolist().index(730) in usable) == (t >= 20)


def test_where_half_of_the_members_are_not_listed_the_status_of_the_common_names_says_so(market):
    _, _, term = measured(market, AllMembers())
    late = term.filter((pl.col("date") >= market.dates[30].astype(object)) & (pl.col("tenor") == 30))
    quoted = late.filter(pl.col("common_correlation").is_not_null())
    assert quoted.height > 100
    assert (quoted["common_names"] <= 3).all()
    assert (quoted["names"] > quoted["common_names"]).all()
    assert ((quoted["common_coverage"] < 0.8) == (quoted["common_status"] == "thin_coverage")).all()
    assert (quoted["common_status"] == "thin_coverage").any()


def test_what_is_not_known_is_null_in_both_and_keeps_its_reason(market):
    _, _, term = measured(market, AllMembers())
    early = term.filter((pl.col("date") < market.dates[20].astype(object)) & (pl.col("tenor") == 730))
    assert early["common_correlation"].null_count() == early.height == 20
    assert (early["common_status"] == "no_index_quote").all()


def test_a_surface_of_one_tenor_or_without_an_index_leg_has_no_term_structure(market):
    one = replace(
        market,
        tenors=market.tenors[:1],
        index_iv=market.index_iv[:, :1],
        component_iv=market.component_iv[:, :, :1],
        validate=False,
        listed=None,
    )
    chosen = baskets(AllMembers(), one)
    assert term_form(one, correlate_baskets(chosen, one.component_iv), chosen, 0.8) is None
    without = [basket for basket in baskets(Sectors(), market) if basket.leg is None]
    assert without
    assert term_form(market, correlate_baskets(without, market.component_iv), without, 0.8) is None


def test_the_tables_of_a_run_say_how_many_names_and_which_share_stand_behind_each_tenor(market):
    chosen = baskets(AllMembers(), market)
    levels = measure_levels(market, chosen, 0.8, 21)
    counts = statuses(long_form(market, levels.rho, ["all"]))
    longest = counts.filter(pl.col("tenor") == 730)
    assert longest["least_coverage"].item() < 0.8 < counts.filter(pl.col("tenor") == 30)["coverage"].item()
    assert longest["names"].item() <= 3.0
    assert "term" in levels.frames()
    table = term_table(levels.term)
    assert set(table["tenor"]) == set(market.tenors.tolist())
    assert any("common to all" in heading for heading in levels.tables(market))


def test_an_index_that_is_too_cheap_for_its_members_is_told(market):
    chosen = baskets(AllMembers(), market)
    assert negative_levels(long_form(market, measure_levels(market, chosen, 0.8, 21).rho, ["all"])) == []
    cheap = replace(market, index_iv=market.index_iv * 0.3, validate=False)
    levels = measure_levels(cheap, baskets(AllMembers(), cheap), 0.8, 21)
    (told,) = negative_levels(long_form(cheap, levels.rho, ["all"]))
    assert "of all at" in told
    assert "below 0 on" in told
