"""Surfaces of vendors: one market written as each of them has it gives the same volatilities, and the same correlation.

Total variance grows in a straight line at every delta, so that what lies between listed expiries is known exactly.
"""

import datetime
import gzip
import zipfile

import numpy as np
import polars as pl
import pytest

from engine.correlation import implied_correlation
from engine.data import load_market
from engine.data.vendors.canonical import Reading, vendor_tables
from engine.errors import InputError
from engine.study.ex_earnings import read_earnings
from tests.data.vendor_samples import SAMPLES

DATES = [datetime.date(2019, 1, day) for day in (14, 15, 16)]
ASSETS = {"SPX": (0.14, 101.0), "AAA": (0.24, 50.0), "BBB": (0.30, 75.0)}
EXPIRIES = [datetime.date(2019, *day) for day in ((1, 25), (2, 15), (3, 15), (6, 21), (12, 20))]
EXPIRIES += [datetime.date(2021, 1, 15)]
RATE = 0.0241
MONTH, HALF = 30, 182
EARNINGS = 0.01  # what a volatility without earnings is lower


def vol(asset, days, delta):
    """Annualised; call delta in percent."""
    level = ASSETS[asset][0] * (1.0 + 0.004 * (delta - 50.0))
    return float(np.sqrt(level**2 + 0.1 * level**2 / days))


def rows(nodes):
    return [(date, asset, *node) for date in DATES for asset in ASSETS for node in nodes]


def written(folder, name, records):
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(records).write_csv(folder / name)


def summaries(folder):
    tenors = {"10d": 10, "20d": 20, "30d": 30, "60d": 60, "90d": 90, "6m": 182, "1y": 365}

    def row(date, asset):
        found = {"ticker": asset, "tradeDate": date, "stockPrice": ASSETS[asset][1], "riskFree30": RATE}
        for word, days in tenors.items():
            found |= {f"iv{word}": vol(asset, days, 50), f"exErnIv{word}": vol(asset, days, 50) - EARNINGS}
            for delta in (5, 25, 75, 95):
                found[f"dlt{delta}Iv{word}"] = vol(asset, days, delta)
                found[f"exErnDlt{delta}Iv{word}"] = vol(asset, days, delta) - EARNINGS
        return found

    written(folder, "summaries.csv", [row(date, asset) for date in DATES for asset in ASSETS])


def monies(folder):
    """A zipped file a day, as files of ORATS come."""
    folder.mkdir(parents=True, exist_ok=True)
    for date in DATES:
        records = [
            {
                "ticker": asset,
                "tradeDate": date,
                "expirDate": expiry,
                "stockPrice": ASSETS[asset][1],
                "riskFreeRate": RATE,
                **{f"vol{delta}": vol(asset, (expiry - date).days, delta) for delta in range(0, 105, 5)},
                "atmiv": vol(asset, (expiry - date).days, 50),
            }
            for asset in ASSETS
            for expiry in EXPIRIES
        ]
        with zipfile.ZipFile(folder / f"ORATS_Monies_{date:%Y%m%d}.zip", "w") as archive:
            archive.writestr(f"ORATS_Monies_{date:%Y%m%d}.csv", pl.DataFrame(records).write_csv())


def cores(folder, percent=100.0):
    tenors = {"10d": 10, "20d": 20, "30d": 30, "60d": 60, "90d": 90, "6m": 182, "1yr": 365}
    records = [
        {"ticker": asset, "tradeDate": date, "pxAtmIv": ASSETS[asset][1], "orFcst20d": 20.0, "atmIvM1": 20.0}
        | {f"iv{word}": vol(asset, days, 50) * percent for word, days in tenors.items()}
        for date, asset in rows([()])
    ]
    written(folder, "cores.csv", records)


def cores_in_decimals(folder):
    cores(folder, percent=1.0)


def ivrank(folder):
    records = [
        {"ticker": asset, "tradeDate": date, "iv": vol(asset, 30, 50) * 100.0, "ivRank1m": 41.0, "ivRank1y": 50.0}
        for date, asset in rows([()])
    ]
    written(folder, "ivrank.csv", records)


