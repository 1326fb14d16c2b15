// The arithmetic of one leg on one day: its volatility, price, explain and trades, as in
// engine/backtest/legs/{marks,legs,attribution}.py and engine/pricing/surface.py.
#include "straddle.cuh"

enum { LIVES = -1 };  // beside the codes of LegStatus: the leg has not ended
#define EDGE 1e-9     // a strike this near the outermost node counts as within the surface: rounding may put it outside

// An instrument at a close. All fields are per unit, but `hedge` is the delta held against all units; `beyond` is a code
// of Beyond, and `stale` 1 or 0.
struct Mark {
    double forward, iv, value, delta, vega, hedge;
    Flag stale, beyond;
};

// An option as straddles and forwards at its strike: a call is half of each, a put the one less the other.
struct Payoff {
    double straddles, forwards;
};

// What an instrument adds to the sums of its class (index or component) at a close.
struct Flow {
    double part[PARTS], pnl, magnitude[MAGNITUDES];
    double vega_traded, vega_held, delivered;
};

// How a leg ends at a close, or LIVES. If several things happen, a corporate action on unknown terms (strike factor
// NaN) goes before a settlement, and a settlement before the expiry.
INLINE int ending(double strike_factor, double settlement, bool last_day, int outcome) {
    if (strike_factor != strike_factor) return CLOSED;
    if (is_finite(settlement)) return SETTLED;
    return last_day ? outcome : LIVES;
}

// Volatility at a node between two smiles: near s0^2 + far s1^2 is its variance. A smile with factor 0 is not needed,
// so its quote may be missing.
INLINE double vol_between(double s0, double s1, double near, double far) {
    return sqrt((near > 0.0 ? near * s0 * s0 : 0.0) + (far > 0.0 ? far * s1 * s1 : 0.0));
}

// Where a node lies: its ln(strike / forward).
INLINE double node_at(double vol, double root, double quantile) {
    const double spread = vol * root;
    return spread * (0.5 * spread - quantile);
}

// Volatility at ln(strike / forward) = target: linear between the nearest nodes, flat beyond the outermost ones; NaN if
// no node is quoted. `outside` is 1 if the target is beyond the outermost quoted node, of a surface with several deltas.
INLINE double vol_at(const STORED *s0, const STORED *s1, double near, double far, const double *quantile, i64 deltas,
                     double target, double root, double &outside) {
    double below = NOT_A_NUMBER, above = NOT_A_NUMBER, below_at = -INFINITE, above_at = INFINITE;
#ifndef __CUDACC__
    double vol[MOST_DELTAS], at[MOST_DELTAS];
    HOST_SIMD
    for (i64 j = 0; j < deltas; ++j) {
        vol[j] = vol_between(s0[j], s1[j], near, far);
        at[j] = node_at(vol[j], root, quantile[j]);
    }
    // Usually all nodes are quoted and their strikes fall: counting those at or below the target then finds its
    // neighbours.
    const double lowest = at[deltas - 1];
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
            const double left = at[j] <= target ? at[j] : -INFINITE, right = at[j] > target ? at[j] : INFINITE;
            below_at = left > below_at ? left : below_at;
            above_at = right < above_at ? right : above_at;
        }
        below = above = -1.0;
        _Pragma("omp simd reduction(max : below, above)")
        for (i64 j = 0; j < deltas; ++j) {
            const double left = at[j] == below_at ? vol[j] : -1.0, right = at[j] == above_at ? vol[j] : -1.0;
            below = left > below ? left : below;
            above = right > above ? right : above;
        }
    }
