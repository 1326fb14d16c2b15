"""The corporate actions of an exchange's files: read by their contract, and held against closes."""

from pathlib import Path

import polars as pl

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.quotes_to_panel import DailyInputs
from engine.data.tables import contracts as tables
from engine.data.tables.check_endings import check_endings, told_of_endings
from engine.data.tables.judged_files import read_judged

ENDINGS = ("amount", "into", "cash")  # what becomes of names: files without such do not have them


def file_actions(file: Path, report: QualityReport, ticker: str = "ticker") -> pl.DataFrame:
    """Return the actions of a file: date, ticker, kind, factor, amount, into, cash.

    Parameters
    ----------
    file : path
        With date, the ticker, kind and price_factor; amount, into and cash if any.
    report : QualityReport
    ticker : str
        What the file calls it.
    """
    names = {"ticker": ticker, "factor": "price_factor"}
    return read_judged(tables.FILE_ACTIONS, file, report, names=names, optional=ENDINGS)


def check_file_actions(file: Path, daily: DailyInputs, report: QualityReport, ticker: str = "ticker") -> None:
    """Raise InputError where names cannot end as a file says, and tell of what is odd; as of tables of one's own."""
    actions = file_actions(file, report, ticker)
    check_endings(actions, str(file), daily, daily.index)
    for said in told_of_endings(actions, daily):
        report.suspect(said.split(" ", 1)[0], "actions.odd_ending", 1, f"{file}: {said}")
