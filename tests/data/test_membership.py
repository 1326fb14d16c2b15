"""Weights by spells: a planted index of them is tracked to rounding by every route, and slips are refused by row."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.data import MarketPanel, index_tracking, load_market
from engine.errors import InputError

SESSIONS = [date.fromordinal(day) for day in range(date(2019, 1, 2).toordinal(), date(2019, 4, 12).toordinal())]
SESSIONS = [day for day in SESSIONS if day.weekday() < 5 and day not in (date(2019, 1, 21), date(2019, 2, 18))]
NAMES = ("A", "B", "C", "D", "E")
SPLIT, CHANGE, ISSUE = 20, 30, 40  # B splits four for one; E takes the place of D; C has more shares
SINCE = {"E": CHANGE}
UNTIL = {"D": CHANGE - 1}
SHARES = {"A": 500.0, "B": 100.0, "C": 300.0, "D": 200.0, "E": 250.0}
FLOAT = {"A": 1.0, "B": 0.8, "C": 0.55, "D": 0.9, "E": 0.6}


def closes() -> np.ndarray:
    """Raw closes in cents, (T, N)."""
    rng = np.random.default_rng(11)
    paths = 80.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (len(SESSIONS), len(NAMES))), axis=0))
    paths[SPLIT:, 1] /= 4.0
    return paths.round(2)


def outstanding(t: int, name: str, issue: bool = True) -> float:
    """Shares there are in a session, splits and issues included."""
    times = 4.0 if name == "B" and t >= SPLIT else 1.5 if issue and name == "C" and t >= ISSUE else 1.0
    return SHARES[name] * times


def index(floats: dict | None = None, issue: bool = True) -> np.ndarray:
    """The index by its own rule, day by day: what its members of the day are worth now over what they were worth."""
    spot, level = closes(), [1000.0]
    for t in range(1, len(SESSIONS)):
        now = before = 0.0
        for n, name in enumerate(NAMES):
            if SINCE.get(name, 0) <= t <= UNTIL.get(name, len(SESSIONS)):
                held = outstanding(t, name, issue) * (floats or {}).get(name, 1.0)
                now += held * spot[t, n]
                before += held * spot[t - 1, n] / (4.0 if (name, t) == ("B", SPLIT) else 1.0)
        level.append(level[-1] * now / before)
    return np.array(level)


def spells(**columns) -> pl.DataFrame:
    """A row for each name, and one more where the shares of C change."""
    rows = []
    for name in NAMES:
        since, until = SESSIONS[SINCE.get(name, 0)], SESSIONS[UNTIL[name]] if name in UNTIL else None
        rows.append((name, since, until, SHARES[name], FLOAT[name]))
    rows[2] = (*rows[2][:2], SESSIONS[ISSUE - 1], *rows[2][3:])
    rows.append(("C", SESSIONS[ISSUE], None, 450.0, FLOAT["C"]))
    frame = pl.DataFrame(rows, schema=["ticker", "since", "until", "shares", "float"], orient="row")
    return frame.select("ticker", "since", "until", *columns.get("sizes", ("shares", "float")))


def prices(level: np.ndarray) -> pl.DataFrame:
    wide = {"date": SESSIONS, "IDX": level} | {name: closes()[:, n] for n, name in enumerate(NAMES)}
    return pl.DataFrame(wide)


def split(**changes) -> pl.DataFrame:
    row = {"date": SESSIONS[SPLIT], "ticker": "B", "kind": "split", "factor": 0.25} | changes
    return pl.DataFrame({name: [value] for name, value in row.items()})


def market(weights, level=None, actions=None) -> MarketPanel:
    level = index(FLOAT) if level is None else level
    vols = prices(level).with_columns(pl.exclude("date") * 0.0 + 0.2)
    given = {"actions": split() if actions is None else actions}
    return MarketPanel.from_frames(vols, weights, prices(level), index="IDX", tenor=30, delta=50, **given)


def test_an_index_of_shares_and_floats_is_tracked_to_rounding_on_every_day():
    panel = market(spells())
    found = index_tracking(panel)
    assert found["apart"].abs().max() < 1e-13
    assert found["apart"].null_count() == 1
    np.testing.assert_allclose(panel.weights[1:].sum(axis=1), 1.0, rtol=1e-12)
    d, e = panel.names.tolist().index("D"), panel.names.tolist().index("E")
    assert (panel.weights[1:CHANGE, d] > 0.0).all()
    assert (panel.weights[CHANGE:, d] == 0.0).all()
    assert (panel.weights[CHANGE:, e] > 0.0).all()
    assert (panel.weights[:CHANGE, e] == 0.0).all()


def test_what_is_wrong_with_the_spells_shows_on_its_day():
    late = spells().with_columns(  # D goes, and E comes, a session late
        until=pl.when(pl.col("ticker") == "D").then(pl.lit(SESSIONS[CHANGE])).otherwise("until"),
        since=pl.when(pl.col("ticker") == "E").then(pl.lit(SESSIONS[CHANGE + 1])).otherwise("since"),
    )
    found = index_tracking(market(late))
    assert found.filter(pl.col("apart").abs() > 1e-9)["date"].to_list() == [SESSIONS[CHANGE]]
    # Shares of today on all dates: four times as many of B before its split as there were.
    today = spells().with_columns(shares=pl.when(pl.col("ticker") == "B").then(400.0).otherwise("shares"))
    assert index_tracking(market(today))["apart"].abs().median() > 1e-4


def test_spells_know_nothing_of_the_closes_of_their_own_session():
    whole = market(spells())
    moved = prices(index(FLOAT)).with_columns(
        pl.when(pl.col("date") == SESSIONS[50]).then(pl.col("A") * 1.3).otherwise("A")
    )
    vols = moved.with_columns(pl.exclude("date") * 0.0 + 0.2)
    other = MarketPanel.from_frames(vols, spells(), moved, index="IDX", tenor=30, delta=50, actions=split())
    assert (other.weights[:51] == whole.weights[:51]).all()
    assert (other.weights[51] != whole.weights[51]).any()


def test_weights_of_their_own_hold_as_they_stand_in_percent_or_decimals():
    rows = [("A", 0, 29, 60.0), ("B", 0, None, 40.0), ("E", 30, None, 55.0)]
    frame = pl.DataFrame(
        {
            "ticker": [row[0] for row in rows],
            "since": [SESSIONS[row[1]] for row in rows],
            "until": [None if row[2] is None else SESSIONS[row[2]] for row in rows],
            "weight": [row[3] for row in rows],
        }
    )
    found = market(frame)
    assert found.names.tolist() == ["A", "B", "E"]
    assert found.weights[0].tolist() == found.weights[29].tolist() == [0.6, 0.4, 0.0]
    assert found.weights[30].tolist() == found.weights[-1].tolist() == [0.0, 0.4, 0.55]
    assert any("weights are in percent" in note for note in found.info.notes)
    decimals = market(frame.with_columns(pl.col("weight") / 100.0))
    np.testing.assert_allclose(decimals.weights, found.weights, rtol=1e-15)


def test_a_member_without_a_close_is_told_and_one_that_is_halted_keeps_its_last():
    gone = prices(index(FLOAT)).with_columns(
        C=pl.when(pl.col("date") <= SESSIONS[9]).then(None).otherwise("C"),
        A=pl.when(pl.col("date").is_between(SESSIONS[50], SESSIONS[52])).then(None).otherwise("A"),
    )
    vols = prices(index(FLOAT)).with_columns(pl.exclude("date") * 0.0 + 0.2)
    found = MarketPanel.from_frames(vols, spells(), gone, index="IDX", tenor=30, delta=50, actions=split())
    whole = market(spells())
    assert (found.weights[1:11, found.names.tolist().index("C")] == 0.0).all()
    told = [note for note in found.info.notes if "no size on some sessions" in note]
    assert told == [
        "weights: 1 members have no size on some sessions, the first C on 2019-01-03: they are left out, and the "
        "others make up the whole"
    ]
    a = found.names.tolist().index("A")
    held = whole.weights[52] / whole.weights[52, a] * found.weights[52, a]  # A at its close of session 49
    assert found.weights[52, a] > 0.0
    assert not np.allclose(held, whole.weights[52])
    assert (found.weights[54:] == whole.weights[54:]).all()


def ivydb(folder, level: np.ndarray) -> None:
    """The same market as WRDS would serve it: keys, thousands of shares, cumulative factors."""
    folder.mkdir()
    keys = {"SPX": 108105} | {name: 900001 + n for n, name in enumerate(NAMES)}
    rows, surface = [], []
    for t, day in enumerate(SESSIONS):
        rows.append((108105, day, level[t], 1.0, 1.0, 0.0))
        for n, name in enumerate(NAMES):
            factor = 4.0 if name == "B" and t >= SPLIT else 1.0
            rows.append((keys[name], day, closes()[t, n], factor, factor, outstanding(t, name, issue=False)))
        surface += [(key, day, 30, 50, 0.2, 100.0, "C") for key in keys.values()]
    columns = ["secid", "date", "close", "cfadj", "cfret", "shrout"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(folder / "secprd2019.csv")
    columns = ["secid", "date", "days", "delta", "impl_volatility", "impl_strike", "cp_flag"]
    pl.DataFrame(surface, schema=columns, orient="row").write_csv(folder / "vsurfd2019.csv")
    pl.DataFrame({"date": [SESSIONS[0]], "days": [30], "rate": [2.4]}).write_csv(folder / "zerocd.csv")
    names = pl.DataFrame({"secid": list(keys.values()), "effect_date": "1996-01-04", "ticker": list(keys), "class": ""})
    names.write_csv(folder / "secnmd.csv")


def crsp(folder) -> None:
    listed = [(90001 + n, SESSIONS[SINCE.get(x, 0)], SESSIONS[UNTIL.get(x, -1)]) for n, x in enumerate(NAMES)]
    pl.DataFrame(listed, schema=["permno", "start", "ending"], orient="row").write_csv(folder / "dsp500list.csv")
    links = [(900001 + n, "1996-01-04", "2024-12-31", 90001 + n, 1) for n in range(len(NAMES))]
    columns = ["secid", "sdate", "edate", "permno", "score"]
    pl.DataFrame(links, schema=columns, orient="row").write_csv(folder / "opcrsphist.csv")


@pytest.mark.parametrize("route", ["shares", "float", "membership", "crsp"])
def test_every_route_to_weights_of_ivydb_tracks_the_index_that_it_is_of(route, tmp_path):
    floats, issue = (FLOAT, True) if route == "shares" else (FLOAT, False) if route == "float" else (None, False)
    level, folder, given = index(floats, issue), tmp_path / "ivydb", {}
    ivydb(folder, level)
    if route == "crsp":
        crsp(folder)
    else:
        sizes = {"shares": ("shares", "float"), "float": ("float",), "membership": ()}[route]
        given["weights"] = str(tmp_path / "weights.csv")
        rows = spells(sizes=sizes)
        if route == "membership":  # one row a name: nothing else changes
            rows = rows.group_by("ticker", maintain_order=True).agg(pl.col("since").min(), pl.col("until").last())
        rows.write_csv(given["weights"])
    panel = load_market("ivydb", folder, index="SPX", cache=tmp_path, progress=False, **given)
    found = index_tracking(panel)
    first = 2 if route == "crsp" else 1
    assert found["apart"][first:].abs().max() < 1e-13
    assert not found["beyond"].any()
    d, e = panel.names.tolist().index("D"), panel.names.tolist().index("E")
    assert np.flatnonzero(panel.weights[:, d])[-1] == CHANGE - 1
    assert np.flatnonzero(panel.weights[:, e])[0] == CHANGE


def test_a_list_of_members_without_a_link_is_of_no_matter_beside_weights_of_ones_own(tmp_path):
    folder, own = tmp_path / "ivydb", tmp_path / "weights.csv"
    ivydb(folder, index())
    crsp(folder)
    (folder / "opcrsphist.csv").unlink()
    with pytest.raises(InputError, match="no file that links them to secids"):
        load_market("ivydb", folder, index="SPX", cache=tmp_path, progress=False)
    spells().write_csv(own)
    own_weights = load_market("ivydb", folder, index="SPX", weights=str(own), cache=tmp_path, progress=False)
    assert (own_weights.weights[1:].sum(axis=1) > 0.99).all()


def test_a_folder_of_ones_own_takes_spells_as_frames_do(tmp_path):
    level = index(FLOAT)
    for table, frame in {"prices": prices(level), "weights": spells(), "actions": split()}.items():
        frame.write_csv(tmp_path / f"{table}.csv")
    prices(level).with_columns(pl.exclude("date") * 0.0 + 0.2).write_csv(tmp_path / "surface.csv")
    panel = load_market("files", tmp_path, index="IDX", tenor=30, delta=50, cache=tmp_path / "cache", progress=False)
    assert (panel.weights == market(spells()).weights).all()


def text(*rows: str, header: str = "ticker,since,until,shares") -> pl.DataFrame:
    return pl.read_csv("\n".join([header, *rows, ""]).encode(), infer_schema=False)


SLIPS = {
    "overlap": (
        text("A,2019-01-02,2019-02-15,5", "B,2019-01-02,,5", "A,2019-02-15,,6"),
        "weights, line 4: A is a member since 2019-02-15, which overlaps line 2; until is the last day",
    ),
    "open": (
        text("A,2019-01-02,,5", "A,2019-02-15,,6"),
        "line 3: A is a member since 2019-02-15, which overlaps line 2",
    ),
    "gap": (
        text("A,2019-01-02,2019-02-15,5", "B,2019-01-02,,5", "A,2019-02-25,,6"),
        "line 4: A is out for 4 sessions, between 2019-02-15 (line 2) and 2019-02-25; close the gap, or if it was "
        "out add a row with shares 0",
    ),
    "nobody": (
        text("A,2019-01-02,2019-02-15,5", "B,2019-03-01,,5"),
        "weights: nobody is a member on 2019-02-19; the last one, A of line 2, was until 2019-02-15; add the rows",
    ),
    "backwards": (text("A,2019-03-02,2019-02-15,5", "B,2019-01-02,,5"), "line 2, column until: until_before_since"),
    "first day out": (
        text("A,2019-01-02,2019-02-15,5", "C,2019-01-02,,5", "B,2019-02-15,,5"),
        "line 2: A ends on 2019-02-15, the day on which another row begins, and so do most: until is the last day",
    ),
    "no size on a row": (text("A,2019-01-02,,5", "B,2019-01-02,,"), "line 3, column shares: no number"),
    "no size": (text("A,2019-01-02,", "B,2019-01-02,", header="ticker,since,until"), "has neither weight nor shares"),
    "more than all": (
        text("A,2019-01-02,,.6", "B,2019-01-02,,.4", "C,2019-02-01,,.3", header="ticker,since,until,weight"),
        "line 4: the weights in force on 2019-02-01 sum to 1.3",
    ),
    "float in percent": (
        text("A,2019-01-02,,85", header="ticker,since,until,iwf"),
        "column iwf: float_not_0_to_1 (85)",
    ),
    "weight and float": (
        text("A,2019-01-02,,.85,.5", header="ticker,since,until,weight,float"),
        "has weight and float; keep one",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_refused_by_file_and_row(slip):
    frame, message = SLIPS[slip]
    with pytest.raises(InputError) as refused:
        market(frame.with_row_index("_line", 2))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_sessions_after_the_last_row_have_no_members_and_a_note_says_so():
    ended = market(text("A,2019-01-02,2019-03-29,5", "B,2019-01-02,2019-03-29,5"))
    after = sum(day > date(2019, 3, 29) for day in SESSIONS)
    assert (ended.weights.sum(axis=1) == 0.0).sum() == 1 + after
    assert f"{1 + after} sessions have no member with a size known before them" in ended.info.notes


def test_a_name_may_come_back_after_a_quarter_or_with_a_row_of_nothing_between():
    back = text("A,2019-01-02,2019-01-04,5", "B,2019-01-02,,5", "A,2019-04-08,,6")
    found = market(back).weights[:, 0]
    assert (found > 0.0).sum() == sum(SESSIONS[1] <= day <= SESSIONS[2] or day >= date(2019, 4, 8) for day in SESSIONS)
    between = text("A,2019-01-02,2019-02-15,5", "A,2019-02-16,2019-02-24,0", "B,2019-01-02,,5", "A,2019-02-25,,6")
    out = [day for day, weight in zip(SESSIONS, market(between).weights[:, 0], strict=True) if weight == 0.0]
    assert out[1:] == [date(2019, 2, day) for day in (19, 20, 21, 22)]
