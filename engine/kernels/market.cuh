// What is quoted for one leg of a cohort at one close, and how the leg ends there, as in engine/backtest/legs/marks.py.
#include "leg.cuh"

// What both entry points of the book read; engine/kernels/entries.py declares the fields.
struct Market {
    MARKET_FIELDS
};

// What is known of one leg at one close. If it settles there, `spot` is the price it settles on.
struct Quote {
    const STORED *near_smile, *far_smile;
    Real near, far, beyond, years, spot, carry, listed, shares, cash;  // cash taken off strikes since entry
    bool has_smile;  // false from the close on which the leg settles, expires or is closed
    int ends;
};

INLINE Quote quote_of(const Market &m, i64 cohort, i64 leg, i64 day) {
    const i64 at = cohort * (m.days + 1) + day, date = m.session[at], found = m.slot[at] < 0 ? 0 : m.slot[at];
    const i64 row = leg == 0 ? date : date * m.names + m.name[cohort * m.legs + leg - 1];
    const Real grows = leg == 0 ? m.index_carry[date] : m.carry[row];
    Quote q;
    q.near_smile = (leg == 0 ? m.index_smile : m.smile) + (row * m.slots + found) * m.deltas;
    q.far_smile = q.near_smile + (m.far[at] > 0.0 ? m.deltas : 0);
    q.near = m.near[at];
    q.far = m.far[at];
    q.beyond = m.beyond[at];
    q.years = m.years[at];
    q.has_smile = m.slot[at] >= 0;
    q.spot = leg == 0 ? m.index_spot[date] : m.spot[row];
    q.carry = is_finite(grows) ? grows : Real(0.0);
    q.listed = NOT_A_NUMBER;
    if (m.forward != nullptr && q.has_smile) q.listed = (leg == 0 ? m.index_forward : m.forward)[row * m.slots + found];
    q.shares = 1.0;
    q.cash = 0.0;
    q.ends = LIVES;
    return q;
}

// Sets how the leg ends at this close, if it does, and the price it is then worked out from.
INLINE void end_leg(Quote &q, i64 leg, i64 day, i64 row, bool last_day, int outcome, Real shares, Real cash,
                    const double *strike_factor, const double *settlement, const double *strike_reduction) {
    const bool acts = leg > 0 && day > 0;
    const Real factor = acts ? strike_factor[row] : Real(1.0), settles = acts ? settlement[row] : NOT_A_NUMBER;
    q.ends = ending(factor, settles, last_day, outcome);
    q.shares = is_finite(factor) ? shares * factor : shares;
    q.cash = PAYS_CASH && acts ? cash + strike_reduction[row] / q.shares : cash;
    if (q.ends != SETTLED && q.ends != EXPIRED && q.ends != CLOSED) return;
    q.spot = q.ends == SETTLED ? settles : q.ends == CLOSED ? NOT_A_NUMBER : q.spot;
    q.listed = NOT_A_NUMBER;
    q.years = 0.0;
    q.has_smile = false;
}

INLINE Real forward_of(Real spot, Real carry, Real years, Real listed, Real shares) {
    return (is_finite(listed) ? listed : spot * exp_of(carry * years)) / shares;
}

// Forward and volatility at the strike. A missing one is taken from the close before, and the mark is stale; `paid` is
// the cash that left the share since.
INLINE void look_up(const Market &m, const Quote &q, Real forward_now, Real target, Real root, Real paid,
                    const Mark &was, Mark &is) {
    Real outside = 0.0, vol = NOT_A_NUMBER;
    if (q.has_smile && is_finite(target))
        vol = vol_at(q.near_smile, q.far_smile, q.near, q.far, m.quantile, m.deltas, target, root, outside);
    const bool at_a_price = q.ends == SETTLED || q.ends == EXPIRED;
    const bool quoted = is_finite(vol) && is_finite(m.forward != nullptr ? q.listed : forward_now);
    is.stale = q.ends == CLOSED || (at_a_price ? is_finite(q.spot) : quoted) ? 0.0 : 1.0;
    is.beyond = !quoted ? NOTHING : q.beyond > 0.0 ? TENORS : outside > 0.0 ? DELTAS : NOTHING;
    is.forward = is_finite(forward_now) ? forward_now : with_cash(was.forward, -paid);
    is.iv = is_finite(vol) ? vol : was.iv;
}

// A strike less the cash taken off it. One of 0 or less is surely passed: a strike of next to 0, on what is worth as
// much more (`above`).
INLINE void strike_less(Real strike, Real cash, Real &struck, Real &above) {
    const Real left = with_cash(strike, -cash);
    const bool passed = PAYS_CASH && left <= 0.0;
    struck = passed ? NARROWEST : left;
    above = passed ? NARROWEST - left : Real(0.0);
}

// The strike that a volatility is looked up at: of one that is surely passed it never matters.
INLINE Real looked_up(Real struck, Real above, Real forward) { return above > 0.0 ? forward : struck; }

// ln(strike / forward), not a number where the forward is not positive.
INLINE Real target_of(Real strike, Real forward_now) {
    const Real ratio = strike / (forward_now > 0.0 ? forward_now : Real(1.0));
    return forward_now > 0.0 && strike > 0.0 ? log_of(ratio) : NOT_A_NUMBER;
}
