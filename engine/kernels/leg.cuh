// The arithmetic of one leg on one day: its volatility, price, explain and trades, as in
// engine/backtest/legs/{marks,legs,attribution}.py and engine/pricing/surface.py.
#include "straddle.cuh"

enum { LIVES = -1 };  // beside the codes of LegStatus: the leg has not ended
// A strike this near the outermost node counts as within the surface: rounding may put it outside.
#define EDGE Real(sizeof(Real) == sizeof(double) ? 1e-9 : 1e-6)

// An instrument at a close. All fields are per unit, but `hedge` is the delta held against all units; `beyond` is a code
// of Beyond, and `stale` 1 or 0.
struct Mark {
    Real forward, iv, value, delta, vega, hedge;
    Flag stale, beyond;
};

// An option as straddles and forwards at its strike: a call is half of each, a put the one less the other.
struct Payoff {
    Real straddles, forwards;
};

// What an instrument adds to the sums of its class (index or component) at a close.
struct Flow {
    Real part[PARTS], pnl, magnitude[MAGNITUDES];
    Real vega_traded, vega_held, delivered;
};

// How a leg ends at a close, or LIVES. If several things happen, a corporate action on unknown terms (strike factor
// NaN) goes before a settlement, and a settlement before the expiry.
INLINE int ending(Real strike_factor, Real settlement, bool last_day, int outcome) {
    if (strike_factor != strike_factor) return CLOSED;
    if (is_finite(settlement)) return SETTLED;
    return last_day ? outcome : LIVES;
}

// Volatility at a node between two smiles: near s0^2 + far s1^2 is its variance. A smile with factor 0 is not needed,
// so its quote may be missing.
INLINE Real vol_between(Real s0, Real s1, Real near, Real far) {
    return sqrt((near > 0.0 ? near * s0 * s0 : Real(0.0)) + (far > 0.0 ? far * s1 * s1 : Real(0.0)));
}

// Where a node lies: its ln(strike / forward).
INLINE Real node_at(Real vol, Real root, Real quantile) {
    const Real spread = vol * root;
    return spread * (Real(0.5) * spread - quantile);
}

// Volatility at ln(strike / forward) = target: linear between the nearest nodes, flat beyond the outermost ones; NaN if
// no node is quoted. `outside` is 1 if the target is beyond the outermost quoted node, of a surface with several deltas.
INLINE Real vol_at(const STORED *s0, const STORED *s1, Real near, Real far, const double *quantile, i64 deltas,
                     Real target, Real root, Real &outside) {
    Real below = NOT_A_NUMBER, above = NOT_A_NUMBER, below_at = -INFINITE, above_at = INFINITE;
#ifndef __CUDACC__
    Real vol[MOST_DELTAS], at[MOST_DELTAS];
    HOST_SIMD
    for (i64 j = 0; j < deltas; ++j) {
        vol[j] = vol_between(s0[j], s1[j], near, far);
        at[j] = node_at(vol[j], root, quantile[j]);
    }
    // Usually all nodes are quoted and their strikes fall: counting those at or below the target then finds its
    // neighbours.
    const Real lowest = at[deltas - 1];
    int found = lowest <= target ? 1 : 0, disorder = is_finite(lowest) ? 0 : 1;
    _Pragma("omp simd reduction(+ : found, disorder)")
    for (i64 j = 0; j < deltas - 1; ++j) {
        found += at[j] <= target ? 1 : 0;
        disorder += at[j] > at[j + 1] ? 0 : 1;
    }
    if (disorder == 0) {
        const i64 first = deltas - found;
        if (found > 0) {
            below = vol[first];
            below_at = at[first];
        }
        if (first > 0) {
            above = vol[first - 1];
            above_at = at[first - 1];
        }
    } else {
        _Pragma("omp simd reduction(max : below_at) reduction(min : above_at)")
        for (i64 j = 0; j < deltas; ++j) {
            const Real left = at[j] <= target ? at[j] : -INFINITE, right = at[j] > target ? at[j] : INFINITE;
            below_at = left > below_at ? left : below_at;
            above_at = right < above_at ? right : above_at;
        }
        below = above = -Real(1.0);
        _Pragma("omp simd reduction(max : below, above)")
        for (i64 j = 0; j < deltas; ++j) {
            const Real left = at[j] == below_at ? vol[j] : -Real(1.0), right = at[j] == above_at ? vol[j] : -Real(1.0);
            below = left > below ? left : below;
            above = right > above ? right : above;
        }
    }
#else
#pragma unroll 1  // several nodes at a time are too many registers
    for (i64 j = deltas - 1; j >= 0; --j) {
        const Real vol = vol_between(s0[j], s1[j], near, far), at = node_at(vol, root, quantile[j]);
        if (at <= target && at >= below_at) below = vol, below_at = at;
        if (at > target && at < above_at) above = vol, above_at = at;
    }
#endif
    const bool has_below = below_at > -INFINITE, has_above = above_at < INFINITE;
    const bool over = has_below && !has_above && target > below_at + EDGE;
    const bool under = has_above && !has_below && target < above_at - EDGE;
    outside = deltas > 1 && (over || under) ? 1.0 : 0.0;
    if (has_below && has_above) return below + (target - below_at) / (above_at - below_at) * (above - below);
    return has_below ? below : has_above ? above : NOT_A_NUMBER;
}

