"""The same market in the format of every vendor gives the same tables, and through them the same panel."""

import functools

import numpy as np
import polars as pl
import pytest

from engine.data import load_market
from engine.data.tables.choices import Choices
from engine.data.tables.contracts import TABLES
from engine.data.tables.judge import judged
from engine.data.tables.own_market import from_judged
from engine.data.vendors.canonical import vendor_tables
from engine.data.vendors.recognise import vendor as vendor_of
from tests.data.vendor_world import FORMATS, RATE, SESSIONS, options, spots

KEY = ["date", "ticker", "expiry", "strike", "right"]
# A tardis file has no spots: the forward that expires first stands for one.
NO_SPOT = {"tardis": lambda: options().unique(["date", "ticker"], keep="first", maintain_order=True)}


@functools.cache
def world() -> pl.DataFrame:
    rows = options()
    return rows.with_columns(
        price=(pl.col("bid") + pl.col("ask")) / 2.0,
        oi=pl.col("oi").cast(pl.Float64),
        volume=pl.col("volume").cast(pl.Float64),
        multiplier=pl.lit(100.0),
        settlement=pl.lit("pm"),
        style=pl.lit("european"),
    )


def expected_quotes(columns) -> pl.DataFrame:
    return world().select(*KEY, *columns, "style")


def expected_prices(name) -> pl.DataFrame:
    if name in NO_SPOT:
        return NO_SPOT[name]().select("date", "ticker", close="forward")
    return spots()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name) / "files"
            FORMATS[name][1](made[name])
        return made[name]

    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_market_gives_the_same_tables_in_every_format(name, folders):
    vendor, _, columns, others = FORMATS[name]
    read = vendor_tables(folders(name))
    assert read.vendor.name == vendor
    quotes = read.tables["quotes"]
    assert quotes.rejected.height == 0
    expected = expected_quotes(columns).sort(KEY)
    found = quotes.kept.sort(KEY)
    assert found.height == expected.height == len(SESSIONS) * 4 * 3 * 13 * 2
    for column in (*KEY, "style"):
        assert found[column].to_list() == expected[column].to_list(), column
    for column in columns:
        if column == "settlement":
            assert found[column].to_list() == expected[column].to_list()
        else:
            np.testing.assert_allclose(found[column].to_numpy(), expected[column].to_numpy(), rtol=1e-9, atol=1e-12)
    absent = set(TABLES["quotes"].columns) - {*KEY, *columns, "style"}
    assert all(found[column].null_count() == found.height for column in absent)
    if "prices" in others:
        prices = read.tables["prices"].kept.sort("date", "ticker")
        assert prices.select("date", "ticker").equals(spots().sort("date", "ticker").select("date", "ticker"))
        np.testing.assert_allclose(
            prices["close"].to_numpy(), spots().sort("date", "ticker")["close"].to_numpy(), rtol=1e-12
        )
    if "rates" in others:
        assert read.tables["rates"].kept["rate"].to_list() == pytest.approx([RATE] * len(SESSIONS))
    if "weights" in others:
        weights = read.tables["weights"].kept
        assert weights.group_by("date").agg(pl.col("weight").sum())["weight"].to_list() == pytest.approx([1.0] * 8)
        assert set(weights["ticker"]) == {"NDX", "RUT", "XSP"}
    if "forwards" in others:
        forwards = read.tables["forwards"].kept.sort("date", "ticker", "expiry")["forward"].to_numpy()
        every = world().unique(["date", "ticker", "expiry"]).sort("date", "ticker", "expiry")
        np.testing.assert_allclose(forwards, every["forward"].to_numpy(), rtol=1e-12)


def loaded(name, folder, tmp_path):
    vendor, _, _, others = FORMATS[name]
    own = {} if {"prices", "forwards"} & set(others) or name == "tardis" else {"prices": str(tmp_path / "closes.csv")}
    if own:
        spots().write_csv(own["prices"])
    rate = {} if "rates" in others or vendor == "deribit" else {"rate": RATE}
    weights = {} if "weights" in others else {"weights": "equal"}
    return load_market(vendor, folder, index="SPX", cache=tmp_path, progress=False, **own, **rate, **weights)


def straight(name):
    """The panel of the world itself, seen as a format sees it: its columns, its clock, its spots."""
    vendor, _, columns, others = FORMATS[name]
    vendor = vendor_of(vendor)
    rate = 0.0 if vendor.name == "deribit" else RATE
    tables = {
        "quotes": judged(TABLES["quotes"], expected_quotes(columns), "world"),
        "prices": judged(TABLES["prices"], expected_prices(name), "world"),
    }
    if "forwards" in others:
        every = world().unique(["date", "ticker", "expiry"], maintain_order=True)
        tables["forwards"] = judged(TABLES["forwards"], every.select("date", "ticker", "expiry", "forward"), "world")
    choices = Choices(index="SPX", quotes_at=vendor.clock.quotes, settles_at=vendor.clock.pm)
    return from_judged(tables, choices, "world", rate).panel()


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_market_gives_the_same_panel_in_every_format(name, folders, tmp_path):
    panel, expected = loaded(name, folders(name), tmp_path), straight(name)
    assert panel.dates.tolist() == expected.dates.tolist()
    assert panel.names.tolist() == expected.names.tolist() == ["NDX", "RUT", "XSP"]
    assert np.isfinite(panel.index_iv).mean() > 0.2
    for field in ("index_iv", "component_iv", "index_spot", "spot", "rate", "weights"):
        if field == "weights" and "weights" in FORMATS[name][3]:
            continue
        np.testing.assert_allclose(getattr(panel, field), getattr(expected, field), rtol=2e-6, err_msg=field)
    assert (panel.index_status == expected.index_status).all()
    assert (panel.component_status == expected.component_status).all()
    np.testing.assert_allclose(panel.listed.iv, expected.listed.iv, rtol=2e-6)
    np.testing.assert_allclose(panel.listed.forward, expected.listed.forward, rtol=1e-9)
