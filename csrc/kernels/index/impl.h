// Row sums of one ISA.
#pragma once
#include "kernels/index/index.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace index {

using ::pynn::index::Table;

template <class T>
void add(T* to, const T* from, int64_t n) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load(to + i) + load(from + i));
  if (i < n) {
    const int rest = int(n - i);
    store_n(to + i, load_n(to + i, rest) + load_n(from + i, rest), rest);
  }
}

template <class T>
void add_scaled(T* to, const T* from, int64_t n, T scale) {
  constexpr int lanes = Vec<T>::lanes;
  const Vec<T> s = set1(scale);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load(to + i) + load(from + i) * s);
  if (i < n) {
    const int rest = int(n - i);
    store_n(to + i, load_n(to + i, rest) + load_n(from + i, rest) * s, rest);
  }
}

bool outside(const int64_t* indices, int64_t n, int64_t low, int64_t high) {
  constexpr int lanes = Vec<int64_t>::lanes;
  bool bad = false;
  int64_t i = 0;
  if (n >= lanes) {
    const Vec<int64_t> least = set1(low), end = set1(high);
    Mask<int64_t> found = load(indices) < least;
    for (; i + lanes <= n; i += lanes) {
      const Vec<int64_t> v = load(indices + i);
      found = found | (v < least) | (v >= end);
    }
    bad = any(found);
  }
  for (; i < n; ++i) bad |= indices[i] < low || indices[i] >= high;
  return bad;
}

extern const Table table;
const Table table = {PYNN_ISA_NAME, {&add<float>, &add_scaled<float>, &outside},
                     {&add<double>, &add_scaled<double>, &outside}};

}  // namespace index
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
