// The way a CPU holds a leg: all its closes at once, as vectors, wherever one close does not depend on the one before.
#include "held.cuh"
#include "market.cuh"

#ifndef __CUDACC__

// Closes filled up to whole vectors: what a day comes to must not depend on how many follow it.
INLINE i64 whole_vectors(i64 closes) {
    const i64 lanes = 64 / sizeof(Real);
    return (closes + lanes - 1) / lanes * lanes;
}

// One leg at all its closes, and its instruments one after the other: a field after the other; position -1, before the entry, holds nothing.
struct Path {
    std::vector<Quote> quotes;
    std::vector<Real> memory;
    Real *spot, *carry, *years, *listed, *shares, *cash, *target, *root;
    Real *struck, *above;  // by `strike_less`
    Real *forward, *iv, *value, *delta, *vega, *hedge, *stale, *beyond, *rolled, *rolled_vega, *moved,
        *moneyness;
    Real *net;                                              // hedge of all instruments of the leg
    Real *earns, *on, *exited, *closed, *delivers, *first;  // 1 or 0
    Real *rate, *left, *growth, *rerated, *discount, *rolled_discount;  // of the cohort, the same for all its legs

    explicit Path(i64 length) : quotes(length) {
        Real **const fields[] = {
            &spot, &carry, &years, &listed, &shares, &cash, &target, &root, &struck, &above,
            &forward, &iv, &value, &delta, &vega, &hedge, &stale, &beyond, &rolled, &rolled_vega, &moved,
            &moneyness, &net,
            &earns, &on, &exited, &closed, &delivers, &first,
            &rate, &left, &growth, &rerated, &discount, &rolled_discount,
        };
        memory.assign(std::size(fields) * (length + 1), 0.0);
        Real *at = memory.data() + 1;
        for (Real **field : fields) {
            *field = at;
            at += length + 1;
        }
        first[0] = 1.0;
    }
};

INLINE Mark mark_at(const Path &p, i64 day) {
    return {p.forward[day], p.iv[day],   p.value[day], p.delta[day],
            p.vega[day],    p.hedge[day], p.stale[day], p.beyond[day]};
}

// Sums of an instrument over its life.
struct Totals {
    double option = 0.0, hedge = 0.0, financing = 0.0, vega_traded = 0.0, delivered = 0.0;
};

INLINE void store_totals(const Held &out, i64 at, const Totals &t) {
    out.pnl_option[at] = t.option;
    out.pnl_hedge[at] = t.hedge;
    out.financing[at] = t.financing;
    out.own_vega[at] = t.vega_traded;
    out.own_delivered[at] = t.delivered;
}

// Flows of a cohort's legs, each added to what is there: a row of days for every part, flow and magnitude.
struct Sums {
    enum { VEGA_TRADED = PARTS, VEGA_HELD, HEDGE_TRADED, HEDGE_HELD, DELIVERED, FLOWS };
    i64 length;
    std::vector<double> classes, sizes;  // (class, flow, day) and (magnitude, day)

    explicit Sums(i64 length) : length(length), classes(2 * FLOWS * length), sizes(MAGNITUDES * length) {}

    void clear() {
        std::fill(classes.begin(), classes.end(), 0.0);
        std::fill(sizes.begin(), sizes.end(), 0.0);
    }
    double *of_class(int group) { return classes.data() + group * FLOWS * length; }
};

// One leg of one cohort.
struct Leg {
    i64 cohort, number;
};

// Quotes of a leg from its entry to the close on which it ends. Returns the number of closes.
INLINE i64 quote_until_end(const Market &market, const Held &held, const Leg &leg, Path &p) {
    const i64 base = leg.cohort * (held.days + 1), life = held.life[leg.cohort];
    const i64 member = leg.number > 0 ? held.name[leg.cohort * held.legs + leg.number - 1] : 0;
    Real shares = 1.0, cash = 0.0;
    i64 count = 0;
    do {
        Quote &q = p.quotes[count];
        q = quote_of(market, leg.cohort, leg.number, count);
        end_leg(q, leg.number, count, held.session[base + count] * held.names + member, count == life,
                (int)held.outcome[leg.cohort], shares, cash, held.strike_factor, held.settlement, held.strike_reduction);
        shares = q.shares;
        cash = q.cash;
        p.spot[count] = q.spot;
        p.carry[count] = q.carry;
        p.years[count] = q.years;
        p.listed[count] = q.listed;
        p.shares[count] = q.shares;
        p.cash[count] = q.cash;
        ++count;
    } while (p.quotes[count - 1].ends == LIVES);
    for (i64 day = count; day < whole_vectors(count); ++day) {
        p.spot[day] = p.spot[count - 1];
        p.carry[day] = 0.0;
        p.years[day] = 0.0;
        p.listed[day] = NOT_A_NUMBER;
        p.shares[day] = shares;
        p.cash[day] = cash;
    }
    return count;
}

