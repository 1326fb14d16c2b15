// The trade book: every leg of a cohort followed from entry to its end and reduced at once. An item is a cohort.
// `enter` prices the legs at entry, from which Python sizes them; `hold` follows what was sized.
// Leg 0 is the index. Marks of a leg are kept from one close to the next, never for the whole life.
#include "market.cuh"

#define MARKET_PARAMETERS                                                                                         \
    i64 first, i64 last, i64 legs, i64 days, const i64 *name, const i64 *session, const i64 *slot,                \
        const double *near, const double *far, const u8 *beyond, const double *years, const double *rate,         \
        const STORED *index_smile, const STORED *smile, i64 slots, i64 deltas,                \
        const double *quantile, i64 names, const double *index_forward, const double *forward,                    \
        const double *index_spot, const double *spot, const double *index_carry, const double *carry
#define MARKET                                                                                                    \
    {legs, days, name, session, slot, near, far, beyond, years, rate, index_smile, smile, slots,        \
     deltas, quantile, names, index_forward, forward, index_spot, spot, index_carry, carry}

#define ENTER_PARAMETERS                                                                                          \
    MARKET_PARAMETERS, u8 *quoted, double *at_forward, double *at_iv, double *value, double *delta, double *gamma, \
        double *vega, double *theta, double *vanna, double *volga

INLINE Mark entered(const Market &m, i64 cohort, i64 leg) {
    const Quote q = quote_of(m, cohort, leg, 0);
    const i64 at = cohort * (m.days + 1);
    Mark none, is;
    none.forward = none.iv = NOT_A_NUMBER;
    const double forward_now = forward_of(q.spot, q.carry, q.years, q.listed, 1.0);
    look_up(m, q, forward_now, target_of(forward_now, forward_now), sqrt(q.years), none, is);
    price(is.forward, q.years, m.rate[at], is);
    return is;
}

#define STORE_ENTERED(at, m)                                                                                      \
    quoted[at] = m.stale == 0.0 && is_finite(m.value) && m.vega > 0.0;                                            \
    at_forward[at] = m.forward, at_iv[at] = m.iv, value[at] = m.value, delta[at] = m.delta, gamma[at] = m.gamma;  \
    vega[at] = m.vega, theta[at] = m.theta, vanna[at] = m.vanna, volga[at] = m.volga;

#define HOLD_PARAMETERS                                                                                            \
    MARKET_PARAMETERS, const double *gone, const double *growth, /* cohort, day */                                   \
        const i64 *life, const i64 *outcome, const double *strike_factor, const double *settlement,                \
        i64 physical_delivery, double ratio, const double *units, const double *strike, /* cohort, 1 + leg */      \
        double *explained, double *magnitude, double *vega_traded, double *vega_held, double *hedge_traded,        \
        double *hedge_held, double *delivered, /* cohort, day, class; magnitude without */                         \
        double *exit_value, double *shares_at_end, i64 *end, i64 *status, double *pnl_option, double *pnl_hedge,   \
        double *financing, double *leg_vega, double *leg_hedge, double *leg_delivered /* cohort, 1 + leg */

#ifdef __CUDACC__

extern "C" __global__ void enter(ENTER_PARAMETERS) {
    const Market market = MARKET;
    const i64 cohort = first + blockIdx.x;
    for (i64 leg = threadIdx.x; leg <= legs; leg += blockDim.x) {
        const Mark mark = entered(market, cohort, leg);
        STORE_ENTERED(cohort * (legs + 1) + leg, mark)
    }
}

// Sum over the component legs of a block, in an order that depends on the number of threads only.
INLINE double sum_of_block(double x, double *of_warp) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    double sum = 0.0;
    for (int warp = 0; warp < (blockDim.x + 31) / 32; ++warp) sum += of_warp[warp];
    return sum;
}

