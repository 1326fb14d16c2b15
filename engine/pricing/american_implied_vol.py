"""Implied volatilities of American options: their prices without the right to early exercise, inverted."""

from engine.arrays import Flags, Floats, Integers
from engine.backend import namespace
from engine.kernels.codes import InversionStatus
from engine.pricing.american import STEPS, early_exercise_premium
from engine.pricing.implied_vol import implied_vol

# An inversion is trusted where each round moves it by at most this factor of the one before, and where the
# extrapolation adds no more than this volatility; moves this small are rounding and are not extrapolated.
SLOWEST = 0.5
SETTLED = 0.01
STILL = 1e-10


def american_implied_vol(
    price: Floats,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    is_call: Flags | bool,
    rate: Floats | float = 0.0,
    ex_years: Floats | None = None,
    dividends: Floats | None = None,
    *,
    steps: int = STEPS,
) -> tuple[Floats, Integers]:
    """Invert American prices: the volatility at which Black's price plus the premium of early exercise is the price.

        s <- implied_vol(price - premium(s)),   from the volatility of a European option at that price

    Two rounds and an extrapolation (Aitken's). Where early exercise is less than a fifth of the price, as out of the
    money, what is left is at most .03 vol points. In the money it may not settle, or exercise is due at once: those
    have a status.

    Parameters
    ----------
    price : array
        Per share; the others as for `early_exercise_premium`.

    Returns
    -------
    iv : array, float64
        Annualised decimals; NaN unless the status is OK.
    status : array, uint8
        `InversionStatus`.

    Examples
    --------
    >>> from engine.pricing import american_price
    >>> option = (100.0, 100.0, 95.0)  # spot, forward, strike
    >>> price = american_price(*option, 0.3, 0.5, False, 0.05)
    >>> iv, status = american_implied_vol(price, *option, 0.5, False, 0.05)
    >>> round(float(iv), 4), int(status)
    (0.3, 0)
    """
    xp = namespace(price, spot, forward, strike, years, is_call, rate)
    price = xp.asarray(price, dtype=xp.float64)

    def inverted(premium):
        return implied_vol(price - premium, forward, strike, years, is_call, rate)

    def premium(iv):
        return early_exercise_premium(spot, forward, strike, iv, years, is_call, rate, ex_years, dividends, steps=steps)

    exercise = xp.where(xp.asarray(is_call, dtype=bool), 1.0, -1.0) * (xp.asarray(spot, dtype=xp.float64) - strike)
    first, status = inverted(0.0)
    second, status_second = inverted(premium(first))
    third, status_third = inverted(premium(second))
    before, last = second - first, third - second
    moved = xp.abs(before) > STILL
    share = xp.where(moved, last / xp.where(moved, before, 1.0), 0.0)
    settled = xp.abs(share) <= SLOWEST
    further = xp.where(settled, last * share / xp.where(settled, 1.0 - share, 1.0), 0.0)
    iv, settled = third + further, settled & (xp.abs(further) <= SETTLED)
    for later in (status_second, status_third):
        status = xp.where(status == int(InversionStatus.OK), later, status)
    ok = status == int(InversionStatus.OK)
    status = xp.where(ok & ~settled, int(InversionStatus.NOT_CONVERGED), status)
    status = xp.where(ok & (price <= exercise), int(InversionStatus.BELOW_INTRINSIC), status).astype(xp.uint8)
    return xp.where(status == int(InversionStatus.OK), iv, xp.nan), status
