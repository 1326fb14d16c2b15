// The trade book: the legs of a cohort are followed from entry to their ends, and added up. An item is a cohort.
// `enter` prices straddles at the forward; Python sizes the legs by what they are worth at entry, and `hold` follows those
// that were sized, each with INSTRUMENTS of its own. Leg 0 is the index. Marks are never stored: what is kept is the sums
// over legs, and the totals of each instrument.
#include "held.cuh"
#include "market.cuh"
#include "path.cuh"

// A leg at its entry, with the greeks that only its size depends on.
struct Opened {
    Mark mark;
    double gamma, theta, vanna, volga;
};

INLINE Opened opened(const Market &m, i64 cohort, i64 leg) {
    const Quote q = quote_of(m, cohort, leg, 0);
    const i64 at = cohort * (m.days + 1);
    Mark none;
    Opened o;
    Mark &is = o.mark;
    none.forward = none.iv = NOT_A_NUMBER;
    const double forward_now = forward_of(q.spot, q.carry, q.years, q.listed, 1.0);
    look_up(m, q, forward_now, target_of(forward_now, forward_now), sqrt(q.years), 0.0, none, is);
    straddle_greeks(is.forward, is.forward, is.iv, q.years, m.rate[at], is.value, is.delta, o.gamma, is.vega, o.theta,
                    o.vanna, o.volga);
    return o;
}

struct Entered {
    ENTER_FIELDS
};

INLINE void store_entered(const Entered &out, i64 at, const Opened &o) {
    const Mark &m = o.mark;
    out.quoted[at] = m.stale == 0.0 && is_finite(m.value) && m.vega > 0.0;
    out.at_forward[at] = m.forward;
    out.at_iv[at] = m.iv;
    out.value[at] = m.value;
    out.delta[at] = m.delta;
    out.gamma[at] = o.gamma;
    out.vega[at] = m.vega;
    out.theta[at] = o.theta;
    out.vanna[at] = o.vanna;
    out.volga[at] = o.volga;
}

#ifdef __CUDACC__

extern "C" __global__ void enter(ENTER_PARAMETERS) {
    const Market market = {MARKET_ARGUMENTS};
    const i64 cohort = first + blockIdx.x;
    for (i64 leg = threadIdx.x; leg <= legs; leg += blockDim.x) {
        store_entered({ENTER_ARGUMENTS}, cohort * (legs + 1) + leg, opened(market, cohort, leg));
    }
}

// What the legs of a cohort add up to at a close: parts of the explain, magnitudes, then what is traded and held.
enum { VEGA_TRADED = PARTS + MAGNITUDES, VEGA_HELD, DELIVERED, HEDGE_TRADED, HEDGE_HELD, FLOWS };
typedef double OfWarps[FLOWS][MOST_LEGS / 32];

// Where the sum of a class (0: index, 1: components) lies; that of a magnitude is of both.
INLINE double *sum_of(const Held &out, i64 at, int group, int flow) {
    if (flow < PARTS) return out.explained + (at * 2 + group) * COLUMNS + flow;
    if (flow < VEGA_TRADED) return out.magnitude + at * MAGNITUDES + flow - PARTS;
    double *const of = flow == VEGA_TRADED    ? out.vega_traded
                       : flow == VEGA_HELD    ? out.vega_held
                       : flow == DELIVERED    ? out.delivered
                       : flow == HEDGE_TRADED ? out.hedge_traded
                                              : out.hedge_held;
    return of + at * 2 + group;
}