// One block per cohort, one thread per leg (the caller starts enough): the block walks through the days together.
extern "C" __global__ void __launch_bounds__(512) hold(HOLD_PARAMETERS) {
    __shared__ double of_warp[32];
    const Market market = MARKET;
    const i64 cohort = first + blockIdx.x, leg = threadIdx.x, at_leg = cohort * (legs + 1) + leg;
    const double straddles = leg <= legs ? units[at_leg] : 0.0;
    bool lives = straddles != 0.0;
    const double exercise = lives ? strike[at_leg] : 1.0;
    const i64 member = leg > 0 && leg <= legs ? name[cohort * legs + leg - 1] : 0;
    double shares = 1.0, option = 0.0, hedge = 0.0, interest = 0.0, vega_sum = 0.0, hedge_sum = 0.0, delivery_sum = 0.0;
    Mark was, is;
    was.forward = exercise, was.iv = NOT_A_NUMBER, was.hedge = 0.0;
    for (i64 day = 0; day <= life[cohort]; ++day) {
        const i64 at = cohort * (days + 1) + day;
        Flow f;
        for (int k = 0; k < PARTS; ++k) f.part[k] = 0.0;
        for (int k = 0; k < MAGNITUDES; ++k) f.magnitude[k] = 0.0;
        f.vega_traded = f.vega_held = f.hedge_traded = f.hedge_held = f.delivered = 0.0;
        if (lives) {
            Quote q = quote_of(market, cohort, leg, day);
            end_leg(q, leg, day, session[at] * names + member, day == life[cohort], (int)outcome[cohort], shares,
                    strike_factor, settlement);
            shares = q.shares;
            const double forward_now = forward_of(q.spot, q.carry, q.years, q.listed, shares);
            look_up(market, q, forward_now, target_of(exercise, forward_now), sqrt(q.years), was, is);
            price(exercise, q.years, rate[at], is);
            is.hedge = q.ends == LIVES ? ratio * is.delta * straddles : 0.0;
            if (day == 0) was = is, was.hedge = 0.0;
            explain(was, is, straddles, gone[at], growth[at], day > 0 && q.ends != CLOSED ? 1.0 : 0.0, f);
            trade(was, is, straddles, exercise, q.ends == LIVES, day == 0, q.ends == EXITED, q.ends == CLOSED,
                  q.ends == EXPIRED && leg > 0 && physical_delivery, f);
            hedge += f.part[HEDGE], interest += f.part[FINANCING];
            option += f.pnl - f.part[HEDGE] - f.part[FINANCING];
            vega_sum += f.vega_traded, hedge_sum += f.hedge_traded, delivery_sum += f.delivered;
            if (q.ends != LIVES) {
                lives = false;
                end[at_leg] = day, status[at_leg] = q.ends, shares_at_end[at_leg] = shares;
                exit_value[at_leg] = q.ends == CLOSED ? was.value : is.value;
            }
            was = is;
        }
        const double *const flow[] = {&f.vega_traded, &f.vega_held, &f.hedge_traded, &f.hedge_held, &f.delivered};
        double *const out[] = {vega_traded, vega_held, hedge_traded, hedge_held, delivered};
        for (int k = 0; k < PARTS; ++k) {
            const double sum = sum_of_block(leg == 0 ? 0.0 : f.part[k], of_warp);
            if (leg == 0) explained[(at * 2 + 0) * PARTS + k] = f.part[k], explained[(at * 2 + 1) * PARTS + k] = sum;
        }
        for (int k = 0; k < MAGNITUDES; ++k) {
            const double sum = sum_of_block(f.magnitude[k], of_warp);
            if (leg == 0) magnitude[at * MAGNITUDES + k] = sum;
        }
        for (int k = 0; k < 5; ++k) {
            const double sum = sum_of_block(leg == 0 ? 0.0 : *flow[k], of_warp);
            if (leg == 0) out[k][at * 2] = *flow[k], out[k][at * 2 + 1] = sum;
        }
    }
    if (straddles != 0.0) {
        pnl_option[at_leg] = option, pnl_hedge[at_leg] = hedge, financing[at_leg] = interest;
        leg_vega[at_leg] = vega_sum, leg_hedge[at_leg] = hedge_sum, leg_delivered[at_leg] = delivery_sum;
    }
}

#else

extern "C" void enter(ENTER_PARAMETERS) {
    const Market market = MARKET;
    for (i64 at = first * (legs + 1); at < last * (legs + 1); ++at) {
        const Mark mark = entered(market, at / (legs + 1), at % (legs + 1));
        STORE_ENTERED(at, mark)
    }
}

