"""What is possible in a panel and seldom true: closes and volatilities that jump or are far off, holes of sessions.

Nothing is refused or changed for it: it is told on the terminal and stands in the quality report.
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.calendar import after_hole
from engine.data.gaps import gaps
from engine.data.tracking import untracked
from engine.data.vol_suspicions import JUMP as VOL_JUMP
from engine.data.vol_suspicions import middle_vols, vol_suspicions

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel

log = logging.getLogger(__name__)

NAME_JUMP = 1.5  # close over close before, either way: beyond it a name's move is looked at
INDEX_JUMP = 1.25  # no index has moved by as much in a day since there are options on one
SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 100.0)
ALWAYS = 8.0  # beyond it whatever comes after
NEAR = 0.04  # a day's move of its own that may come with a split, and with the way back
RATE_JUMP = 0.005  # from the middle of five sessions: not once since 2009, on 32 days of the thirteen years before
JUMP, HOLE, RATE = "unexplained_jump", "hole_of_sessions", "rate_jump"  # reasons in the quality report


@dataclass(frozen=True)
class Suspicion:
    """One of them.

    Parameters
    ----------
    asset : str
    reason : str
        `unexplained_jump`, `hole_of_sessions`, `rate_jump`, or one of those of `engine.data.vol_suspicions`, of
        `engine.data.gaps` and of `engine.data.tracking`.
    date : numpy.datetime64
    text : str
        What is seen.
    sessions : int
        On how many sessions, that one the first.
    """

    asset: str
    reason: str
    date: np.datetime64
    text: str
    sessions: int = 1


class Gathered:
    """The suspicions of a panel that is seen block by block: a jump may lie between two of them."""

    def __init__(self):
        self._blocks = []

    def look(self, block: "MarketPanel") -> None:
        """Remember the closes of a block, and the middle of its surfaces."""
        self._blocks.append((block.info, block.names, *(np.array(array) for array in _looked_at(block))))

    def found(self) -> list[Suspicion]:
        """Return what is suspicious in all blocks together."""
        if not self._blocks:
            return []
        info, names = self._blocks[-1][:2]
        return _found(info, names, *(np.concatenate(arrays) for arrays in list(zip(*self._blocks, strict=True))[2:]))


def suspicions(panel: "MarketPanel") -> list[Suspicion]:
    """Return what is suspicious in a panel.

    A close is, when it is more than half as high again as the one before (an index: a quarter), or as much lower, no
    return factor explains it, and the next session undoes it, or it is the ratio of a split, or more than eight. So are
    more than seven days without a session on which the market's calendar has one, rates half a point from those of the
    sessions around, volatilities as `vol_suspicions`
    finds them, what `gaps` finds missing, and days on which members do not move as their index (`tracking`).

    Examples
    --------
    >>> from dataclasses import replace
    >>> from engine.testing import small_market
    >>> market = small_market()
    >>> spot = market.spot.copy()
    >>> spot[20, 3] *= 10
    >>> [(s.asset, str(s.date)) for s in suspicions(replace(market, spot=spot)) if s.reason == "unexplained_jump"]
    [('S3', '2024-01-29')]
    """
    return _found(panel.info, panel.names, *_looked_at(panel))


def tell(market: str, found: list[Suspicion]) -> None:
    """Log each kind of suspicion in one line, with the first of them."""
    for reason in dict.fromkeys(s.reason for s in found):
        alike = [s for s in found if s.reason == reason]
        more = f" ({len(alike) - 1:,} more such)" if len(alike) > 1 else ""
        log.warning("market %s: %s%s", market, alike[0].text, more)


def _looked_at(panel: "MarketPanel") -> list[np.ndarray]:
    closes = (panel.dates, panel.index_spot, panel.spot, panel.return_factor, panel.rate, middle_vols(panel))
    return [*map(to_host, closes), to_host(panel.weights), to_host(panel.settlement)]


def with_suspicions(quality: pl.DataFrame | None, found: list[Suspicion]) -> pl.DataFrame | None:
    """Return a quality report (asset, reason, rows) with a row for each asset and kind of suspicion."""
    if not found:
        return quality
    rows = pl.DataFrame(
        [(s.asset, s.reason, s.sessions) for s in found], schema=["asset", "reason", "rows"], orient="row"
    )
    rows = rows.group_by("asset", "reason", maintain_order=True).sum()
    return rows if quality is None else pl.concat([quality, rows.cast({pl.Int64: quality.schema["rows"]})])


def _found(info, names, dates, index_spot, spot, return_factor, rate, vols, weights, settlement) -> list[Suspicion]:
    daily = dates.dtype == np.dtype("datetime64[D]")
    holes = after_hole(dates, info.calendar) if daily else np.zeros(len(dates), bool)
    index = _jumps(index_spot[:, None], np.ones((len(dates), 1)), holes, INDEX_JUMP)
    jumps = [(info.index, t, ratio) for t, _, ratio in index]
    jumps += [(str(names[n]), t, ratio) for t, n, ratio in _jumps(spot, return_factor, holes, NAME_JUMP)]
    found = []
    for asset, t, ratio in jumps:
        text = f"the close of {asset} on {dates[t]} is {ratio:.3g} times the one before, and no action explains it"
        found.append(Suspicion(asset, JUMP, dates[t], text))
    for t in np.flatnonzero(holes):
        text = f"there is no session between {dates[t - 1]} and {dates[t]}"
        found.append(Suspicion(info.index, HOLE, dates[t], text))
    usual = pl.Series(rate).rolling_median(5, min_samples=3, center=True).to_numpy()
    for t in np.flatnonzero(np.abs(rate - usual) > RATE_JUMP):
        text = f"the rate of {dates[t]} is {rate[t]:.4g}, and {usual[t]:.4g} on the sessions around it"
        found.append(Suspicion(info.index, RATE, dates[t], text))
    closes = np.concatenate([index_spot[:, None], spot], axis=1)
    factors = np.concatenate([np.ones((len(dates), 1)), return_factor], axis=1)
    for asset, reason, t, text in vol_suspicions([info.index, *names], vols, closes, factors, holes):
        found.append(Suspicion(asset, reason, dates[t], f"{text} ({dates[t]})" if reason == VOL_JUMP else text))
    counted = [
        *gaps(info, names, dates, index_spot, spot, weights, settlement),
        *untracked(info, dates, index_spot, spot, return_factor, weights, holes),
    ]
    for asset, reason, t, sessions, text in counted:
        found.append(Suspicion(asset, reason, dates[t], text, sessions))
    return found


def _jumps(close, factor, holes, least: float) -> list[tuple[int, int, float]]:
    """Sessions and columns of the closes that jump, and their ratios to the closes before."""
    with np.errstate(all="ignore"):
        ratio = close[1:] / (close[:-1] * factor[1:])
        two = close[2:] / (close[:-2] * factor[1:-1] * factor[2:])
        move, undone = np.abs(np.log(ratio)), np.abs(np.log(np.concatenate([two, close[:1] * np.nan]))) < NEAR
    split = (np.abs(move[..., None] - np.log(SPLITS)) < NEAR).any(axis=-1)
    jumps = (move > np.log(least)) & (undone | split | ((move > np.log(ALWAYS)) & np.isfinite(move))) & ~holes[1:, None]
    jumps[1:] &= ~(jumps[:-1] & undone[:-1])  # the way back
    return [(int(t) + 1, int(n), float(ratio[t, n])) for t, n in zip(*np.nonzero(jumps), strict=True)]
