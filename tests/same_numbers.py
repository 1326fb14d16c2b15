"""Compare the parquet files that two versions of the code left: `python tests/same_numbers.py BEFORE AFTER`.

For a change that moves code and no number. Make the same runs with both versions, each into folders of the same names;
this walks both and compares every numeric and date column bit for bit. Columns and texts that differ are listed: a
renamed label is no changed number, but it belongs into the CHANGELOG. Exit code 1 when a number differs or is missing.
"""

import sys
from pathlib import Path

import polars as pl
import polars.selectors as cs


def differences(before: pl.DataFrame, after: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Return what differs in numbers, and what in names and texts, of two frames."""
    numbers, texts = [], []
    if before.height != after.height:
        return [f"{before.height:,} rows became {after.height:,}"], texts
    numeric = set(before.select(cs.numeric() | cs.temporal() | cs.boolean()).columns)
    for name in before.columns:
        if name not in after.columns:
            (numbers if name in numeric else texts).append(f"column {name} is gone or renamed")
        elif not before[name].equals(after[name], null_equal=True, check_dtypes=True):
            (numbers if name in numeric else texts).append(f"column {name} differs")
    texts += [f"column {name} is new" for name in after.columns if name not in before.columns]
    return numbers, texts


def compare(before: Path, after: Path) -> bool:
    """Print what differs between two folders of results; tell whether all numbers are the same."""
    files = sorted(path.relative_to(before) for path in before.rglob("*.parquet"))
    changed = 0
    for file in files:
        if not (after / file).exists():
            numbers, texts = ["the file is missing"], []
        else:
            numbers, texts = differences(pl.read_parquet(before / file), pl.read_parquet(after / file))
        changed += bool(numbers)
        for line in (*(f"NUMBERS {text}" for text in numbers), *(f"names   {text}" for text in texts)):
            print(f"{file}: {line}")
    print(f"{len(files)} files compared, numbers differ in {changed}")
    return bool(files) and not changed


if __name__ == "__main__":
    sys.exit(0 if compare(Path(sys.argv[1]), Path(sys.argv[2])) else 1)
