// Argument checks of pynn/pointwise.h.
#include "pynn/pointwise.h"

#include "base/arena.h"
#include "capi/arrays.h"
#include "kernels/elementwise/strided.h"
#include "kernels/pointwise/pointwise.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using elementwise::run_strided;
using elementwise::Strided;

const char kPointwise[] = "pointwise";
constexpr int64_t kChunk = 32 << 10;  // elements a thread takes at a time
constexpr int kMostInputs = 3;

const char* const names[] = {"input 0", "input 1", "input 2"};

pynn_status broadcast(const pynn_array& x, const char* name, const pynn_array& out, Strided* arrays, int slot) {
  int64_t own[PYNN_MAX_DIMS];
  byte_strides(x, own);
  const int missing = out.ndim - x.ndim;
  bool fits = missing >= 0;
  for (int i = 0; fits && i < out.ndim; ++i) {
    const int64_t size = i < missing ? 1 : x.shape[i - missing];
    fits = size == out.shape[i] || size == 1;
    arrays->strides[slot][i] = size == 1 ? 0 : own[i - missing];
  }
  if (!fits) {
    return fail(PYNN_INVALID, "%s: %s has shape %s, which does not broadcast to out's shape %s", kPointwise, name,
                ShapeText(x).c_str(), ShapeText(out).c_str());
  }
  arrays->data[slot] = static_cast<char*>(x.data);
  return PYNN_OK;
}

bool dense_like(const pynn_array& x, const pynn_array& out) { return same_shape(x, out) && is_contiguous(x); }

template <int kOperands, class Kernel>
pynn_status run(const pynn_array* const* inputs, pynn_array* out, const Kernel& kernel) {
  constexpr int kInputs = kOperands - 1;
  const int64_t n = element_count(*out);
  bool dense = is_contiguous(*out);
  for (int k = 0; k < kInputs; ++k) dense = dense && dense_like(*inputs[k], *out);
  int sizes[kOperands];
  for (int k = 0; k < kInputs; ++k) sizes[k] = int(dtype_size(inputs[k]->dtype));
  sizes[kInputs] = int(dtype_size(out->dtype));
  if (dense) {
    if (n == 0) return PYNN_OK;
    parallel_ranges(n, kChunk, [&](int64_t first, int64_t last) {
      char* data[kOperands];
      for (int k = 0; k < kInputs; ++k) data[k] = static_cast<char*>(inputs[k]->data) + first * sizes[k];
      data[kInputs] = static_cast<char*>(out->data) + first * sizes[kInputs];
      kernel(last - first, data, 0u);
    });
    return PYNN_OK;
  }
  Strided arrays;
  arrays.ndim = out->ndim;
  for (int i = 0; i < out->ndim; ++i) arrays.shape[i] = out->shape[i];
  for (int k = 0; k < kInputs; ++k) {
    if (pynn_status status = broadcast(*inputs[k], names[k], *out, &arrays, k)) return status;
  }
  byte_strides(*out, arrays.strides[kInputs]);
  arrays.data[kInputs] = static_cast<char*>(out->data);
  if (n == 0) return PYNN_OK;
  run_strided<kOperands>(
      arrays, sizes, kChunk, [](unsigned single) { return single == 0 || (kInputs > 1 && single == 1u << (kInputs - 1)); }, kernel);
  return PYNN_OK;
}

