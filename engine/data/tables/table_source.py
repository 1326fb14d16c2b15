"""What sources made of whole tables share: the market is read once, and handed out in blocks of its sessions."""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np
import polars as pl

from engine.data.panel import MarketPanel
from engine.data.source import FileSource
from engine.data.tables.own_market import OwnMarket

BLOCK = "datetime64[M]"


class TableSource(FileSource, Protocol):
    """Files that become tables held against their contracts, and those a market."""

    @abstractmethod
    def _own(self) -> OwnMarket:
        """Return the market of all sessions, read once."""

    def sessions(self) -> int:
        """Return the number of sessions between start and end."""
        rows = self._rows()
        return rows.stop - rows.start

    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel, a month at a time."""
        market, rows = self._own().market, self._rows()
        months = market.dates[rows].astype(BLOCK)
        firsts = np.flatnonzero(np.concatenate([[True], months[1:] != months[:-1]])) if len(months) else []
        for first, stop in pairwise([*(rows.start + int(first) for first in firsts), rows.stop]):
            yield market.block(slice(first, stop), validate=False)

    def quality(self) -> pl.DataFrame:
        """Return the counts of rows kept and left out, by ticker and reason."""
        return self._own().quality

    def rejected(self) -> pl.DataFrame:
        """Return the rejected rows, with file and line."""
        return self._own().rejected

    def corporate_actions(self) -> pl.DataFrame | None:
        """Return the corporate actions of the files."""
        return self._own().actions

    def _rows(self) -> slice:
        """Sessions between start and end."""
        dates = self._own().market.dates
        first = 0 if self.start is None else int(np.searchsorted(dates, np.datetime64(self.start, "D")))
        last = len(dates) if self.end is None else int(np.searchsorted(dates, np.datetime64(self.end, "D"), "right"))
        return slice(first, max(first, last))
