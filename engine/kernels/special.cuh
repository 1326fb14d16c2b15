// exp, log, erf and erfcx: the device's own on a GPU; on a CPU written without branches, so that loops become vectors.
#include "portable.cuh"

#ifdef __CUDACC__
INLINE double exp_of(double x) { return exp(x); }
INLINE double log_of(double x) { return log(x); }
INLINE double erf_of(double x) { return erf(x); }
#else
INLINE double exp_of(double x) { return std::exp(x); }
INLINE double log_of(double x) { return std::log(x); }
INLINE double erf_of(double x) { return std::erf(x); }
#endif
