// exp, log, erf and erfcx. A GPU uses CUDA's own; for a CPU they are written here without branches, so that the
// compiler can turn loops over them into vector instructions.
//
// The coefficients are minimax fits, computed with 50 digits for this file. "Fit" is the error of a fit before
// rounding. Where a function is a quotient of polynomials, all coefficients are positive: nothing cancels, so no digits
// are lost. Outside the range that a function is documented for, its result is an arbitrary number, but calling it is
// safe.
#include "portable.cuh"

// c0 + c1 x + c2 x^2 + ...
INLINE double polynomial(double, double c) { return c; }
template <class... Rest>
INLINE double polynomial(double x, double c, Rest... rest) {
    return c + x * polynomial(x, rest...);
}

#ifdef __CUDACC__

INLINE double exp_of(double x) { return exp(x); }
INLINE double log_of(double x) { return log(x); }
INLINE double erf_of(double x) { return erf(x); }
INLINE void erf_and_density(double d, double& inside, double& density) {
    inside = erf(d * 0.70710678118654752);
    density = exp(-0.5 * d * d);
}
INLINE double erfcx_of(double x) { return erfcx(x); }

#else

INLINE uint64_t bits_of(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE double double_of(uint64_t bits) {
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// Adding this to a number smaller than 2^51 rounds it to an integer, which is then found in the lowest bits of the sum.
#define ROUND_TO_INTEGER 0x1.8p52
#define LOG2_E 1.4426950408889634
#define LN2_HIGH 6.93147180369123816490e-01  // the first 32 bits of ln 2: its product with an exponent is exact
#define LN2_LOW 1.90821492927058770002e-10

// exp(r) - 1 with r = x - k ln 2, for |r| <= ln(2) / 2; fit 4e-18 of exp(r).
INLINE double expm1_reduced(double x, double k) {
    const double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    const double q = polynomial(r, 0.5000000000000011, 0.16666666666666413, 0.04166666666652998, 0.008333333333494319,
                                0.0013888888943672138, 0.00019841269507029795, 2.4801493058676375e-05,
                                2.755758588421483e-06, 2.763026174007016e-07, 2.500023618104538e-08);
    return r + r * r * q;
}

// exp(x) within 1 ulp; 0 where it is smaller than the smallest normal number.
INLINE double exp_of(double x) {
    const double shifted = x * LOG2_E + ROUND_TO_INTEGER;
    const double reduced = 1.0 + expm1_reduced(x, shifted - ROUND_TO_INTEGER);
    double power = double_of(bits_of(reduced) + (bits_of(shifted) << 52));
    power = x < -708.39 ? 0.0 : power;
    return x <= 709.78271289338397 ? power : x + INFINITE;
}

// ln(x) within 1 ulp; -infinite where x is smaller than the smallest normal number, NaN where x is negative.
INLINE double log_of(double x) {
    const uint64_t root_half = 0x3fe6a09e667f3bcdULL, one = 0x3ff0000000000000ULL, two52 = 0x4330000000000000ULL;
    const uint64_t shifted = bits_of(x) + (one - root_half);
    const double k = double_of((shifted >> 52) | two52) - (0x1p52 + 1023.0);
    const double f = double_of((shifted & 0x000fffffffffffffULL) + root_half) - 1.0;  // x = 2^k (1 + f)
    const double s = f / (2.0 + f), z = s * s;
    // ln(1 + f) = 2 atanh(s) = 2 s + s r; fit 1e-18
    const double r = z * polynomial(z, 0.6666666666666734, 0.39999999999413793, 0.28571428742572813,
                                    0.22222198554734499, 0.18183565273189872, 0.15314026367278769, 0.1479619284889824);
    double power = k * LN2_HIGH - ((s * (f - r) - k * LN2_LOW) - f);
    power = x >= 0x1p-1022 ? power : (x < 0.0 ? NOT_A_NUMBER : -INFINITE);
    return x < INFINITE ? power : x;
}

// inside = erf(d / sqrt 2) = 2 N(d) - 1, with a relative error below 6e-16 and an absolute one below 3e-16, and
// density = exp(-d^2 / 2) = sqrt(2 pi) n(d). Both together take little longer than one of them.
//
// With e = exp(-d^2 / 2) and the fit erfcx(d / sqrt 2) = p / (p + q),
//     erf(d / sqrt 2) = 1 - e p / (p + q) = (q - (e - 1) p) / (p + q)
// whose numerator is a sum of two positive terms, so that no digits are lost near 0 either. Fit 5e-19 of erf.
INLINE void erf_and_density(double d, double& inside, double& density) {
    const double furthest = 37.6;  // from here on the density is 0
    const double size = std::fabs(d), a = size > furthest ? furthest : size;
    const double x = -0.5 * a * a, shifted = x * LOG2_E + (ROUND_TO_INTEGER + 1023.0);
    const double scale = double_of(bits_of(shifted) << 52);
    const double reduced = expm1_reduced(x, shifted - (ROUND_TO_INTEGER + 1023.0));
    const double expm1 = scale * reduced + (scale - 1.0);
    const double p = polynomial(a, 1.0, 1.113542034941036517, 0.62663184407182316024, 0.21690015119424851355,
                                0.049093703374101361158, 0.0072039663189402601112, 0.00063360992432547585303,
                                0.000025838545166841799388);
    const double q = a * polynomial(a, 0.79788456080286535553, 1.0250977698520393042, 0.62813777996639428155,
                                    0.23174383488801873588, 0.055117469068118499644, 0.0084277644126190980945,
                                    0.00076826721421095338665, 0.00003238394688504116182);
    inside = std::copysign((q - expm1 * p) / (p + q), d);
    density = size > furthest ? 0.0 : scale + scale * reduced;
}

INLINE double erf_of(double x) {
    double inside, density;
    erf_and_density(x * 1.4142135623730951, inside, density);
    return inside;
}

// erfcx(x) = exp(x^2) erfc(x) with a relative error below 1e-15 for -0.5 <= x <= 1e25; fit 2e-16.
INLINE double erfcx_of(double x) {
    const double y = x + 0.5;
    const double above = polynomial(y, 1.9523604891825573938, 4.4987637512198095153, 5.363409087013569419,
                                    4.2171934214482538773, 2.3837813444287691224, 1.0040563887770845522,
                                    0.31824621455887824237, 0.075057914467621933013, 0.012679568972049403503,
                                    0.0014018750525923658683, 0.000078930469231847510673);
    const double below = polynomial(y, 1.0, 3.8822253623210094967, 7.0841447953029541791, 8.0416003935849497546,
                                    6.3293849728718197243, 3.6405563606183048366, 1.5687141189906870007,
                                    0.50936408606293731867, 0.12307706868568458717, 0.021301521741663965587,
                                    0.0024148085283838560709, 0.00013990061414376746784);
    return above / below;
}

#endif
