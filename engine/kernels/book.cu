// The trade book: the legs of a cohort are followed from entry to their ends, and added up. An item is a cohort.
// `enter` prices all legs at entry; Python sizes them by that, and `hold` follows those that were sized.
// Leg 0 is the index. Marks are never stored: what is kept is the sums over legs, and the totals of each leg.
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
    look_up(m, q, forward_now, target_of(forward_now, forward_now), sqrt(q.years), none, is);
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

// Sum over the threads of a block, in an order that depends only on how many there are.
INLINE double sum_of_block(double x, double *of_warp) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    double sum = 0.0;
    for (int warp = 0; warp < (blockDim.x + 31) / 32; ++warp) sum += of_warp[warp];
    return sum;
}

// One block per cohort, one thread per leg: the caller starts one for every leg. All go through the days together.
extern "C" __global__ void __launch_bounds__(MOST_LEGS) hold(HOLD_PARAMETERS) {
    __shared__ double of_warp[32];
    const Market market = {MARKET_ARGUMENTS};
    const Held out = {HOLD_ARGUMENTS};
    const i64 cohort = first + blockIdx.x, leg = threadIdx.x, at_leg = cohort * (legs + 1) + leg;
    const double straddles = leg <= legs ? units[at_leg] : 0.0;
    bool lives = straddles != 0.0;
    const double exercise = lives ? strike[at_leg] : 1.0;
    const i64 member = leg > 0 && leg <= legs ? name[cohort * legs + leg - 1] : 0;
    double shares = 1.0;
    Totals total;
    Mark was, is;
    was.forward = exercise;
    was.iv = NOT_A_NUMBER;
    was.hedge = 0.0;
    double moneyness_was = 0.0;
    for (i64 day = 0; day <= life[cohort]; ++day) {
        const i64 at = cohort * (days + 1) + day;
        Flow f = {};
        if (lives) {
            Quote q = quote_of(market, cohort, leg, day);
            end_leg(q, leg, day, session[at] * names + member, day == life[cohort], (int)outcome[cohort], shares,
                    strike_factor, settlement);
            shares = q.shares;
            const double forward_now = forward_of(q.spot, q.carry, q.years, q.listed, shares);
            look_up(market, q, forward_now, target_of(exercise, forward_now), sqrt(q.years), was, is);
            const double moneyness = log_of(is.forward / exercise);
            price(exercise, q.years, moneyness, exp_of(-rate[at] * q.years), is);
            is.hedge = q.ends == LIVES ? ratio * is.delta * straddles : 0.0;
            if (day == 0) {
                was = is;
                was.hedge = 0.0;
            }
            double rolled, rolled_vega, moved;
            reprice(was.forward, is.forward, exercise, was.iv, left[at], moneyness_was, moneyness,
                    exp_of(-rate[day > 0 ? at - 1 : at] * left[at]), rolled, rolled_vega, moved);
            moneyness_was = moneyness;
            explain(was, is, rolled, rolled_vega, moved, straddles, growth[at], rerated[at], left[at] > q.years,
                    day > 0 && q.ends != CLOSED ? 1.0 : 0.0, f);
            trade(was, is, straddles, exercise, q.ends == LIVES, day == 0, q.ends == EXITED, q.ends == CLOSED,
                  q.ends == EXPIRED && leg > 0 && physical_delivery, f);
            total.hedge += f.part[HEDGE];
            total.financing += f.part[FINANCING];
            total.option += f.pnl - f.part[HEDGE] - f.part[FINANCING];
            total.vega_traded += f.vega_traded;
            total.hedge_traded += f.hedge_traded;
            total.delivered += f.delivered;
            if (q.ends != LIVES) {
                lives = false;
                store_end(out, at_leg, day, q.ends, shares, q.ends == CLOSED ? was.value : is.value);
            }
            was = is;
        }
        for (int k = 0; k < PARTS; ++k) {
            const double sum = sum_of_block(leg == 0 ? 0.0 : f.part[k], of_warp);
            if (leg == 0) {
                explained[(at * 2 + 0) * PARTS + k] = f.part[k];
                explained[(at * 2 + 1) * PARTS + k] = sum;
            }
        }
        for (int k = 0; k < MAGNITUDES; ++k) {
            const double sum = sum_of_block(f.magnitude[k], of_warp);
            if (leg == 0) magnitude[at * MAGNITUDES + k] = sum;
        }
        const double *const flow[] = {&f.vega_traded, &f.vega_held, &f.hedge_traded, &f.hedge_held, &f.delivered};
        double *const by_class[] = {vega_traded, vega_held, hedge_traded, hedge_held, delivered};
        for (int k = 0; k < 5; ++k) {
            const double sum = sum_of_block(leg == 0 ? 0.0 : *flow[k], of_warp);
            if (leg == 0) {
                by_class[k][at * 2 + 0] = *flow[k];
                by_class[k][at * 2 + 1] = sum;
            }
        }
    }
    if (straddles != 0.0) store_totals(out, at_leg, total);
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
            if (units[at] != 0.0) hold_leg(market, held, {cohort, leg, units[at], strike[at]}, path, sums);
        }
        store_sums(held, cohort, sums);
    }
}

#endif
