"""Option quotes, or volatilities, of all of a vendor's files: put together and judged one month at a time, and kept."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from engine.data.records import TENORS
from engine.data.store.kept import Kept, Made, Put
from engine.data.tables.dated_rows import DatedRows, Month, days_of
from engine.data.tables.judge import COUNTS, REJECTED, Judged, refuse_mostly_bad
from engine.data.tables.renames import renamed_rows
from engine.data.vendors.canonical import refuse_empty, tables_of
from engine.data.vendors.landed import Landed, fewer
from engine.data.vendors.listed_nodes import NODES, READ
from engine.errors import InputError

MADE_OF = {"quotes": ("quotes", "open_interest", "futures"), "surface": ("surface", NODES.name)}


@dataclass(frozen=True, eq=False)
class Judging:
    """How months are judged.

    Parameters
    ----------
    where : str
        What messages call the files.
    tickers : mapping
        Of a vendor with keys of its own: to the ticker of each.
    renames : frame of date, ticker, into
        Names of the user's that changed.
    names : set of str or None
        Tickers that are wanted; None = all.
    kept : Kept
    at_once : int
        Rows that are judged at a time, or those of one date where it has more.
    reach : float
        Of volatilities by listed expiry: how many days beyond them a tenor may take the nearest one's.
    """

    where: str
    tickers: Mapping[str, str]
    renames: pl.DataFrame
    names: frozenset[str] | None
    kept: Kept
    at_once: int
    reach: float


def dated_rows(table: str, landed: list[Landed], how: Judging) -> DatedRows:
    """Judge a table, quotes or surface, month by month: each unless that was done before.

    Raises
    ------
    InputError
        When no row is usable, or of a surface most are not.
    """
    file, made_of = f"{how.where}, {table}", MADE_OF[table]
    months = {name: {month for one in landed for month in one.months(name)} for name in made_of}
    own = months[table] if table == "quotes" else set.union(*months.values())  # interest alone is no quote
    parts = [_judged(table, month, landed, how) for month in sorted(own)]
    read = [piece for one in landed for piece in one.account(made_of, None if how.tickers else how.names)]
    asset, ticker = (
        pl.lit(True) if how.names is None else pl.col(c).is_in([*how.names, ""]) for c in ("asset", "ticker")
    )
    counts = [*(piece.counts for piece in read), *(part.made.frame("counts").filter(asset) for part in parts)]
    if not parts:
        refuse_empty(table, how.where, counts)
    days = [part.made.frame("days").filter(ticker) for part in parts]
    held, broken = (
        sum(int(frame["rows"].sum()) for frame in of)
        for of in (days, [part.made.frame("broken").filter(asset) for part in parts])
    )
    told = pl.concat([pl.DataFrame(schema=COUNTS), *counts])
    contract = READ[NODES.name] if months.get(NODES.name) else READ[table]
    refuse_mostly_bad(contract, file, held, broken, held + broken, told)
    if not held:
        raise InputError(f"{file}: no listed expiry reaches a tenor of {', '.join(map(str, TENORS))} days")
    rejected = [*(piece.rejected for piece in read), *(part.rejected().filter(asset) for part in parts)]
    return DatedRows(
        table=table,
        file=file,
        months=tuple(
            Month(frame, part.rows(how.names), part.key) for part, frame in zip(parts, days, strict=True) if len(frame)
        ),
        rejected=pl.concat([pl.DataFrame(schema=REJECTED), *(frame.select(list(REJECTED)) for frame in rejected)]),
        counts=told.group_by("asset", "reason").agg(pl.col("rows").sum()).sort("asset", "reason"),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.made.facts["notes"])),
        two_sided=any(part.made.facts["two_sided"] for part in parts),
        styled=all(part.made.facts["styled"] for part in parts),
        unlisted=sum(made.facts["unlisted"] for made in [one.made for one in landed] + [part.made for part in parts]),
        kept=how.kept,
        at_once=how.at_once,
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """A month: frames rows0, rows1, ..., days, counts, broken (asset, rows) and rejected, whose file is a number."""

    made: Made
    key: str
    files: list[str]

    def rows(self, names: frozenset[str] | None) -> Callable[[], pl.LazyFrame]:
        def opened() -> pl.LazyFrame:
            found = pl.concat([self.made.scan(name) for name in self.made.names if name.startswith("rows")])
            return found if names is None else found.filter(pl.col("ticker").is_in(names))

        return opened

    def rejected(self) -> pl.DataFrame:
        files = pl.Series(self.files, dtype=pl.String)
        rejected = self.made.frame("rejected")
        return rejected.with_columns(file=files.gather(rejected["file"].cast(pl.UInt32)))


def _judged(table: str, month: str, landed: list[Landed], how: Judging) -> _Judged:
    tables = MADE_OF[table]
    of = [one for one in landed if any(month in one.months(name) for name in tables)]
    keys = {key for one in of for piece in one.made.facts["pieces"] for key in piece["tickers"]}
    names = {key: how.tickers[key] for key in sorted(keys & how.tickers.keys())}
    renames = how.renames.filter(pl.col("date").dt.strftime("%Y-%m") >= month)

    def make(put: Put) -> Mapping:
        found = []
        for days in _runs(tables, month, of, how.at_once):
            pieces = [(i, piece) for i, one in enumerate(of) for piece in one.pieces(tables, month, days)]
            numbers = [str(i) for i in range(len(of))]
            judged = tables_of(
                pieces, numbers, how.where, lambda frames: _named(frames, names), part=True, reach=how.reach
            )
            if table in judged:
                one = renamed_rows(judged[table], renames)
                put(f"rows{len(found)}", one.kept)
                found.append(_Facts.of(one))
        return _Facts.together(found, put)

    reach = how.reach if any(one.months(NODES.name) for one in of) else None
    key = how.kept.key(__file__, table, month, [one.key for one in of], names, renames, reach)
    return _Judged(how.kept.made("months", key, make), key, [one.match.raw.label for one in of])


@dataclass(frozen=True, eq=False)
class _Facts:
    frames: dict[str, pl.DataFrame]
    two_sided: bool
    styled: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, one: Judged) -> "_Facts":
        broken = one.rejected.group_by("asset").len("rows").cast({"rows": pl.UInt32})
        frames = {"days": days_of(one.kept), "counts": one.counts, "broken": broken, "rejected": fewer(one.rejected)}
        two_sided = "bid" in one.kept.columns and bool(one.kept["bid"].is_not_null().any())
        styled = "style" not in one.kept.columns or not one.kept["style"].null_count()
        return cls(frames, two_sided, styled, one.notes)

    @staticmethod
    def together(parts: list["_Facts"], put: Put) -> Mapping:
        """Keep the frames of all parts, and return the facts that are no frames."""
        for name in ("days", "counts", "broken"):
            put(name, pl.concat([part.frames[name] for part in parts]))
        put("rejected", listed := fewer(pl.concat([part.frames["rejected"] for part in parts])))
        return {
            "unlisted": sum(int(part.frames["broken"]["rows"].sum()) for part in parts) - listed.height,
            "two_sided": any(part.two_sided for part in parts),
            "styled": all(part.styled for part in parts),
            "notes": list(dict.fromkeys(note for part in parts for note in part.notes)),
        }


def _runs(tables: tuple[str, ...], month: str, of: list[Landed], most: int) -> Iterator[set[str]]:
    """Cut the dates of a month where their rows are as many as memory is asked for at a time."""
    sizes: dict[str, int] = {}
    for one in of:
        for piece in one.made.facts["pieces"]:
            if piece["table"] in tables and piece["month"] == month:
                for day, rows in piece["days"]:
                    sizes[day] = sizes.get(day, 0) + rows
    run, taken = set(), 0
    for day in sorted(sizes):
        if run and taken + sizes[day] > most:
            yield run
            run, taken = set(), 0
        run.add(day)
        taken += sizes[day]
    yield run


def _named(frames: dict[str, pl.DataFrame], names: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    if not names:
        return frames
    return {table: frame.with_columns(pl.col("ticker").replace(names)) for table, frame in frames.items()}
