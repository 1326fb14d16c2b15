// Value and greeks of one straddle: the formulas of engine/pricing/straddle.py, in their order and with their names.
#include "special.cuh"

#define NARROWEST 1e-100
#define DAYS_PER_YEAR 365.0
#define VOL_POINT 0.01

INLINE void straddle_greeks(double forward, double strike, double iv, double years, double rate, double& value,
                            double& delta, double& gamma, double& vega, double& theta, double& vanna, double& volga) {
    const bool expired = years <= 0.0;
    const bool priced = !expired & (iv > 0.0) & (forward > 0.0) & (strike > 0.0);
    const double vol = priced ? iv : NOT_A_NUMBER;
    const double underlying = priced ? forward : 1.0, exercise = priced ? strike : 1.0, time = expired ? 1.0 : years;
    const double root = sqrt(time), total = vol * root, spread = total < NARROWEST ? NARROWEST : total;
    const double d1 = log_of(underlying / exercise) / spread + 0.5 * spread, d2 = d1 - spread;
    const double discount = exp_of(-rate * time);
    double inside1, inside2, bell1, bell2;
    erf_and_density(d1, inside1, bell1);
    erf_and_density(d2, inside2, bell2);
    const double density = discount * bell1 * 0.79788456080286536;  // sqrt(2 / pi)

    const double worth = discount * (underlying * inside1 - exercise * inside2);
    const double slope = underlying * density * root;
    const double intrinsic = forward > strike ? forward - strike : strike - forward, unknown = 0.0 * intrinsic;
    const double side = forward > strike ? 1.0 : forward < strike ? -1.0 : unknown;
    value = expired ? intrinsic : worth;
    delta = expired ? side : discount * inside1;
    gamma = expired ? unknown : density / (underlying * spread);
    vega = expired ? unknown : slope * VOL_POINT;
    theta = expired ? unknown : (rate * worth - 0.5 * slope * vol / time) / DAYS_PER_YEAR;
    vanna = expired ? unknown : -density * d2 / vol * VOL_POINT;
    volga = expired ? unknown : slope * d1 * d2 / vol * (VOL_POINT * VOL_POINT);
}
