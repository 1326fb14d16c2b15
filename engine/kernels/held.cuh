// What `hold` is given and gives back, and what both machines store of a leg when its life is over.
#include "portable.cuh"

struct Held {
    HOLD_FIELDS
};

// Sums of a leg over its life.
struct Totals {
    double option = 0.0, hedge = 0.0, financing = 0.0, vega_traded = 0.0, hedge_traded = 0.0, delivered = 0.0;
};

INLINE void store_end(const Held &out, i64 at, i64 day, int ends, double shares, double value) {
    out.end[at] = day;
    out.status[at] = ends;
    out.shares_at_end[at] = shares;
    out.exit_value[at] = value;
}

INLINE void store_totals(const Held &out, i64 at, const Totals &t) {
    out.pnl_option[at] = t.option;
    out.pnl_hedge[at] = t.hedge;
    out.financing[at] = t.financing;
    out.leg_vega[at] = t.vega_traded;
    out.leg_hedge[at] = t.hedge_traded;
    out.leg_delivered[at] = t.delivered;
}
