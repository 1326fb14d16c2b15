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
    Real gamma, theta, vanna, volga;
};

INLINE Opened opened(const Market &m, i64 cohort, i64 leg) {
    const Quote q = quote_of(m, cohort, leg, 0);
    const i64 at = cohort * (m.days + 1);
    Mark none;
    Opened o;
    Mark &is = o.mark;
    none.forward = none.iv = NOT_A_NUMBER;
    const Real forward_now = forward_of(q.spot, q.carry, q.years, q.listed, 1.0);
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

INLINE void flows_of(const Flow &one, double (&x)[FLOWS]) {
#pragma unroll
    for (int k = 0; k < PARTS; ++k) x[k] = one.part[k];
#pragma unroll
    for (int k = 0; k < MAGNITUDES; ++k) x[PARTS + k] = one.magnitude[k];
    x[VEGA_TRADED] = one.vega_traded;
    x[VEGA_HELD] = one.vega_held;
    x[DELIVERED] = one.delivered;
}

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

// Adds up numbers over the lanes of a warp, all at once: at each step a lane gives half of them to the lane across, and
// keeps the other half for both. In the end `x[0]` is the sum of number `which`, or of none, where `count` is not positive.
template <int MOST, int STEP = 16>
INLINE void sum_over_lanes(double *x, unsigned lane, int &which, int &count) {
    constexpr int HALF = (MOST + 1) / 2;
    const bool is_upper = lane & STEP;
#pragma unroll
    for (int k = 0; k < HALF; ++k) {
        const double above = k + HALF < MOST ? x[k + HALF] : 0.0;
        const double given = __shfl_xor_sync(0xffffffffu, is_upper ? x[k] : above, STEP);
        x[k] = (is_upper ? above : x[k]) + given;
    }
    which += is_upper ? HALF : 0;
    count = is_upper ? count - HALF : count < HALF ? count : HALF;
    if constexpr (STEP > 1) sum_over_lanes<HALF, STEP / 2>(x, lane, which, count);
}

// Adds the flows of each thread of a warp to the sums of the warp. Leg 0 is the index, which is a class by itself.
INLINE void add(const Held &out, i64 at, unsigned leg, bool is_first, double (&x)[FLOWS], OfWarps sums) {
    if (leg == 0) {
#pragma unroll
        for (int k = 0; k < FLOWS; ++k) {
            if (k >= PARTS && k < VEGA_TRADED) continue;  // magnitudes are of both
            double *const of_index = sum_of(out, at, 0, k);
            *of_index = is_first ? x[k] : *of_index + x[k];
            x[k] = 0.0;
        }
    }
    int flow = 0, count = FLOWS;
    sum_over_lanes<FLOWS>(x, leg, flow, count);
    if (count <= 0) return;
    double &sum = sums[flow][leg / 32];
    sum = is_first ? x[0] : sum + x[0];
}

// Adds up the sums of a block's warps, a thread for each flow.
INLINE void store_sums(const Held &out, i64 at, const OfWarps sums) {
    __syncthreads();
    for (int k = threadIdx.x; k < FLOWS; k += blockDim.x) {
        double sum = 0.0;
        for (int warp = 0; warp < blockDim.x / 32; ++warp) sum += sums[k][warp];
        *sum_of(out, at, 1, k) = sum;
    }
}

// Totals of a life are added up where the caller has them, which holds zeros: as registers they would be too many.
INLINE void add_to_totals(const Held &out, i64 at, const Flow &one) {
    out.pnl_option[at] += one.pnl - one.part[HEDGE] - one.part[FINANCING];
    out.pnl_hedge[at] += one.part[HEDGE];
    out.financing[at] += one.part[FINANCING];
    out.own_vega[at] += one.vega_traded;
    out.own_delivered[at] += one.delivered;
}

// What is kept of an instrument from one close to the next: volatile, so in memory. It is read once a day, and would take
// two dozen registers of all formulas in between.
struct Kept {
    volatile Real forward, iv, value, delta, vega, hedge, moneyness, held;  // the last: delta of a unit
    volatile Flag stale, beyond;
};

INLINE Mark mark_of(const Kept &k) {
    return {k.forward, k.iv, k.value, k.delta, k.vega, k.hedge, k.stale, k.beyond};
}

INLINE void keep(Kept &k, const Mark &m) {
    k.forward = m.forward;
    k.iv = m.iv;
    k.value = m.value;
    k.delta = m.delta;
    k.vega = m.vega;
    k.hedge = m.hedge;
    k.stale = m.stale;
    k.beyond = m.beyond;
}

// The same number, but the compiler does not know: addresses made of it are worked out where they are used, and not once
// for all days, which would take two registers each.
INLINE unsigned afresh(unsigned x) {
    asm volatile("" : "+r"(x));
    return x;
}

// So many threads would share a multiprocessor's 65,536 registers: 72 for each, 80 where cash is taken off strikes, and 96
// where a leg has several instruments. None spills.
#define MOST_THREADS (INSTRUMENTS > 1 ? 640 : PAYS_CASH ? 768 : 896)
static_assert(MOST_LEGS <= MOST_THREADS, "a leg is a thread");

// One block per cohort, one thread per leg: the caller starts one for every leg. All go through the days together, a
// leg that has ended as one whose flows are 0, so that warps stay whole while they add up. Sums of a day lie where those
// of the day before do not: a warp may be at the next day while they are read, but not at the one after.
extern "C" __global__ void __launch_bounds__(MOST_THREADS) hold(HOLD_PARAMETERS) {
    __shared__ OfWarps sums[2];
    const Market market = {MARKET_ARGUMENTS};
    const Held out = {HOLD_ARGUMENTS};
    const i64 cohort = first + blockIdx.x, first_leg = cohort * (legs + 1);
    const int last_day = (int)life[cohort];
    bool lives = threadIdx.x <= legs && units[first_leg + threadIdx.x] != 0.0;
    volatile Real shares = 1.0, cash = 0.0;
    Kept kept[INSTRUMENTS];
    for (int i = 0; i < INSTRUMENTS; ++i) {
        kept[i].forward = lives ? Real(strike[(first_leg + threadIdx.x) * INSTRUMENTS + i]) : Real(0.0);
        kept[i].iv = NOT_A_NUMBER;
        kept[i].held = 0.0;
    }
    for (int day = 0; day <= last_day; ++day) {
        const i64 at = cohort * (days + 1) + day, leg = afresh(threadIdx.x), at_leg = first_leg + leg;
        Quote q = {};
        Real forward_now = 0.0, hedge_was = 0.0, hedge = 0.0, paid = 0.0;
        if (lives) {
            const i64 member = leg > 0 ? name[cohort * legs + leg - 1] : 0;
            q = quote_of(market, cohort, leg, day);
            end_leg(q, leg, day, session[at] * names + member, day == last_day, (int)outcome[cohort], shares, cash,
                    strike_factor, settlement, strike_reduction);
            shares = q.shares;
            paid = q.cash - cash;
            cash = q.cash;
            forward_now = forward_of(q.spot, q.carry, q.years, q.listed, q.shares);
        }
        // Discounts and payoffs are worked out next to their use, for each instrument again: fewer numbers to carry along.
        for (int i = 0; i < INSTRUMENTS; ++i) {
            double flows[FLOWS] = {};
            if (lives) {
                Kept &before = kept[i];
                Mark was, is;
                was.forward = before.forward;
                was.iv = before.iv;
                const Real agreed = strike[at_leg * INSTRUMENTS + i];
                Real struck, above;
                strike_less(agreed, q.cash, struck, above);
                const Real target = target_of(looked_up(struck, above, forward_now), forward_now);
                look_up(market, q, forward_now, target, sqrt(q.years), paid, was, is);
                const Real moneyness = log_of(with_cash(is.forward, above) / struck);
                const Instrument own = instrument_of(out, leg, at_leg, i);
                Real rolled = 0.0, rolled_vega = 0.0, moved = 0.0;
                if (day > 0) {
                    Real struck_was, above_was;
                    strike_less(agreed, with_cash(q.cash, -paid), struck_was, above_was);
                    reprice(with_cash(was.forward, above_was), with_cash(is.forward, above), struck_was, struck, was.iv,
                            left[at], before.moneyness, moneyness, exp_of(Real(-rate[at - 1] * left[at])), own.payoff,
                            rolled, rolled_vega, moved);
                }
                price(with_cash(is.forward, above), struck, is.iv, q.years, moneyness, exp_of(Real(-rate[at]) * q.years),
                      own.payoff, is.value, is.delta, is.vega);
                const Real held = held_delta(is.delta, hedge_by, day, before.held);
                is.hedge = q.ends == LIVES ? held * own.units : Real(0.0);
                was = day > 0 ? mark_of(before) : is;
                if (day == 0) was.hedge = 0.0;
                keep(before, is);
                before.moneyness = moneyness;
                before.held = held;
                hedge_was += was.hedge;
                hedge += is.hedge;
                if (q.ends != LIVES) exit_value[at_leg * INSTRUMENTS + i] = q.ends == CLOSED ? was.value : is.value;
                Flow one;
                explain(was, is, paid, rolled, rolled_vega, moved, own.units, growth[at], rerated[at],
                        Real(left[at]) > q.years, day > 0 && q.ends != CLOSED ? 1.0 : 0.0, one);
                trade(was, is, own.units, struck, own.payoff, q.ends == LIVES, day == 0, q.ends == EXITED,
                      q.ends == CLOSED, q.ends == EXPIRED && leg > 0 && physical_delivery, one);
                add_to_totals(out, at_leg * INSTRUMENTS + i, one);
                flows_of(one, flows);
                if (i == INSTRUMENTS - 1) {  // instruments are hedged as one
                    Real traded, held_before;
                    trade_hedge(hedge_was, hedge, is.forward, traded, held_before);
                    leg_hedge[at_leg] += traded;
                    flows[HEDGE_TRADED] = traded;
                    flows[HEDGE_HELD] = held_before;
                }
            }
            add(out, at, leg, i == 0, flows, sums[day & 1]);
        }
        if (lives && q.ends != LIVES) {
            lives = false;
            store_end(out, at_leg, day, q.ends, shares);
        }
        store_sums(out, at, sums[day & 1]);
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
