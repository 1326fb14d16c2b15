"""How a vendor's layout is written down: which columns tell it, and which of them feeds which field, in what unit.

A vendor is tables of these, and nothing else; `engine.data.vendors.fields` makes the fields, and what reads them is in
`engine.data.vendors.read_layout`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from engine.data.quotes.clock import Clock
from engine.data.vendors.sight import Sight

HIGH, MEDIUM, LOW = "high", "medium", "low"


@dataclass(frozen=True, eq=False)
class Field:
    """Where the values of one column of a canonical table come from.

    Parameters
    ----------
    columns : tuple of str
        What it reads; of fields that read one column, names it goes by, of which the first that is there counts.
    make : function of a Sight -> expression
    said : str
        What is done to it, for people.
    scale : float
        What numbers are multiplied with, after those that stand for nothing were taken out.
    missing : tuple of float
        Numbers that stand for nothing.
    all_of : bool
        Whether it needs all of its columns, rather than one.
    always : bool
        Whether a value that is there must give one: where it does not, it was not understood.
    unless : function of a Sight -> expression, or None
        Where the value stands for nothing although it looks like one.
    options : tuple of Field
        Fields of which it is the first that is there.
    """

    columns: tuple[str, ...]
    make: Callable[[Sight], pl.Expr]
    said: str = ""
    scale: float = 1.0
    missing: tuple[float, ...] = ()
    all_of: bool = False
    always: bool = True
    unless: Callable[[Sight], pl.Expr] | None = None
    options: tuple["Field", ...] = ()

    def there(self, header: Any) -> bool:
        """Whether a file with this header has what the field needs."""
        if self.options:
            return any(option.there(header) for option in self.options)
        found = [column in header for column in self.columns]
        return not found or (all(found) if self.all_of else any(found))

    def source(self, header: Any) -> str:
        """Say where the field comes from, in a file with this header."""
        if self.options:
            return next(option for option in self.options if option.there(header)).source(header)
        used = [column for column in self.columns if column in header]
        used = used if self.all_of else used[:1]
        return " ".join(part for part in (", ".join(used), self.said) if part)


@dataclass(frozen=True, eq=False)
class Drop:
    """A row that is left out, and counted: its reason, the column that tells, and when."""

    reason: str
    column: str
    when: Callable[[Sight], pl.Expr]


@dataclass(frozen=True, eq=False)
class View:
    """One canonical table as some rows of a raw file see it.

    Parameters
    ----------
    table : str
    fields : dict of canonical column -> Field
        Those whose columns the file lacks are left out; the contract tells whether the table can do without.
    where : function of a Sight -> expression, or None
        The rows it is about; None = all.
    first_by : function of a Sight -> expression, or None
        Where a value is repeated on many rows - a spot beside each option: which row counts, the smallest of these.
    last_by : tuple of str
        Where a contract has many rows a day: the last one counts, by these columns of the file.
    rank : int
        Of views of one table, the lowest counts where two have rows of one ticker and date.
    """

    table: str
    fields: dict[str, Field]
    where: Callable[[Sight], pl.Expr] | None = None
    first_by: Callable[[Sight], pl.Expr] | None = None
    last_by: tuple[str, ...] = ()
    rank: int = 0


@dataclass(frozen=True, eq=False)
class Layout:
    """One kind of file of a vendor.

    Parameters
    ----------
    name : str
    title : str
        What it is, for people.
    has : tuple of str
        Columns that tell it, in lower case.
    views : tuple of View
    sure : str
        How well the layout is known: high, medium, low.
    exactly : bool
        Whether it has no other columns.
    one_of : tuple of tuple of str
        Of each, one is there.
    file : str
        Pattern of the file's name, where the header does not tell.
    header : tuple of str
        Columns of a file without a header.
    drops : tuple of Drop
    note : str
        What whoever uses it has to know.
    """

    name: str
    title: str
    has: tuple[str, ...]
    views: tuple[View, ...] = field(default=(), repr=False)
    sure: str = HIGH
    exactly: bool = False
    one_of: tuple[tuple[str, ...], ...] = ()
    file: str = ""
    header: tuple[str, ...] = ()
    drops: tuple[Drop, ...] = field(default=(), repr=False)
    note: str = ""


@dataclass(frozen=True, eq=False)
class Vendor:
    """A vendor: the layouts of its files, most telling first.

    Parameters
    ----------
    name : str
        As in market=NAME.
    title : str
    layouts : tuple of Layout
    currency, calendar, index : str
        Of the market, where the user says nothing else.
    clock : Clock
        When its quotes are taken and its options settle.
    note : str
    volatilities : tuple of str
        Which of several a user may choose by market.iv; the first one where nobody does.
    finish : function or None
        What turns tables of the vendor's own kind, such as names of keys, into canonical ones.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...] = field(repr=False)
    currency: str = "USD"
    calendar: str = "XNYS"
    index: str = "SPX"
    clock: Clock = field(default_factory=Clock)
    note: str = ""
    volatilities: tuple[str, ...] = ("smooth",)
    finish: Callable[..., Any] | None = None
