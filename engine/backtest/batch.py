"""Many parameter sets as one: fields declared to batch become columns (P, 1), everything else must be equal.

A field batches only if it is declared to, `field(default=1.0, metadata={"batch": True})`: signal levels, sizes, cost
rates. Whether it does is never guessed from a value's type, since `enter=1` arrives as an int.
"""

from dataclasses import fields, replace

import numpy as np

from engine.backend import namespace
from engine.errors import InputError


def batch_fields(item) -> list[str]:
    """Names of the fields of a dataclass that may differ inside one batch."""
    return [f.name for f in fields(item) if f.metadata.get("batch")]


def refuse_below(item, least: float, *names: str) -> None:
    """Raise InputError when a field, or a number of its column, is below `least` or not a number."""
    for name in names:
        value = getattr(item, name)
        if not namespace(value).all(value >= least):
            raise InputError(f"{type(item).__name__}.{name}={value} is below {least:g}; use {least:g} or more")


def group_key(item) -> tuple:
    """What two items must share to be stacked: their class and every field that does not batch.

    Examples
    --------
    >>> from engine.backtest.costs import VolPoints
    >>> group_key(VolPoints(index=0.1)) == group_key(VolPoints(index=0.2))
    True
    """
    batched = batch_fields(item)
    return (type(item), *((f.name, getattr(item, f.name)) for f in fields(item) if f.name not in batched))


def stack(items, xp=np):
    """Return one item whose batching fields hold the items' values as columns (P, 1) of the array library `xp`.

    Raises
    ------
    ValueError
        When the items differ in class or in a field that does not batch.

    Examples
    --------
    >>> from engine.backtest.costs import VolPoints
    >>> stack([VolPoints(index=0.1), VolPoints(index=0.2)]).index.tolist()
    [[0.1], [0.2]]
    """
    first = items[0]
    if any(group_key(item) != group_key(first) for item in items):
        raise ValueError(f"{type(first).__name__}: only fields declared to batch may differ inside a batch")
    columns = {name: xp.asarray([[float(getattr(item, name))] for item in items]) for name in batch_fields(first)}
    return replace(first, **columns)
