"""The text of a kernel: its file with every include spliced in.

One string is compiled, since CuPy's kernel cache does not look into included headers.
"""

import functools
import re
from pathlib import Path

FOLDER = Path(__file__).parent
KERNELS = tuple(sorted(path.stem for path in FOLDER.glob("*.cu")))
STORED = {"float32": "float", "float64": "double"}  # how volatilities may be stored; sums are double

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


@functools.cache
def source(kernel: str, dtype: str) -> str:
    """Return the text of `<kernel>.cu` for volatilities stored as `dtype`."""
    return spliced((FOLDER / f"{kernel}.cu").read_text(encoding="utf-8"), dtype)


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
