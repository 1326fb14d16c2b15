// Names that make the same text compile for a GPU and for a CPU. `Real` is float in a book of single precision, and double
// everywhere else.
#ifdef __CUDACC__
#define INLINE static __device__ __forceinline__
#define HOST_SIMD
typedef long long i64;
typedef float Flag;  // a small integer: half the registers of a double
typedef unsigned char u8;
#define NOT_A_NUMBER Real(__longlong_as_double(0x7ff8000000000000LL))
#define INFINITE Real(__longlong_as_double(0x7ff0000000000000LL))
#else
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>
#define INLINE static inline __attribute__((always_inline))
#define HOST_SIMD _Pragma("omp simd")
typedef int64_t i64;
typedef Real Flag;  // as wide as what it stands beside, so that loops over both are vectors
typedef uint8_t u8;
#define NOT_A_NUMBER std::numeric_limits<Real>::quiet_NaN()
#define INFINITE std::numeric_limits<Real>::infinity()
using std::sqrt;
#endif

// Infinite - infinite is NaN, which is not 0. Written without a branch, so that loops over it become vector
// instructions.
template <class T>
INLINE bool is_finite(T x) {
    return x - x == T(0);
}
