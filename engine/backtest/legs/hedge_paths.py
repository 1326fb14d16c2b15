"""From a hedge to what is held of it: of every instrument of every leg, from each close to the next."""

from typing import TYPE_CHECKING

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.legs.hedging import OWN, STICKY_DELTA, SURFACE, AbstractHedge, DailyDelta, Hedge, Wanted
from engine.backtest.legs.leg_sums import total
from engine.backtest.signals.trailing import trailing_beta, trailing_vol
from engine.kernels.codes import LegStatus

if TYPE_CHECKING:
    from engine.backtest.legs.held import Held
    from engine.backtest.legs.legs import Legs

SLOPE_STEP = 0.01  # of ln(strike), either way: nodes of a smile lie some .02 apart at a month


def held_deltas(legs: "Legs", units: Floats, hedge: Hedge) -> list[Floats]:
    """Return the delta of one of each instrument that is held against it from each close on, (C, 1 + L, H + 1).

    Rules decide by leg and expiry; what they hold beyond the instruments' deltas is shared equally among these.

    Parameters
    ----------
    legs : Legs
    units : array (C, 1 + L)
        Of each leg, per unit of index vega.
    hedge : Hedge
    """
    if not isinstance(hedge, AbstractHedge) or (type(hedge) is DailyDelta and hedge.vol == OWN):
        return [hedge.ratio * one.greeks.delta for one in legs.instruments]
    found: dict[int, Floats] = {}
    for tenor in dict.fromkeys(one.pair[0].tenor for one in legs.instruments):
        same = [i for i, one in enumerate(legs.instruments) if one.pair[0].tenor == tenor]
        found |= dict(zip(same, _of_expiry(legs, same, units, hedge), strict=True))
    return [found[i] for i in range(len(legs.instruments))]


def _of_expiry(legs: "Legs", same: list[int], units: Floats, hedge: AbstractHedge) -> list[Floats]:
    xp = namespace(units)
    instruments = [legs.instruments[i] for i in same]
    ratios = [legs.ratios[i][:, None] * legs.instruments[i].living for i in same]  # what is exercised is hedged no more
    own = [_delta(legs, one, hedge) for one in instruments]
    delta = total([ratio * one for ratio, one in zip(ratios, own, strict=True)])
    marks = instruments[0].marks
    day = xp.arange(delta.shape[-1])
    # Where the data end, what is open is still held on.
    alive = (day < legs.marks.end[:, :, None]) | (legs.marks.status[:, :, None] == int(LegStatus.OPEN))
    path = hedge.held(
        Wanted(
            delta=delta,
            gamma=total([ratio * one.greeks.gamma for ratio, one in zip(ratios, instruments, strict=True)]),
            forward=marks.forward,
            discount=xp.exp(-instruments[0].rate * marks.years),
            alive=alive,
            units=units,
            beta=lambda window: _of_legs(legs, trailing_beta(legs.panel, window), 1.0),
        )
    )
    count = total([(ratio != 0.0) * 1.0 for ratio in ratios])
    held = []
    for ratio, one, delta_of_one in zip(ratios, instruments, own, strict=True):
        shared = delta_of_one + (path - delta) / xp.where(ratio != 0.0, count * ratio, 1.0)
        # One alone holds it all, without the rounding of a share: what waits trades nothing.
        held.append(xp.where(count == 1.0, path / xp.where(ratio != 0.0, ratio, 1.0), shared) * one.living)
    return held


def _delta(legs: "Legs", one: "Held", hedge: AbstractHedge) -> Floats:
    """Delta of one instrument by the volatility that the hedge goes by."""
    if hedge.vol == OWN:
        return one.greeks.delta
    if hedge.vol == STICKY_DELTA:
        return one.greeks.delta + _smile_term(one)
    forward, strike, iv, years, rate = one.at_marks
    vol = one.surface.iv if hedge.vol == SURFACE else _of_legs(legs, trailing_vol(legs.panel, hedge.window), iv)
    return one.price(forward, strike, vol, years, rate, *one.of_swap).delta


def _smile_term(one: "Held") -> Floats:
    """Vega times the move of the volatility at the strike with the forward, the smile staying where it is in moneyness.

    With s a function of ln(K / F), ds / dF = -s' / F.
    """
    xp = namespace(one.strike)
    low, high = (one.read_beside(float(xp.exp(step))) for step in (-SLOPE_STEP, SLOPE_STEP))
    forward = one.marks.forward
    living = (one.greeks.vega != 0.0) & (forward > 0.0)
    slope = (high - low) / (2.0 * SLOPE_STEP)
    return xp.where(living, -100.0 * one.greeks.vega * slope / xp.where(living, forward, 1.0), 0.0)


def _of_legs(legs: "Legs", values: Floats, unknown) -> Floats:
    """Pick values (T, 1 + N) for every leg on every holding day; `unknown` where there is none."""
    xp = namespace(values)
    name = xp.concatenate([xp.zeros((len(legs.name), 1), dtype=legs.name.dtype), 1 + legs.name], axis=1)
    picked = values[xp.asarray(legs.session)[:, None, :], name[:, :, None]]
    return xp.where(xp.isfinite(picked), picked, unknown)
