"""The slow, obvious way: one date, one cell, one pair of names at a time."""

import math


def implied_reference(index_vol, vols, weights):
    """Clean, dirty, variance ratio, coverage and names of one cell, from the definition over pairs."""
    basket = [(w, s) for w, s in zip(weights, vols, strict=True) if w > 0 and math.isfinite(s)]
    total = sum(w for w in weights if w > 0)
    quoted = sum(w for w, _ in basket)
    coverage, names = (quoted / total if total > 0 else 0.0), len(basket)
    if not math.isfinite(index_vol) or names == 0:
        return math.nan, math.nan, math.nan, coverage, names
    basket = [(w / quoted, s) for w, s in basket]
    own = sum(w * w * s * s for w, s in basket)
    pairs = 0.0
    for i in range(names):
        for j in range(i + 1, names):
            pairs += 2 * basket[i][0] * basket[j][0] * basket[i][1] * basket[j][1]
    clean = (index_vol**2 - own) / pairs if pairs > 0 else math.nan
    dirty = (index_vol / sum(w * s for w, s in basket)) ** 2
    ratio = index_vol**2 / sum(w * s * s for w, s in basket)
    return clean, dirty, ratio, coverage, names


def realized_reference(returns, weights, date, window, demean=False, index_returns=None):
    """Clean realised correlation, member volatilities and index volatility of one date."""

    def vol(moves):
        if len(moves) < window or not all(math.isfinite(r) for r in moves):
            return math.nan
        mean = sum(moves) / window if demean else 0.0
        return math.sqrt(252 * sum((r - mean) ** 2 for r in moves) / (window - demean))

    days = range(max(date - window + 1, 0), date + 1)
    names = range(len(weights[date]))
    vols = [vol([returns[d][n] for d in days]) for n in names]
    held = [n for n in names if weights[date][n] > 0 and math.isfinite(vols[n])]
    total = sum(weights[date][n] for n in held)
    if index_returns is None:
        index_vol = (
            vol([sum(weights[date][n] / total * returns[d][n] for n in held) for d in days]) if held else math.nan
        )
    else:
        index_vol = vol([index_returns[d] for d in days])
    return implied_reference(index_vol, vols, weights[date])[0], vols, index_vol
