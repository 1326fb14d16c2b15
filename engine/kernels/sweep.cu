// Many parameter sets on one trade book. An item is a parameter set; sets share only what they read.
#include "sweep.cuh"

struct Exits {
    EXIT_DAYS_FIELDS
};

// The first holding day on which a rule of a set sells a cohort; its last day if none does.
INLINE i64 exit_of(const Exits &e, i64 set, i64 c) {
    const double entered = e.entry_exposure[set * e.entry_exposure_stride + c];
    const double *const exposure = e.exposure + set * e.exposure_stride;
    const double side = (entered > 0.0) - (entered < 0.0);
    const i64 entry = e.entry[c];
    i64 sold = e.life[c];
    for (i64 day = 1; day <= e.days && day < sold; ++day) {
        const i64 at = c * (e.days + 1) + day;
        const double so_far = side * e.pnl[at], rho = e.correlation[earlier(entry + day, e.dates - 1)];
        if (so_far >= e.target[set] || so_far <= -e.stop[set] || e.moved[at] > e.band[set] || rho <= e.low[set] ||
            rho >= e.high[set])
            sold = earlier(day + e.lag, sold);
        if (e.days_left[at] <= e.at_days_left[set] || day >= e.sessions[set]) sold = earlier(day, sold);
        if (e.with_signal != 0 && exposure[earlier(entry + day - e.lag, e.dates - 1)] * side <= 0.0)
            sold = earlier(day, sold);
    }
    return sold;
}

// Finds the exit days of a set's cohorts `from`, `from` + `step`, ...
INLINE void exit_days_of(const Exits &e, i64 set, i64 from, i64 step) {
    for (i64 c = from; c < e.cohorts; c += step) e.exit_day[set * e.cohorts + c] = exit_of(e, set, c);
}

#ifdef __CUDACC__

extern "C" __global__ void hysteresis(HYSTERESIS_PARAMETERS) {
    const i64 set = first + blockIdx.x * (i64)blockDim.x + threadIdx.x;
    if (set >= last) return;
    double now = 0.0;
    for (i64 t = 0; t < dates; ++t) state[set * dates + t] = now = next_state(now, signal[t], enter[set], leave[set]);
}

extern "C" __global__ void exit_days(EXIT_DAYS_PARAMETERS) {
    exit_days_of({EXIT_DAYS_ARGUMENTS}, first + blockIdx.x, threadIdx.x, blockDim.x);
}

