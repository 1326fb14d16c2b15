// What the right to exercise before the expiry is worth: engine/pricing/american.py; an item is one option.
//
// X = S* exp(-c t) has no drift on the tree, so that a node is worth the same at every step; all values are discounted to
// today. Going from step to step, exp(-r t) and the like are multiplied by what one step changes.
#include "special.cuh"

#define NARROWEST 1e-100  // as in engine/pricing/black.py

struct Option {
    double sign, strike, iv, rate, step, jump, up, growth, decline, discount, start;
    bool usable;
};

INLINE bool is_paid(double ex_date, double amount, double years) {
    return (ex_date > 0.0) & (ex_date <= years) & is_finite(amount);
}

// What an ex-date within the life is worth today.
INLINE double worth_of(double ex_date, double amount, double years, double rate) {
    return is_paid(ex_date, amount, years) ? amount * exp_of(-rate * ex_date) : 0.0;
}

INLINE Option option_of(double spot, double forward, double strike, double iv, double years, double rate, bool call,
                        double escrowed, double steps) {
    Option o;
    const double start = spot - escrowed;
    o.usable = (start > 0.0) & (forward > 0.0) & (strike > 0.0) & (iv > 0.0) & (years > 0.0) & is_finite(start) &
               is_finite(forward) & is_finite(strike) & is_finite(iv) & is_finite(years) & is_finite(rate);
    const double time = o.usable ? years : 1.0;
    o.start = o.usable ? start : 1.0;
    o.strike = o.usable ? strike : 1.0;
    o.iv = o.usable ? iv : 1.0;
    o.rate = o.usable ? rate : 0.0;
    o.sign = call ? 1.0 : -1.0;
    o.step = time / steps;
    o.jump = o.iv * sqrt(o.step);
    o.up = 1.0 / (1.0 + exp_of(o.jump));  // probability; X moves by exp(+-jump)
    o.growth = o.usable ? forward / o.start : 1.0;  // over the whole life
    o.decline = log_of(o.growth) / time - o.rate;   // of a discounted share: minus its yield
    o.discount = exp_of(-o.rate * time);
    return o;
}

INLINE double normal(double d) {
    double inside, bell;
    erf_and_density(d, inside, bell);
    return 0.5 + 0.5 * inside;
}

// Black's formula, not discounted, from ln(forward / strike) and the total volatility; sign is -1 for a put.
INLINE double black(double forward, double strike, double moneyness, double spread, double sign) {
    const double wide = spread < NARROWEST ? NARROWEST : spread, d1 = moneyness / wide + 0.5 * wide;
    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - wide)));
}

// An option that waits for an ex-date within the step, to be exercised there: a call before the share loses the dividend,
// a put after it; `kept` is what is then still to be paid.
struct Wait {
    double growth, strike, moneyness, spread, discount;
};

INLINE Wait wait_of(const Option &o, double time, double until, double kept) {
    const double pays = o.strike - kept * exp_of(o.rate * until), strike = pays > 0.0 ? pays : 0.0;
    const double growth = exp_of((o.decline + o.rate) * until);
    const double moneyness = strike > 0.0 ? log_of(o.start * growth / strike) : INFINITE;
    return {growth, strike, moneyness, o.iv * sqrt(until - time), exp_of(-o.rate * until)};
}

// What it is worth at a node that is so many jumps above the first.
INLINE double waiting(const Wait &w, double sign, double x, double jumps) {
    return w.discount * black(x * w.growth, w.strike, w.moneyness + jumps, w.spread, sign);
}

INLINE double larger(double a, double b) { return a > b ? a : b; }

#ifdef __CUDACC__

