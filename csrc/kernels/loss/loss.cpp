#include "kernels/loss/loss.h"

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"

#define PYNN_FAMILY loss
#define PYNN_KERNELS "kernels/loss/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace loss {

template <class T>
bool total(int kind, int64_t n, const T* x, const T* y, const double* options, double* out) {
  const auto kernel = table().of<T>().elementwise[kind].total;
  const auto sum = [&](int64_t first, int64_t last) {
    double all = 0;
    for (int64_t i = first; i < last; i += kBlock) {
      all += kernel(least(kBlock, last - i), x + i, y + i, options);
    }
    return all;
  };
  const int64_t chunks = ceil_div(n, kChunk);
  if (chunks <= 1) {
    *out = sum(0, n);
    return true;
  }
  Scratch parts(size_t(chunks) * sizeof(double));
  if (!parts) return false;
  parallel(chunks, [&](int64_t c) {
    parts.as<double>()[c] = sum(c * kChunk, least(n, (c + 1) * kChunk));
  });
  *out = 0;
  for (int64_t c = 0; c < chunks; ++c) *out += parts.as<double>()[c];
  return true;
}

template <class T>
void each(int kind, int64_t n, const T* x, const T* y, const double* options, T* out) {
  const auto kernel = table().of<T>().elementwise[kind].each;
  parallel_ranges(n, kChunk, [&](int64_t first, int64_t last) {
    kernel(last - first, x + first, y + first, options, out + first);
  });
}

template <class T>
void slope(int kind, bool by_target, int64_t n, const T* g, int64_t g_step, double factor, const T* x,
           const T* y, const double* options, T* out) {
  const Elementwise<T>& kernels = table().of<T>().elementwise[kind];
  const auto kernel = by_target ? kernels.target_slope : kernels.slope;
  parallel_ranges(n, kChunk, [&](int64_t first, int64_t last) {
    if (first == last) return;
    kernel(last - first, g + first * g_step, g_step, T(factor), x + first, y + first, options, out + first);
  });
}

namespace {

// f(n, first, last) over the positions of every sample, or over the rows where inner is 1.
template <class T, class F>
void over_parts(const Classes<T>& c, const F& f) {
  constexpr int64_t kWork = 24 << 10;
  const int64_t positions = c.inner == 1 ? c.samples : c.inner, samples = c.inner == 1 ? 1 : c.samples;
  const int64_t each = most(1, kWork / most(1, c.classes)), parts = most(1, ceil_div(positions, each));
  const auto part = [&](int64_t i) {
    f(i / parts, i % parts * each, least(positions, (i % parts + 1) * each));
  };
  if (positions * samples * c.classes < 2 * kWork) {
    for (int64_t i = 0; i < samples * parts; ++i) part(i);
  } else {
    parallel(samples * parts, part);
  }
}

// Where the value of class k of position i of sample n lies.
template <class T>
int64_t place(const Classes<T>& c, int64_t sample, int64_t channel, int64_t n, int64_t i, int64_t k) {
  return c.inner == 1 ? i * sample + k * channel : n * sample + k * channel + i;
}

}  // namespace

template <class T>
void class_losses(bool log_probabilities, const Classes<T>& c, T* out) {
  const Kernels<T>& kernels = table().of<T>();
  if (!log_probabilities) {
    const auto kernel = c.inner == 1 ? kernels.rows.losses : kernels.planes.losses;
    over_parts(c, [&](int64_t n, int64_t first, int64_t last) { kernel(c, n, first, last, out); });
    return;
  }
  over_parts(c, [&](int64_t n, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t at = n * c.inner + i, k = c.target[at];
      if (k == c.ignore_index) {
        out[at] = 0;
      } else {
        const T w = c.weight != nullptr ? c.weight[k] : T(1);
        out[at] = -w * c.x[place(c, c.sample, c.channel, n, i, k)];
      }
    }
  });
}

template <class T>
void class_gradient(bool log_probabilities, const Classes<T>& c, const ClassGradient<T>& to) {
  const Kernels<T>& kernels = table().of<T>();
  if (!log_probabilities) {
    const auto kernel = c.inner == 1 ? kernels.rows.gradient : kernels.planes.gradient;
    over_parts(c, [&](int64_t n, int64_t first, int64_t last) { kernel(c, n, first, last, to); });
    return;
  }
  over_parts(c, [&](int64_t n, int64_t first, int64_t last) {
    if (c.inner == 1) {
      for (int64_t i = first; i < last; ++i) {
        T* row = to.dx + i * to.sample;
        for (int64_t k = 0; k < c.classes; ++k) row[k * to.channel] = 0;
      }
    } else {
      for (int64_t k = 0; k < c.classes; ++k) {
        T* plane = to.dx + n * to.sample + k * to.channel;
        for (int64_t i = first; i < last; ++i) plane[i] = 0;
      }
    }
    for (int64_t i = first; i < last; ++i) {
      const int64_t at = n * c.inner + i, k = c.target[at];
      if (k == c.ignore_index) continue;
      const double w = c.weight != nullptr ? double(c.weight[k]) : 1;
      to.dx[place(c, to.sample, to.channel, n, i, k)] = T(-w * double(to.g[at * to.g_step]) / to.divisor);
    }
  });
}

#define PYNN_INSTANCE(T)                                                                               \
  template bool total<T>(int, int64_t, const T*, const T*, const double*, double*);                    \
  template void each<T>(int, int64_t, const T*, const T*, const double*, T*);                          \
  template void slope<T>(int, bool, int64_t, const T*, int64_t, double, const T*, const T*,            \
                         const double*, T*);                                                           \
  template void class_losses<T>(bool, const Classes<T>&, T*);                                          \
  template void class_gradient<T>(bool, const Classes<T>&, const ClassGradient<T>&);
PYNN_INSTANCE(float)
PYNN_INSTANCE(double)
#undef PYNN_INSTANCE

}  // namespace loss
}  // namespace pynn
