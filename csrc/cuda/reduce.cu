// How a reduction is laid onto threads.
#include <algorithm>

#include "cuda/reduce.h"

namespace pynn::cuda {

bool plan_reduction(int ndim, const int64_t* shape, const bool* reduce, const int64_t* const* strides,
                    int64_t item, const void* const* data, const int64_t* out_strides, int width,
                    Reduction* out) {
  constexpr int64_t kMost = int64_t(1) << 31;
  int64_t results = 1, elements = 1;
  int order[PYNN_MAX_DIMS];
  for (int d = 0; d < ndim; ++d) {
    (reduce[d] ? elements : results) *= shape[d];
    if (results >= kMost || elements >= kMost || shape[d] == 0) return false;
    order[d] = d;
  }
  // Innermost first: by the first array's steps.
  const auto step = [&](int d) { return strides[0][d] < 0 ? -strides[0][d] : strides[0][d]; };
  std::stable_sort(order, order + ndim,
                   [&](int a, int b) { return step(a) != step(b) ? step(a) < step(b) : a > b; });
  *out = Reduction();
  out->results = uint32_t(results);
  out->elements = uint32_t(elements);
  bool packs = width > 1;
  for (int k = 0; k < 2; ++k) packs = packs && is_aligned(data[k], size_t(item * width));
  int innermost = -1;
  for (int i = 0; i < ndim; ++i) {
    const int d = order[i];
    if (shape[d] == 1) continue;
    const bool first = innermost < 0;
    if (first) {
      innermost = d;
      out->columns = !reduce[d];
      packs = packs && strides[0][d] == item && strides[1][d] == item;
    } else {
      for (int k = 0; k < 2; ++k) packs = packs && strides[k][d] % (item * width) == 0;
    }
    if (reduce[d]) {
      out->reduced.add(shape[d], {strides[0][d], strides[1][d]});
    } else {
      out->kept.add(shape[d], {strides[0][d], strides[1][d], out_strides[d]});
    }
  }
  // Packs lie within the innermost dimension; rows may have a rest where nothing else is reduced.
  if (innermost < 0) packs = false;
  if (packs && out->columns) packs = out->kept.sizes[0].divisor % uint32_t(width) == 0;
  if (packs && !out->columns && out->reduced.ndim > 1)
    packs = out->reduced.sizes[0].divisor % uint32_t(width) == 0;
  out->width = packs ? width : 1;
  // Enough blocks to fill a large GPU, each with enough elements to be worth the second launch.
  constexpr int64_t kBlocks = 1024, kLeast = 4096, kLeastRows = 64;
  const int64_t at_once = out->columns ? 32 * out->width : results > 1 && elements <= 1024 ? 8 : 1;
  const int64_t blocks = ceil_div(results, at_once), least = out->columns ? kLeastRows : kLeast;
  int64_t parts = std::min(std::max<int64_t>(1, kBlocks / blocks), std::max<int64_t>(1, elements / least));
  int64_t part = ceil_div(ceil_div(elements, parts), 16) * 16;  // keeps packs whole
  parts = ceil_div(elements, part);
  out->part = uint32_t(parts > 1 ? part : elements);
  out->parts = uint32_t(parts);
  out->items = parts > 1 ? size_t(parts) * size_t(results) : 0;
  return true;
}

}  // namespace pynn::cuda
