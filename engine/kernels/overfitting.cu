// What becomes of the best trial of one half of the sessions in the other half: engine/selection/cscv.py; an item is a
// split of the blocks into two halves, and each half chooses once.
#include "portable.cuh"

// What orders trials as their Sharpe ratios do; -infinite where nothing moves.
INLINE double order_of(double sum, double square, double constant) {
    const double far = sum * sum / square;
    return far < constant ? (sum < 0.0 ? -far : far) : -INFINITE;  // the latter for 0 / 0 too
}

#ifdef __CUDACC__

// The order of a trial in both halves.
INLINE void both_of(i64 trial, i64 mask, i64 blocks, i64 trials, const double *sums, const double *squares,
                    const double *constant, double *order) {
    double sum[2] = {0.0, 0.0}, square[2] = {0.0, 0.0};
    for (i64 b = 0; b < blocks; ++b) {
        const double x = sums[b * trials + trial], y = squares[b * trials + trial];
        const bool chosen = (mask >> b) & 1;
        sum[0] += chosen ? x : 0.0, square[0] += chosen ? y : 0.0;
        sum[1] += chosen ? 0.0 : x, square[1] += chosen ? 0.0 : y;
    }
    order[0] = order_of(sum[0], square[0], constant[0]), order[1] = order_of(sum[1], square[1], constant[1]);
}

// A block works on one split, its threads on the trials: twice, since they are more than it can keep.
extern "C" __global__ void overfitting(OVERFITTING_PARAMETERS) {
    __shared__ double most[2][THREADS], lower[2][THREADS], equal[2][THREADS];
    __shared__ i64 where[2][THREADS];
    const i64 at = first + blockIdx.x, mask = half[at];
    const int me = threadIdx.x;
    double order[2], high[2] = {-INFINITE, -INFINITE};
    i64 best[2] = {trials, trials};
    for (i64 p = me; p < trials; p += THREADS) {
        both_of(p, mask, blocks, trials, sums, squares, constant + 2 * at, order);
        for (int h = 0; h < 2; ++h)
            if (order[h] > high[h] || best[h] == trials) high[h] = order[h], best[h] = p;
    }
    for (int h = 0; h < 2; ++h) most[h][me] = high[h], where[h][me] = best[h];
    for (int width = THREADS / 2; width > 0; width /= 2) {
        __syncthreads();
        if (me >= width) continue;
        for (int h = 0; h < 2; ++h) {
            const double other = most[h][me + width];
            const i64 place = where[h][me + width];
            if (other > most[h][me] || (other == most[h][me] && place < where[h][me]))  // the first of equals
                most[h][me] = other, where[h][me] = place;
        }
    }
    __syncthreads();
    double ends[2];
    for (int h = 0; h < 2; ++h) {
        both_of(where[h][0], mask, blocks, trials, sums, squares, constant + 2 * at, order);
        ends[h] = order[1 - h];
    }
    double below[2] = {0.0, 0.0}, beside[2] = {0.0, 0.0};
    for (i64 p = me; p < trials; p += THREADS) {
        both_of(p, mask, blocks, trials, sums, squares, constant + 2 * at, order);
        for (int h = 0; h < 2; ++h) below[h] += order[1 - h] < ends[h], beside[h] += order[1 - h] == ends[h];
    }
    for (int h = 0; h < 2; ++h) lower[h][me] = below[h], equal[h][me] = beside[h];
    for (int width = THREADS / 2; width > 0; width /= 2) {
        __syncthreads();
        if (me >= width) continue;
        for (int h = 0; h < 2; ++h) lower[h][me] += lower[h][me + width], equal[h][me] += equal[h][me + width];
    }
    if (me == 0)
        for (int h = 0; h < 2; ++h) {
            rank[2 * at + h] = lower[h][0] + 0.5 * equal[h][0];
            chosen[2 * at + h] = most[h][0], later[2 * at + h] = ends[h];
        }
}

#else

// Some splits are worked on together, piece by piece of the trials, whose sums then stay in the cache.
extern "C" void overfitting(OVERFITTING_PARAMETERS) {
    std::vector<double> order(2 * SPLITS * trials);
    alignas(64) double sum[2][PIECE], square[2][PIECE];
    for (i64 at = first; at < last; at += SPLITS) {
        const i64 splits = std::min<i64>(SPLITS, last - at);
        double high[2 * SPLITS];
        std::fill_n(high, 2 * SPLITS, -INFINITE);
        for (i64 from = 0; from < trials; from += PIECE) {
            const i64 count = std::min<i64>(PIECE, trials - from);
            for (i64 n = 0; n < splits; ++n) {
                std::memset(sum, 0, sizeof sum), std::memset(square, 0, sizeof square);
                for (i64 b = 0; b < blocks; ++b) {
                    const int h = (half[at + n] >> b) & 1 ? 0 : 1;
                    const double *const x = sums + b * trials + from, *const y = squares + b * trials + from;
                    double *const s = sum[h], *const q = square[h];
                    HOST_SIMD
                    for (i64 i = 0; i < count; ++i) s[i] += x[i], q[i] += y[i];
                }
                for (int h = 0; h < 2; ++h) {
                    double *const o = &order[(2 * n + h) * trials + from], most = high[2 * n + h];
                    const double still = constant[2 * (at + n) + h];
                    _Pragma("omp simd reduction(max : most)")
                    for (i64 i = 0; i < count; ++i) {
                        o[i] = order_of(sum[h][i], square[h][i], still);
                        most = o[i] > most ? o[i] : most;
                    }
                    high[2 * n + h] = most;
                }
            }
        }
        for (i64 k = 0; k < 2 * splits; ++k) {
            const double *const here = &order[k * trials], *const there = &order[(k ^ 1) * trials];
            const double ends = there[std::find(here, here + trials, high[k]) - here];
            double lower = 0.0, equal = 0.0;
            _Pragma("omp simd reduction(+ : lower, equal)")
            for (i64 p = 0; p < trials; ++p) {
                lower += there[p] < ends ? 1.0 : 0.0;
                equal += there[p] == ends ? 1.0 : 0.0;
            }
            rank[2 * at + k] = lower + 0.5 * equal;
            chosen[2 * at + k] = high[k], later[2 * at + k] = ends;
        }
    }
}

#endif
