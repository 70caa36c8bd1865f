#include "kernels/half/half.h"

#include <cstring>

#include "base/pool.h"
#include "base/sizes.h"
#include "kernels/elementwise/elementwise.h"

#define PYNN_FAMILY half
#define PYNN_KERNELS "kernels/half/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace half {
namespace {

constexpr int64_t kChunk = 64 << 10;  // elements a thread converts at a time
constexpr int64_t kBlock = 1024;      // elements that stay in the first-level cache between two passes

// Rows of a copy between strided arrays: the last dimension, or the one both arrays are densest in.
struct Walk {
  int ndim = 0;
  int64_t shape[PYNN_MAX_DIMS];
  int64_t from[PYNN_MAX_DIMS], to[PYNN_MAX_DIMS];  // byte strides, the innermost dimension first
};

int64_t size_of(const pynn_array& x) { return x.dtype == PYNN_FLOAT32 ? 4 : 2; }

void strides_of(const pynn_array& x, int64_t* out) {
  int64_t dense = size_of(x);
  for (int i = x.ndim - 1; i >= 0; --i) {
    out[i] = x.strides != nullptr ? x.strides[i] : dense;
    dense *= x.shape[i];
  }
}

Walk walk_of(const pynn_array& x, const pynn_array& out) {
  int64_t from[PYNN_MAX_DIMS], to[PYNN_MAX_DIMS];
  strides_of(x, from);
  strides_of(out, to);
  Walk walk;
  for (int i = x.ndim - 1; i >= 0; --i) {
    if (x.shape[i] == 1) continue;
    int place = walk.ndim++;  // sorted by the output's strides
    for (; place > 0 && walk.to[place - 1] > to[i]; --place) {
      walk.shape[place] = walk.shape[place - 1];
      walk.from[place] = walk.from[place - 1];
      walk.to[place] = walk.to[place - 1];
    }
    walk.shape[place] = x.shape[i], walk.from[place] = from[i], walk.to[place] = to[i];
  }
  int used = 0;  // dimensions that follow one another in both arrays are one
  for (int i = 0; i < walk.ndim; ++i) {
    if (used > 0 && walk.from[i] == walk.shape[used - 1] * walk.from[used - 1] &&
        walk.to[i] == walk.shape[used - 1] * walk.to[used - 1]) {
      walk.shape[used - 1] *= walk.shape[i];
    } else {
      walk.shape[used] = walk.shape[i], walk.from[used] = walk.from[i], walk.to[used] = walk.to[i];
      ++used;
    }
  }
  if (used == 0) walk.shape[0] = 1, walk.from[0] = size_of(x), walk.to[0] = size_of(out), used = 1;
  walk.ndim = used;
  return walk;
}

// n elements from one stride to another, a block at a time where either is not dense.
template <class From, class To>
void convert_run(void (*kernel)(int64_t, const From*, To*), int64_t n, const char* x, int64_t from, char* out,
                 int64_t to) {
  if (from == int64_t(sizeof(From)) && to == int64_t(sizeof(To))) {
    kernel(n, reinterpret_cast<const From*>(x), reinterpret_cast<To*>(out));
    return;
  }
  From source[kBlock];
  To result[kBlock];
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t count = least(kBlock, n - i);
    for (int64_t j = 0; j < count; ++j) source[j] = *reinterpret_cast<const From*>(x + (i + j) * from);
    kernel(count, source, result);
    for (int64_t j = 0; j < count; ++j) *reinterpret_cast<To*>(out + (i + j) * to) = result[j];
  }
}