// Marks of one leg at all its closes, a field after the other; a position before the entry holds nothing.
struct Path {
    std::vector<double> memory;
    double *forward, *iv, *value, *delta, *gamma, *vega, *theta, *vanna, *volga, *hedge, *stale, *extrapolated;
    double *years, *earns, *on, *exited, *closed, *delivers, *first;
    double *spot, *carry, *listed, *shares, *target, *root;
    double *rate, *gone, *growth;  // of the cohort

    explicit Path(i64 length) : memory(28 * (length + 1), 0.0) {
        double **const fields[] = {&forward, &iv, &value, &delta, &gamma, &vega, &theta, &vanna, &volga, &hedge,
                                   &stale, &extrapolated, &years, &earns, &on, &exited, &closed, &delivers, &first,
                                   &spot, &carry, &listed, &shares, &target, &root,
                                   &rate, &gone, &growth};
        double *at = memory.data() + 1;  // so that [-1] is the position before the entry
        for (double **field : fields) *field = at, at += length + 1;
        first[0] = 1.0;
    }
};

INLINE Mark mark_at(const Path &p, i64 day) {
    return {p.forward[day], p.iv[day],    p.value[day], p.delta[day], p.gamma[day], p.vega[day],
            p.theta[day],   p.vanna[day], p.volga[day], p.hedge[day], p.stale[day], p.extrapolated[day]};
}

