// Sums over the quoted names of a basket, and the correlation computed from them, as in engine/correlation/implied.py.
#include "portable.cuh"

#define ROUNDING 1e-10  // as in engine/statistics.py

// Adds a name of weight w and volatility s to the sums of its basket; a name without a quote adds nothing.
// Volatilities below `least` are none: it is 0 for realised ones, and the smallest positive number for quotes.
INLINE void add_name(double w, STORED s, STORED least, double& vol, double& own, double& variance, double& quoted,
                     double& names) {
    // Finite, and large enough; tested in the stored type, of which a vector may hold twice as many.
    const bool has_quote = (s - s == 0) & (s >= least);
    const double quote = has_quote ? s : 0, held = has_quote ? w : 0.0;
    const double ws = w * quote;
    vol += ws;
    own += ws * ws;
    variance += ws * quote;
    quoted += held;
    names += has_quote ? 1.0 : 0.0;
}

INLINE double over_positive(double numerator, double denominator) {
    return denominator > 0.0 ? numerator / denominator : NOT_A_NUMBER;
}

// Correlation of one cell from its sums; `weight` is the sum over all names of the basket, quoted or not.
INLINE void correlate(double vol, double own, double variance, double quoted, double names, double weight,
                      double index_iv, double min_coverage, double least, double& clean, double& dirty, double& variance_ratio,
                      double& coverage, int& status) {
    const bool has_quote = is_finite(index_iv) & (index_iv >= least);
    const double index = (has_quote ? index_iv : NOT_A_NUMBER) * quoted, index_variance = index * index;
    const double basket_variance = vol * vol, difference = basket_variance - own;
    const double pairs = difference > ROUNDING * basket_variance ? difference : 0.0;  // else one name is all there is
    clean = over_positive(index_variance - own, pairs);
    dirty = over_positive(index_variance, basket_variance);
    variance_ratio = over_positive(index_variance, variance * quoted);
    coverage = quoted / (weight > 0.0 ? weight : 1.0);
    const double others = names > 2.0 ? names - 1.0 : 1.0;
    int found = OK;
    found = clean > 1.0 ? ABOVE_ONE : found;
    found = clean < -1.0 / others ? BELOW_PSD_BOUND : found;
    found = pairs > 0.0 ? found : DEGENERATE;
    found = coverage < min_coverage ? THIN_COVERAGE : found;
    status = is_finite(index) ? found : NO_INDEX_QUOTE;
}