def surface_of_ivydb(folder):
    """Gzipped, keys and tickers beside each other as queries have them, calls, puts, -99.99 where there is none."""
    nodes = [(days, delta) for days in (10, 30, 91, 182, 365) for delta in (*range(10, 95, 5), *range(-90, -5, 5))]
    keys = {asset: 900000 + number for number, asset in enumerate(ASSETS)}
    records = [
        {
            "secid": keys[asset],
            "date": f"{date:%Y%m%d}",
            "days": days,
            "delta": delta,
            "impl_volatility": -99.99 if days == 10 else vol(asset, days, delta if delta > 0 else 100 + delta),
            "impl_strike": 100.0,
            "cp_flag": "C" if delta > 0 else "P",
            "ticker": asset,
            "class": "",
        }
        for date, asset, days, delta in rows(nodes)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "vsurfd2019.csv.gz", "wb") as stream:
        stream.write(pl.DataFrame(records).write_csv().encode())
    curve = [{"date": date, "days": 30, "rate": RATE * 100.0} for date in DATES]
    written(folder, "zerocd.csv", curve)


# Vendor, writer, tenors and deltas that it has of those below, tables beside the surface.
ALL_DELTAS = (25, 50, 75)
FORMATS = {
    "summaries": ("orats", summaries, (MONTH, HALF), ALL_DELTAS, {"prices", "rates"}),
    "monies": ("orats", monies, (MONTH, HALF), ALL_DELTAS, {"prices", "rates"}),
    "cores": ("orats", cores, (MONTH, HALF), (50,), {"prices"}),
    "cores_in_decimals": ("orats", cores_in_decimals, (MONTH, HALF), (50,), {"prices"}),
    "ivrank": ("orats", ivrank, (MONTH,), (50,), set()),
    "vsurfd": ("ivydb", surface_of_ivydb, (MONTH, HALF), ALL_DELTAS, {"rates"}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_surface_is_read_of_every_format(name, tmp_path):
    vendor, write, tenors, deltas, others = FORMATS[name]
    write(tmp_path / "files")
    read = vendor_tables(tmp_path / "files")
    assert read.vendor.name == vendor
    surface = read.tables["surface"]
    assert surface.rejected.height == 0
    of = {
        (row["date"], row["ticker"], row["tenor"], row["delta"]): row["iv"]
        for row in surface.kept.iter_rows(named=True)
    }
    for date, asset, days, delta in rows([(days, delta) for days in tenors for delta in deltas]):
        assert of[date, asset, days, delta] == pytest.approx(vol(asset, days, delta), rel=1e-6)  # held as float32
    assert others <= set(read.tables)
    if "prices" in others:
        closes = dict(
            read.tables["prices"].kept.filter(pl.col("date") == DATES[0]).select("ticker", "close").iter_rows()
        )
        assert closes == {asset: close for asset, (_, close) in ASSETS.items()}
    if "rates" in others:
        assert read.tables["rates"].kept["rate"].to_list() == pytest.approx([RATE] * 3)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_correlation_comes_of_every_format(name, tmp_path):
    vendor, write, _, _, others = FORMATS[name]
    write(tmp_path / "files")
    own = {}
    if "prices" not in others:
        own["prices"] = str(tmp_path / "closes.csv")
        closes = [{"date": date, "ticker": asset, "close": ASSETS[asset][1]} for date in DATES for asset in ASSETS]
        pl.DataFrame(closes).write_csv(own["prices"])
    market = load_market(
        vendor, tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False, rate=RATE, **own
    )
    rho = implied_correlation(market.index_iv[1:], market.component_iv[1:], market.weights[1:]).clean
    found = rho[:, list(market.tenors).index(MONTH), list(market.deltas).index(50)]
    index, *members = (vol(asset, MONTH, 50) for asset in ASSETS)
    alone = sum((0.5 * member) ** 2 for member in members)
    expected = (index**2 - alone) / (sum(0.5 * member for member in members) ** 2 - alone)
    assert found == pytest.approx(expected, rel=1e-5)  # volatilities are held as float32


def test_volatilities_without_earnings_are_those_of_summaries_alone(tmp_path):
    summaries(tmp_path / "files")
    found = vendor_tables(tmp_path / "files", Reading(iv="ex_earnings")).tables["surface"].kept
    row = found.filter((pl.col("ticker") == "AAA") & (pl.col("tenor") == 30) & (pl.col("date") == DATES[0]))
    assert dict(row.select("delta", "iv").iter_rows()) == pytest.approx(
        {delta: vol("AAA", 30, delta) - EARNINGS for delta in (5, 25, 50, 75, 95)}
    )
    monies(tmp_path / "monies")
    with pytest.raises(InputError, match="has no smiles without earnings"):
        vendor_tables(tmp_path / "monies", Reading(iv="ex_earnings"))
    name, text = SAMPLES["orats_strikes_file"]
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="has no volatilities without earnings"):
        vendor_tables(tmp_path / name, Reading(iv="ex_earnings"))


def test_the_middle_of_a_side_is_asked_for_where_there_is_none(tmp_path):
    name, text = SAMPLES["orats_strikes_file"]
    (tmp_path / name).write_text(text.replace("cMidIv", "other"))
    with pytest.raises(InputError, match=r"has no column cMidIv, which market.iv=mid asks for"):
        vendor_tables(tmp_path, Reading(iv="mid"))


@pytest.mark.parametrize(("vendor", "iv"), [("orats", "middle"), ("dolthub", "mid")])
def test_a_choice_of_volatilities_that_a_vendor_has_not_is_refused(vendor, iv, tmp_path):
    layout = {"orats": "orats_summaries", "dolthub": "dolthub_chain"}[vendor]
    name, text = SAMPLES[layout]
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"market.iv={iv} is unknown to {vendor}; take smooth"):
        load_market(vendor, tmp_path, index="SPX", weights="equal", iv=iv, cache=tmp_path, progress=False)


