// Sorting and selecting along a dimension of row-major (outer, n, inner).
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace sort {

struct Extent {
  int64_t outer = 1, n = 1, inner = 1;
};

// NO_MEMORY is the only failure. `values` may be null.
template <class T>
pynn_status sort(const Extent& e, bool descending, const T* x, T* values, int64_t* places);
template <class T>
pynn_status topk(const Extent& e, int64_t k, bool largest, const T* x, T* values, int64_t* places);
template <class T>
pynn_status select(const Extent& e, int64_t k, bool nan_first, const T* x, T* values, int64_t* places);

// dx (outer, n, inner) from grad and places (outer, count, inner); false where a place is none.
template <class T>
bool put_along(const Extent& e, int64_t count, const T* grad, const int64_t* places, T* dx);

}  // namespace sort
}  // namespace pynn
