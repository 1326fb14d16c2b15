// Arrays on a CPU, element by element: an input is one number for all items (its stride is 0) or one for each (1).
//
// Items are taken PIECE at a time, the last piece filled up: every item goes through the same instructions, so that its
// result does not depend on its place; and from stage to stage all numbers stay in the first-level cache.
#include "portable.cuh"

#ifndef __CUDACC__

enum { PIECE = 256 };

template <class T>
INLINE void load(T *to, const T *from, i64 stride, i64 at, i64 count) {
    for (i64 i = 0; i < count; ++i) to[i] = from[(at + i) * stride];
    for (i64 i = count; i < PIECE; ++i) to[i] = T(1);
}

#endif