INLINE double sum_of_warp(double x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

// One warp per set. Cohorts follow each other; the lanes work on different days of a cohort, so on different dates.
extern "C" __global__ void accounts(ACCOUNTS_PARAMETERS) {
    const i64 set = first + blockIdx.x, lane = threadIdx.x;
    const Rates rates = {index_rate[set], component_rate[set], hedge_bps[set], delivery_bps[set]};
    double *const pnl = pnl_rows + set * dates;
    double *const option = option_rows + set * dates;
    double *const hedge = hedge_rows + set * dates;
    for (i64 t = lane; t < dates; t += 32) {
        pnl[t] = 0.0;
        option[t] = 0.0;
        hedge[t] = 0.0;
    }
    __syncwarp();
    for (i64 c = 0; c < cohorts; ++c) {
        const double scale = entry_exposure[set * cohorts + c] * index_vega[set], size = fabs(scale);
        if (scale == 0.0) continue;
        const i64 end = exit_day != nullptr ? exit_day[set * cohorts + c] : life[c];
        for (i64 day = lane; day <= end; day += 32) {
            const i64 at = c * (days + 1) + day, t = entry[c] + day;
            const bool sold = day == end && end < life[c];
            double vega = option_cost_of(rates, index_traded[at], component_traded[at]);
            if (sold) vega += option_cost_of(rates, index_held[at], component_held[at]);
            pnl[t] += scale * gross[at];
            option[t] += size * vega;
            hedge[t] += size * (sold ? hedge_cost_of(rates, hedge_held[at], 0.0)
                                     : hedge_cost_of(rates, hedge_traded[at], delivered[at]));
        }
        __syncwarp();
    }
    double sums[3] = {0.0, 0.0, 0.0};
    for (i64 t = lane; t < dates; t += 32) {
        sums[0] += pnl[t];
        sums[1] += option[t];
        sums[2] += hedge[t];
    }
    for (double &sum : sums) sum = sum_of_warp(sum);
    const double mean_gross = sums[0] / dates, mean_net = (sums[0] - sums[1] - sums[2]) / dates;
    double spread_gross = 0.0, spread_net = 0.0, worst = INFINITE;
    for (i64 t = lane; t < dates; t += 32) {
        const double net = pnl[t] - option[t] - hedge[t];
        spread_gross += (pnl[t] - mean_gross) * (pnl[t] - mean_gross);
        spread_net += (net - mean_net) * (net - mean_net);
        worst = net < worst ? net : worst;
    }
    spread_gross = sum_of_warp(spread_gross), spread_net = sum_of_warp(spread_net);
    for (int step = 16; step > 0; step /= 2) {
        const double other = __shfl_xor_sync(0xffffffffu, worst, step);
        worst = other < worst ? other : worst;
    }
    double overlap = spread_net;
    for (i64 lag = 1; lag <= lags; ++lag) {
        double shared = 0.0;
        for (i64 t = lag + lane; t < dates; t += 32) {
            const double net = pnl[t] - option[t] - hedge[t], then = pnl[t - lag] - option[t - lag] - hedge[t - lag];
            shared += (net - mean_net) * (then - mean_net);
        }
        overlap += 2.0 * (1.0 - lag / (lags + 1.0)) * sum_of_warp(shared);
    }
    if (lane == 0) {
        double equity = 0.0, highest = 0.0, fall = 0.0;
        for (i64 t = 0; t < dates; ++t) {
            equity += pnl[t] - option[t] - hedge[t];
            highest = equity > highest ? equity : highest;
            fall = equity - highest < fall ? equity - highest : fall;
        }
        report({sums[0], sums[1], sums[2], spread_gross, spread_net, overlap, fall, worst}, dates, hurdle[set],
               statistics + set * STATISTICS);
    }
}

#else

extern "C" void hysteresis(HYSTERESIS_PARAMETERS) {
    for (i64 set = first; set < last; ++set) {
        double now = 0.0;
        for (i64 t = 0; t < dates; ++t)
            state[set * dates + t] = now = next_state(now, signal[t], enter[set], leave[set]);
    }
}

extern "C" void exit_days(EXIT_DAYS_PARAMETERS) {
    const Exits exits = {EXIT_DAYS_ARGUMENTS};
    for (i64 set = first; set < last; ++set) exit_days_of(exits, set, 0, 1);
}

// Without rows to write to (null), daily numbers are kept for one set at a time, in memory that stays in cache.
extern "C" void accounts(ACCOUNTS_PARAMETERS) {
    std::vector<double> memory(4 * dates);
    double *const net = memory.data() + 3 * dates;
    for (i64 set = first; set < last; ++set) {
        const Rates rates = {index_rate[set], component_rate[set], hedge_bps[set], delivery_bps[set]};
        double *const pnl = pnl_rows != nullptr ? pnl_rows + set * dates : memory.data();
        double *const option = pnl_rows != nullptr ? option_rows + set * dates : memory.data() + dates;
        double *const hedge = pnl_rows != nullptr ? hedge_rows + set * dates : memory.data() + 2 * dates;
        for (double *row : {pnl, option, hedge}) std::fill(row, row + dates, 0.0);
        for (i64 c = 0; c < cohorts; ++c) {
            const double scale = entry_exposure[set * cohorts + c] * index_vega[set], size = std::fabs(scale);
            if (scale == 0.0) continue;
            const i64 at = c * (days + 1), t = entry[c];
            const i64 end = exit_day != nullptr ? exit_day[set * cohorts + c] : life[c];
            const bool sold = end < life[c];
            HOST_SIMD
            for (i64 day = 0; day <= end; ++day) {
                pnl[t + day] += scale * gross[at + day];
                option[t + day] += size * option_cost_of(rates, index_traded[at + day], component_traded[at + day]);
            }
            HOST_SIMD
            for (i64 day = 0; day <= end - sold; ++day)
                hedge[t + day] += size * hedge_cost_of(rates, hedge_traded[at + day], delivered[at + day]);
            if (sold) {
                option[t + end] += size * option_cost_of(rates, index_held[at + end], component_held[at + end]);
                hedge[t + end] += size * hedge_cost_of(rates, hedge_held[at + end], 0.0);
            }
        }
        double gross_sum = 0.0, option_sum = 0.0, hedge_sum = 0.0;
        _Pragma("omp simd reduction(+ : gross_sum, option_sum, hedge_sum)")
        for (i64 t = 0; t < dates; ++t) {
            gross_sum += pnl[t];
            option_sum += option[t];
            hedge_sum += hedge[t];
            net[t] = pnl[t] - option[t] - hedge[t];
        }
        const double mean_gross = gross_sum / dates, mean_net = (gross_sum - option_sum - hedge_sum) / dates;
        double equity = 0.0, highest = 0.0, fall = 0.0, worst = INFINITE;
        for (i64 t = 0; t < dates; ++t) {
            equity += net[t];
            highest = equity > highest ? equity : highest;
            fall = equity - highest < fall ? equity - highest : fall;
            worst = net[t] < worst ? net[t] : worst;
        }
        double spread_gross = 0.0, spread_net = 0.0;
        _Pragma("omp simd reduction(+ : spread_gross, spread_net)")
        for (i64 t = 0; t < dates; ++t) {
            net[t] -= mean_net;
            spread_gross += (pnl[t] - mean_gross) * (pnl[t] - mean_gross);
            spread_net += net[t] * net[t];
        }
        double overlap = spread_net;
        for (i64 lag = 1; lag <= lags; ++lag) {
            double shared = 0.0;
            _Pragma("omp simd reduction(+ : shared)")
            for (i64 t = lag; t < dates; ++t) shared += net[t] * net[t - lag];
            overlap += 2.0 * (1.0 - lag / (lags + 1.0)) * shared;
        }
        report({gross_sum, option_sum, hedge_sum, spread_gross, spread_net, overlap, fall, worst}, dates, hurdle[set],
               statistics + set * STATISTICS);
    }
}

#endif