// A block works on one option, its threads on the nodes of a step; before that on its steps.
extern "C" __global__ void early_exercise(EARLY_EXERCISE_PARAMETERS) {
    __shared__ double node[2 * MOST_STEPS + 1], row[2][MOST_STEPS];
    __shared__ double pays[MOST_STEPS], share[MOST_STEPS], until[MOST_STEPS], kept[MOST_STEPS];
    const i64 at = first + blockIdx.x;
    const double *const when = ex_years + at * ex_dates, *const paid = dividends + at * ex_dates;
    const double life = years[at], interest = rate[at];
    double escrowed = 0.0;
    for (i64 m = 0; m < ex_dates; ++m) escrowed += worth_of(when[m], paid[m], life, interest);
    const Option o = option_of(spot[at], forward[at], strike[at], iv[at], life, interest, is_call[at] != 0, escrowed,
                               (double)steps);
    for (i64 k = threadIdx.x; k <= 2 * steps; k += blockDim.x) node[k] = o.start * exp_of(o.jump * (double)(k - steps));
    for (i64 i = threadIdx.x; i < steps; i += blockDim.x) {
        const double time = (double)i * o.step;
        double left = 0.0, after = 0.0, next = INFINITE;
        for (i64 m = 0; m < ex_dates; ++m) {
            const bool comes = is_paid(when[m], paid[m], life) && when[m] > time;
            left += comes ? worth_of(when[m], paid[m], life, interest) : 0.0;
            next = comes && when[m] < next ? when[m] : next;
        }
        for (i64 m = 0; m < ex_dates; ++m) after += when[m] > next ? worth_of(when[m], paid[m], life, interest) : 0.0;
        pays[i] = o.sign * (left - o.strike * exp_of(-o.rate * time));
        share[i] = o.sign * exp_of(o.decline * time);
        until[i] = next <= time + o.step ? next : INFINITE;
        kept[i] = o.sign > 0.0 ? left : after;
    }
    __syncthreads();
    for (i64 j = threadIdx.x; j < steps; j += blockDim.x) {
        const double moneyness = log_of(o.start * o.growth / o.strike) + o.jump * (double)(2 * j + 1 - steps);
        row[0][j] = o.discount * black(node[2 * j + 1] * o.growth, o.strike, moneyness, o.jump, o.sign);
    }
    __syncthreads();
    double european = 0.0;
    if (threadIdx.x == 0) {
        const double odds = o.up / (1.0 - o.up);
        double weight = exp_of((double)(steps - 1) * log_of(1.0 - o.up));
        european = weight * row[0][0];
        for (i64 j = 1; j < steps; ++j) {
            weight = weight * odds * ((double)(steps - j) / (double)j);
            european += weight * row[0][j];
        }
    }
    __syncthreads();  // before the first row is written over
    int now = 0;
    for (i64 i = steps - 1; i >= 0; --i) {
        for (i64 j = threadIdx.x; j <= i; j += blockDim.x) {
            const double x = node[steps - i + 2 * j];
            double v = i == steps - 1 ? row[now][j] : row[now][j + 1] * o.up + row[now][j] * (1.0 - o.up);
            v = larger(v, x * share[i] + pays[i]);
            if (until[i] < INFINITE) {
                const Wait w = wait_of(o, (double)i * o.step, until[i], kept[i]);
                v = larger(v, waiting(w, o.sign, x, o.jump * (double)(2 * j - i)));
            }
            row[1 - now][j] = v;
        }
        now = 1 - now;
        __syncthreads();
    }
    if (threadIdx.x == 0) premium[at] = o.usable ? larger(row[now][0] - european, 0.0) : NOT_A_NUMBER;
}

#else

