// One parameter set: its states, its exits and its daily account, as in engine/backtest/{signals,exits,accounts}.py.
#include "portable.cuh"

// In from `enter` on, out at `leave` and below, otherwise as before; a signal that is not a number changes nothing.
INLINE double next_state(double state, double signal, double enter, double leave) {
    return signal >= enter ? 1.0 : signal <= leave ? 0.0 : state;
}

INLINE i64 earlier(i64 a, i64 b) { return a < b ? a : b; }

struct Rates {
    double index, component, hedge_bps, delivery_bps;
};

// Cost of one unit of index vega at a close: half-spreads on vega, basis points on hedges and deliveries.
INLINE double option_cost_of(const Rates &r, double index_vega, double component_vega) {
    return r.index * index_vega + r.component * component_vega;
}

INLINE double hedge_cost_of(const Rates &r, double hedge, double delivered) {
    return 1e-4 * (r.hedge_bps * hedge + r.delivery_bps * delivered);
}

// What is reported of a set's days, in the order of engine/backtest/accounts.py.
enum { PNL_GROSS, OPTION_COST, HEDGE_COST, SHARPE_GROSS, SHARPE_NET, HAC_T, MAX_DRAWDOWN, WORST_DAY, STATISTICS };
#define SESSIONS_PER_YEAR 252.0

// Sums over the days of a set: of the rows, of squares about the mean, of products with the days before.
struct Sums {
    double gross, option, hedge, spread_gross, spread_net, overlap, fall, worst;
};

INLINE double over_root(double x, double square) { return square > 0.0 ? x / sqrt(square) : NOT_A_NUMBER; }

INLINE void report(const Sums &s, i64 dates, double *out) {
    const double mean_gross = s.gross / dates, mean_net = (s.gross - s.option - s.hedge) / dates;
    const double year = sqrt(SESSIONS_PER_YEAR);
    out[PNL_GROSS] = s.gross, out[OPTION_COST] = s.option, out[HEDGE_COST] = s.hedge;
    out[SHARPE_GROSS] = over_root(year * mean_gross, s.spread_gross / dates);
    out[SHARPE_NET] = over_root(year * mean_net, s.spread_net / dates);
    out[HAC_T] = over_root(dates * mean_net, s.spread_net > 0.0 ? s.overlap : 0.0);
    out[MAX_DRAWDOWN] = s.fall, out[WORST_DAY] = s.worst;
}
