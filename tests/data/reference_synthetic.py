"""Expectations of the synthetic market as a careful person would write them with loops: slow, obvious."""

import math

import numpy as np

from engine.calendar import DAY
from engine.data.synthetic.settings import keep


def clean_correlation(index_iv, component_iv, weights):
    """Clean implied correlation of one cell; names without quote or weight left out."""
    held = [(w, s) for w, s in zip(weights, component_iv, strict=True) if w > 0.0 and not math.isnan(s)]
    total = math.fsum(w for w, _ in held)
    pairs = own = 0.0
    for i, (w, s) in enumerate(held):
        own += (w * s) ** 2
        for v, r in held[:i]:
            pairs += 2.0 * w * s * v * r
    return ((index_iv * total) ** 2 - own) / pairs


def expected_variances(paths, t, tenor):
    """Fair annualised variances of all names and of the index at one date, session by session.

    Follows the first two conditional moments of every state variable from one session to the next.
    """
    s = paths.settings
    w, b = paths.weights[t], paths.base_vol
    level, rho = paths.level[t], paths.correlation[t]
    mean, square = paths.name_level[t].copy(), paths.name_level[t] ** 2
    end = paths.dates[t] + tenor * DAY
    name_variance, index_variance = np.zeros(len(b)), 0.0
    for u in range(t + 1, len(paths.schedule)):
        if paths.schedule[u] > end:
            break
        years = paths.session_years[u]
        report = paths.report_variance * paths.reports[u]
        name_variance += years * b**2 * level * square + report
        second = np.outer(w * b * mean, w * b * mean)
        np.fill_diagonal(second, 0.0)
        index_variance += (w**2 * (years * b**2 * level * square + report)).sum() + years * level * rho * second.sum()
        level = 1.0 + keep(s.level_half_life) * (level - 1.0)
        rho = s.correlation + keep(s.correlation_half_life) * (rho - s.correlation)
        kept = keep(s.name_level_half_life)
        square = (1.0 + s.name_level_noise**2) * (
            (1.0 - kept) ** 2 + 2.0 * kept * (1.0 - kept) * mean + kept**2 * square
        )
        mean = 1.0 + kept * (mean - 1.0)
    life = tenor / 365.0
    return name_variance / life, index_variance / life
