"""Volatilities that can be and seldom are: against their own day before, the others' level, and the index's closes."""

from typing import TYPE_CHECKING

import numpy as np

from engine.backend import to_host

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel

MIDDLE_DELTA, USUAL_TENOR = 50, 30  # the cell looked at is the panel's nearest to these
NAME_JUMP, INDEX_JUMP = 2.5, 3.0  # from one session to the next; reports and mergers halve or double, crashes double
FEWEST_RETURNS, FEWEST_NAMES = 20, 4
# Volatility over the realised one, against the median of all: up to 1.8, and down to 1 / 2, on 75 real names.
FAR_FROM_REALISED = 2.5
FAR_FROM_OTHERS = 8.0  # where there are too few returns
# Daily changes of an index's volatility go against its returns: -.4 to -.85 on real markets, within .2 of 0 a day off.
MAD = 1.4826  # times the median size of a normal number is its deviation: a wrong close moves it little
SAME_DAY, OTHER_DAY = -0.3, -0.5
JUMP, LEVEL, SHIFT = "vol_jump", "vol_level", "closes_a_day_off"


def middle_vols(panel: "MarketPanel") -> np.ndarray:
    """Return volatilities near 50 delta and 30 days of the index and the names, (T, 1 + N)."""
    k = int(np.abs(panel.tenors - USUAL_TENOR).argmin()) if len(panel.tenors) else 0
    d = int(np.abs(panel.deltas - MIDDLE_DELTA).argmin()) if len(panel.deltas) else 0
    if not len(panel.tenors) or not len(panel.deltas):
        return np.full((len(panel), 1 + len(panel.names)), np.nan)
    index, names = to_host(panel.index_iv[:, k, d]), to_host(panel.component_iv[:, :, k, d])
    return np.concatenate([index[:, None], names], axis=1).astype(np.float64)


def vol_suspicions(assets, vols, closes, factors, holes) -> list[tuple[str, str, int, str]]:
    """Return what is suspicious: asset, reason, position of the session, and what is seen.

    Parameters
    ----------
    assets : sequence (1 + N,) of str
        The index first.
    vols, closes, factors : array (T, 1 + N)
        As from `middle_vols`; closes and their return factors.
    holes : array (T,), bool
        Sessions after a hole, over which nothing is compared.
    """
    if len(vols) == 0:
        return []
    with np.errstate(all="ignore"):
        returns = np.where(holes[1:, None], np.nan, np.log(closes[1:] / (closes[:-1] * factors[1:])))
        moves = np.where(holes[1:, None], np.nan, np.log(vols[1:] / vols[:-1]))
        return [*_jumps(assets, moves), *_levels(assets, vols, returns), *_shift(assets, moves[:, 0], returns[:, 0])]


def _jumps(assets, moves):
    most = np.where(np.arange(len(assets)) == 0, np.log(INDEX_JUMP), np.log(NAME_JUMP))
    for t, a in zip(*np.nonzero(np.abs(moves) > most), strict=True):
        ratio = np.exp(moves[t, a])
        yield str(assets[a]), JUMP, int(t) + 1, f"the volatility of {assets[a]} is {ratio:.3g} times the day before's"


def _levels(assets, vols, returns):
    there = np.isfinite(vols).any(axis=0)
    if there.sum() < FEWEST_NAMES:
        return
    level = np.full(len(assets), np.nan)
    level[there] = np.nanmedian(vols[:, there], axis=0)
    known = np.isfinite(returns).sum(axis=0) >= FEWEST_RETURNS
    realised = np.full(len(assets), np.nan)
    realised[known] = MAD * np.nanmedian(np.abs(returns[:, known]), axis=0) * np.sqrt(252.0)
    judged = there & known & (realised > 0.0)
    ratios = [(level / np.median(level[there]), there & ~judged, FAR_FROM_OTHERS, "the median of all")]
    if judged.sum() >= FEWEST_NAMES:
        over = level / realised
        words = "what the realised one of its closes and the others let expect"
        ratios.append((over / np.median(over[judged]), judged, FAR_FROM_REALISED, words))
    for ratio, among, most, words in ratios:
        for a in np.flatnonzero(among & (np.abs(np.log(ratio)) > np.log(most))):
            yield str(assets[a]), LEVEL, 0, f"the volatility of {assets[a]} is {ratio[a]:.3g} times {words}"


def _shift(assets, moves, returns):
    same = _correlation(moves, returns)
    late, early = _correlation(moves[:-1], returns[1:]), _correlation(moves[1:], returns[:-1])
    for words, other in (("late", late), ("early", early)):
        if same > SAME_DAY and other < OTHER_DAY:
            yield (
                str(assets[0]),
                SHIFT,
                0,
                f"the closes of {assets[0]} seem to be a day {words}: against its volatility's moves they have a "
                f"correlation of {other:.2f}, and of {same:.2f} on the same day",
            )


def _correlation(one, other) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < FEWEST_RETURNS or np.ptp(one[both]) == 0.0 or np.ptp(other[both]) == 0.0:
        return np.nan
    return float(np.corrcoef(one[both], other[both])[0, 1])
