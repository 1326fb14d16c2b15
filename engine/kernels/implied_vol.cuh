// Implied volatility of one option: the formulas of engine/pricing/implied_vol.py, in their order and with their names.
#include "special.cuh"

#define STEPS 3
#define CONVERGED 3e-4
#define LARGEST_STEP 2.0
#define SMALLEST 1e-290
#define ROUNDING 2.3e-16
#define IDENTIFIED 1e-10
#define NARROW 0.02
#define ROOT_HALF 0.70710678118654752
#define ROOT_TWO 1.4142135623730951
#define ROOT_TWO_PI 2.5066282746310005
#define PI 3.141592653589793

INLINE double larger_of(double a, double b) { return a > b ? a : b; }

// From a price: x, the target b(s) = time value / sqrt(F K), what it lacks of its ceiling exp(x / 2), and `blur`, the
// error of the target that rounding can hide. Where no volatility can be found, the status says why; x and the target
// are then those of an arbitrary option, so that the steps still work on ordinary numbers.
INLINE void normalise(double price, double forward, double strike, double years, double rate, bool is_call, double& x,
                      double& target, double& lacking, double& blur, int& status) {
    const bool valid = (price > 0.0) & (forward > 0.0) & (strike > 0.0) & is_finite(price) & is_finite(forward) &
                       is_finite(strike) & is_finite(years) & is_finite(rate);
    const bool timed = valid & (years > 0.0);
    const double f = timed ? forward : 1.0, k = timed ? strike : 1.0;
    const double growth = timed ? rate * years : 1.0, undiscounted = (timed ? price : 1.0) * exp_of(growth);
    const double intrinsic = larger_of(is_call ? f - k : k - f, 0.0);
    const double unit = sqrt(f) * sqrt(k), higher = larger_of(f, k);
    const double time_value = (undiscounted - intrinsic) / unit, rest = ((is_call ? f : k) - undiscounted) / unit;
    const double far = -log_of(higher / (f > k ? k : f));
    const double of_price = ROUNDING * (2.0 + 0.5 * fabs(growth)) * undiscounted;
    blur = (of_price + ROUNDING * (intrinsic > 0.0 ? higher : 0.0)) / unit;
    const bool above = rest <= 0.0;
    const bool below = time_value <= (intrinsic > 0.0 ? blur : 0.0);
    const bool soluble = timed & !above & !below & (time_value > SMALLEST);
    status = soluble ? OK : NOT_IDENTIFIED;
    status = below ? BELOW_INTRINSIC : status;
    status = above ? ABOVE_FORWARD : status;
    status = timed ? status : NO_TIME;
    status = valid ? status : INVALID;
    x = soluble ? far : -0.1;
    target = soluble ? time_value : 0.01;
    lacking = soluble ? rest : 0.9;
}

// The d for which erf(d / sqrt 2) = y, within 0.5 %. `rest` is 1 - y, given because both may be tiny.
INLINE double deviations(double y, double rest) {
    const double w = -log_of(rest * (1.0 + y));
    return ROOT_TWO * y * sqrt((0.25 * PI + w * (0.53849189 + w * 0.22341098)) / (1.0 + w * 0.22049806));
}

INLINE double over_mills_ratio(double y) { return (PI - 1.0) * y + sqrt(y * y + 2.0 * PI); }

// |h| as a function of ratio = |x| / b, by Bachelier's formula.
INLINE double distance(double ratio) {
    const double w = log_of(1.0 + ratio / ROOT_TWO_PI);
    return sqrt(w * w * (1.0 + 0.36 * w) / (1.0 + w * (1.947 + 0.18 * w)));
}

