"""What is timed on files: a vendor's folder read, judged, inverted and written as a panel."""

import logging
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from engine.benchmark.sizes import Sizes
from engine.benchmark.vendor_folder import write_vendor_folder
from engine.benchmark.work import INVERSION, SMILE_QUOTE, TREE, Work
from engine.data import build_panel

SESSIONS, ROWS = 42, 320  # of two months; of each name on each of them
NAMES_PER_CHAIN = 40  # a folder has one name for so many of the chains of one date
TEXT = 95  # bytes of a row


@dataclass(frozen=True, eq=False)
class Folder:
    """A vendor's folder, which is removed with it."""

    folder: TemporaryDirectory
    names: int
    rows: int


def make_folder(sizes: Sizes, backend: str) -> Folder:
    """Write a vendor's folder, one file of quotes a day."""
    folder, names = TemporaryDirectory(prefix="vendor-"), max(2, sizes.chain_names // NAMES_PER_CHAIN)
    return Folder(folder, names, write_vendor_folder(folder.name, names, SESSIONS, ROWS))


def vendor_build(files: Folder, sizes: Sizes) -> Work:
    """A panel of the folder, in a cache of its own, so that nothing is there yet."""

    def run():
        told = logging.root.manager.disable
        logging.disable(logging.WARNING)  # what is odd about invented files is not worth a line each time
        try:
            with TemporaryDirectory(prefix="panels-") as cache:
                build_panel("ivydb", files.folder.name, cache=cache, progress=False)
        finally:
            logging.disable(told)

    per_quote = 1.5 * INVERSION + 0.5 * SMILE_QUOTE + TREE  # as from quotes to surface; nearly all are American
    size = f"{files.rows:,} rows, {files.names} names, {SESSIONS} files"
    return Work(size, run, files.rows, files.rows * TEXT, files.rows * per_quote)
