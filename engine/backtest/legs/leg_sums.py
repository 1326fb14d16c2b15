"""Sums over legs and days: what a block of legs is reduced to."""

from engine.backend import namespace
from engine.backtest.legs.marks import Reading
from engine.kernels.codes import MAGNITUDES, PARTS, Beyond


def total(arrays):
    """Add up what the instruments have of one thing."""
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


def magnitudes(parts, reading: Reading):
    """Sum absolute values over legs, (C, len(MAGNITUDES), H)."""
    xp = namespace(parts)
    pnl = xp.abs(parts.sum(axis=2))
    sums = {"pnl": pnl.sum(axis=1)}
    # A day's P&L is doubtful when the mark at either of its closes is.
    stale, beyond = (xp.maximum(a[..., 1:], a[..., :-1]) for a in (reading.stale, reading.beyond))
    doubtful = {
        "stale": stale,
        "beyond_tenors": beyond == int(Beyond.TENORS),
        "beyond_deltas": beyond == int(Beyond.DELTAS),
    }
    sums |= {kind: xp.where(is_so, pnl, 0.0).sum(axis=1) for kind, is_so in doubtful.items()}
    for part in ("gamma", "theta", "unexplained"):
        sums[part] = xp.abs(parts[:, :, PARTS.index(part)]).sum(axis=1)
    return xp.stack([sums[name] for name in MAGNITUDES], axis=1)


def class_sums(by_leg):
    """Sum legs into their two classes: axis 1 becomes (index, component)."""
    xp = namespace(by_leg)
    return xp.stack([by_leg[:, 0], by_leg[:, 1:].sum(axis=1)], axis=1)


def by_day(daily):
    """Move the days from the last axis to the second."""
    return namespace(daily).moveaxis(daily, -1, 1)


def from_entry(daily):
    """Put a zero entry day in front of the H daily values on axis 1."""
    xp = namespace(daily)
    return xp.concatenate([xp.zeros((len(daily), 1, *daily.shape[2:])), daily], axis=1)


def day_before(daily):
    """Shift the last axis by one day; nothing was before entry."""
    xp = namespace(daily)
    return xp.concatenate([xp.zeros_like(daily[..., :1]), daily[..., :-1]], axis=-1)
