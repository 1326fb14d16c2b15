"""Whether members, as they are weighted, move as their index does: it proves weights, actions and closes at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.arrays import Flags, Floats
from engine.backend import to_host
from engine.calendar import after_hole

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel

# Reasons in the quality report, of which rows count sessions.
APART, UNLIKE = "index.apart_from_members", "index.unlike_members"
LEAST, TIMES = 0.0025, 8.0  # the bound: so much of a return, or so many times what a day is apart in the middle
LOOSE = 0.005  # of a return: members that are as far apart in the middle are not those of the index
FEWEST = 20  # sessions that a middle is of
QUOTED = 0.5  # of the weight must have a return


@dataclass(frozen=True, eq=False)
class Tracking:
    """The daily returns of an index beside those of its members; arrays (T,), NaN on the first session.

    Parameters
    ----------
    index, members : array
        Simple returns; of the members, weighted as was known before the session, those that have one.
    coverage : array
        Share of the basket's weight that has a return.
    """

    index: Floats
    members: Floats
    coverage: Floats

    @property
    def apart(self) -> Floats:
        """Return of the index less that of its members; NaN where half of the weight has none."""
        return np.where(self.coverage >= QUOTED, self.index - self.members, np.nan)

    @property
    def middle(self) -> float:
        """Distance on a day in the middle, NaN where there are too few."""
        known = np.abs(self.apart[np.isfinite(self.apart)])
        return float(np.median(known)) if len(known) >= FEWEST else float("nan")

    @property
    def bound(self) -> float:
        """Distance beyond which a day is named: a quarter of a percent, or eight times that of a day in the middle."""
        return max(LEAST, TIMES * self.middle)

    @property
    def beyond(self) -> np.ndarray:
        """Sessions beyond the bound."""
        return np.flatnonzero(np.abs(self.apart) > self.bound)


def index_tracking(panel: "MarketPanel") -> pl.DataFrame:
    """Return how each session's weights x returns reproduce the index: date, index, members, apart, coverage, beyond.

    `beyond` says where they are further apart than `Tracking.bound`. What makes a day so: an action that the files do
    not tell, a close that is wrong, a member that is missing, weights of another day. An index with dividends
    in it gains on its members on ex-dates.

    Examples
    --------
    >>> from engine.testing import small_market
    >>> index_tracking(small_market()).columns
    ['date', 'index', 'members', 'apart', 'coverage', 'beyond']
    """
    holes = after_hole(panel.dates, panel.info.calendar)
    closes = to_host(panel.index_spot), to_host(panel.spot)
    found = tracking(*closes, to_host(panel.return_factor), to_host(panel.weights), holes)
    beyond = np.isin(np.arange(len(panel)), found.beyond)
    columns = {"date": panel.dates, "index": found.index, "members": found.members, "apart": found.apart}
    return pl.DataFrame(columns | {"coverage": found.coverage, "beyond": beyond}).with_columns(
        pl.selectors.float().fill_nan(None)
    )


def tracking(index_spot: Floats, spot: Floats, return_factor: Floats, weights: Floats, holes: Flags) -> Tracking:
    """Return the same from closes (T,), (T, N), factors (T, N) and weights (T, N), usable on their own date.

    Sessions after a hole of the data, (T,) bool, have no return: weights drift in it.
    """
    nothing = np.full((1, spot.shape[1]), np.nan)
    with np.errstate(all="ignore"):
        moves = np.concatenate([nothing, spot[1:] / (spot[:-1] * return_factor[1:]) - 1.0])
        held = np.where(np.isfinite(moves), weights, 0.0)
        whole, there = weights.sum(axis=1), held.sum(axis=1)
        members = (held * np.where(np.isfinite(moves), moves, 0.0)).sum(axis=1) / there
        index = np.concatenate([[np.nan], index_spot[1:] / index_spot[:-1] - 1.0])
        index[holes] = np.nan
        return Tracking(index, members, np.where(whole > 0.0, there / whole, 0.0))


def untracked(info, dates, index_spot, spot, return_factor, weights, holes) -> list[tuple[str, str, int, int, str]]:
    """Return what does not fit: asset, reason, position of the first session, number of sessions, and in words."""
    found = tracking(index_spot, spot, return_factor, weights, holes)
    middle, days = found.middle, found.beyond
    if not np.isfinite(middle):
        return []
    count = int(np.isfinite(found.apart).sum())
    if middle > LOOSE:
        text = (
            f"on a day in the middle weights x returns miss the return of {info.index} by {100 * middle:.2f} %: "
            "the weights or the members are not those of the index"
        )
        return [(info.index, UNLIKE, int(np.isfinite(found.apart).argmax()), count, text)]
    if not len(days):
        return []
    t = days[0]
    text = (
        f"{info.index} returned {100 * found.index[t]:.2f} % on {dates[t]}, and its members as weighted "
        f"{100 * found.members[t]:.2f} % ({len(days):,} of {count:,} sessions are more than {100 * found.bound:.2f} % "
        "apart)"
    )
    return [(info.index, APART, int(t), len(days), text)]