// Adds what each thread of a warp has to the sums of the warp. Thread 0 has the index, which is a class by itself.
INLINE void add(const Held &out, i64 at, bool is_first, int flow, double x, OfWarps sums) {
    if (threadIdx.x == 0 && !(flow >= PARTS && flow < VEGA_TRADED)) {
        double *const of_index = sum_of(out, at, 0, flow);
        *of_index = is_first ? x : *of_index + x;
        x = 0.0;
    }
    for (int step = 16; step > 0; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
    double &sum = sums[flow][threadIdx.x / 32];
    if (threadIdx.x % 32 == 0) sum = is_first ? x : sum + x;
}

INLINE void add(const Held &out, i64 at, bool is_first, const Flow &one, OfWarps sums) {
#pragma unroll
    for (int k = 0; k < PARTS; ++k) add(out, at, is_first, k, one.part[k], sums);
#pragma unroll
    for (int k = 0; k < MAGNITUDES; ++k) add(out, at, is_first, PARTS + k, one.magnitude[k], sums);
    add(out, at, is_first, VEGA_TRADED, one.vega_traded, sums);
    add(out, at, is_first, VEGA_HELD, one.vega_held, sums);
    add(out, at, is_first, DELIVERED, one.delivered, sums);
}

// Adds up the sums of a block's warps, a thread for each flow.
INLINE void store_sums(const Held &out, i64 at, const OfWarps sums) {
    __syncthreads();
    for (int k = threadIdx.x; k < FLOWS; k += blockDim.x) {
        double sum = 0.0;
        for (int warp = 0; warp < blockDim.x / 32; ++warp) sum += sums[k][warp];
        *sum_of(out, at, 1, k) = sum;
    }
    __syncthreads();  // before the next day writes there
}

// Totals of a life are added up where the caller has them, which holds zeros: as registers they would be too many.
INLINE void add_to_totals(const Held &out, i64 at, const Flow &one) {
    out.pnl_option[at] += one.pnl - one.part[HEDGE] - one.part[FINANCING];
    out.pnl_hedge[at] += one.part[HEDGE];
    out.financing[at] += one.part[FINANCING];
    out.own_vega[at] += one.vega_traded;
    out.own_delivered[at] += one.delivered;
}

// One block per cohort, one thread per leg: the caller starts one for every leg. All go through the days together, a
// leg that has ended as one whose marks and units are 0, so that warps stay whole while they add up.
extern "C" __global__ void __launch_bounds__(MOST_LEGS) hold(HOLD_PARAMETERS) {
    __shared__ OfWarps sums;
    const Market market = {MARKET_ARGUMENTS};
    const Held out = {HOLD_ARGUMENTS};
    const i64 cohort = first + blockIdx.x, leg = threadIdx.x, at_leg = cohort * (legs + 1) + leg;
    bool lives = leg <= legs && units[at_leg] != 0.0;
    double shares = 1.0, cash = 0.0;
    Mark marks[INSTRUMENTS];  // of the close before
    double moneyness_was[INSTRUMENTS], kept[INSTRUMENTS];  // delta of a unit held since
    for (int i = 0; i < INSTRUMENTS; ++i) {
        marks[i] = {};
        marks[i].forward = lives ? instrument_of(out, leg, at_leg, i).strike : 0.0;
        marks[i].iv = NOT_A_NUMBER;
        moneyness_was[i] = kept[i] = 0.0;
    }
    for (i64 day = 0; day <= life[cohort]; ++day) {
        const i64 at = cohort * (days + 1) + day;
        Quote q = {};
        double forward_now = 0.0, hedge_was = 0.0, hedge = 0.0, paid = 0.0;
        if (lives) {
            const i64 member = leg > 0 ? name[cohort * legs + leg - 1] : 0;
            q = quote_of(market, cohort, leg, day);
            end_leg(q, leg, day, session[at] * names + member, day == life[cohort], (int)outcome[cohort], shares, cash,
                    strike_factor, settlement, strike_reduction);
            shares = q.shares;
            paid = q.cash - cash;
            cash = q.cash;
            forward_now = forward_of(q.spot, q.carry, q.years, q.listed, shares);
        }
        // Discounts are worked out next to their use, for each instrument again: fewer numbers to carry along.
        for (int i = 0; i < INSTRUMENTS; ++i) {
            Instrument own = {0.0, 0.0, {0.0, 0.0}};
            Mark was = {}, is = {};
            double rolled = 0.0, rolled_vega = 0.0, moved = 0.0, struck = 0.0;
            if (lives) {
                own = instrument_of(out, leg, at_leg, i);
                was = marks[i];
                hedge_was += was.hedge;
                double above, struck_was, above_was;
                strike_less(own.strike, cash, struck, above);
                const double target = target_of(looked_up(struck, above, forward_now), forward_now);
                look_up(market, q, forward_now, target, sqrt(q.years), paid, was, is);
                const double moneyness = log_of(with_cash(is.forward, above) / struck);
                const double discount = exp_of(-rate[at] * q.years);
                price(with_cash(is.forward, above), struck, is.iv, q.years, moneyness, discount, own.payoff, is.value, is.delta,
                      is.vega);
                kept[i] = held_delta(is.delta, hedge_by, day, kept[i]);
                is.hedge = q.ends == LIVES ? kept[i] * own.units : 0.0;
                if (day == 0) {
                    was = is;
                    was.hedge = 0.0;
                }
                const double rolled_discount = exp_of(-rate[day > 0 ? at - 1 : at] * left[at]);
                strike_less(own.strike, with_cash(cash, -paid), struck_was, above_was);
                reprice(with_cash(was.forward, above_was), with_cash(is.forward, above), struck_was, struck, was.iv,
                        left[at], moneyness_was[i], moneyness, rolled_discount, own.payoff, rolled, rolled_vega, moved);
                if (q.ends != LIVES) exit_value[at_leg * INSTRUMENTS + i] = q.ends == CLOSED ? was.value : is.value;
                hedge += is.hedge;
                moneyness_was[i] = moneyness;
                marks[i] = is;
            }
            Flow one;
            explain(was, is, paid, rolled, rolled_vega, moved, own.units, growth[at], rerated[at], left[at] > q.years,
                    day > 0 && q.ends != CLOSED ? 1.0 : 0.0, one);
            trade(was, is, own.units, struck, own.payoff, q.ends == LIVES, day == 0, q.ends == EXITED,
                  q.ends == CLOSED, q.ends == EXPIRED && leg > 0 && physical_delivery, one);
            if (!lives) one = {};  // not 0 times a rate that is missing
            add(out, at, i == 0, one, sums);
            if (lives) add_to_totals(out, at_leg * INSTRUMENTS + i, one);
        }
        double traded = 0.0, held = 0.0;
        if (lives) {
            trade_hedge(hedge_was, hedge, marks[INSTRUMENTS - 1].forward, traded, held);
            leg_hedge[at_leg] += traded;
            if (q.ends != LIVES) {
                lives = false;
                store_end(out, at_leg, day, q.ends, shares);
            }
        }
        add(out, at, true, HEDGE_TRADED, traded, sums);
        add(out, at, true, HEDGE_HELD, held, sums);
        store_sums(out, at, sums);
    }
}

#else

extern "C" void enter(ENTER_PARAMETERS) {
    const Market market = {MARKET_ARGUMENTS};
    const Entered out = {ENTER_ARGUMENTS};
    for (i64 at = first * (legs + 1); at < last * (legs + 1); ++at) {
        store_entered(out, at, opened(market, at / (legs + 1), at % (legs + 1)));
    }
}

extern "C" void hold(HOLD_PARAMETERS) {
    const Market market = {MARKET_ARGUMENTS};
    const Held held = {HOLD_ARGUMENTS};
    const i64 length = whole_vectors(days + 1);
    Path path(length);
    Sums sums(length);
    for (i64 cohort = first; cohort < last; ++cohort) {
        const i64 entry = cohort * (days + 1);
        std::copy_n(rate + entry, days + 1, path.rate);
        std::copy_n(left + entry, days + 1, path.left);
        std::copy_n(growth + entry, days + 1, path.growth);
        std::copy_n(rerated + entry, days + 1, path.rerated);
        for (i64 day = 0; day <= days; ++day) {
            path.discount[day] = exp_of(-rate[entry + day] * years[entry + day]);
            path.rolled_discount[day] = exp_of(-path.rate[day - 1] * path.left[day]);
        }
        sums.clear();
        for (i64 leg = 0; leg <= legs; ++leg) {
            const i64 at = cohort * (legs + 1) + leg;
            if (units[at] != 0.0) hold_leg(market, held, {cohort, leg}, path, sums);
        }
        store_sums(held, cohort, sums);
    }
}

#endif
