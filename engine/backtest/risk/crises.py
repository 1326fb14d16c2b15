"""The crises that a book is stressed with, of the sizes that published indices moved by."""

from engine.backtest.risk.stresses import Stress


def published(name: str, spot: float, days: tuple[str, str], vixeq, vix, vix3m, vix6m, cor1m, cor3m) -> Stress:
    """Return a stress of the sizes that published indices moved by between two closes.

    At 30 days members' variance moved as VIXEQ^2. Where it or an index is not known, and at 91 and 182 days, it is what
    the index's variance moved by more than correlation, (VIX_1^2 / VIX_0^2) (COR_0 / COR_1): a basket of many names.
    Multiples of forward variance are the differences of these; without VIX3M one holds from 30 to 182 days.

    Parameters
    ----------
    name : str
    spot : float
        Return of the S&P 500.
    days : pair of ISO dates
    vixeq, vix, vix3m, vix6m, cor1m, cor3m : pair of float, or None
        Closes on them, in points.
    """

    def moved(pair) -> float:
        return (pair[1] / pair[0]) ** 2

    month = moved(vixeq) if vixeq else moved(vix) * cor1m[0] / cor1m[1]
    half = moved(vix6m) * cor3m[0] / cor3m[1]
    if vix3m:
        quarter = moved(vix3m) * cor3m[0] / cor3m[1]
        variance = (month, (91.0 * quarter - 30.0 * month) / 61.0, (182.0 * half - 91.0 * quarter) / 91.0)
    else:
        beyond = (182.0 * half - 30.0 * month) / 152.0
        variance = (month, beyond, beyond)
    goal = 1.0 if cor1m[1] > cor1m[0] else 0.0
    near, far = ((after - before) / (100.0 * goal - before) for before, after in (cor1m, cor3m))
    source = f"closes of Cboe's indices and the S&P 500, {days[0]} to {days[1]}"
    return Stress(name, spot, variance, (near, far, far), source, goal)


# S&P 500: closes where the files have them (2008, 2018, 2020), else the market's return of the Fama-French factors.
STRESSES = (
    published(
        "2008",
        -0.2995,
        ("2008-09-12", "2008-10-24"),
        None,
        vix=(25.66, 79.13),
        vix3m=None,
        vix6m=(24.57, 50.85),
        cor1m=(38.69, 96.59),
        cor3m=(40.77, 75.17),
    ),
    published(
        "Feb 2018",
        -0.0410,
        ("2018-02-02", "2018-02-05"),
        vixeq=(28.01, 33.83),
        vix=(17.31, 37.32),
        vix3m=(17.03, 28.13),
        vix6m=(17.49, 24.55),
        cor1m=(32.30, 82.94),
        cor3m=(30.87, 52.78),
    ),
    published(
        "Mar 2020",
        -0.2953,
        ("2020-02-19", "2020-03-16"),
        vixeq=(25.22, 95.25),
        vix=(14.38, 82.69),
        vix3m=(15.82, 67.70),
        vix6m=(16.76, 55.40),
        cor1m=(26.70, 86.71),
        cor3m=(27.27, 90.29),
    ),
    published(
        "Aug 2024",
        -0.0654,
        ("2024-07-31", "2024-08-05"),
        vixeq=(37.22, 51.52),
        vix=(16.36, 38.57),
        vix3m=(16.97, 33.71),
        vix6m=(18.32, 30.28),
        cor1m=(11.90, 39.62),
        cor3m=(14.00, 35.68),
    ),
    published(
        "Apr 2025",
        -0.1237,
        ("2025-04-02", "2025-04-08"),
        vixeq=(40.10, 70.16),
        vix=(21.51, 52.33),
        vix3m=(21.45, 41.50),
        vix6m=(21.89, 35.77),
        cor1m=(19.50, 49.90),
        cor3m=(21.97, 46.69),
    ),
    Stress(
        "one name gaps 20 %",
        -0.20,
        variance=(1.31, 1.21, 1.21),
        correlation=(0.0, 0.0, 0.0),
        source="at-the-money variance of IBM, 38 and 157 days to expiry, as it fell 25 % from 2026-07-13 to 07-14",
        gaps=True,
    ),
    published(
        "correlation down",
        0.0469,
        ("2024-06-11", "2024-07-12"),
        vixeq=(29.25, 36.17),
        vix=(12.85, 12.46),
        vix3m=(14.49, 14.37),
        vix6m=(16.59, 16.80),
        cor1m=(15.13, 2.93),
        cor3m=(12.33, 7.80),
    ),
)
