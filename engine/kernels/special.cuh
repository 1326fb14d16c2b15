// exp, log, erf and erfcx, the first three of doubles or floats. A GPU uses CUDA's own; for a CPU they are written here
// without branches, so that the compiler can turn loops over them into vector instructions.
//
// The coefficients are minimax fits, computed with 50 digits for doubles. "Fit" is the error of a fit before
// rounding. Where a function is a quotient of polynomials, all coefficients are positive: nothing cancels, so no digits
// are lost. Outside the range that a function is documented for, its result is an arbitrary number, but calling it is
// safe.
#include "portable.cuh"

// c0 + c1 x + c2 x^2 + ...
template <class T>
INLINE T polynomial(T, double c) {
    return T(c);
}
template <class T, class... Rest>
INLINE T polynomial(T x, double c, Rest... rest) {
    return T(c) + x * polynomial(x, rest...);
}

#ifdef __CUDACC__

template <class T>
INLINE T exp_of(T x) {
    return exp(x);
}
template <class T>
INLINE T log_of(T x) {
    return log(x);
}
template <class T>
INLINE void erf_and_density(T d, T& inside, T& density) {
    inside = erf(d * T(0.70710678118654752));
    density = exp(T(-0.5) * d * d);
}
INLINE double erf_of(double x) { return erf(x); }
INLINE double erfcx_of(double x) { return erfcx(x); }

#else

// How a type is laid out. Adding ROUND to a number that is small enough rounds it to an integer, which is then found in the
// lowest bits of the sum; those of WHOLE = 2^MANTISSA count in ones. LN2_HIGH has so few bits that its product with an
// exponent is exact.
template <class T>
struct Layout;
template <>
struct Layout<double> {
    typedef uint64_t Bits;
    enum { MANTISSA = 52, BIAS = 1023 };
    static constexpr double ROUND = 0x1.8p52, WHOLE = 0x1p52;
    static constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
    static constexpr double LEAST = 0x1p-1022, LEAST_EXP = -708.39, MOST_EXP = 709.78271289338397;
    static constexpr double NO_DENSITY = 37.6;  // exp(-x^2 / 2) is 0 from here on
    static constexpr Bits ROOT_HALF = 0x3fe6a09e667f3bcdULL;
};
template <>
struct Layout<float> {
    typedef uint32_t Bits;
    enum { MANTISSA = 23, BIAS = 127 };
    static constexpr float ROUND = 0x1.8p23f, WHOLE = 0x1p23f;
    static constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
    static constexpr float LEAST = 0x1p-126f, LEAST_EXP = -87.33f, MOST_EXP = 88.72283f;
    static constexpr float NO_DENSITY = 13.2f;
    static constexpr Bits ROOT_HALF = 0x3f3504f3U;
};

template <class T>
INLINE typename Layout<T>::Bits bits_of(T x) {
    typename Layout<T>::Bits bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

template <class T>
INLINE T number_of(typename Layout<T>::Bits bits) {
    T x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

#define LOG2_E 1.4426950408889634

// exp(r) - 1 with r = x - k ln 2, for |r| <= ln(2) / 2; fit 4e-18 of exp(r).
template <class T>
INLINE T expm1_reduced(T x, T k) {
    const T r = (x - k * Layout<T>::LN2_HIGH) - k * Layout<T>::LN2_LOW;
    const T q = polynomial(r, 0.5000000000000011, 0.16666666666666413, 0.04166666666652998, 0.008333333333494319,
                           0.0013888888943672138, 0.00019841269507029795, 2.4801493058676375e-05,
                           2.755758588421483e-06, 2.763026174007016e-07, 2.500023618104538e-08);
    return r + r * r * q;
}

// exp(x) within 1 ulp; 0 where it is smaller than the smallest normal number.
template <class T>
INLINE T exp_of(T x) {
    typedef Layout<T> L;
    const T shifted = x * T(LOG2_E) + L::ROUND;
    const T reduced = T(1) + expm1_reduced(x, shifted - L::ROUND);
    T power = number_of<T>(bits_of(reduced) + (bits_of(shifted) << L::MANTISSA));
    power = x < L::LEAST_EXP ? T(0) : power;
    return x <= L::MOST_EXP ? power : x + T(INFINITE);
}

// ln(x) within 1 ulp; -infinite where x is smaller than the smallest normal number, NaN where x is negative.
template <class T>
INLINE T log_of(T x) {
    typedef Layout<T> L;
    typedef typename L::Bits Bits;
    const Bits one = bits_of(T(1)), mantissa = (Bits(1) << L::MANTISSA) - 1;
    const Bits shifted = bits_of(x) + (one - L::ROOT_HALF);
    const T k = number_of<T>((shifted >> L::MANTISSA) | bits_of(L::WHOLE)) - (L::WHOLE + T(L::BIAS));
    const T f = number_of<T>((shifted & mantissa) + L::ROOT_HALF) - T(1);  // x = 2^k (1 + f)
    const T s = f / (T(2) + f), z = s * s;
    // ln(1 + f) = 2 atanh(s) = 2 s + s r; fit 1e-18
    const T r = z * polynomial(z, 0.6666666666666734, 0.39999999999413793, 0.28571428742572813, 0.22222198554734499,
                               0.18183565273189872, 0.15314026367278769, 0.1479619284889824);
    T power = k * L::LN2_HIGH - ((s * (f - r) - k * L::LN2_LOW) - f);
    power = x >= L::LEAST ? power : (x < T(0) ? T(NOT_A_NUMBER) : -T(INFINITE));
    return x < T(INFINITE) ? power : x;
}

// inside = erf(d / sqrt 2) = 2 N(d) - 1, with a relative error below 6e-16 and an absolute one below 3e-16, and
// density = exp(-d^2 / 2) = sqrt(2 pi) n(d). Both together take little longer than one of them.
//
// With e = exp(-d^2 / 2) and the fit erfcx(d / sqrt 2) = p / (p + q),
//     erf(d / sqrt 2) = 1 - e p / (p + q) = (q - (e - 1) p) / (p + q)
// whose numerator is a sum of two positive terms, so that no digits are lost near 0 either. Fit 5e-19 of erf.
template <class T>
INLINE void erf_and_density(T d, T& inside, T& density) {
    typedef Layout<T> L;
    const T size = std::fabs(d), a = size > L::NO_DENSITY ? L::NO_DENSITY : size;
    const T x = T(-0.5) * a * a, round = L::ROUND + T(L::BIAS), shifted = x * T(LOG2_E) + round;
    const T scale = number_of<T>(bits_of(shifted) << L::MANTISSA);
    const T reduced = expm1_reduced(x, shifted - round);
    const T expm1 = scale * reduced + (scale - T(1));
    const T p = polynomial(a, 1.0, 1.113542034941036517, 0.62663184407182316024, 0.21690015119424851355,
                           0.049093703374101361158, 0.0072039663189402601112, 0.00063360992432547585303,
                           0.000025838545166841799388);
    const T q = a * polynomial(a, 0.79788456080286535553, 1.0250977698520393042, 0.62813777996639428155,
                               0.23174383488801873588, 0.055117469068118499644, 0.0084277644126190980945,
                               0.00076826721421095338665, 0.00003238394688504116182);
    inside = std::copysign((q - expm1 * p) / (p + q), d);
    density = size > L::NO_DENSITY ? T(0) : scale + scale * reduced;
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