// LANES options are worked on together: what is done to each node of each step is a loop over them.
extern "C" void early_exercise(EARLY_EXERCISE_PARAMETERS) {
    std::vector<double> nodes((2 * steps + 1) * LANES), values(steps * LANES), when(ex_dates * LANES), worth(ex_dates * LANES);
    alignas(64) double sign[LANES], strike_of[LANES], jump[LANES], growth[LANES], discount[LANES], up[LANES], down[LANES];
    alignas(64) double moneyness[LANES], odds[LANES], weight[LANES], european[LANES], step[LANES];
    alignas(64) double strike_now[LANES], strike_back[LANES], share[LANES], share_back[LANES];
    alignas(64) double left[LANES], next[LANES], pays[LANES];
    Option option[LANES];
    for (i64 at = first; at < last; at += LANES) {
        const i64 count = std::min<i64>(LANES, last - at);
        for (i64 l = 0; l < LANES; ++l) {
            const i64 from = at + std::min(l, count - 1);  // lanes to spare repeat the last option
            double escrowed = 0.0;
            for (i64 m = 0; m < ex_dates; ++m) {
                const double one = ex_years[from * ex_dates + m], amount = dividends[from * ex_dates + m];
                when[m * LANES + l] = is_paid(one, amount, years[from]) ? one : INFINITE;
                escrowed += worth[m * LANES + l] = worth_of(one, amount, years[from], rate[from]);
            }
            const Option o = option[l] = option_of(spot[from], forward[from], strike[from], iv[from], years[from],
                                                   rate[from], is_call[from] != 0, escrowed, (double)steps);
            const double before = (double)(steps - 1) * o.step, rise = exp_of(o.jump);
            sign[l] = o.sign, strike_of[l] = o.strike, jump[l] = o.jump, growth[l] = o.growth, discount[l] = o.discount;
            up[l] = o.up, down[l] = 1.0 - o.up, odds[l] = o.up / (1.0 - o.up), step[l] = o.step;
            weight[l] = exp_of((double)(steps - 1) * log_of(1.0 - o.up)), european[l] = 0.0;
            moneyness[l] = log_of(o.start * o.growth / o.strike);
            strike_now[l] = o.strike * exp_of(-o.rate * before), strike_back[l] = exp_of(o.rate * o.step);
            share[l] = o.sign * exp_of(o.decline * before), share_back[l] = exp_of(-o.decline * o.step);
            nodes[steps * LANES + l] = o.start;
            for (i64 k = 1; k <= steps; ++k) {
                nodes[(steps + k) * LANES + l] = nodes[(steps + k - 1) * LANES + l] * rise;
                nodes[(steps - k) * LANES + l] = nodes[(steps - k + 1) * LANES + l] / rise;
            }
        }
        for (i64 j = 0; j < steps; ++j) {
            const double *const x = &nodes[(2 * j + 1) * LANES];
            double *const v = &values[j * LANES];
            const double jumps = (double)(2 * j + 1 - steps), chances = j == 0 ? 0.0 : (double)(steps - j) / (double)j;
            HOST_SIMD
            for (i64 l = 0; l < LANES; ++l) {
                v[l] = discount[l] * black(x[l] * growth[l], strike_of[l], moneyness[l] + jump[l] * jumps, jump[l], sign[l]);
                weight[l] = j == 0 ? weight[l] : weight[l] * odds[l] * chances;
                european[l] += weight[l] * v[l];
            }
        }
        for (i64 i = steps - 1; i >= 0; --i) {
            for (i64 l = 0; l < LANES; ++l) left[l] = 0.0, next[l] = INFINITE;
            for (i64 m = 0; m < ex_dates; ++m) {
                HOST_SIMD
                for (i64 l = 0; l < LANES; ++l) {
                    const double one = when[m * LANES + l];
                    const bool comes = one > (double)i * step[l];
                    left[l] += comes ? worth[m * LANES + l] : 0.0;
                    next[l] = comes & (one < next[l]) ? one : next[l];
                }
            }
            for (i64 l = 0; l < LANES; ++l) pays[l] = sign[l] * (left[l] - strike_now[l]);
            const bool is_last = i == steps - 1;
            for (i64 j = 0; j <= i; ++j) {
                const double *const x = &nodes[(steps - i + 2 * j) * LANES];
                double *const v = &values[j * LANES];
                const double *const above = is_last ? v : v + LANES;
                HOST_SIMD
                for (i64 l = 0; l < LANES; ++l) {
                    const double lives = is_last ? v[l] : above[l] * up[l] + v[l] * down[l];
                    v[l] = larger(lives, x[l] * share[l] + pays[l]);
                }
            }
            for (i64 l = 0; l < LANES; ++l) {
                const double time = (double)i * step[l], until = next[l];
                if (!(until <= time + step[l])) continue;
                double after = 0.0;
                for (i64 m = 0; m < ex_dates; ++m) after += when[m * LANES + l] > until ? worth[m * LANES + l] : 0.0;
                const double kept = sign[l] > 0.0 ? left[l] : after;
                const Wait w = wait_of(option[l], time, until, kept);
                const double each_jump = jump[l], side = sign[l];
                HOST_SIMD
                for (i64 j = 0; j <= i; ++j) {
                    const double x = nodes[(steps - i + 2 * j) * LANES + l], v = values[j * LANES + l];
                    values[j * LANES + l] = larger(v, waiting(w, side, x, each_jump * (double)(2 * j - i)));
                }
            }
            for (i64 l = 0; l < LANES; ++l) strike_now[l] *= strike_back[l], share[l] *= share_back[l];
        }
        for (i64 l = 0; l < count; ++l)
            premium[at + l] = option[l].usable ? larger(values[l] - european[l], 0.0) : NOT_A_NUMBER;
    }
}

#endif
