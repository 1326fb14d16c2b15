// Value and greeks of many straddles; an item is one straddle.
#include "pieces.cuh"
#include "straddle.cuh"

#ifdef __CUDACC__

extern "C" __global__ void straddle(STRADDLE_PARAMETERS) {
    const i64 i = first + blockIdx.x * (i64)blockDim.x + threadIdx.x;
    if (i >= last) return;
    straddle_greeks(forward[i * forward_stride], strike[i * strike_stride], iv[i * iv_stride], years[i * years_stride],
                    rate[i * rate_stride], value[i], delta[i], gamma[i], vega[i], theta[i], vanna[i], volga[i]);
}

#else

extern "C" void straddle(STRADDLE_PARAMETERS) {
    enum { OUTPUTS = 7 };
    alignas(64) double f[PIECE], k[PIECE], s[PIECE], t[PIECE], r[PIECE], of[OUTPUTS][PIECE];
    double *const to[OUTPUTS] = {value, delta, gamma, vega, theta, vanna, volga};
    for (i64 at = first; at < last; at += PIECE) {
        const i64 count = std::min<i64>(PIECE, last - at);
        load(f, forward, forward_stride, at, count);
        load(k, strike, strike_stride, at, count);
        load(s, iv, iv_stride, at, count);
        load(t, years, years_stride, at, count);
        load(r, rate, rate_stride, at, count);
        HOST_SIMD
        for (i64 i = 0; i < PIECE; ++i)
            straddle_greeks(f[i], k[i], s[i], t[i], r[i], of[0][i], of[1][i], of[2][i], of[3][i], of[4][i], of[5][i],
                            of[6][i]);
        for (int n = 0; n < OUTPUTS; ++n) std::copy_n(of[n], count, to[n] + at);
    }
}

#endif
