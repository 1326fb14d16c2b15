"""The chains of the synthetic market, as an exchange would publish them, back to its volatilities and to a panel."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.data import MarketPanel
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.filters import QuoteLimits
from engine.data.quotes.quoted_surface import quoted_surface
from engine.data.records import DELTAS
from engine.data.synthetic import SyntheticMarket
from engine.data.synthetic.chains import chains
from engine.pricing import vol_at_strike

SETTINGS = SyntheticMarket(years=0.5, names=6, seed=3)
INDEX = "SYNX"


@pytest.fixture(scope="module")
def published():
    """Three sessions of quotes, with the volatility of each quote's mid beside."""
    return chains(SETTINGS, ["2014-03-03", "2014-03-04", "2014-03-05"], INDEX)


@pytest.fixture(scope="module")
def found(published):
    quotes = published.rename({"asset": "ticker"}).with_columns(pl.col("right").cast(pl.String))
    closes = quotes.select("date", "ticker", close="spot").unique()
    rate = quotes.select("date", "rate").unique()
    assets = published["asset"].unique(maintain_order=True).to_list()
    report = QualityReport()
    columns = ["date", "ticker", "expiry", "strike", "right", "bid", "ask"]
    limits = QuoteLimits(style="european", longest_days=1200)
    dates = published["date"].unique().sort().to_numpy().astype("datetime64[D]")
    return quoted_surface(quotes.select(columns), closes, rate, dates, assets, report, limits=limits), report


def test_every_quote_is_counted_and_the_planted_ones_by_their_reason(found, published):
    counts = dict(found[1].frame().group_by("reason").agg(pl.col("rows").sum()).iter_rows())
    assert sum(counts.values()) == published.height
    planted = dict(published["planted"].value_counts().iter_rows())
    assert counts["crossed"] == planted["crossed"]
    assert counts["no_price"] == planted["missing"]


def test_listed_smiles_give_the_volatility_of_every_quote(found, published):
    """Forwards, deltas and fits of our own; the market's smiles have corners at each fifth delta, which are rounded."""
    surface = found[0]
    asset = {name: a for a, name in enumerate(surface.assets)}
    day = {date: t for t, date in enumerate(surface.dates.astype(object))}
    known = published.filter(pl.col("planted").is_null(), pl.col("call_delta").is_between(0.1, 0.9))
    known = known.filter((pl.col("expiry") - pl.col("date")).dt.total_days() > 6)
    t, a = (
        known[c].replace_strict(of, return_dtype=pl.Int64).to_numpy() for c, of in (("date", day), ("asset", asset))
    )
    e = (surface.slots[t] == known["expiry"].to_numpy()[:, None]).argmax(axis=1)
    days = (known["expiry"] - known["date"]).dt.total_days().to_numpy()
    read, beyond = vol_at_strike(
        surface.smiles[t, a, e], DELTAS, surface.forward[t, a, e], known["strike"].to_numpy(), days / 365.0
    )
    missed = 100.0 * np.abs(read - known["iv"].to_numpy())[~beyond]
    near = known["call_delta"].is_between(0.4, 0.6).to_numpy()[~beyond]
    assert (~beyond).mean() > 0.97
    assert missed[near].max() < 0.1
    assert missed.max() < 0.5
    assert np.median(missed) < 0.02


def test_a_surface_from_quotes_makes_a_panel_with_contracts_and_a_band(found, published):
    surface = found[0]
    names = list(surface.assets[1:])
    weights = pl.DataFrame({"ticker": names, "weight": np.full(len(names), 1.0 / len(names))})
    prices = published.select("date", ticker="asset", close="spot").unique()
    table = surface.frame().select("date", "ticker", "tenor", "delta", "iv")
    panel = MarketPanel.from_frames(table, weights, prices, rates=float(published["rate"][0]), index=INDEX)
    own = surface.arranged((INDEX, *panel.names), panel.tenors)
    whole = replace(panel, listed=own.listed(), band=own.band())
    np.testing.assert_array_equal(own.iv[:, 1:], panel.component_iv)
    known = np.isfinite(whole.component_iv)
    assert known.mean() > 0.9
    assert (whole.band.bid[known] <= whole.component_iv[known]).all()
    assert (whole.component_iv[known] <= whole.band.ask[known]).all()
    assert whole.listed.iv.shape[:2] == (3, len(panel.names))
