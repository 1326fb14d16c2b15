"""What was planted in a synthetic market, to check answers against; kept beside the panel."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.synthetic.events import Event
from engine.data.synthetic.paths import Paths
from engine.data.synthetic.settings import SyntheticMarket
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class Truth:
    """Planted values of a synthetic market; T dates, N names, K tenors, D deltas, all float64.

    Parameters
    ----------
    settings : SyntheticMarket
    dates : array (T,), datetime64[D]; names : array (N,), str
    level, correlation : array (T,)
        Variance level and correlation that govern the session after the date.
    correlation_premium : array (T,)
        Implied minus fair correlation at 50 delta.
    vol_premium : float
        Implied over fair volatility of every name, minus 1.
    fair_variance : array (T, N, K); fair_index_variance : array (T, K)
        Expected annualised variance over the tenor's calendar days; NaN where a name does not trade.
    fair_correlation : array (T, K)
        Clean implied correlation of the fair variances in the weights of the date.
    implied_correlation : array (T, K, D)
        Planted clean implied correlation.
    missing : array (T, N, K); index_missing : array (T, K), uint8
        `QuoteStatus` of planted holes by smile: NO_QUOTE = whole, BEYOND_DELTA = wings.
    earnings : array (T, N), bool
        Sessions moved by earnings.
    events : tuple of Event
        In order of date.
    """

    settings: SyntheticMarket
    dates: np.ndarray
    names: np.ndarray
    level: np.ndarray
    correlation: np.ndarray
    correlation_premium: np.ndarray
    vol_premium: float
    fair_variance: np.ndarray
    fair_index_variance: np.ndarray
    fair_correlation: np.ndarray
    implied_correlation: np.ndarray
    missing: np.ndarray
    index_missing: np.ndarray
    earnings: np.ndarray
    events: tuple[Event, ...]

    def of_kind(self, kind: str) -> tuple[Event, ...]:
        """Events of one kind, in order of date."""
        return tuple(event for event in self.events if event.kind == kind)


BY_DATE = (
    "fair_variance",
    "fair_index_variance",
    "fair_correlation",
    "implied_correlation",
    "missing",
    "index_missing",
)
BY_PATH = ("dates", "names", "level", "correlation", "correlation_premium", "earnings")


class TruthWriter:
    """Writes the truth of a market block by block into a folder, so that it never has to fit in memory."""

    def __init__(self, directory, paths: Paths):
        self.directory, self.paths, self.files = Path(directory), paths, {}
        self.directory.mkdir(parents=True, exist_ok=True)

    def add(self, block: slice, part: dict) -> None:
        """Write the arrays of one block of dates."""
        for name in BY_DATE:
            if name not in self.files:
                shape = (len(self.paths.dates), *part[name].shape[1:])
                path = self.directory / f"{name}.npy"
                self.files[name] = np.lib.format.open_memmap(path, "w+", dtype=part[name].dtype, shape=shape)
            self.files[name][block] = part[name]

    def close(self) -> None:
        """Write what does not come in blocks."""
        for file in self.files.values():
            file.flush()
        for name, values in path_fields(self.paths).items():
            if isinstance(values, np.ndarray):
                np.save(self.directory / f"{name}.npy", values)
        event_frame(self.paths.events).write_parquet(self.directory / "events.parquet")
        text = json.dumps(asdict(self.paths.settings), indent=1)
        (self.directory / "settings.json").write_text(text, encoding="utf-8")


def path_fields(paths: Paths) -> dict:
    """The fields of Truth that follow from the paths alone."""
    return {
        "settings": paths.settings,
        "dates": paths.dates,
        "names": paths.plan.names,
        "level": paths.level,
        "correlation": paths.correlation,
        "correlation_premium": paths.premium,
        "vol_premium": paths.settings.vol_premium,
        "earnings": paths.reports[: len(paths.dates)],
        "events": paths.events,
    }


def event_frame(events) -> pl.DataFrame:
    """Planted events as a table: date, session, name, position, kind, value."""
    schema = {
        "date": pl.Date,
        "session": pl.Int32,
        "name": pl.String,
        "position": pl.Int32,
        "kind": pl.String,
        "value": pl.Float64,
    }
    rows = [(e.date.astype(object), e.session, e.name, e.position, e.kind, e.value) for e in events]
    return pl.DataFrame(rows, schema=schema, orient="row")


def load_truth(directory) -> Truth:
    """Read the truth saved beside a synthetic panel; large arrays stay on disk until used.

    Raises
    ------
    InputError
        When the folder holds none.
    """
    directory = Path(directory)
    if not (directory / "settings.json").is_file():
        raise InputError(f"{directory} holds no truth of a synthetic market; build it again with rebuild=True")
    text = (directory / "settings.json").read_text(encoding="utf-8")
    settings = SyntheticMarket(**json.loads(text))
    arrays = {name: np.load(directory / f"{name}.npy", mmap_mode="r") for name in BY_DATE}
    arrays |= {name: np.load(directory / f"{name}.npy") for name in BY_PATH}
    rows = pl.read_parquet(directory / "events.parquet").rows()
    events = tuple(Event(np.datetime64(row[0], "D"), *row[1:]) for row in rows)
    given = dict(settings=settings, vol_premium=settings.vol_premium, events=events, **arrays)
    return Truth(**{field.name: given[field.name] for field in fields(Truth)})
