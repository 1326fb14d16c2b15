"""The text of a kernel: what is declared of it, then its file with every header in place of its include.

It is one string, because CuPy keeps compiled kernels by their text and does not look into the headers they include.
"""

import functools
import re
from pathlib import Path

from engine.kernels.entries import KERNELS

FOLDER = Path(__file__).parent
STORED = {"float32": "float", "float64": "double"}  # the types that volatilities may be stored in; sums are doubles

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


@functools.cache
def source(
    kernel: str, dtype: str, instruments: int = 1, hedge_rule: int = 0, pays_cash: int = 0, single: int = 0
) -> str:
    """Return the text of `<kernel>.cu` for volatilities stored as `dtype`, and what a book is made for.

    Legs of so many instruments, hedged so; with 1 in a market where cash is taken off strikes, and in single precision.
    """
    file = (FOLDER / f"{kernel}.cu").read_text(encoding="utf-8")
    variant = f"#define INSTRUMENTS {instruments}\n#define HEDGE_RULE {hedge_rule}\n"
    variant += f"#define PAYS_CASH {pays_cash}\n"
    return variant + spliced(f"{KERNELS[kernel].text}\n{file}", dtype, "float" if single else "double")


def spliced(text: str, dtype: str, real: str = "double") -> str:
    """Return a text with each header that it includes, once, the type that volatilities are stored as, and `Real`."""
    seen = set()

    def header(match) -> str:
        name = match[1]
        if name in seen:
            return ""
        seen.add(name)
        return _INCLUDE.sub(header, (FOLDER / name).read_text(encoding="utf-8"))

    return f"#define STORED {STORED[dtype]}\ntypedef {real} Real;\n{_INCLUDE.sub(header, text)}"
