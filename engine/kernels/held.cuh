// What `hold` is given and gives back, and what both machines store of a leg when its life is over.
#include "leg.cuh"

struct Held {
    HOLD_FIELDS
};

// Sums of an instrument over its life.
struct Totals {
    double option = 0.0, hedge = 0.0, financing = 0.0, vega_traded = 0.0, delivered = 0.0;
};

// How many of an instrument a leg holds, where it is struck, and what it is.
struct Instrument {
    double units, strike;
    Payoff payoff;
};

INLINE Instrument instrument_of(const Held &in, i64 leg, i64 at_leg, int i) {
    const double *const of = in.payoff + ((leg > 0) * INSTRUMENTS + i) * 3;
    return {in.units[at_leg] * of[0], in.strike[at_leg * INSTRUMENTS + i], {of[1], of[2]}};
}

INLINE void store_end(const Held &out, i64 at, i64 day, int ends, double shares) {
    out.end[at] = day;
    out.status[at] = ends;
    out.shares_at_end[at] = shares;
}

INLINE void store_totals(const Held &out, i64 at, const Totals &t) {
    out.pnl_option[at] = t.option;
    out.pnl_hedge[at] = t.hedge;
    out.financing[at] = t.financing;
    out.own_vega[at] = t.vega_traded;
    out.own_delivered[at] = t.delivered;
}
