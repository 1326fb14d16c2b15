"""python -m engine.merge FOLDER...: the shards of a sweep joined to one sweep, judged and compared as a whole."""

import argparse
import sys
import time
from pathlib import Path

from engine.command.start import import_from_here_last


def joined(folders: list[Path], into: Path) -> None:
    """Join shards in a folder, and print how their runs compare."""
    started = time.perf_counter()
    from engine.sweep.conclusion import asked_of, complete, print_leaderboard, write_report
    from engine.sweep.merge import merge

    own, missing = merge(folders, into)
    asked = asked_of(into)
    runs, judgement = complete(own, time.perf_counter() - started)
    assert runs is not None  # each shard has some
    print_leaderboard(runs, judgement, into)
    if asked.get("report", {}).get("html"):
        write_report(runs, judgement, own)
    own.finish()
    if missing:
        some = ", ".join(map(str, missing[:8])) + (" ..." if len(missing) > 8 else "")
        print(f"Failed and missing: jobs {some}; the sweep's command with sweep.resume={into} runs them again")


def main() -> None:
    """Run the command line; exit with 0 where the sweep is whole, with 2 where folders are not all of its shards."""
    import_from_here_last()
    from engine.command.messages import give_up
    from engine.errors import InputError

    parser = argparse.ArgumentParser(prog="python -m engine.merge", description=str(__doc__).partition(": ")[2])
    parser.add_argument(
        "folders", nargs="+", metavar="FOLDER", type=Path, help="of each shard, as results/<study>/<time>"
    )
    parser.add_argument("--into", metavar="FOLDER", type=Path, help="a new folder; default: merged, beside the first")
    given = parser.parse_args()
    try:
        joined(given.folders, given.into or given.folders[0].parent / "merged")
    except (InputError, OSError) as error:
        give_up(str(error))
    except KeyboardInterrupt:
        give_up("interrupted", 130)


if __name__ == "__main__":
    sys.exit(main())
