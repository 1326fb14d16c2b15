"""What `load_market` asks of a source: the files or the settings that one market is built from."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import polars as pl

from engine.data.panel import MarketPanel

if TYPE_CHECKING:
    from pathlib import Path

    from engine.data.quotes.quoted_strips import QuotedStrips
    from engine.data.series.daily import DailySeries
    from engine.data.series.sp500_history import PriceHistory


class Source(Protocol):
    """A market that can be built: a frozen dataclass whose fields are its settings.

    `fingerprint`, `sessions` and `blocks` are required. A class that derives from this one overrides the others only
    where it has something to offer.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]  # as the decorator makes it; `load_market` reads the settings there
    takes_file: ClassVar[bool] = False  # whether its path may be one file, and not a folder only

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of everything that the panel depends on: files, settings, code (`engine.data.fingerprint`)."""

    @abstractmethod
    def sessions(self) -> int:
        """Return the number of sessions that the blocks hold together, for the progress bar."""

    @abstractmethod
    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel as consecutive blocks of dates, all on the same axes."""

    def inputs(self) -> "list[Path]":
        """Return the files that the blocks are read from, none of which may change meanwhile."""
        return []

    def keep_under(self, folder: "Path", trust: bool = True) -> None:
        """Take a folder, told before anything is asked for, to keep finished steps in: a later build goes on there.

        With `trust`, files that were not touched since an earlier build hashed them are taken for what they were.
        """

    def quality(self) -> pl.DataFrame | None:
        """Return the counts of quotes kept and dropped, asked for after the blocks.

        Returns
        -------
        frame or None
            asset, reason (`kept` is one of them), rows; as from `QualityReport.frame`.
        """
        return None

    def rejected(self) -> pl.DataFrame | None:
        """Return the rows that were left out, asked for after the blocks.

        Returns
        -------
        frame or None
            table, file, line, column, reason, value; as from `engine.data.tables.judge`.
        """
        return None

    def corporate_actions(self) -> pl.DataFrame | None:
        """Return the corporate actions that the factors are of, asked for after the blocks; None where none are kept.

        Returns
        -------
        frame or None
            date, asset, kind, factor, amount, into; as in the table of actions.
        """
        return None

    def stored(self) -> "Path | None":
        """Return the folder of the panel where there is one already, and nothing is to be built."""
        return None

    def tables(self) -> "dict[str, pl.DataFrame] | None":
        """Return the tables that the market is made of, for `MarketPanel.from_quotes`; None where it is not.

        Of the whole range of dates at once, with all their quotes.

        Returns
        -------
        dict of name -> frame, or None
            quotes (with the forwards taken), weights (of the day before: `weights_known="open"`), prices, rates,
            actions and, where there are, sectors.
        """
        return None

    def truth(self) -> dict[str, np.ndarray] | None:
        """Return what a synthetic market was made from, asked for after the blocks; None for real data."""
        return None

    def published(self) -> "DailySeries | None":
        """Return the published indices that lie beside the market's files, None where there are none.

        Returns
        -------
        DailySeries or None
            One series per published index of the market's own index, in points, and `market` and `bills`, the daily
            returns of the stock market and of bills.

        Raises
        ------
        InputError
            When only some of the files are there.
        """
        return None

    def survivors(self) -> "PriceHistory | None":
        """Return returns and weights of members over the years of the published indices, None where there are none.

        They are of names that still were members at the end: what is measured on them is labelled so.

        Raises
        ------
        InputError
            When only some of the files are there.
        """
        return None

    def strips(self) -> "QuotedStrips | None":
        """Return the model-free variances of expiries with quotes of all strikes, None where the files have none.

        Of the index and of names, on the sessions and as the settings choose them.
        """
        return None

    def other_index_legs(self) -> tuple[str, ...]:
        """Return further values of the setting `index` for which the files hold index options on the same members."""
        return ()


class FileSource(Source, Protocol):
    """A source that reads files. Its blocks from `start` are the end of the whole panel, bit for bit.

    That is what lets `extend_panel` build later sessions alone.

    Attributes
    ----------
    path : str
        Folder of the files, or of the folders of files.
    start, end : str or None
        First and last session to build, ISO dates, both inclusive; None = as far as the files go.
    """

    path: str
    start: str | None
    end: str | None
