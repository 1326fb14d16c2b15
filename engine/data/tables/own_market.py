"""A market of judged tables: its panel, what was assumed on the way, and the account of what did not get in."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from engine.data.arrange import as_actions
from engine.data.panel import MarketPanel
from engine.data.records import Account, MarketInfo
from engine.data.tables.assumptions import assumptions, check_actions
from engine.data.tables.check_endings import check_endings, told_of_endings
from engine.data.tables.choices import Choices
from engine.data.tables.dated_rows import DatedRows
from engine.data.tables.judge import REJECTED, Judged, reasons, refuse_rejected
from engine.data.tables.renames import renamed
from engine.data.tables.tables_to_panel import TabledMarket, tables_to_market
from engine.errors import InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class OwnMarket:
    """A market made of tables: its panel, and the account of what did not get in.

    Parameters
    ----------
    market : TabledMarket
    quality : frame of asset, reason, rows
        Counts by ticker; `kept` are volatilities of the surface, other tables' reasons start with their name.
    rejected : frame of table, file, line, column, reason, value
    actions : frame of date, asset, kind, factor, amount, into, or None
    """

    market: TabledMarket
    quality: pl.DataFrame
    rejected: pl.DataFrame
    actions: pl.DataFrame | None = None

    def panel(self) -> MarketPanel:
        """Return the whole panel, with this account of it."""
        panel = self.market.block(slice(0, len(self.market.dates)))
        read = {"quality": self.quality, "rejected": self.rejected, "actions": self.actions}.get
        return replace(panel, report=Account(read), validate=False)


def from_judged(tables: dict[str, Judged], choices: Choices, name: str, rate: float | None = None) -> OwnMarket:
    """Make a market of tables that are all in memory.

    Parameters
    ----------
    tables : dict of name -> Judged
        surface or quotes, and prices; weights, or none for equal ones; rates, actions, forwards, sectors if any.
    choices : Choices
    name : str
    rate : float or None

    Raises
    ------
    InputError
        As `from_rows`.
    """
    tables = renamed(tables, choices.index)
    vols = tables.pop("surface" if "surface" in tables else "quotes")
    return from_rows(DatedRows.of(vols), tables, choices, name, rate)


def from_rows(
    rows: DatedRows,
    tables: dict[str, Judged],
    choices: Choices,
    name: str,
    rate: float | None = None,
    *,
    source: str = "tables of your own",
    known: Sequence[str] = (),
) -> OwnMarket:
    """Make a market of volatilities, or option quotes, that are read a month at a time, and of other tables.

    Parameters
    ----------
    rows : DatedRows
    tables : dict of name -> Judged
        prices; weights, or none for equal ones; rates, actions, forwards, sectors, dividends if any. Names that
        changed have the new one everywhere.
    choices : Choices
    name : str
    rate : float or None
    source : str
        Where they come from.
    known : sequence of str
        What is to be noted beside what is found out here.

    Raises
    ------
    InputError
        As `from_parts`, and where no quote makes a volatility.
    """
    everything = (rows, *tables.values())
    rejected = pl.concat([pl.DataFrame(schema=REJECTED), *(found.rejected for found in everything)])
    if choices.strict:
        refuse_rejected(rejected)
    info = MarketInfo(
        name=name,
        index=choices.index,
        currency=choices.currency,
        calendar=choices.calendar,
        source=f"{source}. Index leg {choices.index}: {choices.index_note or OWN_COLUMN}",
        forward_convention=_forwards_of(rows, tables),
        marks=choices.marks or _marks_of(rows),
        contracts="synthetic strikes (at the forward), fractional contracts",
    )
    market = tables_to_market(rows, tables, info, choices, rate)
    used = market.surfaces.used
    if market.surfaces.empty:
        lost = pl.concat([used, rows.counts]).filter(pl.col("reason") != "kept")
        why = reasons(lost, 3) or "too few of an expiry"
        raise InputError(f"{rows.file}: no quote makes a volatility ({why})")
    check_actions(tables.get("actions"), market)
    ends: Iterable[str] = ()
    if "actions" in tables:
        acted = tables["actions"]
        check_endings(acted.kept, acted.file, market, info.index)
        ends = told_of_endings(acted.kept, market)
    notes = (*known, *assumptions(rows, tables, market, choices, rate), *ends)
    for note in (*notes, *_told(rejected, rows.unlisted)):
        log.warning("market %s: %s", name, note)
    counts = [used, market.unused, *(_named_after(found) for found in everything)]
    quality = pl.concat(counts).group_by("asset", "reason").agg(pl.col("rows").sum()).sort("asset", "reason")
    given = tables["actions"].kept if "actions" in tables else None
    actions = given if given is None else as_actions(given.rename({"ticker": "asset"}))
    return OwnMarket(replace(market, info=replace(info, notes=notes)), quality, rejected, actions)


def _named_after(found: Judged | DatedRows) -> pl.DataFrame:
    """Counts of a table, whose reasons start with its name unless they are of what the volatilities come from."""
    start = "" if found.table in ("surface", "quotes") else f"{found.table}."
    return found.counts.with_columns((pl.lit(start) + pl.col("reason")).alias("reason"))


def _forwards_of(rows: DatedRows, tables: dict[str, Judged]) -> str:
    if rows.table == "quotes":
        return "put-call parity, expiry by expiry"
    return "forwards of your own" if "forwards" in tables else "spot grown at the interest rate"


def _marks_of(rows: DatedRows) -> str:
    return "surface" if rows.table == "surface" else "quoted" if rows.two_sided else "unknown"


def _told(rejected: pl.DataFrame, unlisted: int) -> list[str]:
    if rejected.is_empty():
        return []
    counts = rejected.group_by("table", "reason", maintain_order=True).len()
    reasons = ", ".join(f"{table}.{reason} {rows:,}" for table, reason, rows in counts.iter_rows())
    more = f", and {unlisted:,} more like them" if unlisted else ""
    return [f"{rejected.height:,} rows were rejected ({reasons}{more})"]


OWN_COLUMN = "a column of your own; what its numbers are, and whether options on it trade, was not looked into"