INLINE double first_guess(double x, double target, double lacking) {
    const double share = target / (target + lacking), rest = lacking / (target + lacking);
    const double near = deviations(share, rest);
    const double odds = over_mills_ratio(near) / over_mills_ratio(sqrt(near * near - 2.0 * x));
    const double inside = (odds - 1.0 + 2.0 * share) / (1.0 + odds);
    const double d = deviations(inside, 2.0 * rest / (1.0 + odds));
    const double body = d + sqrt(d * d - 2.0 * x);

    const double nearest = larger_of(sqrt(-0.5 * x), 1e-300);
    const double ratio = -x / target, t = -0.5 * x / larger_of(distance(ratio), nearest);
    const double wing = -x / larger_of(distance(ratio * exp_of(-0.5 * t * t)), nearest);
    return (inside < 0.0) & (share < 0.25) ? wing : body;
}

// What the steps solve for, and where they start. The goal is the log of the target (side 1) or of what it lacks of its
// ceiling (side -1), whichever is smaller: the smaller one carries the digits.
INLINE void start(double x, double target, double lacking, double& goal, double& side, double& s) {
    const bool minor = target < lacking;
    goal = log_of(minor ? target : lacking);
    side = minor ? 1.0 : -1.0;
    s = first_guess(x, target, lacking);
}

INLINE double scaled_value(double h, double t, double side) {
    const bool narrow = (side > 0.0) & (t < 0.5 * NARROW);
    const double middle = -h * ROOT_HALF, half = t * ROOT_HALF, square = half * half;
    const double first = erfcx_of(narrow ? middle : -side * (h + t) * ROOT_HALF);
    const double difference = first - side * erfcx_of((t - h) * ROOT_HALF);
    const double d1 = 2.0 * middle * first - 1.1283791670955126;  // 2 / sqrt pi
    const double d2 = 2.0 * first + 2.0 * middle * d1;
    const double d3 = 4.0 * d1 + 2.0 * middle * d2;
    const double d4 = 6.0 * d2 + 2.0 * middle * d3;
    const double d5 = 8.0 * d3 + 2.0 * middle * d4;
    return narrow ? -2.0 * half * (d1 + square / 6.0 * (d3 + square / 20.0 * d5)) : difference;
}

// One step of fourth order towards the goal: its error is of the order of the fourth power of the error before.
INLINE double step_from(double s, double x, double goal, double side) {
    const double over_s = 1.0 / s, h = x * over_s, t = 0.5 * s;
    const double mills = scaled_value(h, t, side);
    const double slope = 0.79788456080286536 * side / mills;  // sqrt(2 / pi)
    const double newton = (goal - log_of(0.5 * mills) + 0.5 * (h * h + t * t)) / slope;
    const double bend = h * h * over_s - 0.5 * t, second = bend - slope, tilt = h * over_s;
    const double third = second * second - 3.0 * tilt * tilt - 0.25 - slope * second;
    const double step = newton * (1.0 + 0.5 * second * newton) / (1.0 + newton * (second + third * newton / 6.0));
    const double lowest = s / LARGEST_STEP - s, highest = LARGEST_STEP * s - s;
    return step < lowest ? lowest : step > highest ? highest : step;
}

// Upper bound of exp(x / 2) N(d).
INLINE double larger_term(double x, double d) {
    const double body = 0.5 + 0.4 * larger_of(d, 0.0), tail = d < 0.0 ? d : 0.0;
    return (body < 1.0 ? body : 1.0) * exp_of(0.5 * (x - tail * tail));
}

// The volatility, or NaN if the price does not determine it, which the status then says.
INLINE void judge(double x, double blur, double s, double last_step, double years, int& status, double& iv) {
    const double h = x / s, t = 0.5 * s;
    const double slope = exp_of(-0.5 * (h * h + t * t)) / ROOT_TWO_PI;
    const double hidden = blur + 1.5 * ROUNDING * larger_term(x, h + t);
    const bool converged = (last_step <= CONVERGED * s) & (-last_step <= CONVERGED * s);
    status = (status == OK) & !((hidden <= IDENTIFIED * slope * s) & converged) ? NOT_IDENTIFIED : status;
    iv = status == OK ? s / sqrt(years) : NOT_A_NUMBER;
}
