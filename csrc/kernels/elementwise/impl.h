// The elementwise kernels of one ISA. A tail runs the same vector maths as the rest under a
// mask, so an element's result never depends on where in the array it lies.
#pragma once
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/ops.h"
#include "simd/vec.h"

#include <type_traits>
#include <utility>

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace elementwise {

using ::pynn::elementwise::kBoth;
using ::pynn::elementwise::Kernels;
using ::pynn::elementwise::kScalarA;
using ::pynn::elementwise::kScalarB;
using ::pynn::elementwise::Table;

// Vectors in flight: the functions are long chains of dependent instructions.
constexpr int kInFlight = 4;

// Whether Op has a shorter function, `usual`, for operands of which none is `rare`: one branch for all in flight.
template <class Op, class T, class = void>
struct HasUsual : std::false_type {};
template <class Op, class T>
struct HasUsual<Op, T, decltype(void(Op::usual(std::declval<Vec<T>>())))> : std::true_type {};

template <class Op, class T>
void unary(int64_t n, const T* x, T alpha, T beta, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  const Vec<T> va = set1(alpha), vb = set1(beta);
  int64_t i = 0;
  for (; i + kInFlight * lanes <= n; i += kInFlight * lanes) {
    Vec<T> v[kInFlight];
    PYNN_UNROLL
    for (int k = 0; k < kInFlight; ++k) v[k] = load(x + i + k * lanes);
    bool all_usual = false;
    if constexpr (HasUsual<Op, T>::value) {
      Mask<T> rare = Op::rare(v[0]);
      PYNN_UNROLL
      for (int k = 1; k < kInFlight; ++k) rare = rare | Op::rare(v[k]);
      all_usual = !any(rare);
      if (all_usual) {
        PYNN_UNROLL
        for (int k = 0; k < kInFlight; ++k) v[k] = Op::usual(v[k]);
      }
    }
    if (!all_usual) {
      PYNN_UNROLL
      for (int k = 0; k < kInFlight; ++k) v[k] = Op::run(v[k], va, vb);
    }
    PYNN_UNROLL
    for (int k = 0; k < kInFlight; ++k) store(out + i + k * lanes, v[k]);
  }
  for (; i + lanes <= n; i += lanes) store(out + i, Op::run(load(x + i), va, vb));
  if (i < n) store_n(out + i, Op::run(load_n(x + i, int(n - i)), va, vb), int(n - i));
}

template <class Op, class T, int kMode>
void binary(int64_t n, const T* a, const T* b, T alpha, T beta, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  if (n <= 0) return;
  const Vec<T> va = set1(alpha), vb = set1(beta);
  const Vec<T> a_all = kMode == kScalarA ? set1(*a) : zero<T>(),
               b_all = kMode == kScalarB ? set1(*b) : zero<T>();
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vec<T> a0 = kMode == kScalarA ? a_all : load(a + i),
                 a1 = kMode == kScalarA ? a_all : load(a + i + lanes);
    const Vec<T> b0 = kMode == kScalarB ? b_all : load(b + i),
                 b1 = kMode == kScalarB ? b_all : load(b + i + lanes);
    const Vec<T> first = Op::run(a0, b0, va, vb), second = Op::run(a1, b1, va, vb);
    store(out + i, first);
    store(out + i + lanes, second);
  }
  for (; i + lanes <= n; i += lanes) {
    const Vec<T> a0 = kMode == kScalarA ? a_all : load(a + i), b0 = kMode == kScalarB ? b_all : load(b + i);
    store(out + i, Op::run(a0, b0, va, vb));
  }
  if (i < n) {
    const int rest = int(n - i);
    const Vec<T> a0 = kMode == kScalarA ? a_all : load_n(a + i, rest),
                 b0 = kMode == kScalarB ? b_all : load_n(b + i, rest);
    store_n(out + i, Op::run(a0, b0, va, vb), rest);
  }
}

template <class T>
constexpr Kernels<T> kernels() {
  return {
      {
#define PYNN_UNARY(name, Op) &unary<Op, T>,
#include "kernels/elementwise/ops.inc"
#undef PYNN_UNARY
      },
      {
#define PYNN_BINARY(name, Op) {&binary<Op, T, kBoth>, &binary<Op, T, kScalarA>, &binary<Op, T, kScalarB>},
#include "kernels/elementwise/ops.inc"
#undef PYNN_BINARY
      },
  };
}

extern const Table table;
const Table table = {PYNN_ISA_NAME, kernels<float>(), kernels<double>()};

}  // namespace elementwise
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
