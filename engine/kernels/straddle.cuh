// Value and greeks of one straddle: the formulas of engine/pricing/straddle.py, in their order and with their names.
#include "special.cuh"

#define NARROWEST Real(sizeof(Real) == sizeof(double) ? 1e-100 : 1e-30)
#define DAYS_PER_YEAR Real(365.0)
#define VOL_POINT Real(0.01)

// Worth of a straddle that lives on, from ln(forward / strike), spread = s sqrt T and the discount; `density` is
// 2 n(d1), discounted.
INLINE void living_straddle(Real forward, Real strike, Real moneyness, Real spread, Real discount,
                            Real& worth, Real& d1, Real& d2, Real& inside1, Real& density) {
    d1 = moneyness / spread + Real(0.5) * spread;
    d2 = d1 - spread;
    Real inside2, bell1, bell2;
    erf_and_density(d1, inside1, bell1);
    erf_and_density(d2, inside2, bell2);
    density = discount * bell1 * Real(0.79788456080286536);  // sqrt(2 / pi)
    worth = discount * (forward * inside1 - strike * inside2);
}

// The same as straddle_greeks, for callers that know ln(forward / strike) and the discount exp(-rate years).
INLINE void straddle_known(Real forward, Real strike, Real iv, Real years, Real rate, Real moneyness,
                           Real discount, Real& value, Real& delta, Real& gamma, Real& vega, Real& theta,
                           Real& vanna, Real& volga) {
    const bool expired = years <= 0.0;
    const bool priced = !expired & (iv > 0.0) & (forward > 0.0) & (strike > 0.0);
    const Real vol = priced ? iv : NOT_A_NUMBER, time = expired ? Real(1.0) : years;
    const Real root = sqrt(time), total = vol * root, spread = total < NARROWEST ? NARROWEST : total;
    Real worth, d1, d2, inside1, density;
    living_straddle(forward, strike, moneyness, spread, discount, worth, d1, d2, inside1, density);

    const Real slope = forward * density * root;
    const Real intrinsic = forward > strike ? forward - strike : strike - forward, unknown = Real(0.0) * intrinsic;
    const Real side = forward > strike ? Real(1.0) : forward < strike ? -Real(1.0) : unknown;
    value = expired ? intrinsic : worth;
    delta = expired ? side : discount * inside1;
    gamma = expired ? unknown : density / (forward * spread);
    vega = expired ? unknown : slope * VOL_POINT;
    theta = expired ? unknown : (rate * worth - Real(0.5) * slope * vol / time) / DAYS_PER_YEAR;
    vanna = expired ? unknown : -density * d2 / vol * VOL_POINT;
    volga = expired ? unknown : slope * d1 * d2 / vol * (VOL_POINT * VOL_POINT);
}

INLINE void straddle_greeks(Real forward, Real strike, Real iv, Real years, Real rate, Real& value,
                            Real& delta, Real& gamma, Real& vega, Real& theta, Real& vanna, Real& volga) {
    const Real time = years <= 0.0 ? Real(1.0) : years;
    straddle_known(forward, strike, iv, years, rate, log_of(forward / strike), exp_of(-rate * time), value, delta,
                   gamma, vega, theta, vanna, volga);
}
