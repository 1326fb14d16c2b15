"""Whether the arguments of an entry are what it takes: compiled code would read, and write, whatever it is given."""

import math
from collections.abc import Sequence

from engine.errors import InputError
from engine.kernels.declare import Parameter
from engine.kernels.entries import KERNELS
from engine.kernels.source import STORED

DTYPES = {"double": ("float64",), "i64": ("int64",), "int": ("int32",), "u8": ("uint8", "bool")}
NUMBERS = {"double": float, "i64": int}


def check(kernel: str, entry: str, items: int, arguments: Sequence, dtype: str) -> None:
    """Refuse arguments that an entry does not take.

    Raises
    ------
    TypeError
        When there are more or fewer of them, or one is not of the parameter's type: a mistake of the calling code.
    InputError
        When an array reaches further, or less far, than the sizes given with it say: it belongs to other dates, names
        or cohorts than the rest.
    """
    declared = KERNELS[kernel].entries[entry]
    where = f"{kernel}.{entry}"
    if len(arguments) != len(declared.parameters):
        raise TypeError(f"{where} takes {len(declared.parameters)} arguments, not {len(arguments)}")
    sizes = {None: 0, declared.item: items}  # by the names that extents use; None adds nothing to a plain number
    for parameter, argument in zip(declared.parameters, arguments, strict=True):
        if not _has_type(parameter, argument, dtype):
            found = f"{argument.dtype}{argument.shape}" if hasattr(argument, "dtype") else repr(argument)
            raise TypeError(f"{where}: {parameter.name} is {found}; it takes {_wanted(parameter, dtype)}")
        if not parameter.extents:
            sizes[parameter.name] = argument
    for parameter, argument in zip(declared.parameters, arguments, strict=True):
        if parameter.extents and argument is not None:
            extents = [sizes[name] + more for name, more in parameter.terms]
            if not _reaches(parameter, argument, extents, sizes):
                expected = " x ".join(f"{e} ({length})" for e, length in zip(parameter.extents, extents, strict=True))
                raise InputError(
                    f"{where}: {parameter.name} has the shape {argument.shape} where {expected} is expected; "
                    "give arrays of the same dates, names and cohorts"
                )


def _has_type(parameter: Parameter, argument, dtype: str) -> bool:
    if not parameter.extents:
        return isinstance(argument, NUMBERS[parameter.type])
    if argument is None:
        return parameter.optional
    types = (dtype,) if parameter.type == "STORED" else DTYPES[parameter.type]
    return argument.dtype in types and (bool(parameter.strides) or argument.flags.c_contiguous)


def _wanted(parameter: Parameter, dtype: str) -> str:
    type = STORED[dtype] if parameter.type == "STORED" else parameter.type
    if not parameter.extents:
        return type
    return f"{'an array' if parameter.strides else 'a contiguous array'} of {type}"


def _reaches(parameter: Parameter, array, extents: list[int], sizes: dict) -> bool:
    """Say whether the elements that the entry reads or writes are those that the array has.

    Axes may be merged or left out (a surface given as one axis of cells, a basket without an axis of baskets): what
    counts is where the elements lie in memory.
    """
    if not parameter.strides:  # contiguous, as its type was checked
        return array.size == math.prod(extents)
    strides = [sizes[name] for name in parameter.strides]
    strides += [math.prod(extents[axis + 1 :]) for axis in range(len(strides), len(extents))]
    own_strides = [step // array.itemsize for step in array.strides]
    return _furthest(extents, strides) == _furthest(array.shape, own_strides)


def _furthest(extents, strides) -> tuple[int, int] | None:
    """Offsets of the elements furthest before and after the first one; None where there is no element."""
    before = after = 0
    for length, stride in zip(extents, strides, strict=True):
        if length == 0:
            return None
        furthest = (length - 1) * stride
        before += min(furthest, 0)
        after += max(furthest, 0)
    return before, after
