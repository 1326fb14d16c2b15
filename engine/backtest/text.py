"""Numbers and tables as text."""

import math


def as_text(value: float | None, unit: str) -> str:
    """Write one number in its unit.

    Examples
    --------
    >>> as_text(-1234.5, "money"), as_text(0.1234, "percent"), as_text(float("nan"), "ratio")
    ('-1,234', '12.3 %', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return "n/a"
    match unit:
        case "money":
            return f"{value:,.0f}"
        case "percent":
            return f"{100 * value:.1f} %"
        case "count":
            return f"{value:,.0f}"
        case "ratio":
            return f"{value:.2f}"
    return f"{value:.3f}"


def columns(rows: list[tuple[str, ...]], sides: str) -> list[str]:
    """Return rows of text as lines, each column aligned to its side."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]
