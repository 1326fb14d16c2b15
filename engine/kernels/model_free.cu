// Model-free volatility of smiles on call deltas: `engine.pricing.strip.model_free_vol`; an item is one smile.
#include "special.cuh"

// What is known of a smile up to the last quoted node: the integral of its variance so far, its variance there, d2, and
// the normal distribution and density at d2. Before the first node d2 is -infinite.
struct Walk {
    double total, variance, at, mass, density, low, high;
};

INLINE Walk begun() { return {0.0, 0.0, -INFINITE, 0.0, 0.0, 0.0, 0.0}; }

// Go on to a node: variance is linear in d2 between nodes, and flat before the first.
INLINE Walk onward(Walk w, double vol, double quantile, double shift, double is_low, double is_high) {
    const bool quoted = (vol > 0.0) & (vol < INFINITE), first = !(w.at > -INFINITE);
    const double here = quoted ? quantile - vol * shift : 0.0, variance = quoted ? vol * vol : 0.0;
    double inside, bell;
    erf_and_density(here, inside, bell);
    const double mass = 0.5 + 0.5 * inside, density = bell * 0.3989422804014327;  // 1 / sqrt(2 pi)
    const double before = first ? 0.0 : w.at, step = first ? 1.0 : here - before;
    const double rise = first | (step == 0.0) ? 0.0 : variance - w.variance;  // no slope between two nodes at one d2
    const double slope = rise / (step == 0.0 ? 1.0 : step);
    const double start = first ? variance : w.variance - slope * before;
    const double total = w.total + (start * (mass - w.mass) - slope * (density - w.density));
    return {quoted ? total : w.total, quoted ? variance : w.variance, quoted ? here : w.at, quoted ? mass : w.mass,
            quoted ? density : w.density, quoted ? w.low + is_low : w.low, quoted ? w.high + is_high : w.high};
}

INLINE double ended(Walk w) {
    const double mean = w.total + w.variance * (1.0 - w.mass);
    return (w.low > 0.0) & (w.high > 0.0) ? sqrt(mean) : NOT_A_NUMBER;
}

// What moves d2 by one unit of volatility: the root of the time, or nothing where d1 is meant.
INLINE double shift_of(double years, i64 weighted) {
    return weighted ? 0.0 : years > 0.0 ? sqrt(years) : NOT_A_NUMBER;
}

#ifdef __CUDACC__

extern "C" __global__ void model_free(MODEL_FREE_PARAMETERS) {
    const i64 i = first + blockIdx.x * (i64)blockDim.x + threadIdx.x;
    if (i >= last) return;
    const double shift = shift_of(years[i % terms], weighted);
    Walk w = begun();
    for (i64 j = 0; j < deltas; ++j) w = onward(w, (double)iv[i * deltas + j], quantile[j], shift, low[j], high[j]);
    vol[i] = ended(w);
}

#else

extern "C" void model_free(MODEL_FREE_PARAMETERS) {
    alignas(64) double v[LANES], shift[LANES], of[7][LANES];
    for (i64 at = first; at < last; at += LANES) {
        const i64 count = std::min<i64>(LANES, last - at);
        for (i64 i = 0; i < LANES; ++i) {
            const Walk w = begun();
            shift[i] = shift_of(i < count ? years[(at + i) % terms] : 1.0, weighted);
            of[0][i] = w.total, of[1][i] = w.variance, of[2][i] = w.at, of[3][i] = w.mass, of[4][i] = w.density;
            of[5][i] = w.low, of[6][i] = w.high;
        }
        for (i64 j = 0; j < deltas; ++j) {
            for (i64 i = 0; i < count; ++i) v[i] = iv[(at + i) * deltas + j];
            for (i64 i = count; i < LANES; ++i) v[i] = 1.0;
            const double q = quantile[j], is_low = low[j], is_high = high[j];
            HOST_SIMD
            for (i64 i = 0; i < LANES; ++i) {
                const Walk w = onward({of[0][i], of[1][i], of[2][i], of[3][i], of[4][i], of[5][i], of[6][i]}, v[i], q,
                                      shift[i], is_low, is_high);
                of[0][i] = w.total, of[1][i] = w.variance, of[2][i] = w.at, of[3][i] = w.mass, of[4][i] = w.density;
                of[5][i] = w.low, of[6][i] = w.high;
            }
        }
        for (i64 i = 0; i < count; ++i)
            vol[at + i] = ended({of[0][i], of[1][i], of[2][i], of[3][i], of[4][i], of[5][i], of[6][i]});
    }
}

#endif
