"""The correlation premium: what index options charge for correlation over what it was."""

from engine.backend import namespace


def correlation_premium(implied, realized):
    """Implied less realised correlation of the same basket, in correlation points / 100.

        premium_t = implied_t - realized_t

    With trailing realised correlation the value is known on t and may drive a signal; with forward realised
    correlation it is what a seller would have kept, known only when the window is over.

    Parameters
    ----------
    implied : array (T, ...)
        Clean implied correlation, decimals.
    realized : array (T,)
        Clean realised correlation, decimals.

    Returns
    -------
    array (T, ...)
        NaN where either is not known.

    Examples
    --------
    >>> import numpy as np
    >>> correlation_premium(np.array([[0.40, 0.45], [0.30, np.nan]]), np.array([0.35, 0.32])).round(9).tolist()
    [[0.05, 0.1], [-0.02, nan]]
    """
    xp = namespace(implied, realized)
    return implied - xp.asarray(realized).reshape(-1, *(1 for _ in implied.shape[1:]))
