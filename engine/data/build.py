"""Building a panel's folder: whole or not at all, once for all processes that ask for it at the same time."""

import logging
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.inputs import Inputs
from engine.data.source import Source
from engine.data.store.header import HEADER
from engine.data.store.storage import ACTIONS, QUALITY, REJECTED, TRUTH, PanelWriter
from engine.data.suspicions import Gathered, tell, with_suspicions
from engine.data.tables.judge import refuse_rejected
from engine.durable import locked
from engine.errors import InputError
from engine.progress import progress_bar

log = logging.getLogger(__name__)


def build_into(folder: Path, source: Source, name: str, progress: bool, replace: bool, inputs: Inputs) -> None:
    """Build under the lock beside `folder`; what another process has finished meanwhile is taken as it is.

    Parameters
    ----------
    folder : path
        Of the panel, its quality report, the rows rejected and, of a synthetic market, its truth.
    source : Source
    name : str
        Of the market.
    progress : bool
        Show a progress bar, on a terminal.
    replace : bool
        Whether a panel that is there already gives way; whoever has it open keeps it.
    inputs : Inputs
        The source's files as they were when the folder's name was made of them.

    Raises
    ------
    InputError
        When the market has no session, none of its quotes is usable, or a file changed meanwhile; nothing is kept.
    """
    with locked(folder, "building"):
        if (folder / HEADER).is_file() and not replace:
            return
        log.info("building the panel of market %s, once: %s keeps it", name, folder)
        writer, gathered = PanelWriter(folder), Gathered()
        try:
            with progress_bar(f"Building panel {name}", source.sessions(), progress) as advance:
                for block in source.blocks():
                    writer.write(block)
                    gathered.look(block)
                    advance(len(block))
            if writer.sessions == 0:
                raise InputError(f"market {name} has no session in what was asked for; widen start and end")
            if (quality := source.quality()) is not None:
                _check_something_kept(name, quality)
            tell(name, found := gathered.found())
            if (quality := with_suspicions(quality, found)) is not None:
                quality.insert_column(0, pl.Series("source", [name] * quality.height))
                quality.write_parquet(writer.beside(QUALITY))
            if (rejected := source.rejected()) is not None:
                if getattr(source, "strict", False):
                    refuse_rejected(rejected)
                rejected.write_parquet(writer.beside(REJECTED))
            if (actions := source.corporate_actions()) is not None:
                actions.write_parquet(writer.beside(ACTIONS))
            if (truth := source.truth()) is not None:
                np.savez(writer.beside(TRUTH), **truth)  # pyright: ignore[reportArgumentType] - none is named allow_pickle
            inputs.check_unchanged(source)
            writer.commit()
        except BaseException:
            writer.discard()
            raise


def _check_something_kept(name: str, quality: pl.DataFrame) -> None:
    """Raise InputError when not one quote was usable, with the counts by reason."""
    if quality.filter(pl.col("reason") == "kept")["rows"].sum() > 0:
        return
    of_quotes = quality.filter(~pl.col("reason").str.contains(".", literal=True))
    reasons = of_quotes.group_by("reason").agg(pl.col("rows").sum()).sort("rows", descending=True)
    counts = ", ".join(f"{reason} {rows:,}" for reason, rows in reasons.iter_rows())
    if not counts:
        raise InputError(f"market {name}: no quote was read; check that its files have the same tickers and dates")
    raise InputError(f"market {name}: every quote was dropped ({counts}); check the units and dates of its files")