INLINE void price(Real forward, Real strike, Real iv, Real years, Real moneyness, Real discount,
                  const Payoff &is, Real &value, Real &delta, Real &vega) {
    Real gamma, theta, vanna, volga;  // not asked for
    straddle_known(forward, strike, iv, years, 0.0, moneyness, discount, value, delta, gamma, vega, theta, vanna,
                   volga);
    const Real grown = years <= 0.0 ? Real(1.0) : discount;
    value = is.straddles * value + is.forwards * grown * (forward - strike);
    delta = is.straddles * delta + is.forwards * grown;
    vega = is.straddles * vega;
}

// Delta of a unit that is held from a close on: `by` is the share, the sessions or the band of the rule that was compiled.
INLINE Real held_delta(Real delta, Real by, i64 day, Real before) {
    if (HEDGE_RULE == DAYS) return day % (i64)by == 0 ? delta : before;
    if (HEDGE_RULE == BAND) return fabs(delta - before) > by ? delta : before;
    return by * delta;
}

// What an option of the close before would be worth, had only the date changed (`rolled`, with its vega there), and
// the forward as well (`moved`).
INLINE void reprice(Real forward_was, Real forward_now, Real strike_was, Real strike, Real iv_was,
                    Real left, Real moneyness_was, Real moneyness_now, Real discount, const Payoff &is,
                    Real &rolled, Real &rolled_vega, Real &moved) {
    const bool expired = left <= 0.0;
    const Real root = sqrt(expired ? Real(1.0) : left), total = iv_was * root;
    const Real spread = total < NARROWEST ? NARROWEST : total;
    Real worth_was, worth_now, d1, d2, inside, density, unused;
    living_straddle(forward_was, strike_was, moneyness_was, spread, discount, worth_was, d1, d2, inside, density);
    living_straddle(forward_now, strike, moneyness_now, spread, discount, worth_now, d1, d2, inside, unused);
    const Real forwards = is.forwards * (expired ? Real(1.0) : discount);
    rolled = is.straddles * (expired ? fabs(forward_was - strike_was) : worth_was) + forwards * (forward_was - strike_was);
    moved = is.straddles * (expired ? fabs(forward_now - strike) : worth_now) + forwards * (forward_now - strike);
    rolled_vega = is.straddles * (expired ? Real(0.0) : forward_was * density * root * VOL_POINT);
}

// What cash adds, where the kernel is made for it.
INLINE Real with_cash(Real x, Real cash) { return PAYS_CASH ? x + cash : x; }

// The P&L from one close to the next, and its parts. `paid` is cash taken off the strike since, `earns` is 0 at entry and on the day a leg is closed, else 1;
// `settled_early` says that the leg has not lived as long as its contract.
INLINE void explain(const Mark &was, const Mark &is, Real paid, Real rolled, Real rolled_vega, Real moved,
                    Real units, Real growth, Real rerated, bool settled_early, Real earns, Flow &f) {
    const Real move = with_cash(is.forward - was.forward, paid), points = Real(100.0) * (is.iv - was.iv);
    const Real held = earns * units, delta = was.delta * move, vega = rolled_vega * points;
    const Real unexplained = settled_early ? is.value - moved : is.value * rerated;
    f.part[DELTA] = held * delta;
    f.part[GAMMA] = held * (moved - rolled - delta);
    f.part[THETA] = held * (rolled - was.value);
    f.part[VEGA] = held * vega;
    f.part[VANNA_VOLGA] = held * (is.value - unexplained - moved - vega);
    f.part[HEDGE] = -earns * was.hedge * move;
    f.part[FINANCING] = -held * growth * was.value;
    f.part[UNEXPLAINED] = held * unexplained;
    f.pnl = ((f.part[DELTA] + f.part[GAMMA]) + (f.part[THETA] + f.part[VEGA])) +
            ((f.part[VANNA_VOLGA] + f.part[HEDGE]) + (f.part[FINANCING] + f.part[UNEXPLAINED]));
    const Real size = fabs(f.pnl);
    f.magnitude[SIZE_PNL] = size;
    f.magnitude[SIZE_STALE] = was.stale + is.stale > 0.0 ? size : Real(0.0);
    const Flag beyond = was.beyond > is.beyond ? was.beyond : is.beyond;
    f.magnitude[SIZE_BEYOND_TENORS] = beyond == TENORS ? size : Real(0.0);
    f.magnitude[SIZE_BEYOND_DELTAS] = beyond == DELTAS ? size : Real(0.0);
    f.magnitude[SIZE_GAMMA] = fabs(f.part[GAMMA]);
    f.magnitude[SIZE_THETA] = fabs(f.part[THETA]);
    f.magnitude[SIZE_UNEXPLAINED] = fabs(f.part[UNEXPLAINED]);
}

// What is traded at a close, and held after it. Five numbers are 1 or 0: the leg is held on, is entered, is sold at an
// early exit, is closed at its mark of the day before, delivers shares where its options are exercised.
INLINE void trade(const Mark &was, const Mark &is, Real units, Real strike, const Payoff &payoff, Real on,
                  Real first, Real exited, Real closed, Real delivers, Flow &f) {
    const Real size = fabs(units), side = is.forward > strike ? 1.0 : is.forward < strike ? -1.0 : 0.0;
    f.vega_held = on * size * is.vega;
    f.vega_traded = first * f.vega_held + size * (exited * is.vega + closed * was.vega);
    f.delivered = delivers * size * strike * (payoff.straddles + payoff.forwards * side);
}

// What is traded of the hedge of a leg, and held into the close: its instruments are hedged as one.
INLINE void trade_hedge(Real hedge_was, Real hedge, Real forward, Real &traded, Real &held) {
    const Real before = fabs(hedge_was), change = fabs(hedge - hedge_was);
    traded = change > 0.0 ? change * forward : Real(0.0);
    held = before > 0.0 ? before * forward : Real(0.0);
}
