"""Intraday: each snapshot of quotes is added to the day and its correlations are published, until told to stop.

A snapshot is a file of rows `time, symbol, tenor, delta, iv`: the surfaces of the index and of its members at one time.
Files are taken in the order of their names, once their name has a suffix `.parquet` or `.csv`; write them elsewhere, or
under another suffix, and rename them when they are whole.
"""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl

from engine import records
from engine.arrays import Floats
from engine.backend import to_host
from engine.correlation import ImpliedCorrelation, implied_correlation
from engine.correlation.checks import is_quote
from engine.correlation.sectors import Chosen
from engine.data.check_panel import MEDIAN_VOL
from engine.data.expendable import check_survived
from engine.data.panel import MarketPanel
from engine.data.parquet import UNREADABLE
from engine.errors import InputError
from engine.runs.claim import Claim
from engine.runs.manifest import as_json
from engine.study.tables import long_form

COLUMNS = ("time", "symbol", "tenor", "delta", "iv")
KEY = ["symbol", "tenor", "delta"]
# Column -> which types of Polars it may have, and in words. Nothing is converted: 30.9 is no tenor, 5 no time.
KINDS = {
    "time": (
        lambda kind: isinstance(kind, pl.Datetime) and kind.time_zone is None,
        "a date with a time of day, without a time zone: that of the exchange",
    ),
    "symbol": (lambda kind: kind in (pl.String, pl.Categorical, pl.Enum), "text"),
    "tenor": (lambda kind: kind.is_numeric(), "calendar days"),
    "delta": (lambda kind: kind.is_numeric(), "percent"),
    "iv": (lambda kind: kind.is_numeric() or kind == pl.Null, "decimals"),
}
UNLIKE = 20.0  # times the middle of all symbols: no name moves so differently; percent are a hundred times decimals
SUFFIXES = (".parquet", ".csv")
SECONDS_BETWEEN_LOOKS = 0.1


class LiveCorrelation:
    """Surfaces and correlations of a growing number of times, all baskets at once.

    Parameters
    ----------
    weights : array (B, N)
        Basket weights that are usable now, on the host.
    min_coverage : float
        As for `implied_correlation`.

    Examples
    --------
    >>> live = LiveCorrelation(np.array([[0.5, 0.5]]))
    >>> rho = live.append(np.datetime64("2026-08-21T15:45"), np.full((1, 1), 0.2), np.full((2, 1, 1), 0.25))
    >>> rho.clean.round(3).tolist(), len(live)
    ([[[0.28]]], 1)
    """

    def __init__(self, weights: np.ndarray, min_coverage: float = 0.8):
        self.weights, self.min_coverage = weights[:, None], min_coverage
        self._times, self._index, self._component, self._records = [], [], [], []

    def __len__(self):
        return len(self._times)

    def append(self, when: np.datetime64, index_iv: Floats, component_iv: Floats) -> ImpliedCorrelation:
        """Add the surfaces of one time, later than all before: (K, D) and (N, K, D); return its correlations (B, K, D).

        Raises
        ------
        InputError
            When the time is not later than the last one.
        """
        if self._times and when <= self._times[-1]:
            raise InputError(f"{when} is not later than {self._times[-1]}, which was added before")
        rho = implied_correlation(index_iv[None], component_iv[None], self.weights, min_coverage=self.min_coverage)
        rho = records.map_arrays(rho, lambda rows: rows[:, 0])
        # Kept apart: putting each beside the others at once would copy them all, again and again.
        for kept, new in zip(
            (self._times, self._index, self._component, self._records), (when, index_iv, component_iv, rho), strict=True
        ):
            kept.append(new)
        return rho

    @property
    def times(self) -> np.ndarray:
        """Times added so far, (T,) datetime64[us]."""
        return np.array(self._times, dtype="datetime64[us]")

    @property
    def index_iv(self) -> np.ndarray:
        """Volatilities of the index, (T, K, D)."""
        return np.stack(self._index)

    @property
    def component_iv(self) -> np.ndarray:
        """Volatilities of the members, (T, N, K, D)."""
        return np.stack(self._component)

    @property
    def record(self) -> ImpliedCorrelation:
        """Correlations so far, every array (B, T, K, D)."""
        return records.stack(self._records, axis=1)


