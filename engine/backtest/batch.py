"""Many parameter sets as one: fields declared to batch become columns (P, 1), everything else must be equal.

A field batches only if it is declared to, `field(default=1.0, metadata={"batch": True})`: signal levels, sizes, cost
rates. Whether it does is never guessed from a value's type, since `enter=1` arrives as an int.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from engine.backend import namespace
from engine.errors import InputError

Item = TypeVar("Item")  # a frozen dataclass
MOST = 1e18  # of anything: squares, and sums of them, stay finite


def batch_fields(item: Any) -> tuple[str, ...]:
    """Names of the fields of a dataclass that may differ inside one batch."""
    return _split_fields(type(item))[0]


@functools.cache
def _split_fields(kind: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the fields of a class that batch, and of those that do not."""
    batched = {f.name: bool(f.metadata.get("batch")) for f in fields(kind)}
    return tuple(n for n, does in batched.items() if does), tuple(n for n, does in batched.items() if not does)


@functools.cache
def _shared(kind: type) -> Callable[[Any], Any]:
    """What reads the fields of a class that do not batch: it is called for every part of every job of a sweep."""
    names = _split_fields(kind)[1]
    return attrgetter(*names) if names else lambda _: ()


def refuse_below(item: Any, least: float, *names: str) -> None:
    """Raise InputError when a field, or a number of its column, is below `least` or not a number.

    Infinity is refused too, unless it is the field's default, where it stands for "never".
    """
    never = {f.name for f in fields(item) if f.default == np.inf}
    for name in names:
        value = getattr(item, name)
        if name not in never and not namespace(value).all(namespace(value).isfinite(value)):
            raise InputError(f"{type(item).__name__}.{name}={value} is not a finite number")
        if name not in never and not namespace(value).all(value <= MOST):
            raise InputError(f"{type(item).__name__}.{name}={value} is more than any market has; use {MOST:g} at most")
        if not namespace(value).all(value >= least):
            raise InputError(f"{type(item).__name__}.{name}={value} is below {least:g}; use {least:g} or more")


def refuse_nothing(item: Any, *names: str) -> None:
    """Raise InputError when a field, or a number of its column, is 0 or less, with which nothing is traded."""
    refuse_below(item, 0.0, *names)
    for name in names:
        value = getattr(item, name)
        if not namespace(value).all(value > 0.0):
            raise InputError(f"{type(item).__name__}.{name}={value} trades nothing; use more than 0")


def group_key(item: Any) -> tuple:
    """What two items must share to be stacked: their class and every field that does not batch.

    Examples
    --------
    >>> from engine.backtest.cohorts.costs import VolPoints
    >>> group_key(VolPoints(index=0.1)) == group_key(VolPoints(index=0.2))
    True
    """
    kind = type(item)
    return kind, _shared(kind)(item)


def stack(items: Sequence[Item], xp: Any = np) -> Item:
    """Return one item whose batching fields hold the items' values as columns (P, 1) of the array library `xp`.

    Raises
    ------
    ValueError
        When the items differ in class or in a field that does not batch.

    Examples
    --------
    >>> from engine.backtest.cohorts.costs import VolPoints
    >>> stack([VolPoints(index=0.1), VolPoints(index=0.2)]).index.tolist()
    [[0.1], [0.2]]
    """
    first = items[0]
    each = {id(item): item for item in items}.values()  # sets that share an item are looked at once
    if any(group_key(item) != group_key(first) for item in each):
        raise ValueError(f"{type(first).__name__}: only fields declared to batch may differ inside a batch")
    columns = {name: xp.asarray(_column(items, name)) for name in batch_fields(first)}
    return replace(first, **columns)  # pyright: ignore[reportArgumentType] - protocols do not say that it is a dataclass


def _column(items: Sequence[Any], name: str) -> np.ndarray:
    """A field of all items, (P, 1)."""
    return np.fromiter(map(attrgetter(name), items), dtype=np.float64, count=len(items))[:, None]
