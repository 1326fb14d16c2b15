"""Closes of the National Stock Exchange on all sessions, those without option files included."""

from pathlib import Path

from engine.data.closes_to_history import closes_to_history
from engine.data.quotes.clean import QualityReport
from engine.data.records import History
from engine.data.sources.nse.prices import all_closes, priced_actions
from engine.data.tables.moves import moving


def panel_history(folder: Path, dates, index: str, names, legs, report: QualityReport) -> History | None:
    """Closes of the cash market and of the indices up to the last date; None where they have no further session.

    Parameters
    ----------
    folder : path of nse
    dates, index, names, legs
        As for `closes_to_history`.
    report : QualityReport

    Notes
    -----
    NIFTY and BANKNIFTY are price indices. Returns of the names undo splits, bonuses, demergers and special dividends,
    but not ordinary dividends.
    """
    return closes_to_history(
        all_closes(folder, report), moving(priced_actions(folder, report)), dates, index, names, legs
    )
