"""Whether one panel can follow another."""

from typing import TYPE_CHECKING

import numpy as np

from engine.data.records import SECTOR_AXES
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel


def check_appendable(panel: "MarketPanel", later: "MarketPanel") -> None:
    """Raise InputError unless `later` is of the same market, has the same axes and starts after `panel` ends."""
    for word in ("name", "index", "currency"):
        one, other = getattr(panel.info, word), getattr(later.info, word)
        if one != other:
            raise InputError(f"cannot append {other} to {one}: the {word} of the market differs")
    for axis in ("names", "tenors", "deltas"):
        if not np.array_equal(getattr(panel, axis), getattr(later, axis)):
            raise InputError(f"cannot append to {panel.info.name}: the {axis} differ; rebuild the panel")
    if (panel.listed is None) != (later.listed is None):
        raise InputError(f"cannot append to {panel.info.name}: only one of the two has listed expiries")
    if (panel.band is None) != (later.band is None):
        raise InputError(f"cannot append to {panel.info.name}: only one of the two has volatilities at bid and ask")
    if (panel.strike_reduction is None) != (later.strike_reduction is None):
        raise InputError(
            f"cannot append to {panel.info.name}: only one of the two has cash taken off strikes; rebuild the panel"
        )
    if panel.listed and later.listed and panel.listed.expiry.shape[1] != later.listed.expiry.shape[1]:
        raise InputError(f"cannot append to {panel.info.name}: the number of expiry slots differs; rebuild the panel")
    if not _same_sectors(panel.sectors, later.sectors):
        raise InputError(f"cannot append to {panel.info.name}: the sectors differ; rebuild the panel")
    if len(later) and later.dates[0] <= panel.dates[-1]:
        raise InputError(
            f"cannot append {later.dates[0]} to {panel.info.name}: the panel already ends {panel.dates[-1]}"
        )


def _same_sectors(one, other) -> bool:
    if one is None or other is None:
        return one is other
    return all(np.array_equal(getattr(one, axis), getattr(other, axis)) for axis in SECTOR_AXES)