template <class From, class To>
void convert_all(void (*kernel)(int64_t, const From*, To*), const pynn_array& x, pynn_array& out) {
  const Walk walk = walk_of(x, out);
  const char* const data = static_cast<const char*>(x.data);
  char* const target = static_cast<char*>(out.data);
  if (walk.ndim == 1) {
    parallel_ranges(walk.shape[0], kChunk, [&](int64_t first, int64_t last) {
      convert_run(kernel, last - first, data + first * walk.from[0], walk.from[0],
                  target + first * walk.to[0], walk.to[0]);
    });
    return;
  }
  int64_t rows = 1;
  for (int i = 1; i < walk.ndim; ++i) rows *= walk.shape[i];
  parallel_ranges(rows, most(1, kChunk / walk.shape[0]), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const char* p = data;
      char* q = target;
      int64_t rest = row;
      for (int i = 1; i < walk.ndim; ++i) {
        const int64_t index = rest % walk.shape[i];
        rest /= walk.shape[i];
        p += index * walk.from[i];
        q += index * walk.to[i];
      }
      convert_run(kernel, walk.shape[0], p, walk.from[0], q, walk.to[0]);
    }
  });
}

}  // namespace

void widen(int dtype, int64_t n, const uint16_t* x, float* out) {
  const auto kernel = table().widen(dtype);
  parallel_ranges(n, kChunk,
                  [&](int64_t first, int64_t last) { kernel(last - first, x + first, out + first); });
}

void narrow(int dtype, int64_t n, const float* x, uint16_t* out) {
  const auto kernel = table().narrow(dtype);
  parallel_ranges(n, kChunk,
                  [&](int64_t first, int64_t last) { kernel(last - first, x + first, out + first); });
}

void convert(const pynn_array& x, pynn_array& out) {
  for (int i = 0; i < x.ndim; ++i) {
    if (x.shape[i] == 0) return;
  }
  if (out.dtype == PYNN_FLOAT32) {
    convert_all<uint16_t, float>(table().widen(x.dtype), x, out);
  } else {
    convert_all<float, uint16_t>(table().narrow(out.dtype), x, out);
  }
}

void unary(pynn_unary_op op, int dtype, int64_t n, const uint16_t* x, float alpha, float beta,
           uint16_t* out) {
  if (op == PYNN_COPY) {
    parallel_ranges(n, kChunk, [&](int64_t first, int64_t last) {
      std::memmove(out + first, x + first, size_t(last - first) * sizeof(uint16_t));
    });
    return;
  }
  const auto wider = table().widen(dtype);
  const auto narrower = table().narrow(dtype);
  const auto kernel = elementwise::kernels<float>().unary[op];
  parallel_ranges(n, elementwise::chunk_of(op), [&](int64_t first, int64_t last) {
    float block[kBlock];
    for (int64_t i = first; i < last; i += kBlock) {
      const int64_t count = least(kBlock, last - i);
      wider(count, x + i, block);
      kernel(count, block, alpha, beta, block);
      narrower(count, block, out + i);
    }
  });
}

void binary(pynn_binary_op op, int dtype, int64_t n, const uint16_t* a, const uint16_t* b, float alpha,
            float beta, uint16_t* out) {
  const auto wider = table().widen(dtype);
  const auto narrower = table().narrow(dtype);
  const auto kernel = elementwise::kernels<float>().binary[op][elementwise::kBoth];
  parallel_ranges(n, elementwise::chunk_of(op), [&](int64_t first, int64_t last) {
    float left[kBlock], right[kBlock];
    for (int64_t i = first; i < last; i += kBlock) {
      const int64_t count = least(kBlock, last - i);
      wider(count, a + i, left);
      wider(count, b + i, right);
      kernel(count, left, right, alpha, beta, left);
      narrower(count, left, out + i);
    }
  });
}

void binary_scalar(pynn_binary_op op, int dtype, int64_t n, const uint16_t* x, float value, bool value_first,
                   uint16_t* out) {
  const auto wider = table().widen(dtype);
  const auto narrower = table().narrow(dtype);
  const auto kernel =
      elementwise::kernels<float>().binary[op][value_first ? elementwise::kScalarA : elementwise::kScalarB];
  parallel_ranges(n, elementwise::chunk_of(op), [&](int64_t first, int64_t last) {
    float block[kBlock];
    for (int64_t i = first; i < last; i += kBlock) {
      const int64_t count = least(kBlock, last - i);
      wider(count, x + i, block);
      kernel(count, value_first ? &value : block, value_first ? block : &value, 0, 0, block);
      narrower(count, block, out + i);
    }
  });
}

}  // namespace half
}  // namespace pynn
