"""What was measured, as text: the table on the terminal and the one in the README."""

import re
from pathlib import Path
from typing import Any

from engine.errors import InputError

COLUMNS = ("work", "size", "best time", "rate", "share of limit", "x plain loop")
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
FIGURES = {
    "sets_per_second_book_given": "Once its book is built, the largest sweep does {:,.0f} backtests/s",
    "time_of_1000_sets_over_one": "A sweep of 1,000 takes {:.3g} x the time of one set, book included",
    "inversions_per_price_and_greeks": "Implied vols: {:.3g} x the options/s of price and greeks",
}


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it.

    Examples
    --------
    >>> duration(0.00321), duration(12.34)
    ('3.21 ms', '12.3 s')
    """
    return f"{seconds:.3g} s" if seconds >= 1.0 else f"{1e3 * seconds:.3g} ms"


def amount(number: float, unit: str) -> str:
    """Write a large number with three digits and a prefix.

    Examples
    --------
    >>> amount(22_512_000, "marks/s"), amount(5.5, "sets/s")
    ('22.5 M marks/s', '5.50 sets/s')
    """
    size, prefix = next(((s, p) for s, p in PREFIXES if number >= s), PREFIXES[-1])
    scaled = number / size
    digits = 0 if scaled >= 100.0 else 1 if scaled >= 10.0 else 2
    return " ".join(filter(None, (f"{scaled:,.{digits}f}", prefix, unit)))


def cells(result: dict) -> list[tuple]:
    """Return the rows of the table as text, under `COLUMNS`."""
    return [
        (
            row["name"],
            row["size"],
            duration(row["seconds"]),
            amount(row["rate"], f"{row['unit']}/s"),
            f"{row['share_of_limit']:.1%} {row['limit']}",
            "" if row["times_plain_loop"] is None else f"{row['times_plain_loop']:,.3g}",
        )
        for row in result["cases"]
    ]


def heading(result: dict) -> str:
    """Return one line that names the device, the code and the two limits."""
    limits, versions = result["limits"], result["versions"]
    library = "cupy-cuda13x" if result["backend"] == "cupy" else "numpy"
    code = "compiled kernels" if result["kernels"] else "array code"
    return (
        f"{result['device']}, {result['backend']} {versions.get(library, '')}, {code}: reads "
        f"{amount(limits['bytes_per_second'], 'bytes/s')}, does "
        f"{amount(limits['multiply_adds_per_second'], 'multiply-adds/s')}"
    )


def figures(result: dict) -> list[str]:
    """Return the figures derived from several rows, each as a sentence without its full stop."""
    return [FIGURES[key].format(value) for key, value in result["figures"].items() if value is not None]


def text_table(result: dict) -> str:
    """Return the table as aligned text: words to the left, numbers to the right."""
    rows = [COLUMNS, *cells(result)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(w) if i < 2 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([heading(result), "", *(line.rstrip() for line in lines), "", *figures(result)])


def readme_table(result: dict) -> str:
    """Return the table as the README shows it, in Markdown."""
    rows = [COLUMNS, ("---", "---", *("---:" for _ in COLUMNS[2:])), *cells(result)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    said = [heading(result) + ".", "", *lines, "", ". ".join(figures(result)) + "."]
    return "\n".join(said)


def markers(name: str) -> tuple[str, str]:
    """Return the comments between which the README shows the results of a file, `results/benchmarks/<name>.json`."""
    return f"<!-- results/benchmarks/{name}.json -->", f"<!-- end {name} -->"


def shown(readme: str, name: str) -> str | None:
    """Return what a README shows of the results of a file; None where the README has no markers for them."""
    begin, end = map(re.escape, markers(name))
    found = re.search(f"{begin}\n(.*?)\n{end}", readme, flags=re.S)
    return found and found[1]


def renew_readme(path: Path, name: str, block: str) -> None:
    """Replace what a README shows of the results of a file.

    Raises
    ------
    InputError
        When the README has no markers for it.
    """
    text = path.read_text(encoding="utf-8")
    before = shown(text, name)
    begin, end = markers(name)
    if before is None:
        raise InputError(f"{path.name} has no place for {name}: put the lines {begin} and {end} where it belongs")
    path.write_text(text.replace(f"{begin}\n{before}\n{end}", f"{begin}\n{block}\n{end}"), encoding="utf-8")


def rounded(value, digits: int = 6) -> Any:
    """Return nested results with floats rounded to some significant digits, so that files and tables show the same.

    Examples
    --------
    >>> rounded({"seconds": [0.123456789, 3]})
    {'seconds': [0.123457, 3]}
    """
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
