"""How a kernel is declared in Python, and the C text that follows from it.

What an entry point takes, and the codes it shares with array code, are written down once (`entries`). The signature in
C, the check of the arrays handed over (`arguments`) and the constants in C all come from there.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum


@dataclass(frozen=True)
class Parameter:
    """One parameter of an entry point: a number, or an array where it has extents.

    Parameters
    ----------
    type : str
        As C spells it: double, i64, int, u8, or STORED for volatilities as they are stored.
    name : str
    extents : tuple of str
        Length of each axis: the name of a number among the parameters, or of the entry's items; such a name plus a
        number ("days+1"); or a number.
    strides : tuple of str
        Names of the numbers that say how far apart, in elements, the first axes are: one for each such axis. The axes
        that follow are contiguous. An axis of stride 0 is one row that serves all.
    written : bool
        The entry writes it.
    optional : bool
        None may be given for it.
    """

    type: str
    name: str
    extents: tuple[str, ...] = ()
    strides: tuple[str, ...] = ()
    written: bool = False
    optional: bool = False

    @functools.cached_property
    def terms(self) -> tuple[tuple[str | None, int], ...]:
        """The extents, each as a number's name and what is added to it.

        Examples
        --------
        >>> writes("double", "flow", "cohorts days+1 2")[0].terms
        (('cohorts', 0), ('days', 1), (None, 2))
        """
        split = (extent.partition("+") for extent in self.extents)
        return tuple((None, int(name)) if name.isdigit() else (name, int(more or 0)) for name, _, more in split)

    @property
    def text(self) -> str:
        """The declaration in C.

        Examples
        --------
        >>> reads("double", "near", "cohorts days+1")[0].text
        'const double *near'
        """
        if not self.extents:
            return f"{self.type} {self.name}"
        return f"{'' if self.written else 'const '}{self.type} *{self.name}"


def numbers(names: str, type: str = "i64") -> tuple[Parameter, ...]:
    """Declare numbers, their names separated by spaces."""
    return tuple(Parameter(type, name) for name in names.split())


def reads(type: str, names: str, extents: str, *, strides: str = "", optional=False) -> tuple[Parameter, ...]:
    """Declare arrays that an entry reads, all of the same extents; where there are strides, one array and these."""
    steps = tuple(strides.split())
    arrays = (Parameter(type, name, tuple(extents.split()), steps, optional=optional) for name in names.split())
    return tuple(parameter for array in arrays for parameter in (array, *numbers(strides)))


def writes(type: str, names: str, extents: str, *, optional=False) -> tuple[Parameter, ...]:
    """Declare arrays that an entry writes, all of the same extents."""
    return tuple(
        Parameter(type, name, tuple(extents.split()), written=True, optional=optional) for name in names.split()
    )


def codes(kind: type[IntEnum]) -> dict[str, int]:
    """Return the constants that are the members of an enumeration."""
    return {code.name: int(code) for code in kind}


def positions(count: str, names: Iterable[str]) -> dict[str, int]:
    """Return the constants that are the positions of names on an axis, and their count.

    Examples
    --------
    >>> positions("SIDES", ("bid", "ask"))
    {'BID': 0, 'ASK': 1, 'SIDES': 2}
    """
    return {name.upper(): position for position, name in enumerate((*names, count))}


@dataclass(frozen=True)
class Entry:
    """An entry point: what one of its items is, and its parameters after the range `first`, `last` of items."""

    item: str  # in the plural, an extent of its arrays
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Kernel:
    """What Python tells a kernel.

    Parameters
    ----------
    entries : dict of name to Entry
    constants : tuple of dict
        Name to integer; of `codes` and `positions`, and what else both languages must agree on.
    groups : dict of name to tuple of Parameter
        Parameters that several entries begin with, for a struct of their own.
    """

    entries: dict[str, Entry]
    constants: tuple[dict[str, int], ...] = ()
    groups: dict[str, tuple[Parameter, ...]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The C text: an enum for each dict of constants, and for each entry and group three macros.

        `HOLD_PARAMETERS` is the signature of the entry `hold`, `HOLD_FIELDS` declares the fields of a struct that
        carries its arguments to other functions, and `HOLD_ARGUMENTS` fills that struct.
        """
        lines = [f"enum {{ {', '.join(f'{name} = {value}' for name, value in c.items())} }};" for c in self.constants]
        lists = {name: entry.parameters for name, entry in self.entries.items()} | self.groups
        for name, parameters in lists.items():
            declared = [parameter.text for parameter in parameters]
            lines += [
                f"#define {name.upper()}_PARAMETERS i64 first, i64 last, {', '.join(declared)}",
                f"#define {name.upper()}_FIELDS {' '.join(f'{field};' for field in declared)}",
                f"#define {name.upper()}_ARGUMENTS {', '.join(parameter.name for parameter in parameters)}",
            ]
        return "".join(f"{line}\n" for line in lines)
