// How a CPU goes through arrays element by element. An input is one number for all items (its stride is 0), or has one
// number for each item (its stride is 1).
//
// PIECE items are taken at a time, few enough to stay in the first-level cache from one stage of a formula to the next.
// The last piece is filled up with ones, so that every item goes through the same vector instructions: its result does
// not depend on its place in the array.
#include "portable.cuh"

#ifndef __CUDACC__

template <class T>
INLINE void load(T *to, const T *from, i64 stride, i64 at, i64 count) {
    for (i64 i = 0; i < count; ++i) to[i] = from[(at + i) * stride];
    for (i64 i = count; i < PIECE; ++i) to[i] = T(1);
}

#endif
