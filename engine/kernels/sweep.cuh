// The arithmetic of one parameter set, as in engine/backtest/signals/transforms.py, cohorts/exits.py and cohorts/accounts.py.
#include "portable.cuh"

// 1 (in) if the signal is at or above `enter`, 0 (out) if it is at or below `leave`, else the state before; so also if
// the signal is NaN.
INLINE double next_state(double state, double signal, double enter, double leave) {
    return signal >= enter ? 1.0 : signal <= leave ? 0.0 : state;
}

INLINE i64 earlier(i64 a, i64 b) { return a < b ? a : b; }

struct Rates {
    double index, component, hedge_bps, delivery_bps;
};

// Costs at a close per unit of index vega: half-spreads on vega, basis points on hedges and deliveries.
INLINE double option_cost_of(const Rates &r, double index_vega, double component_vega) {
    return r.index * index_vega + r.component * component_vega;
}

INLINE double hedge_cost_of(const Rates &r, double hedge, double delivered) {
    return 1e-4 * (r.hedge_bps * hedge + r.delivery_bps * delivered);
}

#define SESSIONS_PER_YEAR 252.0

// What the days of a set come to: sums of its three rows, sums of squared deviations from the mean (`spread`), that of
// net P&L with the weighted products of each day and the days before it (`overlap`), deepest fall and worst day.
struct Sums {
    double gross, option, hedge, spread_gross, spread_net, overlap, fall, worst;
};

#define ROUNDING 1e-10  // as in engine/statistics.py

// x over the root of a sum of squares; NaN where that is no more than rounding of `squares`.
INLINE double over_root(double x, double square, double squares) {
    return square > squares ? x / sqrt(square) : NOT_A_NUMBER;
}

// `hurdle`: P&L of a session that the capital would have earned without risk.
INLINE void report(const Sums &s, i64 dates, double hurdle, double *out) {
    const double mean_gross = s.gross / dates, mean_net = (s.gross - s.option - s.hedge) / dates;
    const double year = sqrt(SESSIONS_PER_YEAR * (dates - 1)), tiny = ROUNDING * ROUNDING;
    const double still_gross = tiny * (s.spread_gross + dates * mean_gross * mean_gross);
    const double still_net = tiny * (s.spread_net + dates * mean_net * mean_net);
    out[PNL_GROSS] = s.gross;
    out[OPTION_COST] = s.option;
    out[HEDGE_COST] = s.hedge;
    out[SHARPE_GROSS] = over_root(year * (mean_gross - hurdle), s.spread_gross, still_gross);
    out[SHARPE_NET] = over_root(year * (mean_net - hurdle), s.spread_net, still_net);
    out[HAC_T] = s.spread_net > still_net ? over_root(dates * mean_net, s.overlap, ROUNDING * s.spread_net) : NOT_A_NUMBER;
    out[MAX_DRAWDOWN] = s.fall;
    out[WORST_DAY] = s.worst;
}
