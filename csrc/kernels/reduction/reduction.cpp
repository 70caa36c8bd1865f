#include "kernels/reduction/reduction.h"

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"

#define PYNN_FAMILY reduction
#define PYNN_KERNELS "kernels/reduction/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace reduction {
namespace {

// Elements a thread takes at a time, some 10 to 20 us of work. Less than two of them stay on one thread.
constexpr int64_t kEach = 64 * kBlock;

// The sum of block(first, count) over blocks of kBlock elements, added in float64 in the blocks' order.
template <class F>
double over_blocks(int64_t n, const F& block) {
  const auto run = [&](int64_t first, int64_t last) {
    double total = 0;
    for (int64_t i = first; i < last; i += kBlock) total += block(i, least(kBlock, last - i));
    return total;
  };
  const int64_t chunks = ceil_div(n, kEach);
  if (chunks <= 1) return run(0, n);
  const Scratch scratch(size_t(chunks) * sizeof(double));
  if (!scratch) return run(0, n);
  double* const parts = scratch.as<double>();
  parallel(chunks, [&](int64_t c) { parts[c] = run(c * kEach, least(n, (c + 1) * kEach)); });
  double total = 0;
  for (int64_t c = 0; c < chunks; ++c) total += parts[c];
  return total;
}

// A piece of one tensor of several.
struct Piece {
  int64_t tensor, first, count;
};

// f(piece) for pieces of at most kEach elements, in parallel where there are enough; f gets the piece's
// number.
template <class F>
pynn_status over_pieces(int64_t count, const int64_t* sizes, int64_t* pieces_out, const F& f) {
  int64_t pieces = 0, total = 0;
  for (int64_t t = 0; t < count; ++t) {
    pieces += ceil_div(sizes[t], kEach);
    total += sizes[t];
  }
  *pieces_out = pieces;
  const Scratch scratch(size_t(pieces + 1) * sizeof(Piece));
  if (!scratch) return fail(PYNN_NO_MEMORY, "no memory for %lld pieces of work", (long long)pieces);
  Piece* const list = scratch.as<Piece>();
  int64_t used = 0;
  for (int64_t t = 0; t < count; ++t) {
    for (int64_t at = 0; at < sizes[t]; at += kEach) list[used++] = {t, at, least(kEach, sizes[t] - at)};
  }
  // Small tensors are many pieces of little work: several go to a thread at a time.
  const int64_t each = most(1, pieces * kEach / most(1, total) / 2);
  if (total < 2 * kEach) {
    for (int64_t i = 0; i < pieces; ++i) f(i, list[i]);
  } else {
    parallel_ranges(pieces, each, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) f(i, list[i]);
    });
  }
  return PYNN_OK;
}

}  // namespace

double sum(int64_t n, const float* x) {
  const auto rows = table().f32.op[kSum].rows;
  return over_blocks(n, [&](int64_t first, int64_t count) {
    double out;
    rows(1, 0, count, 1, x + first, 0, &out);
    return out;
  });
}

template <class T>
pynn_status many(Op op, double p, int64_t count, const int64_t* sizes, const T* const* x, double* out) {
  const Panel<T>& panel = kernels_of(static_cast<const T*>(nullptr)).op[op];
  int64_t pieces = 0;
  for (int64_t t = 0; t < count; ++t) pieces += ceil_div(sizes[t], kEach);
  const Scratch scratch(size_t(pieces + 1) * sizeof(double));
  if (!scratch) return fail(PYNN_NO_MEMORY, "no memory for %lld partial results", (long long)pieces);
  double* const parts = scratch.as<double>();
  const pynn_status status = over_pieces(count, sizes, &pieces, [&](int64_t i, const Piece& piece) {
    panel.rows(1, 0, piece.count, 1, x[piece.tensor] + piece.first, p, parts + i);
  });
  if (status != PYNN_OK) return status;
  double total = panel.first;
  for (int64_t i = 0; i < pieces; ++i) total = panel.join(total, parts[i]);
  *out = total;
  return PYNN_OK;
}

template <class T>
pynn_status scale_many(int64_t count, const int64_t* sizes, T factor, T* const* x) {
  const auto kernel = float_kernels_of(static_cast<const T*>(nullptr)).scale;
  int64_t pieces;
  return over_pieces(count, sizes, &pieces, [&](int64_t, const Piece& piece) {
    kernel(piece.count, factor, x[piece.tensor] + piece.first);
  });
}

template <class T>
void fill(int64_t n, T value, T* x) {
  const auto kernel = float_kernels_of(static_cast<const T*>(nullptr)).fill;
  parallel_ranges(n, kEach, [&](int64_t first, int64_t last) { kernel(last - first, value, x + first); });
}

#define PYNN_INSTANTIATE(T)                                                                    \
  template pynn_status many<T>(Op, double, int64_t, const int64_t*, const T* const*, double*); \
  template pynn_status scale_many<T>(int64_t, const int64_t*, T, T* const*);                   \
  template void fill<T>(int64_t, T, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace reduction
}  // namespace pynn
