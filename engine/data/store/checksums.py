"""SHA-256 of a file by blocks of a fixed size: what an append adds continues the last block, and nothing before it."""

import hashlib
from pathlib import Path

BLOCK = 1 << 23  # bytes


class BlockChecksums:
    """Checksums of bytes as they are written.

    Parameters
    ----------
    known : sequence of str
        Checksums of the whole blocks that are there already.
    rest : bytes
        What follows these, less than a block.

    Examples
    --------
    >>> one, parts = BlockChecksums(), BlockChecksums()
    >>> one.update(b"abcdef")
    >>> parts.update(b"abc")
    >>> parts.update(b"def")
    >>> one.hex() == parts.hex()
    True
    """

    def __init__(self, known=(), rest: bytes = b""):
        self._whole, self._last, self._size = list(known), hashlib.sha256(), 0
        self.update(rest)

    def update(self, data) -> None:
        """Take in the bytes that follow."""
        view = memoryview(data)
        while len(view):
            part = view[: BLOCK - self._size]
            self._last.update(part)
            self._size, view = self._size + len(part), view[len(part) :]
            if self._size == BLOCK:
                self._whole.append(self._last.hexdigest())
                self._last, self._size = hashlib.sha256(), 0

    def hex(self) -> list[str]:
        """Return one checksum for each block, the last of which may be shorter."""
        return [*self._whole, self._last.hexdigest()] if self._size else list(self._whole)


def continued(path: Path, size: int, known: list[str]) -> BlockChecksums:
    """Return the checksums of a file's first `size` bytes, ready to take in what is added behind them.

    Only the last block is read, unless it is whole; where it is damaged already, its checksum no longer tells.
    """
    whole = size // BLOCK
    with open(path, "rb") as file:
        file.seek(whole * BLOCK)
        return BlockChecksums(known[:whole], file.read(size - whole * BLOCK))


def damaged_block(path: Path, size: int, known: list[str]) -> int | None:
    """Return the first byte of the first block of a file's `size` bytes that is not as written; None if all are."""
    with open(path, "rb") as file:
        for number, first in enumerate(range(0, size, BLOCK)):
            part = file.read(min(BLOCK, size - first))
            if number >= len(known) or hashlib.sha256(part).hexdigest() != known[number]:
                return first
    return None
