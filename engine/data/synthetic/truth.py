"""What was planted in a synthetic market, to check results against; kept beside the panel."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from engine.data.store.storage import TRUTH, beside
from engine.data.synthetic.events import Event
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
        `QuoteStatus` of the planted hole of each smile: NO_QUOTE = all of it, BEYOND_DELTA = its wings.
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


EVENT_FIELDS = tuple(field.name for field in fields(Event))


def as_arrays(truth: Truth) -> dict[str, np.ndarray]:
    """Return the truth as named arrays, for one .npz file; `load_truth` reads them back."""
    arrays = {f.name: np.asarray(getattr(truth, f.name)) for f in fields(Truth) if f.name not in ("settings", "events")}
    arrays["settings"] = np.array(json.dumps(asdict(truth.settings)))
    for name in EVENT_FIELDS:
        arrays[f"event_{name}"] = np.array([getattr(event, name) for event in truth.events])
    return arrays


def load_truth(folder: Path | str) -> Truth:
    """Read the truth saved beside a synthetic panel.

    Parameters
    ----------
    folder : path
        The panel's folder.

    Raises
    ------
    InputError
        When the folder holds none.
    """
    path = beside(folder, TRUTH)
    if not path.is_file():
        raise InputError(f"{path} is missing: only synthetic panels have a truth; build this one with rebuild=True")
    with np.load(path) as saved:
        arrays = {name: saved[name] for name in saved.files}
    settings = SyntheticMarket(**json.loads(str(arrays.pop("settings"))))
    columns = [arrays.pop(f"event_{name}") for name in EVENT_FIELDS]
    days = columns[0].astype("datetime64[D]")
    events = tuple(Event(day, *values) for day, *values in zip(days, *(c.tolist() for c in columns[1:]), strict=True))
    vol_premium = float(arrays.pop("vol_premium"))
    return Truth(settings=settings, vol_premium=vol_premium, events=events, **arrays)
