"""Records: frozen dataclasses whose fields are arrays, changed field by field as if each were one array."""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from engine.backend import namespace


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Record = TypeVar("Record", bound=_Dataclass)


def map_arrays(record: Record, change: Callable) -> Record:
    """Return the record with every array replaced by what `change` makes of it.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.pricing import StripVariance
    >>> strips = StripVariance(*(np.array([1, 2, 3]) for _ in range(5)))
    >>> map_arrays(strips, lambda array: array[1:]).calls.tolist()
    [2, 3]
    """
    return replace(record, **{f.name: change(getattr(record, f.name)) for f in fields(record)})


def lock(record: _Dataclass) -> None:
    """Let nobody write to the arrays of a record, and of records in it, through the record.

    Arrays on the host become views that are read-only; those that they are of stay as they were.

    Examples
    --------
    >>> from engine.pricing import StripVariance
    >>> strips = StripVariance(*(np.array([1, 2, 3]) for _ in range(5)))
    >>> lock(strips)
    >>> strips.calls[0] = 5
    Traceback (most recent call last):
        ...
    ValueError: assignment destination is read-only
    """
    for f in fields(record):
        value = getattr(record, f.name)
        if isinstance(value, np.ndarray) and value.flags.writeable:
            view = value.view()
            view.flags.writeable = False
            object.__setattr__(record, f.name, view)
        elif is_dataclass(value) and not isinstance(value, type):
            lock(value)


def stack(records: Sequence[Record], axis: int = 0) -> Record:
    """Return one record of records of equal shapes: each array has one axis more, along which they stand."""
    return _joined(records, lambda arrays: namespace(*arrays).stack(arrays, axis=axis))


def concatenate(records: Sequence[Record], axis: int = 0, **given: Any) -> Record:
    """Return one record whose arrays are those of the records, one after the other along an existing axis.

    Parameters
    ----------
    records : sequence of records of one class
    axis : int
    **given
        Fields that are not arrays, or are known already: taken as they are.
    """
    return _joined(records, lambda arrays: namespace(*arrays).concatenate(arrays, axis=axis), **given)


def _joined(records: Sequence[Record], join: Callable, **given: Any) -> Record:
    kind = type(records[0])
    names = [f.name for f in fields(kind) if f.name not in given]
    return kind(**{name: join([getattr(record, name) for record in records]) for name in names}, **given)
