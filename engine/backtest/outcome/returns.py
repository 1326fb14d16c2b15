"""Daily returns on fixed capital, in the form that quantstats, pyfolio and empyrical take."""

from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd


def as_returns(dates: np.ndarray, pnl: Floats, capital: float, name: str) -> "pd.Series":
    """Return daily P&L over a fixed capital as a pandas series; no pyarrow is needed for it.

    Parameters
    ----------
    dates : array (T,) datetime64
    pnl : array (T,)
        In currency.
    capital : float
        In currency. It is fixed, so these returns are to be added up, not compounded:
        `quantstats.reports.html(returns, compounded=False)`.

    Examples
    --------
    >>> as_returns(np.array(["2026-01-05", "2026-01-06"], "datetime64[D]"), np.array([10.0, -5.0]), 1000.0, "mine")
    2026-01-05    0.010
    2026-01-06   -0.005
    Name: mine, dtype: float64
    """
    import pandas as pd

    index = pd.DatetimeIndex(np.asarray(dates).astype("datetime64[ns]"))
    return pd.Series(np.asarray(pnl, dtype=float) / capital, index=index, name=name)
