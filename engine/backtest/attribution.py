"""P&L explain: what each day's P&L of a held straddle came from."""

from engine.arrays import Floats
from engine.backend import namespace
from engine.kernels.codes import PARTS
from engine.pricing import StraddleGreeks

__all__ = ["PARTS", "explain"]


def explain(
    greeks: StraddleGreeks, forward: Floats, iv: Floats, days: Floats, rate_per_day: Floats, held_delta: Floats
) -> list[Floats]:
    """Split the daily P&L of one straddle per leg into its sources.

    With the greeks of the day before, dF and ds the day's move of forward and implied volatility, n calendar days:

        delta = D dF;  gamma = 1/2 G dF^2;  theta = Theta n;  vega = V ds;  vanna_volga = Vanna dF ds + 1/2 Volga ds^2
        hedge = -h dF with h the delta held;  financing = -(exp(r n) - 1) value
        unexplained = (change in value) - delta - gamma - theta - vega - vanna_volga

    Parameters
    ----------
    greeks : StraddleGreeks of arrays (..., H + 1)
        Per straddle, at each close from entry on; vega per vol point, theta per calendar day.
    forward, iv : array (..., H + 1)
        Marks in entry shares; iv in decimals.
    days : array broadcastable to (..., H)
        Calendar days from each close to the next.
    rate_per_day : array broadcastable to (..., H)
        Continuous risk-free rate per calendar day.
    held_delta : array (..., H + 1)
        Delta hedged at each close.

    Returns
    -------
    list of arrays (..., H), in the order of `PARTS`
        P&L per straddle, in currency; their sum is the change in value plus hedge plus financing.
    """
    xp = namespace(forward, iv)
    move = forward[..., 1:] - forward[..., :-1]
    points = 100.0 * (iv[..., 1:] - iv[..., :-1])  # vol points, the unit of vega
    delta = greeks.delta[..., :-1] * move
    gamma = 0.5 * greeks.gamma[..., :-1] * move**2
    theta = greeks.theta[..., :-1] * days
    vega = greeks.vega[..., :-1] * points
    cross = greeks.vanna[..., :-1] * move * points + 0.5 * greeks.volga[..., :-1] * points**2
    change = greeks.value[..., 1:] - greeks.value[..., :-1]
    unexplained = change - delta - gamma - theta - vega - cross
    financing = -xp.expm1(rate_per_day * days) * greeks.value[..., :-1]
    return [delta, gamma, theta, vega, cross, -held_delta[..., :-1] * move, financing, unexplained]
