// What `hold` is given and gives back, and what both machines store of a leg when its life is over.
#include "leg.cuh"

struct Held {
    HOLD_FIELDS
};

// How many of an instrument a leg holds, where it is struck, and what it is.
struct Instrument {
    Real units, strike;
    Payoff payoff;
};

INLINE Instrument instrument_of(const Held &in, i64 leg, i64 at_leg, int i) {
    const double *const of = in.payoff + ((leg > 0) * INSTRUMENTS + i) * 3;
    return {Real(in.units[at_leg] * of[0]), Real(in.strike[at_leg * INSTRUMENTS + i]), {Real(of[1]), Real(of[2])}};
}

INLINE void store_end(const Held &out, i64 at, i64 day, int ends, Real shares) {
    out.end[at] = day;
    out.status[at] = ends;
    out.shares_at_end[at] = shares;
}
