"""Which runs of a sweep have a page of their own: those that lead it by net Sharpe ratio when they are done."""

import heapq
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError


def pages_asked(config: Mapping[str, Any]) -> float:
    """Return how many runs of a sweep are to have a page, infinity for all of them.

    Raises
    ------
    InputError
        When `report.pages` is neither a number of runs nor `all`.

    Examples
    --------
    >>> pages_asked({"report": {"html": True, "pages": 5}}), pages_asked({"report": {"html": True, "pages": "all"}})
    (5, inf)
    """
    report = config["report"]
    pages = report.get("pages", "all") if report["html"] else 0
    if pages == "all":
        return math.inf
    if isinstance(pages, bool) or not isinstance(pages, int) or pages < 0:
        raise InputError(f"report.pages={pages} is no number of runs; write a whole number, or all")
    return pages


class Leaders:
    """The highest net Sharpe ratios of the runs of a sweep that are done; those of later ones may be higher still."""

    def __init__(self):
        self._ratios: list[float] = []  # a heap, the lowest first

    def joined_by(self, ratios: Floats, most: float) -> set[int]:
        """Return which of some more runs are among the `most` that lead now; a run without a ratio comes last.

        Examples
        --------
        >>> leaders = Leaders()
        >>> leaders.joined_by(np.array([0.1, 0.5, 0.3]), 2), leaders.joined_by(np.array([0.2, 0.4]), 2)
        ({1, 2}, {1})
        """
        if most == math.inf:
            return set(range(len(ratios)))
        known = np.where(np.isfinite(ratios), ratios, -np.inf)
        joined = set()
        for p in np.argsort(-known, kind="stable")[: int(most)].tolist():
            if len(self._ratios) < most:
                heapq.heappush(self._ratios, float(known[p]))
            elif known[p] > self._ratios[0]:
                heapq.heapreplace(self._ratios, float(known[p]))
            else:
                break
            joined.add(p)
        return joined
