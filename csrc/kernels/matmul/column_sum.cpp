// Column sums: blocks of rows, added pairwise.
#include "base/pool.h"
#include "base/status.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/product.h"

namespace pynn {
namespace matmul {
namespace {
constexpr int64_t kSumRows = 128;
}

template <class T>
pynn_status column_sum(int64_t rows, int64_t n, const T* x, int64_t x_row, int64_t x_col, T beta, T* out,
                       int64_t out_step) {
  if (n == 0) return PYNN_OK;
  const Kernels<T>& kernel = kernels<T>();
  const int64_t blocks = most(1, ceil_div(rows, kSumRows));
  const Scratch scratch(size_t(blocks * n) * sizeof(T));
  if (!scratch) return no_memory(size_t(blocks * n) * sizeof(T));
  T* const partial = scratch.as<T>();
  const int64_t group = most(1, (1 << 16) / (kSumRows * n + 1));  // blocks of one chunk: 64k elements
  auto add_block = [&](int64_t block) {
    const int64_t first = block * kSumRows, count = least(kSumRows, rows - first);
    T* to = partial + block * n;
    if (x_row == 1) {
      T ones[kSumRows];
      for (T& one : ones) one = T(1);
      kernel.dot(x + first, x_col, n, count, ones, to);
    } else if (x_col == 1) {
      kernel.add_rows(x + first * x_row, x_row, count, n, to);
    } else {
      for (int64_t j = 0; j < n; ++j) {
        T sum = T(0);
        for (int64_t i = 0; i < count; ++i) sum += x[(first + i) * x_row + j * x_col];
        to[j] = sum;
      }
    }
  };
  const int64_t chunks = rows * n <= (1 << 16) ? 1 : ceil_div(blocks, group);
  parallel(chunks, [&](int64_t chunk) {
    const int64_t from = chunks == 1 ? 0 : chunk * group,
                  to = chunks == 1 ? blocks : least(from + group, blocks);
    for (int64_t block = from; block < to; ++block) add_block(block);
  });
  // Pairwise over the blocks.
  for (int64_t width = 1; width < blocks; width *= 2) {
    for (int64_t block = 0; block + width < blocks; block += 2 * width) {
      T* a = partial + block * n;
      const T* b = a + width * n;
      for (int64_t j = 0; j < n; ++j) a[j] += b[j];
    }
  }
  for (int64_t j = 0; j < n; ++j) {
    T* o = out + j * out_step;
    *o = beta == T(0) ? partial[j] : partial[j] + beta * *o;
  }
  return PYNN_OK;
}

#define PYNN_INSTANTIATE(T) \
  template pynn_status column_sum<T>(int64_t, int64_t, const T*, int64_t, int64_t, T, T*, int64_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace matmul
}  // namespace pynn
