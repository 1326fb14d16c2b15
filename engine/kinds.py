"""Whether a value is of the kind that is asked for: nothing is converted without a word.

True is no number, 2.5 and "3" are no counts, and "false" is not false. Numbers of numpy are numbers.
"""

import math
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from types import UnionType
from typing import Any, get_args

from engine.errors import InputError

_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "text"}


def check_kinds(item: Any) -> None:
    """Raise InputError where a field of a dataclass is of another kind than its annotation: int, float, bool or str.

    Fields of other annotations are not looked at, nor are columns (P, 1) of a batch: arrays have a type of their own.

    Examples
    --------
    >>> from engine.correlation import TopWeights
    >>> TopWeights(n=2.5)
    Traceback (most recent call last):
        ...
    engine.errors.InputError: TopWeights.n=2.5 is not a whole number
    """
    for field in fields(item):
        options: tuple[Any, ...] = get_args(field.type) if isinstance(field.type, UnionType) else (field.type,)
        kinds = [kind for kind in options if kind in _WORDS]
        value = getattr(item, field.name)
        if not kinds or getattr(value, "ndim", 0) or (value is None and type(None) in options):
            continue
        if not any(is_kind(value, kind) for kind in kinds):
            raise InputError(f"{type(item).__name__}.{field.name}={value} is not {_WORDS[kinds[0]]}")


def is_kind(value: Any, kind: type) -> bool:
    """Tell whether a value is a whole number (int), a number (float), a flag (bool) or a text (str), NaN being none.

    Examples
    --------
    >>> is_kind(3, float), is_kind(True, int), is_kind(2.0, int), is_kind("false", bool)
    (True, False, False, False)
    """
    if kind is bool or kind is str:
        return isinstance(value, kind)
    number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    return number and not math.isnan(value)


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise InputError unless a value is a whole number of at least so many."""
    if not is_kind(value, int):
        raise InputError(f"{name}={value} is not a whole number")
    if value < least:
        raise InputError(f"{name}={value} is below {least}; use {least} or more")


def misfit(kind: type, base: type) -> str:
    """Say why a class is not what something has to be made of: "" where it follows a protocol, or derives from a class.

    Parameters
    ----------
    kind : type
    base : type
        A protocol, or a class.

    Examples
    --------
    >>> misfit(bool, int), misfit(float, Integral)
    ('', 'is no Integral: it has no numerator, denominator')
    """
    known = {f.name for f in fields(kind)} if is_dataclass(kind) else set()
    lacks = [name for name in vars(base) if name[0] != "_" and name not in known and not hasattr(kind, name)]
    if not lacks and (getattr(base, "_is_protocol", False) or issubclass(kind, base)):
        return ""
    return f"is no {base.__name__}" + (f": it has no {', '.join(lacks)}" if lacks else "")
