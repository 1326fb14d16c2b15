"""The text of a kernel: its file with every include spliced in.

One string is compiled, since CuPy's kernel cache does not look into included headers. What an entry takes is read from
the same string.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
KERNELS = tuple(sorted(path.stem for path in FOLDER.glob("*.cu")))
STORED = {"float32": "float", "float64": "double"}  # how volatilities may be stored; sums are double

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


@functools.cache
def source(kernel: str, dtype: str) -> str:
    """Return the text of `<kernel>.cu` for volatilities stored as `dtype`."""
    return spliced((FOLDER / f"{kernel}.cu").read_text(encoding="utf-8"), dtype)


@dataclass(frozen=True)
class Parameter:
    """One parameter of an entry: `const double *iv` is an array `iv` of type `double`."""

    type: str
    name: str
    is_array: bool
    has_stride: bool = False  # the next parameter says how far apart its elements, or rows, are

    def __str__(self):
        return f"a contiguous array of {self.type}" if self.is_array else self.type


@functools.cache
def parameters(kernel: str, entry: str, dtype: str) -> tuple[Parameter, ...]:
    """Return what an entry point takes after `first` and `last`."""
    text = re.sub(r"//.*|/\*.*?\*/", "", source(kernel, dtype)).replace("\\\n", " ")
    macros = dict(re.findall(r"#define (\w*PARAMETERS|STORED)\s+(.*)", text))
    declared = re.search(rf'extern "C" void {entry}\((\w+)\)', text)[1]
    while macros.keys() & set(re.findall(r"\w+", declared)):
        declared = re.sub(r"\w+", lambda word: macros.get(word[0], word[0]), declared)
    found = [re.fullmatch(r"\s*(?:const )?(\w+) (\*?)(\w+)\s*", each) for each in declared.split(",")][2:]
    following = [each[3] for each in found[1:]] + [""]
    return tuple(
        Parameter(each[1], each[3], bool(each[2]), after.endswith("_stride"))
        for each, after in zip(found, following, strict=True)
    )


def spliced(text: str, dtype: str) -> str:
    """Return the text of an entry with each header it includes once."""
    seen = set()

    def header(match) -> str:
        name = match[1]
        if name in seen:
            return ""
        seen.add(name)
        return _INCLUDE.sub(header, (FOLDER / name).read_text(encoding="utf-8"))

    return f"#define STORED {STORED[dtype]}\n{_INCLUDE.sub(header, text)}"