// Cash that left the share, off the strike, since the close before.
INLINE Real paid_on(const Path &p, i64 day) { return p.cash[day] - p.cash[day - 1]; }

// Forwards and volatilities of a leg. A close that has none takes that of the close before, so days follow each other.
INLINE void look_up_path(const Market &market, Real strike, i64 count, Path &p) {
    const i64 whole = whole_vectors(count);
    HOST_SIMD
    for (i64 day = 0; day < whole; ++day) {
        p.forward[day] = forward_of(p.spot[day], p.carry[day], p.years[day], p.listed[day], p.shares[day]);
        strike_less(strike, p.cash[day], p.struck[day], p.above[day]);
        p.target[day] = target_of(looked_up(p.struck[day], p.above[day], p.forward[day]), p.forward[day]);
        p.root[day] = sqrt(p.years[day]);
    }
    Mark was, is;
    was.forward = strike;
    was.iv = NOT_A_NUMBER;
    for (i64 day = 0; day < count; ++day) {
        look_up(market, p.quotes[day], p.forward[day], p.target[day], p.root[day], paid_on(p, day), was, is);
        p.forward[day] = is.forward;
        p.iv[day] = is.iv;
        p.stale[day] = is.stale;
        p.beyond[day] = is.beyond;
        was = is;
    }
    for (i64 day = count; day < whole; ++day) {
        p.forward[day] = was.forward;
        p.iv[day] = was.iv;
        p.stale[day] = 0.0;
        p.beyond[day] = 0.0;
    }
    p.forward[-1] = p.forward[0];
    p.iv[-1] = p.iv[0];
    p.struck[-1] = p.struck[0];
}

// What happens at each close, as 1 or 0. Nothing does on the days that fill up the last vector.
INLINE void mark_events(i64 count, int ends, bool delivers, Path &p) {
    for (i64 day = 0; day < whole_vectors(count); ++day) {
        p.on[day] = day < count - 1;
        p.earns[day] = day > 0 && day < count;
        p.exited[day] = 0.0;
        p.closed[day] = 0.0;
        p.delivers[day] = 0.0;
    }
    p.earns[count - 1] = ends != CLOSED;
    p.exited[count - 1] = ends == EXITED;
    p.closed[count - 1] = ends == CLOSED;
    p.delivers[count - 1] = delivers;
}

// Values, greeks and hedges, and what the options of the close before would be worth.
INLINE void price_path(const Instrument &held, Real hedge_by, i64 count, Path &p) {
    HOST_SIMD
    for (i64 day = 0; day < whole_vectors(count); ++day) {
        const Real forward = with_cash(p.forward[day], p.above[day]);
        p.moneyness[day] = log_of(forward / p.struck[day]);
        price(forward, p.struck[day], p.iv[day], p.years[day], p.moneyness[day], p.discount[day], held.payoff,
              p.value[day], p.delta[day], p.vega[day]);
        p.hedge[day] = p.on[day] * hedge_by * p.delta[day] * held.units;
    }
    Real kept = 0.0;
    for (i64 day = 0; HEDGE_RULE != SHARE && day < count; ++day) {
        kept = held_delta(p.delta[day], hedge_by, day, kept);
        p.hedge[day] = p.on[day] * kept * held.units;
    }
    HOST_SIMD
    for (i64 day = 0; day < whole_vectors(count); ++day) {
        reprice(with_cash(p.forward[day - 1], p.above[day - 1]), with_cash(p.forward[day], p.above[day]),
                p.struck[day - 1], p.struck[day], p.iv[day - 1], p.left[day], p.moneyness[day - 1], p.moneyness[day],
                p.rolled_discount[day], held.payoff, p.rolled[day], p.rolled_vega[day], p.moved[day]);
    }
}