// Whether an integer array has a 0.
template <class T>
bool zero_at(const pynn_array& x, int dim, const char* at) {
  if (dim == x.ndim) return *reinterpret_cast<const T*>(at) == 0;
  int64_t strides[PYNN_MAX_DIMS];
  byte_strides(x, strides);
  if (dim == x.ndim - 1 && strides[dim] == int64_t(sizeof(T))) {
    const T* p = reinterpret_cast<const T*>(at);
    bool found = false;
    for (int64_t i = 0; i < x.shape[dim]; ++i) found |= p[i] == 0;
    return found;
  }
  for (int64_t i = 0; i < x.shape[dim]; ++i) {
    if (zero_at<T>(x, dim + 1, at + i * strides[dim])) return true;
  }
  return false;
}
bool has_zero(const pynn_array& x) {
  const char* at = static_cast<const char*>(x.data);
  if (element_count(x) == 0) return false;
  switch (dtype_size(x.dtype)) {
    case 1:
      return zero_at<int8_t>(x, 0, at);
    case 2:
      return zero_at<int16_t>(x, 0, at);
    case 4:
      return zero_at<int32_t>(x, 0, at);
    default:
      return zero_at<int64_t>(x, 0, at);
  }
}

template <class T>
void prelu_row(int64_t n, const T* g, const T* x, T weight, T* dx, double* sum) {
  if (dx != nullptr) {
    for (int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0 ? g[i] : g[i] * weight;
  }
  if (sum != nullptr) {
    constexpr int kLanes = 16;
    T lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int k = 0; k < kLanes; ++k) lanes[k] += x[i + k] > 0 ? T(0) : g[i + k] * x[i + k];
    }
    double total = 0;
    for (; i < n; ++i) total += x[i] > 0 ? 0.0 : double(g[i] * x[i]);
    for (int k = 0; k < kLanes; ++k) total += double(lanes[k]);
    *sum += total;
  }
}