#else
#pragma unroll 1  // several nodes at a time are too many registers
    for (i64 j = deltas - 1; j >= 0; --j) {
        const double vol = vol_between(s0[j], s1[j], near, far), at = node_at(vol, root, quantile[j]);
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

INLINE void price(double forward, double strike, double iv, double years, double moneyness, double discount,
                  const Payoff &is, double &value, double &delta, double &vega) {
    double gamma, theta, vanna, volga;  // not asked for
    straddle_known(forward, strike, iv, years, 0.0, moneyness, discount, value, delta, gamma, vega, theta, vanna,
                   volga);
    const double grown = years <= 0.0 ? 1.0 : discount;
    value = is.straddles * value + is.forwards * grown * (forward - strike);
    delta = is.straddles * delta + is.forwards * grown;
    vega = is.straddles * vega;
}

// Delta of a unit that is held from a close on: `by` is the share, the sessions or the band of the rule that was compiled.
INLINE double held_delta(double delta, double by, i64 day, double before) {
    if (HEDGE_RULE == DAYS) return day % (i64)by == 0 ? delta : before;
    if (HEDGE_RULE == BAND) return fabs(delta - before) > by ? delta : before;
    return by * delta;
}

// What an option of the close before would be worth, had only the date changed (`rolled`, with its vega there), and
// the forward as well (`moved`).
INLINE void reprice(double forward_was, double forward_now, double strike_was, double strike, double iv_was,
                    double left, double moneyness_was, double moneyness_now, double discount, const Payoff &is,
                    double &rolled, double &rolled_vega, double &moved) {
    const bool expired = left <= 0.0;
    const double root = sqrt(expired ? 1.0 : left), total = iv_was * root;
    const double spread = total < NARROWEST ? NARROWEST : total;
    double worth_was, worth_now, d1, d2, inside, density, unused;
    living_straddle(forward_was, strike_was, moneyness_was, spread, discount, worth_was, d1, d2, inside, density);
    living_straddle(forward_now, strike, moneyness_now, spread, discount, worth_now, d1, d2, inside, unused);
    const double forwards = is.forwards * (expired ? 1.0 : discount);
    rolled = is.straddles * (expired ? fabs(forward_was - strike_was) : worth_was) + forwards * (forward_was - strike_was);
    moved = is.straddles * (expired ? fabs(forward_now - strike) : worth_now) + forwards * (forward_now - strike);
    rolled_vega = is.straddles * (expired ? 0.0 : forward_was * density * root * VOL_POINT);
}

// What cash adds, where the kernel is made for it.
INLINE double with_cash(double x, double cash) { return PAYS_CASH ? x + cash : x; }

// The P&L from one close to the next, and its parts. `paid` is cash taken off the strike since, `earns` is 0 at entry and on the day a leg is closed, else 1;
// `settled_early` says that the leg has not lived as long as its contract.
INLINE void explain(const Mark &was, const Mark &is, double paid, double rolled, double rolled_vega, double moved,
                    double units, double growth, double rerated, bool settled_early, double earns, Flow &f) {
    const double move = with_cash(is.forward - was.forward, paid), points = 100.0 * (is.iv - was.iv), held = earns * units;
    const double delta = was.delta * move, vega = rolled_vega * points;
    const double unexplained = settled_early ? is.value - moved : is.value * rerated;
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
    const double size = fabs(f.pnl);
    f.magnitude[SIZE_PNL] = size;
    f.magnitude[SIZE_STALE] = was.stale + is.stale > 0.0 ? size : 0.0;
    const Flag beyond = was.beyond > is.beyond ? was.beyond : is.beyond;
    f.magnitude[SIZE_BEYOND_TENORS] = beyond == TENORS ? size : 0.0;
    f.magnitude[SIZE_BEYOND_DELTAS] = beyond == DELTAS ? size : 0.0;
    f.magnitude[SIZE_GAMMA] = fabs(f.part[GAMMA]);
    f.magnitude[SIZE_THETA] = fabs(f.part[THETA]);
    f.magnitude[SIZE_UNEXPLAINED] = fabs(f.part[UNEXPLAINED]);
}

// What is traded at a close, and held after it. Five numbers are 1 or 0: the leg is held on, is entered, is sold at an
// early exit, is closed at its mark of the day before, delivers shares where its options are exercised.
INLINE void trade(const Mark &was, const Mark &is, double units, double strike, const Payoff &payoff, double on,
                  double first, double exited, double closed, double delivers, Flow &f) {
    const double size = fabs(units), side = is.forward > strike ? 1.0 : is.forward < strike ? -1.0 : 0.0;
    f.vega_held = on * size * is.vega;
    f.vega_traded = first * f.vega_held + size * (exited * is.vega + closed * was.vega);
    f.delivered = delivers * size * strike * (payoff.straddles + payoff.forwards * side);
}

// What is traded of the hedge of a leg, and held into the close: its instruments are hedged as one.
INLINE void trade_hedge(double hedge_was, double hedge, double forward, double &traded, double &held) {
    const double before = fabs(hedge_was), change = fabs(hedge - hedge_was);
    traded = change > 0.0 ? change * forward : 0.0;
    held = before > 0.0 ? before * forward : 0.0;
}
