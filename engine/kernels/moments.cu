// Implied correlation of every date, basket and cell; the volatilities are read once.
// An item is one basket on one date. The baskets of a date follow each other: what one has read is still in cache for
// the next. Names are added in the order of their axis; those outside the basket are not read.
#include "moments.cuh"

#ifdef __CUDACC__

// A block works on one item, its threads on the cells: neighbouring threads read neighbouring cells of a name.
extern "C" __global__ void implied_correlation(IMPLIED_CORRELATION_PARAMETERS) {
    // Names are taken in tiles of as many as the block has threads; each tile's members of the basket are listed first.
    extern __shared__ double member_weight[];
    int *member = (int *)(member_weight + blockDim.x);
    __shared__ int count;
    __shared__ int per_warp[32];
    const i64 item = first + blockIdx.x, date = item / baskets, basket = item % baskets;
    const double *weight_of = weights + (basket * dates + date) * names;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

    for (i64 start = 0; start < cells; start += blockDim.x) {
        const i64 cell = start + threadIdx.x;
        const STORED *quotes = iv + date * date_stride + (cell < cells ? cell : 0);
        double vol = 0.0, own = 0.0, variance = 0.0, quoted = 0.0, found = 0.0, weight = 0.0;
        for (i64 tile = 0; tile < names; tile += blockDim.x) {
            const i64 name = tile + threadIdx.x;
            const double w = name < names ? weight_of[name] : 0.0;
            const unsigned ballot = __ballot_sync(0xffffffffu, w > 0.0);
            if (lane == 0) per_warp[warp] = __popc(ballot);
            __syncthreads();
            int at = __popc(ballot & ((1u << lane) - 1u));
            for (int before = 0; before < warp; ++before) at += per_warp[before];
            if (w > 0.0) {
                member[at] = (int)name;
                member_weight[at] = w;
            }
            if (threadIdx.x == blockDim.x - 1) count = at + (w > 0.0 ? 1 : 0);
            __syncthreads();
#pragma unroll 8
            for (int m = 0; m < count; ++m) {
                const double w_m = member_weight[m];
                weight += w_m;
                add_name(w_m, quotes[member[m] * name_stride], (STORED)least_vol, vol, own, variance, quoted, found);
            }
        }
        if (cell < cells) {
            const i64 at = (basket * dates + date) * cells + cell;
            int code;
            correlate(vol, own, variance, quoted, found, weight, index_iv[basket * index_stride + date * cells + cell],
                      min_coverage, least_vol, clean[at], dirty[at], variance_ratio[at], coverage[at], code);
            status[at] = (u8)code;
            quoted_names[at] = (int)found;
        }
    }
}

#else

// Several names are added to the sums together, so that the sums are loaded and stored only once for all of them.
template <int NAMES>
INLINE void add_names(const STORED *const *row, const double *weight, i64 wide, STORED least, double *vol, double *own,
                      double *variance, double *quoted, double *found) {
    const STORED *r[NAMES];
    double w[NAMES];
    for (int m = 0; m < NAMES; ++m) {
        r[m] = row[m];
        w[m] = weight[m];
    }
    HOST_SIMD
    for (i64 cell = 0; cell < wide; ++cell) {
        double v = vol[cell], o = own[cell], s = variance[cell], q = quoted[cell], n = found[cell];
#pragma GCC unroll 4
        for (int m = 0; m < NAMES; ++m) add_name(w[m], r[m][cell], least, v, o, s, q, n);
        vol[cell] = v;
        own[cell] = o;
        variance[cell] = s;
        quoted[cell] = q;
        found[cell] = n;
    }
}

// The rows of members are far apart in memory, and no hardware guesses which comes next: ask for the rows of the next
// step ahead of time, and after the last member for those of the next date.
INLINE void fetch_ahead(const STORED *const *row, i64 members, i64 next, i64 count, i64 date_stride, i64 cells) {
    for (i64 m = next; m < next + count; ++m) {
        const STORED *wanted = m < members ? row[m] : row[(m - members) % members] + date_stride;
        for (i64 cell = 0; cell < cells; cell += 64 / (i64)sizeof(STORED)) __builtin_prefetch(wanted + cell);
    }
}

extern "C" void implied_correlation(IMPLIED_CORRELATION_PARAMETERS) {
    // A row at least as long as a vector is read in whole vectors, the last of which reaches into the row of the next
    // name; sums of those extra cells are never used. So the rows must lie one after the other in memory: a view whose
    // names go backwards, or all share one row, is read cell by cell.
    const i64 wide = cells < 8 || name_stride < cells ? cells : (cells + 7) / 8 * 8;
    const STORED *const end = iv + (dates - 1) * date_stride + (names - 1) * name_stride + cells;
    std::vector<double> sums(5 * wide), weight(names + 1);
    std::vector<const STORED *> row(names + 1);
    std::vector<STORED> last_row(wide);
    double *vol = sums.data();
    double *own = vol + wide;
    double *variance = own + wide;
    double *quoted = variance + wide;
    double *found = quoted + wide;
    for (i64 item = first; item < last; ++item) {
        const i64 date = item / baskets, basket = item % baskets;
        const double *weight_of = weights + (basket * dates + date) * names;
        i64 members = 0;
        double total = 0.0;
        for (i64 name = 0; name < names; ++name) {  // without a branch: no CPU can predict who is a member
            const bool holds = weight_of[name] > 0.0;
            weight[members] = weight_of[name];
            row[members] = iv + date * date_stride + name * name_stride;
            members += holds;
            total += holds ? weight_of[name] : 0.0;
        }
        if (members > 0 && row[members - 1] + wide > end) {
            std::copy_n(row[members - 1], cells, last_row.begin());
            row[members - 1] = last_row.data();
        }
        std::fill(sums.begin(), sums.end(), 0.0);
        i64 m = 0;
        for (; m + 4 <= members; m += 4) {
            fetch_ahead(row.data(), members, m + 8, 4, date_stride, cells);
            add_names<4>(&row[m], &weight[m], wide, (STORED)least_vol, vol, own, variance, quoted, found);
        }
        for (; m < members; ++m) add_names<1>(&row[m], &weight[m], wide, (STORED)least_vol, vol, own, variance, quoted, found);
        const i64 out = (basket * dates + date) * cells;
        const double *index = index_iv + basket * index_stride + date * cells;
        HOST_SIMD
        for (i64 cell = 0; cell < cells; ++cell) {
            int code;
            correlate(vol[cell], own[cell], variance[cell], quoted[cell], found[cell], total, index[cell], min_coverage,
                      least_vol, clean[out + cell], dirty[out + cell], variance_ratio[out + cell], coverage[out + cell], code);
            status[out + cell] = (u8)code;
            quoted_names[out + cell] = (int)found[cell];
        }
    }
}

#endif