// Rows of `inner` (or of `channels`, where inner is 1) in blocks of some 32 K elements, whose sums are added in
// the order of the blocks.
template <class T>
pynn_status prelu_backward(int64_t outer, int64_t channels, int64_t inner, int64_t weights, const T* g, const T* x,
                           const T* weight, T* dx, T* dweight) {
  const int64_t row = channels * inner, each = std::max<int64_t>(1, kChunk / std::max<int64_t>(1, row));
  const int64_t blocks = (outer + each - 1) / each, piece = 1024;
  Scratch sums(size_t(std::max<int64_t>(1, blocks * channels)) * sizeof(double));
  if (!sums) return fail(PYNN_NO_MEMORY, "prelu_backward: no memory for the sums of %lld blocks", (long long)blocks);
  double* all = sums.as<double>();
  parallel(blocks, [&](int64_t block) {
    double* own = all + block * channels;
    for (int64_t c = 0; c < channels; ++c) own[c] = 0;
    const int64_t last = std::min(outer, (block + 1) * each);
    for (int64_t r = block * each; r < last; ++r) {
      const T *gr = g + r * row, *xr = x + r * row;
      T* to = dx != nullptr ? dx + r * row : nullptr;
      if (inner == 1 && weights > 1) {
        if (to != nullptr) {
          for (int64_t c = 0; c < channels; ++c) to[c] = xr[c] > 0 ? gr[c] : gr[c] * weight[c];
        }
        if (dweight != nullptr) {
          for (int64_t c = 0; c < channels; ++c) own[c] += xr[c] > 0 ? 0.0 : double(gr[c] * xr[c]);
        }
      } else {
        const int64_t run = weights > 1 ? inner : row;
        for (int64_t c = 0; c < row / run; ++c) {
          for (int64_t i = 0; i < run; i += piece) {
            const int64_t at = c * run + i;
            prelu_row(std::min(piece, run - i), gr + at, xr + at, weight[c], to != nullptr ? to + at : nullptr,
                      dweight != nullptr ? own + c : nullptr);
          }
        }
      }
    }
  });
  for (int64_t c = 0; dweight != nullptr && c < weights; ++c) {
    double total = 0;
    for (int64_t block = 0; block < blocks; ++block) total += all[block * channels + c];
    dweight[c] = T(total);
  }
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_pointwise(pynn_pointwise_op op, const pynn_array* const* inputs, int count, double alpha,
                           pynn_array* out) {
  if (unsigned(op) >= PYNN_POINTWISE_COUNT) {
    return fail(PYNN_INVALID, "%s: unknown operation %d: expected 0 to %d", kPointwise, int(op),
                PYNN_POINTWISE_COUNT - 1);
  }
  const unsigned kinds = pointwise::kinds_of(op);
  if (count != pointwise::inputs_of(op) || inputs == nullptr) {
    return fail(PYNN_INVALID, "%s: got %d inputs: operation %d takes %d", kPointwise, count, int(op),
                pointwise::inputs_of(op));
  }
  for (int k = 0; k < count; ++k) {
    if (pynn_status status = check_array(kPointwise, names[k], inputs[k])) return status;
  }
  if (pynn_status status = check_array(kPointwise, "out", out)) return status;
  if (pynn_status status = check_output(kPointwise, "out", *out)) return status;
  const int dtype = inputs[count - 1]->dtype;
  for (int k = 0; k < count; ++k) {
    const int expected = k == 0 && (kinds & pointwise::kChooses) ? int(PYNN_BOOL) : dtype;
    if (inputs[k]->dtype != expected) {
      return fail(PYNN_UNSUPPORTED, "%s: %s is %s: expected %s", kPointwise, names[k], dtype_name(inputs[k]->dtype),
                  dtype_name(expected));
    }
  }
  const int result = kinds & pointwise::kTests ? int(PYNN_BOOL) : dtype;
  const pointwise::Kernel kernel = pointwise::table().kernels[op][dtype];
  if (kernel == nullptr || out->dtype != result) {
    return fail(PYNN_UNSUPPORTED, "%s: operation %d has no kernel from %s to %s", kPointwise, int(op), dtype_name(dtype),
                dtype_name(out->dtype));
  }
  if ((kinds & pointwise::kDivides) && has_zero(*inputs[1])) {
    return fail(PYNN_INVALID, "%s: division of integers by zero", kPointwise);
  }
  const auto call = [&](int64_t n, char* const* data, unsigned single) { kernel(n, data, single != 0, alpha); };
  if (count == 1) {
    if (!same_shape(*inputs[0], *out)) {
      return fail(PYNN_INVALID, "%s: input 0 has shape %s: expected out's shape %s", kPointwise,
                  ShapeText(*inputs[0]).c_str(), ShapeText(*out).c_str());
    }
    return run<2>(inputs, out, call);
  }
  return count == 2 ? run<3>(inputs, out, call) : run<4>(inputs, out, call);
}

pynn_status pynn_prelu_backward(int32_t dtype, int64_t outer, int64_t channels, int64_t inner, int64_t weights,
                                const void* g, const void* x, const void* weight, void* dx, void* dweight) {
  if (dtype != PYNN_FLOAT32 && dtype != PYNN_FLOAT64) {
    return fail(PYNN_UNSUPPORTED, "prelu_backward: dtype is %s: expected float32 or float64", dtype_name(dtype));
  }
  if (outer < 0 || channels < 0 || inner < 0 || (weights != 1 && weights != channels)) {
    return fail(PYNN_INVALID,
                "prelu_backward: sizes are %lld, %lld, %lld with %lld weights: expected 0 or more, and 1 weight or one "
                "a channel",
                (long long)outer, (long long)channels, (long long)inner, (long long)weights);
  }
  if (weight == nullptr || (outer * channels * inner > 0 && (g == nullptr || x == nullptr))) {
    return fail(PYNN_INVALID, "prelu_backward: null pointer for g, x or weight");
  }
  if (dtype == PYNN_FLOAT32) {
    return prelu_backward(outer, channels, inner, weights, static_cast<const float*>(g), static_cast<const float*>(x),
                          static_cast<const float*>(weight), static_cast<float*>(dx), static_cast<float*>(dweight));
  }
  return prelu_backward(outer, channels, inner, weights, static_cast<const double*>(g), static_cast<const double*>(x),
                        static_cast<const double*>(weight), static_cast<double*>(dx), static_cast<double*>(dweight));
}

}  // extern "C"
