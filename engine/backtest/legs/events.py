"""What happened to the contracts of each row of a ledger: corporate actions, halts, exercise and assignment."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np

from engine.backend import to_host
from engine.backtest.contracts.structure import LegStatus
from engine.data.panel import MarketPanel
from engine.data.tables.action_kinds import GOES_ON_AS, MIXED_MERGER

# Kinds that are no event of a contract: ordinary dividends are in its forward.
ORDINARY = ("dividend", "cash_dividend")
# Of what the market's numbers show and no table names.
RESTATED, REDUCED, UNKNOWN_TERMS, PRICE_ADJUSTED, PAID_OUT = (
    "contracts_restated",
    "strikes_reduced",
    "unknown_terms",
    "price_adjusted",
    "paid_out",
)
_TOLD = ("date", "asset", "kind", "into", "amount")  # columns of the table of actions that say what happened
HALT, EXERCISED, ASSIGNED = "halt_carried", "exercised", "assigned"


def events_of(panel: MarketPanel) -> dict[str, list[tuple[int, str]]]:
    """Return the sessions of a panel on which something happened to the contracts on each name, and what.

    Kinds are those of the table of actions (`panel.report.actions`). Where no table tells them, the panel's factors
    do: contracts_restated (strikes and contracts by a factor), strikes_reduced (by cash), unknown_terms, price_adjusted
    (contracts stay), paid_out (the name ended in cash). halt_carried is the first of some sessions without a price.

    Returns
    -------
    events : dict of name -> list of (session, kind), ascending; names without one are left out
    """
    known = _told(panel)
    shown = _shown(panel)
    found = {}
    for name in {*known, *shown}:
        told = {t for t, _ in known[name]}
        # What a halt is, no table says.
        rest = [(t, kind) for t, kind in shown[name] if kind == HALT or t not in told]
        found[name] = sorted({*known[name], *rest})
    return found


def _told(panel: MarketPanel) -> dict[str, list[tuple[int, str]]]:
    """Actions that a table names, on the session they act on, those of an acquirer from its merger on too."""
    actions = None if panel.report is None else panel.report.actions
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    if actions is None:
        return found
    rows: dict[str, list[tuple[int, str, str | None]]] = defaultdict(list)
    for date, asset, kind, into, amount in actions.sort("date", "kind").select(*_TOLD).iter_rows():
        t = int(np.searchsorted(panel.dates, np.datetime64(date)))
        if kind not in ORDINARY and 0 < t < len(panel):  # on the first session there is nothing held yet
            rows[asset].append((t, kind, into if kind != MIXED_MERGER or amount is not None else None))
    for name in panel.names.tolist():
        holder, since = name, 0
        while holder is not None:
            after = [row for row in rows[holder] if row[0] >= since]
            became = next((row for row in after if row[1] in GOES_ON_AS), None)
            upto = len(panel) if became is None else became[0]
            if now := [(t, kind) for t, kind, _ in after if t <= upto]:
                found[name] += now
            holder, since = (None, upto) if became is None else (became[2], upto)
    return found


def _shown(panel: MarketPanel) -> dict[str, list[tuple[int, str]]]:
    """What the arrays of a panel show, on each session but the first."""
    spot, strikes, returns, paid = (
        to_host(array) for array in (panel.spot, panel.strike_factor, panel.return_factor, panel.settlement)
    )
    priced = np.isfinite(spot)
    if panel.listed is not None:
        priced = priced | to_host(np.isfinite(panel.listed.forward).any(axis=-1))
    # What ended, in cash or on unknown terms, is not halted.
    gone = np.cumsum(np.isfinite(paid) | np.isnan(strikes), axis=0) > 0
    halted = ~priced & ~gone
    halted[1:] &= priced[:-1]
    restated, reduced = np.isfinite(strikes) & (strikes != 1.0), np.zeros(spot.shape, dtype=bool)
    if panel.strike_reduction is not None:
        reduced = to_host(panel.strike_reduction) > 0.0
    masks = {
        RESTATED: restated,
        REDUCED: reduced,
        UNKNOWN_TERMS: np.isnan(strikes),
        PRICE_ADJUSTED: ~restated & ~reduced & np.isfinite(returns) & (returns != 1.0) & np.isfinite(strikes),
        PAID_OUT: np.isfinite(paid),
        HALT: halted,
    }
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    names = panel.names.tolist()
    for kind, mask in masks.items():
        for t, n in zip(*np.nonzero(mask[1:]), strict=True):
            found[names[n]].append((int(t) + 1, kind))
    return found


def events(panel: MarketPanel, legs, entry, end, status, worth) -> list[str]:
    """Say of each row of a ledger what happened to its contracts from its entry on to its end.

    Parameters
    ----------
    panel : MarketPanel
    legs : array (R,), str
        What each row is on.
    entry, end : array (R,), int
        Sessions.
    status : array (R,)
        `LegStatus`.
    worth : array (R,)
        Value at the end, in currency; below zero is owed.

    Returns
    -------
    list (R,) of text
        `kind date`, in order of dates, with "; " between; "" where nothing happened. At the expiry what is worth
        something is exercised, if it was held, and assigned, if it was written; so is what settles before.
    """
    said = np.full(len(legs), "", dtype=object)
    if len(legs):
        order = np.argsort(legs, kind="stable")
        known = events_of(panel)
        first = [0, *(np.flatnonzero(legs[order][1:] != legs[order][:-1]) + 1).tolist(), len(order)]
        for at, stop in pairwise(first):
            rows = order[at:stop]
            if happened := known.get(str(legs[rows[0]])):
                _say(said, rows, panel.dates, happened, entry[rows], end[rows])
    ends = np.isin(status, (int(LegStatus.EXPIRED), int(LegStatus.SETTLED)))
    for word, those in ((EXERCISED, ends & (worth > 0.0)), (ASSIGNED, ends & (worth < 0.0))):
        for row in np.flatnonzero(those):
            said[row] = "; ".join(filter(None, (said[row], f"{word} {_day(panel.dates[end[row]])}")))
    return said.tolist()


def _say(said, rows, dates, happened, entry, end) -> None:
    """Write what happened after each entry, up to each end, in place."""
    sessions = np.array([t for t, _ in happened])
    words = [f"{kind} {_day(dates[t])}" for t, kind in happened]
    first, stop = np.searchsorted(sessions, entry, side="right"), np.searchsorted(sessions, end, side="right")
    for row, a, b in zip(rows[first < stop], first[first < stop], stop[first < stop], strict=True):
        said[row] = "; ".join(words[a:b])


def _day(date: Any) -> str:
    return str(date.astype("datetime64[D]"))