def test_monies_count_before_summaries_and_those_before_cores_and_ranks(tmp_path):
    for write in (summaries, monies, cores, ivrank):
        write(tmp_path / "files")
    surface = vendor_tables(tmp_path / "files").tables["surface"]
    assert set(surface.kept["delta"]) == set(range(5, 100, 5))
    gave_way = surface.counts.filter(pl.col("reason") == "another_file_counts")["rows"].sum()
    assert gave_way == 9 * (35 + 7 + 1)  # rows a ticker's day of summaries, cores and ranks
    assert surface.kept.unique(["date", "ticker", "tenor", "delta"]).height == surface.kept.height


def test_rows_of_monies_that_cannot_be_are_counted_by_reason(tmp_path):
    name, text = SAMPLES["orats_monies"]
    spoilt = text.replace("2019-03-15", "2018-03-15").replace("0.2511,0.2309,0.2202,0.21", "9.9,0.2309,0.2202,0.21")
    (tmp_path / name).write_text(spoilt)
    surface = vendor_tables(tmp_path).tables["surface"]
    reasons = dict(surface.counts.group_by("reason").agg(pl.col("rows").sum()).iter_rows())
    assert reasons["iv_out_of_bounds"] == 1
    assert reasons["expired"] == 5
    assert reasons["iv_is_0"] == 1  # which is missing in a row that has expired anyway
    assert surface.kept.filter(pl.col("delta") == 75).height == 0


def test_volatilities_of_one_expiry_alone_reach_what_lies_beside_it(tmp_path):
    name, text = SAMPLES["orats_monies"]
    (tmp_path / name).write_text("\n".join(text.splitlines()[:2]))
    assert vendor_tables(tmp_path).tables["surface"].kept["tenor"].unique().to_list() == [30.0]
    (tmp_path / name).write_text("\n".join(text.replace("2019-02-15", "2019-02-20").splitlines()[:2]))
    with pytest.raises(InputError, match=r"no listed expiry reaches a tenor of 30, 91"):
        load_market(
            "orats", tmp_path, weights="equal", index="AAPL", max_extrapolation_days=0.0, cache=tmp_path / "cache"
        )


def test_earnings_of_orats_are_read_where_a_table_of_ones_own_is(tmp_path):
    name, text = SAMPLES["orats_earnings"]
    (tmp_path / name).write_text(text)
    found = read_earnings(tmp_path / name)
    assert found.rows() == [(datetime.date(2019, 2, 7), "ZZQ", None)]