// A leg is looked up day by day, then priced, explained and added to its class for all its days at once, as vectors.
// Days are filled up to whole vectors, with nothing: what a day comes to must not depend on how many follow it.
extern "C" void hold(HOLD_PARAMETERS) {
    enum { VEGA_TRADED = PARTS, VEGA_HELD, HEDGE_TRADED, HEDGE_HELD, DELIVERED, SUMS };
    const Market market = MARKET;
    const i64 length = (days + 1 + 7) / 8 * 8;
    Path path(length);
    std::vector<Quote> quotes(length);
    std::vector<double> sums_of_class(2 * SUMS * length), sizes_of_cohort(MAGNITUDES * length);
    for (i64 cohort = first; cohort < last; ++cohort) {
        const i64 base = cohort * (days + 1);
        for (i64 day = 0; day <= days; ++day) {
            path.rate[day] = rate[base + day];
            path.gone[day] = gone[base + day], path.growth[day] = growth[base + day];
        }
        std::fill(sums_of_class.begin(), sums_of_class.end(), 0.0);
        std::fill(sizes_of_cohort.begin(), sizes_of_cohort.end(), 0.0);
        double *const sizes = sizes_of_cohort.data();
        for (i64 leg = 0; leg <= legs; ++leg) {
            const i64 at_leg = cohort * (legs + 1) + leg, member = leg > 0 ? name[cohort * legs + leg - 1] : 0;
            const double straddles = units[at_leg], exercise = strike[at_leg];
            if (straddles == 0.0) continue;
            i64 count = 0;
            double shares = 1.0;
            do {
                Quote &q = quotes[count];
                q = quote_of(market, cohort, leg, count);
                end_leg(q, leg, count, session[base + count] * names + member, count == life[cohort],
                        (int)outcome[cohort], shares, strike_factor, settlement);
                path.spot[count] = q.spot, path.carry[count] = q.carry, path.years[count] = q.years;
                path.listed[count] = q.listed, path.shares[count] = shares = q.shares;
                ++count;
            } while (quotes[count - 1].ends == LIVES);
            const int ends = quotes[count - 1].ends;

            const i64 whole = (count + 7) / 8 * 8;
            for (i64 day = count; day < whole; ++day) {
                path.spot[day] = path.spot[count - 1], path.carry[day] = path.years[day] = 0.0;
                path.listed[day] = NOT_A_NUMBER, path.shares[day] = shares;
            }

            HOST_SIMD
            for (i64 day = 0; day < whole; ++day) {
                path.forward[day] =
                    forward_of(path.spot[day], path.carry[day], path.years[day], path.listed[day], path.shares[day]);
                path.target[day] = target_of(exercise, path.forward[day]);
                path.root[day] = sqrt(path.years[day]);
            }
            Mark was, is;
            was.forward = exercise, was.iv = NOT_A_NUMBER;
            for (i64 day = 0; day < count; ++day) {
                look_up(market, quotes[day], path.forward[day], path.target[day], path.root[day], was, is);
                path.forward[day] = is.forward, path.iv[day] = is.iv, path.stale[day] = is.stale;
                path.extrapolated[day] = is.extrapolated;
                path.earns[day] = day > 0 ? 1.0 : 0.0, path.on[day] = 1.0;
                path.exited[day] = path.closed[day] = path.delivers[day] = 0.0;
                was = is;
            }
            for (i64 day = count; day < whole; ++day) {
                path.forward[day] = was.forward, path.iv[day] = was.iv, path.stale[day] = path.extrapolated[day] = 0.0;
                path.earns[day] = path.on[day] = path.exited[day] = path.closed[day] = path.delivers[day] = 0.0;
            }
            path.on[count - 1] = 0.0, path.earns[count - 1] = ends != CLOSED;
            path.exited[count - 1] = ends == EXITED, path.closed[count - 1] = ends == CLOSED;
            path.delivers[count - 1] = ends == EXPIRED && leg > 0 && physical_delivery;

            HOST_SIMD
            for (i64 day = 0; day < whole; ++day) {
                straddle_greeks(path.forward[day], exercise, path.iv[day], path.years[day], path.rate[day],
                                path.value[day], path.delta[day], path.gamma[day], path.vega[day], path.theta[day],
                                path.vanna[day], path.volga[day]);
                path.hedge[day] = path.on[day] * ratio * path.delta[day] * straddles;
            }
            path.forward[-1] = path.forward[0], path.iv[-1] = path.iv[0];
            double *const sums = sums_of_class.data() + (leg > 0 ? SUMS * length : 0);
            double option = 0.0, hedge = 0.0, interest = 0.0, vega_sum = 0.0, hedge_sum = 0.0, delivery_sum = 0.0;
            _Pragma("omp simd reduction(+ : option, hedge, interest, vega_sum, hedge_sum, delivery_sum)")
            for (i64 day = 0; day < whole; ++day) {
                const Mark before = mark_at(path, day - 1), now = mark_at(path, day);
                Flow f;
                explain(before, now, straddles, path.gone[day], path.growth[day], path.earns[day], f);
                trade(before, now, straddles, exercise, path.on[day], path.first[day], path.exited[day],
                      path.closed[day], path.delivers[day], f);
#pragma GCC unroll 8
                for (int k = 0; k < PARTS; ++k) sums[k * length + day] += f.part[k];
#pragma GCC unroll 8
                for (int k = 0; k < MAGNITUDES; ++k) sizes[k * length + day] += f.magnitude[k];
                sums[VEGA_TRADED * length + day] += f.vega_traded, sums[VEGA_HELD * length + day] += f.vega_held;
                sums[HEDGE_TRADED * length + day] += f.hedge_traded, sums[HEDGE_HELD * length + day] += f.hedge_held;
                sums[DELIVERED * length + day] += f.delivered;
                option += f.pnl - f.part[HEDGE] - f.part[FINANCING];
                hedge += f.part[HEDGE], interest += f.part[FINANCING];
                vega_sum += f.vega_traded, hedge_sum += f.hedge_traded, delivery_sum += f.delivered;
            }
            end[at_leg] = count - 1, status[at_leg] = ends, shares_at_end[at_leg] = shares;
            exit_value[at_leg] = path.value[ends == CLOSED ? count - 2 : count - 1];
            pnl_option[at_leg] = option, pnl_hedge[at_leg] = hedge, financing[at_leg] = interest;
            leg_vega[at_leg] = vega_sum, leg_hedge[at_leg] = hedge_sum, leg_delivered[at_leg] = delivery_sum;
        }
        for (i64 day = 0; day <= life[cohort]; ++day) {
            for (int k = 0; k < MAGNITUDES; ++k) magnitude[(base + day) * MAGNITUDES + k] = sizes[k * length + day];
            for (int group = 0; group < 2; ++group) {
                const double *const sums = sums_of_class.data() + group * SUMS * length + day;
                const i64 at = (base + day) * 2 + group;
                for (int k = 0; k < PARTS; ++k) explained[at * PARTS + k] = sums[k * length];
                vega_traded[at] = sums[VEGA_TRADED * length], vega_held[at] = sums[VEGA_HELD * length];
                hedge_traded[at] = sums[HEDGE_TRADED * length], hedge_held[at] = sums[HEDGE_HELD * length];
                delivered[at] = sums[DELIVERED * length];
            }
        }
    }
}

#endif
