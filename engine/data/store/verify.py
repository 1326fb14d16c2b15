"""Whether a stored panel is, byte for byte, what was written."""

from collections.abc import Iterator
from pathlib import Path

from engine.data.store.checksums import damaged_block
from engine.data.store.header import REMEDY, files_of, read_header, row_bytes
from engine.data.store.storage import open_panel
from engine.durable import checksum


def verify_panel(folder) -> Iterator[str]:
    """Yield what is wrong with a panel's files, each with what to do; nothing where every byte is as written.

    Raises
    ------
    InputError
        As `open_panel`.
    """
    folder = Path(folder)
    open_panel(folder)
    header = read_header(folder)
    data, remedy = folder / header["generation"], REMEDY.format(folder)
    for name, (spec, sessions) in files_of(header).items():
        path, row = data / f"{name}.bin", row_bytes(spec)
        first = damaged_block(path, sessions * row, spec["sha256"])
        if first is not None:
            yield f"{path} is damaged from session {first // row} on; {remedy}"
    for name, known in header["beside"].items():
        if not (data / name).is_file() or checksum(data / name) != known:
            yield f"{data / name} is damaged or gone; {remedy}"