// What an instrument earns and trades on each day, added to the sums of its leg's class; its own over its life.
INLINE Totals add_flows(const Leg &leg, const Instrument &own, i64 count, const Path &p, Sums &all) {
    const i64 length = all.length;
    double *const sums = all.of_class(leg.number > 0), *const sizes = all.sizes.data();
    double option = 0.0, hedge = 0.0, financing = 0.0, vega_traded = 0.0, delivered = 0.0;
    _Pragma("omp simd reduction(+ : option, hedge, financing, vega_traded, delivered)")
    for (i64 day = 0; day < whole_vectors(count); ++day) {
        const Mark before = mark_at(p, day - 1), now = mark_at(p, day);
        Flow f;
        explain(before, now, paid_on(p, day), p.rolled[day], p.rolled_vega[day], p.moved[day], own.units,
                p.growth[day], p.rerated[day], p.left[day] > p.years[day], p.earns[day], f);
        trade(before, now, own.units, p.struck[day], own.payoff, p.on[day], p.first[day], p.exited[day], p.closed[day],
              p.delivers[day], f);
#pragma GCC unroll 8
        for (int k = 0; k < PARTS; ++k) sums[k * length + day] += f.part[k];
#pragma GCC unroll 8
        for (int k = 0; k < MAGNITUDES; ++k) sizes[k * length + day] += f.magnitude[k];
        sums[Sums::VEGA_TRADED * length + day] += f.vega_traded;
        sums[Sums::VEGA_HELD * length + day] += f.vega_held;
        sums[Sums::DELIVERED * length + day] += f.delivered;
        option += f.pnl - f.part[HEDGE] - f.part[FINANCING];
        hedge += f.part[HEDGE];
        financing += f.part[FINANCING];
        vega_traded += f.vega_traded;
        delivered += f.delivered;
    }
    return {option, hedge, financing, vega_traded, delivered};
}

// The hedges of a leg, added to the sums of its class. Returns what is traded over its life.
INLINE double add_hedges(const Leg &leg, i64 count, const Path &p, const Real *net, Sums &all) {
    double *const sums = all.of_class(leg.number > 0), life = 0.0;
    _Pragma("omp simd reduction(+ : life)")
    for (i64 day = 0; day < whole_vectors(count); ++day) {
        Real traded, held;
        trade_hedge(net[day - 1], net[day], p.forward[day], traded, held);
        sums[Sums::HEDGE_TRADED * all.length + day] += traded;
        sums[Sums::HEDGE_HELD * all.length + day] += held;
        life += traded;
    }
    return life;
}

// A leg's days are quoted one after the other. Each of its instruments is then looked up, day after day, and priced,
// explained and added up as vectors.
INLINE void hold_leg(const Market &market, const Held &held, const Leg &leg, Path &p, Sums &sums) {
    const i64 count = quote_until_end(market, held, leg, p), at = leg.cohort * (held.legs + 1) + leg.number;
    const int ends = p.quotes[count - 1].ends;
    mark_events(count, ends, ends == EXPIRED && leg.number > 0 && held.physical_delivery, p);
    store_end(held, at, count - 1, ends, p.shares[count - 1]);
    for (int i = 0; i < INSTRUMENTS; ++i) {
        const Instrument own = instrument_of(held, leg.number, at, i);
        look_up_path(market, own.strike, count, p);
        price_path(own, held.hedge_by, count, p);
        store_totals(held, at * INSTRUMENTS + i, add_flows(leg, own, count, p, sums));
        held.exit_value[at * INSTRUMENTS + i] = p.value[ends == CLOSED ? count - 2 : count - 1];
        if (INSTRUMENTS == 1) continue;  // its hedge is the leg's
        for (i64 day = 0; day < whole_vectors(count); ++day) p.net[day] = (i > 0 ? p.net[day] : 0) + p.hedge[day];
    }
    held.leg_hedge[at] = add_hedges(leg, count, p, INSTRUMENTS == 1 ? p.hedge : p.net, sums);
}

INLINE void store_sums(const Held &out, i64 cohort, Sums &sums) {
    const i64 length = sums.length;
    for (i64 day = 0; day <= out.life[cohort]; ++day) {
        const i64 close = cohort * (out.days + 1) + day;
        for (int k = 0; k < MAGNITUDES; ++k) out.magnitude[close * MAGNITUDES + k] = sums.sizes[k * length + day];
        for (int group = 0; group < 2; ++group) {
            const double *const flow = sums.of_class(group) + day;
            const i64 at = close * 2 + group;
            for (int k = 0; k < PARTS; ++k) out.explained[at * COLUMNS + k] = flow[k * length];
            out.vega_traded[at] = flow[Sums::VEGA_TRADED * length];
            out.vega_held[at] = flow[Sums::VEGA_HELD * length];
            out.hedge_traded[at] = flow[Sums::HEDGE_TRADED * length];
            out.hedge_held[at] = flow[Sums::HEDGE_HELD * length];
            out.delivered[at] = flow[Sums::DELIVERED * length];
        }
    }
}

#endif
