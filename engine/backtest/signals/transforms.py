"""Transforms of signals: array in, array out along dates (last axis), each value using nothing later than its date."""

from engine import kernels
from engine.arrays import Floats
from engine.backend import blocks, namespace, running_max
from engine.errors import InputError
from engine.kinds import check_count
from engine.statistics import varies


def zscore(series: Floats, window: int) -> Floats:
    """Standard scores of a series against its own trailing window.

        z_t = (x_t - mean(x_{t-window+1..t})) / std(x_{t-window+1..t})

    Parameters
    ----------
    series : array (T,)
        NaN where unknown.
    window : int
        Sessions in the window, today's included. At least 80 % of them must be known, else the score is NaN.

    Returns
    -------
    array (T,)
        NaN during the first window - 1 sessions, where today's value is NaN, and where the window is constant but for
        rounding.

    Examples
    --------
    >>> import numpy as np
    >>> zscore(np.array([1.0, 2.0, 3.0, 4.0]), 3).round(3).tolist()
    [nan, nan, 1.225, 1.225]
    """
    check_count("window", window)
    xp = namespace(series)
    out = xp.full(series.shape, xp.nan)
    if series.shape[-1] < window:
        return out
    windows = xp.lib.stride_tricks.sliding_window_view(series, window)
    known = xp.isfinite(windows)
    count = known.sum(axis=-1)
    values = xp.where(known, windows, 0.0)
    safe = xp.maximum(count, 1)
    mean = values.sum(axis=-1) / safe
    spread = (xp.where(known, windows - mean[..., None], 0.0) ** 2).sum(axis=-1)
    deviation = xp.sqrt(spread / safe)
    usable = (count >= 0.8 * window) & varies(spread, (values * values).sum(axis=-1))
    score = (series[window - 1 :] - mean) / xp.where(usable, deviation, 1.0)
    out[window - 1 :] = xp.where(usable, score, xp.nan)
    return out


def expanding_rank(series: Floats, least: int) -> Floats:
    """Share of all values known up to each date that are below today's, ties and itself counting half.

    The quantile of a value among what was known then; the quantile among all values, later ones too, is no signal.

    Parameters
    ----------
    series : array (T,)
        NaN where unknown.
    least : int
        Values that must be known, today's included.

    Returns
    -------
    array (T,)
        Between 0 and 1; NaN before, and where today's value is not known.

    Examples
    --------
    >>> import numpy as np
    >>> expanding_rank(np.array([1.0, 3.0, 2.0, np.nan, 4.0]), 2).tolist()
    [nan, 0.75, 0.5, nan, 0.875]
    """
    check_count("least", least)
    xp = namespace(series)
    known = xp.isfinite(series)
    count = xp.cumsum(known)
    out = xp.full(series.shape, xp.nan)
    for rows in blocks(len(series), 2 * len(series)):
        past = series[None, : rows.stop]
        so_far = xp.arange(rows.stop)[None, :] <= xp.arange(rows.start, rows.stop)[:, None]
        below = (so_far & (past < series[rows, None])).sum(axis=1)
        equal = (so_far & (past == series[rows, None])).sum(axis=1)
        out[rows] = (below + 0.5 * equal) / xp.maximum(count[rows], 1)
    return xp.where(known & (count >= least), out, xp.nan)


def hysteresis(signal: Floats, enter: Floats | float, leave: Floats | float) -> Floats:
    """Be in (1) once the signal reaches `enter`, out (0) once it falls to `leave`, otherwise as before.

    A NaN signal changes nothing. `enter` and `leave` may be columns (P, 1): the result is then (P, T).

    Examples
    --------
    >>> import numpy as np
    >>> hysteresis(np.array([0.0, 2.0, 1.0, np.nan, 0.0, 1.0]), enter=1.5, leave=0.5).tolist()
    [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    """
    xp = namespace(signal, enter, leave)
    if kernels.usable(xp) and signal.ndim == 1 and xp.ndim(enter) == xp.ndim(leave) == 2:
        return _fused(signal, enter, leave)
    goes_in = signal >= enter
    decides = goes_in | (signal <= leave)
    session = xp.arange(signal.shape[-1])
    last = running_max(xp.where(decides, session, -1))
    state = xp.take_along_axis(goes_in, xp.maximum(last, 0), axis=-1)
    return xp.where((last >= 0) & state, 1.0, 0.0)


def held_while(signal: Floats, enter: Floats | float, leave: Floats | float) -> Floats:
    """Return `hysteresis`, and NaN, no opinion, before the signal is first known.

    Examples
    --------
    >>> import numpy as np
    >>> held_while(np.array([np.nan, 0.0, 2.0, np.nan]), enter=1.5, leave=0.5).tolist()
    [nan, 0.0, 1.0, 1.0]
    """
    xp = namespace(signal)
    exposure = hysteresis(signal, enter, leave)
    exposure[..., xp.cumsum(xp.isfinite(signal)) == 0] = xp.nan
    return exposure


def refuse_crossed(enter: Floats | float, leave: Floats | float) -> None:
    """Raise InputError where a trade would stop at a level above the one that starts it."""
    if namespace(enter, leave).any(leave > enter):
        raise InputError(f"strategy.leave={leave} is above strategy.enter={enter}; leave at or below it")


def refuse_no_quantile(quantile: Floats | float) -> None:
    """Raise InputError where a quantile is not between 0 and 1: a gate there is always open, or never."""
    if not namespace(quantile).all((quantile >= 0.0) & (quantile <= 1.0)):
        raise InputError(f"strategy.quantile={quantile} is not between 0 and 1; .67 waits for the dearest third")


def _fused(signal, enter, leave):
    """Walk each pair of levels through the dates, (P, T): kernels/sweep.cu."""
    xp = namespace(signal, enter, leave)
    sets = max(len(enter), len(leave))
    state = xp.empty((sets, len(signal)))
    levels = (kernels.column(xp, level, sets) for level in (enter, leave))
    kernels.launch(
        xp, "sweep", "hysteresis", sets, (xp.ascontiguousarray(signal, dtype=xp.float64), len(signal), *levels, state)
    )
    return state
