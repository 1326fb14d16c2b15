"""What a panel lacks where the rest says that it should be there: closes of members, and weights of a whole index."""

import numpy as np

# Reasons in the quality report, of which rows count sessions.
NO_CLOSE, WEIGHTS = "members.no_close", "weights.incomplete"
USUAL = 0.9  # of the middle sum of weights; members change by a few percent at a time


def gaps(info, names, dates, index_spot, spot, weights, settlement) -> list[tuple[str, str, int, int, str]]:
    """Return what is missing: asset, reason, position of the first session, number of sessions, and in words.

    A close is missing where the index has none, or a name that has a weight and is not settled on the date.
    """
    expected = (weights > 0.0) | np.isnan(spot).all(axis=0)  # a name without any close may be one by mistake
    of_names = np.isnan(spot) & expected & np.isnan(settlement)
    lacking = np.concatenate([np.isnan(index_spot)[:, None], of_names], axis=1)
    found = []
    for a in np.flatnonzero(lacking.any(axis=0)):
        asset, first, count = str([info.index, *names][a]), int(lacking[:, a].argmax()), int(lacking[:, a].sum())
        text = f"{asset} has no close on {dates[first]}, as a member should" if a else f"no close on {dates[first]}"
        found.append((asset, NO_CLOSE, first, count, f"{text} ({count:,} of {len(dates):,} sessions)"))
    total = weights.sum(axis=1)
    if (total > 0.0).any() and len(low := np.flatnonzero(total < USUAL * (usual := np.median(total[total > 0.0])))):
        text = f"weights sum to {total[low[0]]:.3g} on {dates[low[0]]} and to {usual:.3g} in the middle"
        found.append((info.index, WEIGHTS, int(low[0]), len(low), f"{text} ({len(low):,} of {len(dates):,} sessions)"))
    return found
