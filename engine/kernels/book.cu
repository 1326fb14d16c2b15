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

INLINE void add(const Flow &one, Flow &all) {
    for (int k = 0; k < PARTS; ++k) all.part[k] += one.part[k];
    for (int k = 0; k < MAGNITUDES; ++k) all.magnitude[k] += one.magnitude[k];
    all.vega_traded += one.vega_traded;
    all.vega_held += one.vega_held;
    all.delivered += one.delivered;
}

INLINE void add(const Flow &one, Totals &life) {
    life.hedge += one.part[HEDGE];
    life.financing += one.part[FINANCING];
    life.option += one.pnl - one.part[HEDGE] - one.part[FINANCING];
    life.vega_traded += one.vega_traded;
    life.delivered += one.delivered;
}

// One block per cohort, one thread per leg: the caller starts one for every leg. All go through the days together.
extern "C" __global__ void __launch_bounds__(MOST_LEGS) hold(HOLD_PARAMETERS) {
    __shared__ double of_warp[32];
    const Market market = {MARKET_ARGUMENTS};
    const Held out = {HOLD_ARGUMENTS};
    const i64 cohort = first + blockIdx.x, leg = threadIdx.x, at_leg = cohort * (legs + 1) + leg;
    const bool is_held = leg <= legs && units[at_leg] != 0.0;
    bool lives = is_held;
    const i64 member = leg > 0 && leg <= legs ? name[cohort * legs + leg - 1] : 0;
    double shares = 1.0, hedge_was = 0.0, life_of_hedge = 0.0;
    Instrument own[INSTRUMENTS];
    Totals total[INSTRUMENTS];
    Mark marks[INSTRUMENTS];  // of the close before
    double moneyness_was[INSTRUMENTS], kept[INSTRUMENTS];  // delta of a unit held since
    for (int i = 0; i < INSTRUMENTS; ++i) {
        own[i] = lives ? instrument_of(out, leg, at_leg, i) : Instrument{0.0, 1.0, {1.0, 0.0}};
        marks[i].forward = own[i].strike;
        marks[i].iv = NOT_A_NUMBER;
        marks[i].hedge = moneyness_was[i] = kept[i] = 0.0;
    }
    for (i64 day = 0; day <= life[cohort]; ++day) {
        const i64 at = cohort * (days + 1) + day;
        Flow f = {};
        double hedge_traded_now = 0.0, hedge_held_now = 0.0;
        if (lives) {
            Quote q = quote_of(market, cohort, leg, day);
            end_leg(q, leg, day, session[at] * names + member, day == life[cohort], (int)outcome[cohort], shares,
                    strike_factor, settlement);
            shares = q.shares;
            const double forward_now = forward_of(q.spot, q.carry, q.years, q.listed, shares);
            const double discount = exp_of(-rate[at] * q.years), root = sqrt(q.years);
            const double rolled_discount = exp_of(-rate[day > 0 ? at - 1 : at] * left[at]);
            double hedge = 0.0, forward = 0.0;
            for (int i = 0; i < INSTRUMENTS; ++i) {
                Mark was = marks[i], is;
                const double exercise = own[i].strike;
                look_up(market, q, forward_now, target_of(exercise, forward_now), root, was, is);
                const double moneyness = log_of(is.forward / exercise);
                price(is.forward, exercise, is.iv, q.years, moneyness, discount, own[i].payoff, is.value, is.delta,
                      is.vega);
                kept[i] = held_delta(is.delta, hedge_by, day, kept[i]);
                is.hedge = q.ends == LIVES ? kept[i] * own[i].units : 0.0;
                if (day == 0) {
                    was = is;
                    was.hedge = 0.0;
                }
                double rolled, rolled_vega, moved;
                reprice(was.forward, is.forward, exercise, was.iv, left[at], moneyness_was[i], moneyness,
                        rolled_discount, own[i].payoff, rolled, rolled_vega, moved);
                Flow one;
                explain(was, is, rolled, rolled_vega, moved, own[i].units, growth[at], rerated[at], left[at] > q.years,
                        day > 0 && q.ends != CLOSED ? 1.0 : 0.0, one);
                trade(was, is, own[i].units, exercise, own[i].payoff, q.ends == LIVES, day == 0, q.ends == EXITED,
                      q.ends == CLOSED, q.ends == EXPIRED && leg > 0 && physical_delivery, one);
                add(one, f);
                add(one, total[i]);
                if (q.ends != LIVES) exit_value[at_leg * INSTRUMENTS + i] = q.ends == CLOSED ? was.value : is.value;
                hedge += is.hedge;
                forward = is.forward;
                moneyness_was[i] = moneyness;
                marks[i] = is;
            }
            trade_hedge(hedge_was, hedge, forward, hedge_traded_now, hedge_held_now);
            life_of_hedge += hedge_traded_now;
            hedge_was = hedge;
            if (q.ends != LIVES) {
                lives = false;
                store_end(out, at_leg, day, q.ends, shares);
            }
        }
        for (int k = 0; k < PARTS; ++k) {
            const double sum = sum_of_block(leg == 0 ? 0.0 : f.part[k], of_warp);
            if (leg == 0) {
                explained[(at * 2 + 0) * COLUMNS + k] = f.part[k];
                explained[(at * 2 + 1) * COLUMNS + k] = sum;
            }
        }
        for (int k = 0; k < MAGNITUDES; ++k) {
            const double sum = sum_of_block(f.magnitude[k], of_warp);
            if (leg == 0) magnitude[at * MAGNITUDES + k] = sum;
        }
        const double *const flow[] = {&f.vega_traded, &f.vega_held, &hedge_traded_now, &hedge_held_now, &f.delivered};
        double *const by_class[] = {vega_traded, vega_held, hedge_traded, hedge_held, delivered};
        for (int k = 0; k < 5; ++k) {
            const double sum = sum_of_block(leg == 0 ? 0.0 : *flow[k], of_warp);
            if (leg == 0) {
                by_class[k][at * 2 + 0] = *flow[k];
                by_class[k][at * 2 + 1] = sum;
            }
        }
    }
    if (is_held) {
        leg_hedge[at_leg] = life_of_hedge;
        for (int i = 0; i < INSTRUMENTS; ++i) store_totals(out, at_leg * INSTRUMENTS + i, total[i]);
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
