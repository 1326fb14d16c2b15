"""How sure one may be of a mean: standard errors that know the results overlap."""

import numpy as np


def hac_tstat(series, holding_days: int = 1) -> float:
    """t-statistic of the mean of daily results, consistent with autocorrelation (Newey-West).

        t = mean / HAC standard error,   lags = max(floor(4 (T/100)^(2/9)), holding_days - 1)

    Parameters
    ----------
    series : array (T,)
        Daily results in any unit; NaN days are left out.
    holding_days : int
        Sessions a position is held: results that near to each other share positions.

    Returns
    -------
    float
        NaN where fewer than two results are known, or all are equal.

    References
    ----------
    Newey and West (1987); the automatic number of lags as in Newey and West (1994).

    Examples
    --------
    >>> round(hac_tstat(np.array([1.0, 3.0, 2.0, 4.0, 1.0, 3.0])), 4)
    8.0335
    """
    results = np.asarray(series, dtype=float)
    results = results[np.isfinite(results)]
    count = len(results)
    if count < 2 or np.ptp(results) == 0.0:
        return float("nan")
    import statsmodels.api as sm  # slow to import, and needed by few callers

    lags = min(max(int(4 * (count / 100) ** (2 / 9)), holding_days - 1), count - 1)
    fit = sm.OLS(results, np.ones(count)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    return float(fit.tvalues[0])
