// Conversions of one ISA: plain loops that compilers vectorise.
#pragma once
#include "kernels/cast/cast.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace cast {

using ::pynn::cast::Table;

struct Bool {  // a byte that is 0 or 1; sums and products of them are never taken
  uint8_t value;
};

template <class To, class From>
struct Conversion {
  static constexpr bool kFromFloat = From(0.5) != From(0), kNarrow = sizeof(To) < 4;
  // Through int32 to narrower integers, as compilers convert scalars: one rule for vectors and tails.
  static PYNN_INLINE To of(From x) {
    if constexpr (kFromFloat && kNarrow) {
      return To(int32_t(x));
    } else {
      return To(x);
    }
  }
};
template <class From>
struct Conversion<Bool, From> {
  static PYNN_INLINE Bool of(From x) { return {uint8_t(x != From(0))}; }
};
template <class To>
struct Conversion<To, Bool> {
  static PYNN_INLINE To of(Bool x) { return To(x.value); }
};
template <>
struct Conversion<Bool, Bool> {
  static PYNN_INLINE Bool of(Bool x) { return x; }
};

template <class To, class From>
void convert(int64_t n, const void* x, void* out) {
  const From* from = static_cast<const From*>(x);
  To* to = static_cast<To*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = Conversion<To, From>::of(from[i]);
}

#define PYNN_ROW(From)                                                                                \
  {&convert<Bool, From>,    &convert<uint8_t, From>, &convert<int8_t, From>, &convert<int16_t, From>, \
   &convert<int32_t, From>, &convert<int64_t, From>, &convert<float, From>,  &convert<double, From>}
extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     {PYNN_ROW(Bool), PYNN_ROW(uint8_t), PYNN_ROW(int8_t), PYNN_ROW(int16_t),
                      PYNN_ROW(int32_t), PYNN_ROW(int64_t), PYNN_ROW(float), PYNN_ROW(double)}};
#undef PYNN_ROW

}  // namespace cast
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
