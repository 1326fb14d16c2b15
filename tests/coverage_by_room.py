"""Print how many lines of each room the tests run, from the data that `pytest --cov` left in `.coverage`.

    python -m pytest -q --cov --cov-report= && python tests/coverage_by_room.py

Commands that the tests start as processes of their own are not counted, and neither are kernels.
`coverage report` lists the files of which lines are left, `coverage html` shows the lines.
"""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def room(file: str) -> str:
    """Return the folder a file is counted in: the first one below `engine`, or the top.

    Examples
    --------
    >>> room("engine/data/sources/nse.py"), room("engine/stream.py"), room("strategies/rich_correlation.py")
    ('engine/data', 'engine', 'strategies')
    """
    return "/".join(Path(file).parts[:-1][:2])


def main() -> None:
    """Print a line per room and one for all of them."""
    from coverage import Coverage  # a GPU machine without a network need not have it

    coverage = Coverage()
    coverage.load()
    lines, run = Counter(), Counter()
    ours = [file for file in coverage.get_data().measured_files() if Path(file).is_relative_to(ROOT)]
    for file in ours:  # tests run copies of the code elsewhere too
        _, statements, _, missing, _ = coverage.analysis2(file)
        for where in (room(Path(file).relative_to(ROOT)), "all rooms"):
            lines[where] += len(statements)
            run[where] += len(statements) - len(missing)
    print("Lines run by the tests (commands in processes of their own not counted)")
    for where in sorted(lines, key=lambda where: (where == "all rooms", where)):
        print(f"  {where:20} {run[where]:6,} of {lines[where]:6,}  {run[where] / lines[where]:4.0%}")


if __name__ == "__main__":
    main()
