"""Measures of correlation as one line of text, in place of their arrays."""

from typing import Any

from engine.backend import to_host
from engine.kernels.codes import CorrelationStatus


def in_words(found: Any) -> str:
    """Say the shape of a measure, the range and mean of its values that are ok, and how much of the basket is quoted.

    Parameters
    ----------
    found : ImpliedCorrelation or RealizedCorrelation

    Examples
    --------
    >>> import numpy as np
    >>> from engine.correlation.implied import implied_correlation
    >>> print(implied_correlation(np.array([0.21]), np.array([[0.25, 0.35, 0.18]]), np.array([[0.3, 0.4, 0.3]])))
    ImpliedCorrelation (1,): clean 0.361 to 0.361, mean 0.361; 100.0 % ok, coverage 1.000 on average
    """
    clean, status, coverage = (to_host(getattr(found, name)) for name in ("clean", "status", "coverage"))
    head, ok = f"{type(found).__name__} {clean.shape}", status == int(CorrelationStatus.OK)
    if not ok.any():
        return f"{head}: no value is ok"
    known = clean[ok]
    values = f"clean {known.min():.3f} to {known.max():.3f}, mean {known.mean():.3f}"
    return f"{head}: {values}; {100 * ok.mean():.1f} % ok, coverage {coverage.mean():.3f} on average"
