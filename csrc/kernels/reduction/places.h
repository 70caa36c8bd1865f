// Where the extreme element is, moments about a shift, and what their gradients need.
#pragma once
#include "kernels/reduction/floats.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace reduction {

using ::pynn::reduction::FloatKernels;

template <class T>
PYNN_INLINE int64_t first_place(int64_t n, const T* x, T best) {
  typedef Vec<T> V;
  const V wanted = set1(best);
  int64_t i = 0;
  if (best != best) {
    for (; i + V::lanes <= n; i += V::lanes) {
      const V v = load(x + i);
      if (any(v != v)) break;
    }
    while (i < n && x[i] == x[i]) ++i;
    return i;
  }
  for (; i + V::lanes <= n; i += V::lanes) {
    if (any(load(x + i) == wanted)) break;
  }
  while (i < n && x[i] != best) ++i;
  return i;
}

template <class T, bool kSmallest>
void arg_rows(int64_t rows, int64_t n, const T* x, int64_t* place, T* value) {
  typedef Extreme<T, !kSmallest, false> O;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = x + r * n;
    const T best = T(block<O>(n, row, 0));
    place[r] = first_place(n, row, best);
    if (value != nullptr) value[r] = best;
  }
}

template <class T, bool kSmallest>
void arg_columns(int64_t n, int64_t width, int64_t columns, const T* x, int64_t* place, T* value) {
  typedef Vec<T> V;
  typedef typename VecTraits<T>::Int I;
  constexpr int64_t kWide = 256;
  alignas(64) T best[kWide];
  alignas(64) I found[kWide];
  for (int64_t first = 0; first < columns; first += kWide) {
    const int64_t wide = columns - first < kWide ? columns - first : kWide;
    for (int64_t j = 0; j < wide; ++j) {
      best[j] = x[first + j];
      found[j] = 0;
    }
    for (int64_t j = wide; j % V::lanes != 0; ++j) best[j] = T(0), found[j] = 0;
    for (int64_t i = 1; i < n; ++i) {
      const T* row = x + i * width + first;
      const Vec<I> here = set1(I(i));
      for (int64_t j = 0; j < wide; j += V::lanes) {
        const V v = j + V::lanes <= wide ? load(row + j) : load_n(row + j, int(wide - j));
        const V held = load(best + j);
        const V nan = select(held == held, v, zero<T>());  // a NaN that is held stays: the first counts
        const Mask<T> better = (kSmallest ? v < held : v > held) | (nan != nan);
        store(best + j, select(better, v, held));
        store(found + j, select(mask_cast<I>(better), here, load(found + j)));
      }
    }
    for (int64_t j = 0; j < wide; ++j) place[first + j] = int64_t(found[j]);
    if (value != nullptr) {
      for (int64_t j = 0; j < wide; ++j) value[first + j] = best[j];
    }
  }
}

template <class T>
void moments(int64_t n, const T* x, T shift, double* sum, double* squares) {
  typedef Vec<T> V;
  const V by = set1(shift);
  *sum = *squares = 0;
  for (int64_t at = 0; at < n; at += kBlock) {
    const T* from = x + at;
    const int64_t count = n - at < kBlock ? n - at : kBlock;
    V a = zero<T>(), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 2 * V::lanes <= count; i += 2 * V::lanes) {
      const V u = load(from + i) - by, v = load(from + i + V::lanes) - by;
      a = a + u;
      b = b + v;
      c = fma(u, u, c);
      d = fma(v, v, d);
    }
    for (; i < count; i += V::lanes) {
      const int left = count - i < V::lanes ? int(count - i) : V::lanes;
      const V v = left == V::lanes ? load(from + i) - by
                                   : select(first_n<T>(left), load_n(from + i, left) - by, zero<T>());
      a = a + v;
      c = fma(v, v, c);
    }
    *sum += double(reduce_add(a + b));
    *squares += double(reduce_add(c + d));
  }
}

template <class T>
void column_moments(int64_t n, int64_t width, int64_t columns, const T* x, const T* shift, double* sum,
                    double* squares) {
  constexpr int64_t kWide = 256;
  T part[kWide], part2[kWide];
  for (int64_t first = 0; first < columns; first += kWide) {
    const int64_t wide = columns - first < kWide ? columns - first : kWide;
    for (int64_t at = 0; at < n; at += kDeep) {
      const int64_t deep = n - at < kDeep ? n - at : kDeep;
      for (int64_t j = 0; j < wide; ++j) part[j] = part2[j] = T(0);
      for (int64_t i = 0; i < deep; ++i) {
        const T* row = x + (at + i) * width + first;
        for (int64_t j = 0; j < wide; ++j) {
          const T v = row[j] - shift[first + j];
          part[j] += v;
          part2[j] += v * v;
        }
      }
      for (int64_t j = 0; j < wide; ++j) {
        sum[first + j] += double(part[j]);
        squares[first + j] += double(part2[j]);
      }
    }
  }
}

template <class T>
void centre(int64_t n, const T* x, T shift, T scale, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - shift) * scale;
}

template <class T>
void centre_columns(int64_t n, int64_t width, int64_t columns, const T* x, const T* shift, const T* scale,
                    T* out) {
  for (int64_t i = 0; i < n; ++i) {
    const T* from = x + i * width;
    T* to = out + i * width;
    for (int64_t j = 0; j < columns; ++j) to[j] = (from[j] - shift[j]) * scale[j];
  }
}

template <class T>
void mark(int64_t n, const T* x, T best, T share, T* dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = x[i] == best ? share : T(0);
}

template <class T>
int64_t count_equal(int64_t n, const T* x, T best) {
  int64_t count = 0;
  for (int64_t at = 0; at < n; at += kBlock) {
    const int here = n - at < kBlock ? int(n - at) : int(kBlock);
    int part = 0;
    for (int i = 0; i < here; ++i) part += x[at + i] == best;
    count += part;
  }
  return count;
}

template <class T>
void scale(int64_t n, T factor, T* x) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

template <class T>
void fill(int64_t n, T value, T* x) {
  for (int64_t i = 0; i < n; ++i) x[i] = value;
}

template <class T>
constexpr FloatKernels<T> float_kernels() {
  return {{&arg_rows<T, false>, &arg_rows<T, true>},
          {&arg_columns<T, false>, &arg_columns<T, true>},
          &moments<T>,
          &column_moments<T>,
          &centre<T>,
          &centre_columns<T>,
          &mark<T>,
          &count_equal<T>,
          &scale<T>,
          &fill<T>};
}

}  // namespace reduction
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
