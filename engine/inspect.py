"""python -m engine.inspect PATH...: what files are, which column feeds which field, what is odd, the command to run."""

import argparse
import os
import sys

from engine.command.start import import_from_here_last


def main() -> None:
    """Run the command line; exit with 0 where every path is known, with 2 where one is not."""
    import_from_here_last()
    parser = argparse.ArgumentParser(prog="python -m engine.inspect", description=str(__doc__).partition(": ")[2])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file or folder of a vendor, of your own, of results")
    sys.exit(2 if list(_unknown(parser.parse_args().paths)) else 0)


def _unknown(paths: list[str]):
    """Print what each path is, and yield those that are nothing known."""
    from engine.errors import InputError
    from engine.runs.inspection import inspection

    for path in paths:
        try:
            print(*inspection(path), sep="\n")
        except BrokenPipeError:  # the reader, `| head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        except (InputError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            yield path


if __name__ == "__main__":
    main()
