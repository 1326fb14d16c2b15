// Implied volatilities of many options; an item is one option.
#include "implied_vol.cuh"
#include "pieces.cuh"

#ifdef __CUDACC__

extern "C" __global__ void implied_vol(IMPLIED_VOL_PARAMETERS) {
    const i64 i = first + blockIdx.x * (i64)blockDim.x + threadIdx.x;
    if (i >= last) return;
    const double time = years[i * years_stride];
    double x, target, lacking, blur, goal, side, s, step = 0.0;
    int found;
    normalise(price[i * price_stride], forward[i * forward_stride], strike[i * strike_stride], time,
              rate[i * rate_stride], is_call[i * is_call_stride], x, target, lacking, blur, found);
    start(x, target, lacking, goal, side, s);
    for (int k = 0; k < STEPS; ++k) s += step = step_from(s, x, goal, side);
    judge(x, blur, s, step, time, found, iv[i]);
    status[i] = (u8)found;
}

#else

extern "C" void implied_vol(IMPLIED_VOL_PARAMETERS) {
    alignas(64) double p[PIECE], f[PIECE], k[PIECE], time[PIECE], r[PIECE];
    alignas(64) double x[PIECE], target[PIECE], lacking[PIECE], blur[PIECE], goal[PIECE], side[PIECE], s[PIECE], step[PIECE];
    alignas(64) int found[PIECE];
    u8 call[PIECE];
    for (i64 at = first; at < last; at += PIECE) {
        const i64 count = std::min<i64>(PIECE, last - at);
        load(p, price, price_stride, at, count);
        load(f, forward, forward_stride, at, count);
        load(k, strike, strike_stride, at, count);
        load(time, years, years_stride, at, count);
        load(r, rate, rate_stride, at, count);
        load(call, is_call, is_call_stride, at, count);
        HOST_SIMD
        for (i64 i = 0; i < PIECE; ++i)
            normalise(p[i], f[i], k[i], time[i], r[i], call[i], x[i], target[i], lacking[i], blur[i], found[i]);
        HOST_SIMD
        for (i64 i = 0; i < PIECE; ++i) start(x[i], target[i], lacking[i], goal[i], side[i], s[i]);
        for (int n = 0; n < STEPS; ++n) {
            HOST_SIMD
            for (i64 i = 0; i < PIECE; ++i) s[i] += step[i] = step_from(s[i], x[i], goal[i], side[i]);
        }
        HOST_SIMD
        for (i64 i = 0; i < PIECE; ++i) judge(x[i], blur[i], s[i], step[i], time[i], found[i], p[i]);
        for (i64 i = 0; i < count; ++i) iv[at + i] = p[i], status[at + i] = (u8)found[i];
    }
}

#endif
