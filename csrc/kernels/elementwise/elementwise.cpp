#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "base/isa.h"
#include "base/pool.h"

namespace pynn {

#define PYNN_VARIANT(isa)                        \
  namespace isa {                                \
  namespace elementwise {                        \
  extern const ::pynn::elementwise::Table table; \
  }                                              \
  }
#include "kernels/elementwise/kernels.inc"
#undef PYNN_VARIANT

namespace elementwise {
namespace {

struct Tables {
  const Table* row[kIsaCount] = {};
  constexpr Tables() {
#define PYNN_VARIANT(name) row[int(Isa::name)] = &::pynn::name::elementwise::table;
#include "kernels/elementwise/kernels.inc"
#undef PYNN_VARIANT
  }
};
constexpr Tables tables;

constexpr int64_t kCheapChunk = 64 << 10, kCostlyChunk = 16 << 10;

template <class F>
inline void in_chunks(int64_t n, int64_t chunk, const F& f) {
  if (n < 2 * chunk) {
    f(int64_t(0), n);
    return;
  }
  const int64_t chunks = (n + chunk - 1) / chunk;
  parallel(chunks, [&](int64_t c) { f(c * chunk, std::min(chunk, n - c * chunk)); });
}

}  // namespace

const Table& table() { return *tables.row[int(active_isa())]; }

int64_t chunk_of(pynn_unary_op op) {
  switch (op) {
    case PYNN_NEG:
    case PYNN_ABS:
    case PYNN_SQUARE:
    case PYNN_RELU:
    case PYNN_LEAKY_RELU:
    case PYNN_HARDTANH:
    case PYNN_ADD_SCALAR:
    case PYNN_MUL_SCALAR:
    case PYNN_RSUB_SCALAR:
    case PYNN_COPY:
      return kCheapChunk;
    default:
      return kCostlyChunk;
  }
}

int64_t chunk_of(pynn_binary_op op) {
  switch (op) {
    case PYNN_ELU_BACKWARD:
    case PYNN_SILU_BACKWARD:
    case PYNN_GELU_BACKWARD:
    case PYNN_GELU_TANH_BACKWARD:
    case PYNN_SOFTPLUS_BACKWARD:
      return kCostlyChunk;
    default:
      return kCheapChunk;
  }
}

template <class T>
void unary_contiguous(pynn_unary_op op, int64_t n, const T* x, T alpha, T beta, T* out) {
  const auto kernel = kernels<T>().unary[op];
  in_chunks(n, chunk_of(op), [&](int64_t i, int64_t m) { kernel(m, x + i, alpha, beta, out + i); });
}

template <class T>
void binary_contiguous(pynn_binary_op op, int64_t n, const T* a, const T* b, T alpha, T beta, T* out) {
  const auto kernel = kernels<T>().binary[op][kBoth];
  in_chunks(n, chunk_of(op), [&](int64_t i, int64_t m) { kernel(m, a + i, b + i, alpha, beta, out + i); });
}

template void unary_contiguous(pynn_unary_op, int64_t, const float*, float, float, float*);
template void unary_contiguous(pynn_unary_op, int64_t, const double*, double, double, double*);
template void binary_contiguous(pynn_binary_op, int64_t, const float*, const float*, float, float, float*);
template void binary_contiguous(pynn_binary_op, int64_t, const double*, const double*, double, double,
                                double*);

}  // namespace elementwise
}  // namespace pynn
