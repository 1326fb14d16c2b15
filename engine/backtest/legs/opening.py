"""Options of an index that settle on the morning's opening quotation, while its members settle at the close."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace, to_host
from engine.backtest.contracts.instruments import PAYOFFS, option, pairs
from engine.backtest.contracts.structure import Cohorts
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import PARTS, LegStatus

if TYPE_CHECKING:
    from engine.backtest.cohorts.book import TradeBook

log = logging.getLogger(__name__)

FURTHEST = 0.4  # by which an opening's logarithm may lie off that of the close: no index ever moved so far in a day
SETTLEMENT = PARTS.index("settlement")


def openings(panel: MarketPanel, structure: Any) -> Floats:
    """Return the opening quotation of the index on each session, (T,); NaN without one, and where none is asked for.

    Raises
    ------
    InputError
        When there is no such file, a row cannot be what it says, no session has one, or the index leg holds what does
        not settle on it.
    """
    file = getattr(structure, "opening", None)
    if file is None:
        return namespace(panel.spot).full(len(panel), np.nan)
    others = sorted({one.kind.name.lower() for one in structure.index if one.kind not in PAYOFFS})
    if others:
        raise InputError(
            f"structure.opening settles options, and {type(structure).__name__} holds {others[0]}; leave it out"
        )
    from engine.data.tables.openings import OPENINGS  # frames, which a book does without
    from engine.data.tables.whole_file import read_whole

    table = read_whole(OPENINGS, file, setting="structure.opening")
    index = panel.info.index
    if table["ticker"].null_count() < table.height:
        table = table.filter(table["ticker"] == index)
    known = dict(zip(table["date"].to_numpy().astype("datetime64[D]"), table["open"].to_list(), strict=True))
    found = np.array([known.get(date, np.nan) for date in panel.dates], dtype=float)
    if not np.isfinite(found).any():
        raise InputError(
            f"structure.opening={file} has no opening quotation of {index} on any session of {panel.info.name}"
        )
    apart = np.abs(np.log(found / to_host(panel.index_spot)))
    if (apart > FURTHEST).any():
        t = int((apart > FURTHEST).argmax())
        raise InputError(
            f"structure.opening={file}: the opening {found[t]:g} on {panel.dates[t]} is not of {index}, which "
            f"closed at {panel.index_spot[t]:g}; give openings of the same index in the same units"
        )
    return namespace(panel.spot).asarray(found)


def tell_settlements(panel: MarketPanel, book: "TradeBook") -> None:
    """Warn which cohorts of a book settle at the close where an opening is asked for, and why.

    Raises
    ------
    InputError
        When no listed contract that is held on the index settles in the morning.
    """
    structure, cohorts = book.recipe.structure, book.cohorts
    file = getattr(structure, "opening", None)
    if file is None:
        return
    settled = cohorts.settled
    if book.listed is not None:
        settled = settled & _in_the_morning(file, panel.info.index, book)
    if not settled.any():
        return
    found = np.isfinite(to_host(openings(panel, structure))[cohorts.last[settled]])
    if not found.all():
        log.warning(
            "%d of %d expiries have no opening in %s: they settle at the close", (~found).sum(), len(found), file
        )


def _in_the_morning(file: str, index: str, book: Any) -> np.ndarray:
    """Return which cohorts of listed contracts hold such on the index that settle in the morning, (C,)."""
    held = to_host(book.legs.units[:, 0] != 0.0)
    found = held & to_host(book.listed.morning[:, 0]).any(axis=1)
    if held.any() and not found.any():
        raise InputError(
            f"structure.opening={file}: no option on {index} that could be held settles in the morning, all are pm in "
            "the column settlement of their quotes; leave structure.opening out"
        )
    if (held & ~found).any():
        counts = (held & ~found).sum(), held.sum()
        log.warning("%d of %d cohorts hold %s options that settle at the close: no others are listed", *counts, index)
    return found


def settle_at_open(
    opening: Floats,
    cohorts: Cohorts,
    structure: Any,
    units: Floats,
    strike: Floats,
    morning: Floats | None,
    reduced: dict,
    by_leg: dict,
) -> None:
    """Settle the index leg of cohorts on the opening quotation of their expiry, where there is one, in place.

    Up to the last close everything is as it is; what the option pays at the opening less what it would at the close is
    `settlement`, of the session of the expiry. Hedges are given up at the close, as all others.

    Parameters
    ----------
    opening : array (T,)
        From `openings`.
    cohorts : Cohorts
        On the same dates.
    structure : Structure
    units : array (C, 1 + L)
    strike : array (C, 1 + L, I)
    morning : array (C, 1 + L, I), bool, or None
        Of listed contracts which settle so; None = all.
    reduced, by_leg : dict of arrays
        From `Legs.held`; `by_leg` gets `settlement`, (C, 1 + L, I).
    """
    xp = namespace(units)
    by_leg.setdefault("settlement", xp.zeros(strike.shape))
    if getattr(structure, "opening", None) is None:
        return
    at = opening[xp.asarray(cohorts.last)]
    status = by_leg["status"].reshape(*units.shape, -1)[:, 0, 0]
    ends = (status == int(LegStatus.EXPIRED)) & xp.isfinite(at) & (units[:, 0] != 0.0)
    here = xp.arange(len(units)), xp.asarray(cohorts.life)
    for i, (instrument, _) in enumerate(pairs(structure)):
        if instrument.tenor is not None:
            continue  # sold when the others expire
        settles = ends if morning is None else ends & morning[:, 0, i]
        spot = xp.where(settles, at, 1.0)
        pays = option(instrument.kind, spot, strike[:, 0, i], xp.ones(at.shape), xp.zeros(at.shape))
        gap = xp.where(settles, pays.value - by_leg["exit_value"][:, 0, i], 0.0)
        by_leg["exit_value"][:, 0, i] += gap
        by_leg["settlement"][:, 0, i] = gap * units[:, 0] * instrument.ratio
        reduced["explain"][(*here, 0, SETTLEMENT)] += by_leg["settlement"][:, 0, i]