def read_snapshot(path: Path, market: MarketPanel) -> tuple:
    """Read one file: its time, the surface of the index (K, D) and those of the members (N, K, D), NaN where missing.

    Raises
    ------
    InputError
        When a column is missing or of another kind, rows tell different times, a symbol, tenor or delta is not on the
        market's axes or stands there twice, or volatilities are in percent.
    """
    if path.suffix == ".parquet":
        check_survived(path)
    try:
        frame = (
            pl.read_parquet(path, glob=False)
            if path.suffix == ".parquet"
            else pl.read_csv(path, glob=False, try_parse_dates=True)
        )
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if missing := [name for name in COLUMNS if name not in frame.columns]:
        raise InputError(f"{path} has no column {missing[0]}; it needs {', '.join(COLUMNS)}")
    if frame.is_empty():
        raise InputError(f"{path} has no rows")
    for name, (kind, words) in KINDS.items():
        if not kind(frame.schema[name]):
            raise InputError(f"{path}, column {name} holds {frame.schema[name]}; give {words}")
    times = frame["time"].unique()
    if len(times) != 1 or times.has_nulls():
        raise InputError(f"{path} holds {len(times)} times; a snapshot holds one")
    axes = {"symbol": [market.info.index, *market.names], "tenor": market.tenors, "delta": market.deltas}
    at = [_positions(frame[name], values, path) for name, values in axes.items()]
    twice = frame.select(KEY).is_duplicated()
    if twice.any():
        row = ", ".join(str(value) for value in frame.filter(twice).select(KEY).row(0))
        raise InputError(f"{path} has {row} more than once (symbol, tenor, delta); keep one")
    surface = np.full([len(values) for values in axes.values()], np.nan, np.float32)
    surface[tuple(at)] = frame["iv"].cast(pl.Float32).fill_null(np.nan).to_numpy()
    surface[~is_quote(surface)] = np.nan
    _check_unit(surface, axes["symbol"], path)
    return times[0], surface[0], surface[1:]


def _check_unit(surface: np.ndarray, symbols: list, path: Path) -> None:
    """Refuse volatilities that are no decimals, of all symbols or of one beside the others."""
    quotes = surface.reshape(len(symbols), -1)
    levels = np.array([np.median(of[np.isfinite(of)]) if np.isfinite(of).any() else np.nan for of in quotes])
    known = levels[np.isfinite(levels)]
    usual = float(np.median(known)) if len(known) else np.nan
    for symbol, level in zip(symbols, levels, strict=True):
        if level > MEDIAN_VOL[1] or level < MEDIAN_VOL[0] or level > UNLIKE * usual or level < usual / UNLIKE:
            raise InputError(
                f"{path}: the volatilities of {symbol} are {level:.3g} in the middle, of all symbols {usual:.3g}; "
                "write all in decimals, 0.2 for 20 %"
            )


def _positions(column: pl.Series, values, path: Path) -> np.ndarray:
    kind = pl.Float64 if column.dtype.is_numeric() else pl.String  # of 30.9 days none is found
    known = pl.DataFrame({"value": pl.Series(list(values)).cast(kind), "at": range(len(values))})
    found = column.cast(kind).to_frame("value").join(known, on="value", how="left", maintain_order="left")
    if found["at"].has_nulls():
        odd = column.filter(found["at"].is_null())[0]
        raise InputError(
            f"{path}: {column.name} {odd} is not in the market; it has {', '.join(map(str, values[:4]))} ..."
        )
    return found["at"].to_numpy()


