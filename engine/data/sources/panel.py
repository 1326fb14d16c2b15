"""A stored panel as a market: opened where it lies, never built."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.data.panel import MarketPanel
from engine.data.source import Source
from engine.data.store.header import read_header
from engine.data.store.storage import open_panel


@dataclass(frozen=True)
class StoredPanel(Source):
    """A folder that `save_panel` wrote, or one of the cache.

    Parameters
    ----------
    path : str
        The folder.
    """

    path: str

    def fingerprint(self) -> str:
        """Return the panel's own content hash."""
        return read_header(Path(self.path))["content_hash"]

    def sessions(self) -> int:
        """Return the number of sessions of the panel."""
        return read_header(Path(self.path))["sessions"]

    def blocks(self) -> Iterator[MarketPanel]:
        """Yield the panel."""
        yield open_panel(self.path)

    def stored(self) -> Path:
        """Return the folder, which holds a panel."""
        read_header(Path(self.path))
        return Path(self.path)
