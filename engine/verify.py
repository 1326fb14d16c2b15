"""python -m engine.verify FOLDER...: whether stored panels, runs and tables are what was written, derived again."""

import argparse
import sys
from collections.abc import Iterator

from engine.command.start import import_from_here_last


def problems(folders: list[str], again: bool) -> Iterator[str]:
    """Print a line for each panel, run and table, and yield what is wrong."""
    from engine.errors import InputError
    from engine.runs.verify import verify

    for folder in folders:
        try:
            for place, found in verify(folder, again):
                print(f"{place}: {'FAILED' if found else 'pass'}", *found, sep="\n  ")
                yield from found
        except (InputError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            yield str(error)


def main() -> None:
    """Run the command line; exit with 0 where all is well, with 2 where anything is not."""
    import_from_here_last()
    parser = argparse.ArgumentParser(prog="python -m engine.verify", description=str(__doc__).partition(": ")[2])
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="of a panel, a run, a sweep or many of them")
    parser.add_argument("--again", action="store_true", help="run each backtest again, and compare days and ledger")
    asked = parser.parse_args()
    sys.exit(2 if list(problems(asked.folders, asked.again)) else 0)


if __name__ == "__main__":
    main()