def watch(
    market: MarketPanel, baskets: dict, source: Path, kept: Claim, min_coverage: float, most: int | None
) -> LiveCorrelation:
    """Publish the correlations of snapshot files as they arrive, until interrupted or `most` have come.

    Each leaves `snapshots/<its name>.parquet` in the run folder and a line on the terminal; `latest.json` holds the
    levels of the last. A file that cannot be used is named on stderr and left out.

    Parameters
    ----------
    market : MarketPanel
        Its axes, and the weights of its last session.
    baskets : dict of label -> array (T, N)
        Weights selected from the market's.
    source : Path
        Where files arrive.
    kept : Claim
        The run folder.
    """
    if not source.is_dir():
        raise InputError(f"watch={source} is not a folder")
    weights = np.stack([to_host(weights[-1]) for weights in baskets.values()])
    live = LiveCorrelation(weights, min_coverage)
    print(f"Watching {source} for {', '.join('*' + s for s in SUFFIXES)}; interrupt to stop", flush=True)
    seen = set()
    with _interruption() as stopped:
        while not stopped.is_set() and (most is None or len(live) < most):
            arrived = sorted(p for p in source.iterdir() if p.suffix in SUFFIXES and p.name not in seen)
            for path in arrived[: None if most is None else most - len(live)]:
                seen.add(path.name)
                try:
                    when, index_iv, component_iv = read_snapshot(path, market)
                    started = time.perf_counter()
                    rho = live.append(np.datetime64(when), index_iv, component_iv)
                    seconds = time.perf_counter() - started
                except InputError as error:
                    print(f"left out: {error}", file=sys.stderr, flush=True)
                    continue
                _publish(rho, when, list(baskets), market, f"snapshots/{path.stem}.parquet", kept)
                print(f"{when}  {_levels(rho, list(baskets), market)}  ({1e3 * seconds:.1f} ms)", flush=True)
                if stopped.is_set():
                    break
            stopped.wait(SECONDS_BETWEEN_LOOKS if not arrived else 0.0)
    return live


def follow(
    market: MarketPanel, baskets: Sequence[Chosen], source: Path, kept: Claim, min_coverage: float, most: int | None
) -> None:
    """Watch for snapshots, and at the end keep the correlations of all of them in one file.

    Parameters
    ----------
    market : MarketPanel
    baskets : sequence of Chosen
        Those whose index leg is the market's own are followed.
    source, kept, min_coverage, most
        As for `watch`.
    """
    followed = {basket.label: basket.weights for basket in baskets if basket.leg == market.info.index}
    live = watch(market, followed, source, kept, min_coverage, most)
    published = [pl.read_parquet(path, glob=False) for path in sorted((kept.folder / "snapshots").glob("*.parquet"))]
    if published:
        rows = pl.concat(published).sort("date", maintain_order=True)
        kept.write_frame("correlation.parquet", rows)
    where = f"Numbers: {kept.folder}" if published else "None could be used, so there are no numbers"
    print(f"Stopped after {len(live):,} snapshots. {where}")


def _publish(rho, when, baskets, market, name: str, kept: Claim) -> None:
    rows = snapshot_rows(rho, when, baskets, market)
    kept.write_frame(name, rows)
    middle = rows.filter(pl.col("delta") == 50)
    levels = {f"{b}.{k}": value for b, k, value in middle.select("basket", "tenor", "implied_correlation").iter_rows()}
    kept.write_text("latest.json", as_json({"time": str(when), **levels}))


def snapshot_rows(
    rho: ImpliedCorrelation, when: np.datetime64, baskets: Sequence[str], market: MarketPanel
) -> pl.DataFrame:
    """Return correlations (B, K, D) of one time as rows like those of `correlation.parquet`; `date` is the time."""
    at = SimpleNamespace(dates=np.array([when], dtype="datetime64[us]"), tenors=market.tenors, deltas=market.deltas)
    return long_form(at, records.map_arrays(rho, lambda rows: rows[:, None]), baskets)


def _levels(rho, baskets, market) -> str:
    middle = int(np.abs(market.deltas - 50).argmin())
    told = []
    for b, basket in enumerate(baskets):
        levels = (f"{k}d {100 * v:.1f}" for k, v in zip(market.tenors, rho.clean[b, :, middle], strict=True))
        told.append(f"{basket}: {', '.join(level for level in levels if not level.endswith('nan'))}")
    return "; ".join(told)


class _interruption:
    """Let an interrupt or a termination set an event instead of ending the process, and put things back after."""

    def __enter__(self) -> threading.Event:
        self.stopped = threading.Event()
        self.before = {kind: signal.signal(kind, self._stop) for kind in (signal.SIGINT, signal.SIGTERM)}
        return self.stopped

    def _stop(self, *_) -> None:
        self.stopped.set()

    def __exit__(self, *_) -> None:
        for kind, handler in self.before.items():
            signal.signal(kind, handler)
