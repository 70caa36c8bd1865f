// Layer, root-mean-square and group normalization.
#include "kernels/norm/blocks.h"
#include "kernels/norm/norm.h"

namespace pynn {
namespace norm {
namespace {

template <class T>
double value_or(const T* p, int64_t i, double otherwise) {
  return p != nullptr ? double(p[i]) : otherwise;
}

// The sums of one run of any length.
template <class T>
Sums run_sums(const Kernels<T>& kernels, const T* g, const T* x, int64_t length, T shift) {
  Sums all = {0, 0};
  for (int64_t i = 0; i < length; i += kBlock) {
    all.add(kernels.sums({g + i, 0}, {x + i, 0}, 1, least(kBlock, length - i), shift, nullptr));
  }
  return all;
}

// Fewer rows than this are shared between threads.
constexpr int64_t kFewRows = 8;

}  // namespace

template <class T>
void layer_norm(bool rms, int64_t rows, const LayerForward<T>& f) {
  const auto kernel = table().of<T>().layer[rms];
  parallel_ranges(rows, rows_of(f.cols), [&](int64_t first, int64_t last) { kernel(first, last, f); });
}

template <class T>
bool layer_norm_backward(bool rms, int64_t rows, LayerBackward<T> b, T* dweight, T* dbias) {
  constexpr int64_t kTogether = 128;  // rows whose parameters' gradients are added in T
  constexpr int64_t kParts = 64;
  const auto kernel = table().of<T>().layer_backward[rms];
  if (dweight == nullptr && dbias == nullptr) {
    b.weight_sums = b.bias_sums = nullptr;
    parallel_ranges(rows, rows_of(b.cols), [&](int64_t first, int64_t last) { kernel(first, last, b); });
    return true;
  }
  const int64_t each = most(2 * rows_of(b.cols), ceil_div(rows, kParts));
  const int64_t parts = rows < 2 * each ? 1 : ceil_div(rows, each), size = 2 * b.cols;
  Scratch sums(size_t(parts * size) * (sizeof(double) + sizeof(T)));
  if (!sums) return false;
  double* all = sums.as<double>();
  const auto part = [&](int64_t p, int64_t first, int64_t last) {
    double* to = all + p * size;
    T* held = reinterpret_cast<T*>(all + parts * size) + p * size;
    LayerBackward<T> of = b;
    of.weight_sums = dweight != nullptr ? held : nullptr;
    of.bias_sums = dbias != nullptr ? held + b.cols : nullptr;
    for (int64_t i = 0; i < size; ++i) to[i] = 0;
    for (int64_t r = first; r < last; r += kTogether) {
      for (int64_t i = 0; i < size; ++i) held[i] = 0;
      kernel(r, least(last, r + kTogether), of);
      for (int64_t i = 0; i < size; ++i) to[i] += double(held[i]);
    }
  };
  if (parts == 1) {
    part(0, 0, rows);
  } else {
    parallel(parts, [&](int64_t p) { part(p, p * each, least(rows, (p + 1) * each)); });
  }
  for (int64_t p = 1; p < parts; ++p) {
    for (int64_t i = 0; i < size; ++i) all[i] += all[p * size + i];
  }
  for (int64_t c = 0; dweight != nullptr && c < b.cols; ++c) dweight[c] = T(all[c]);
  for (int64_t c = 0; dbias != nullptr && c < b.cols; ++c) dbias[c] = T(all[b.cols + c]);
  return true;
}

template <class T>
bool group_norm(const Sizes& size, int64_t groups, const T* x, const T* weight, const T* bias, double eps,
                T* y, T* mean, T* rstd) {
  const Kernels<T>& kernels = table().of<T>();
  const int64_t each = size.channels / groups, inner = size.inner, length = each * inner;
  if (inner == 1) {  // a group's channels are columns
    for (int64_t k = 0; k < groups; ++k) {
      const int64_t c = k * each;
      layer_norm<T>(false, size.samples,
                    {{x + c, size.channels},
                     {y + c, size.channels},
                     each,
                     weight != nullptr ? weight + c : nullptr,
                     bias != nullptr ? bias + c : nullptr,
                     eps,
                     mean + k,
                     rstd + k,
                     groups});
    }
    return true;
  }
  const int64_t rows = size.samples * groups;
  Scratch middles(size_t(rows) * sizeof(double));  // the means, not yet rounded
  if (!middles) return false;
  const auto measure = [&](int64_t row, const Moments& all) {
    middles.as<double>()[row] = all.mean;
    mean[row] = T(all.mean);
    rstd[row] = T(1 / std::sqrt(all.squares / all.count + eps));
  };
  const auto normalize = [&](int64_t first, int64_t last) {  // planes
    for (int64_t p = first; p < last; ++p) {
      const int64_t row = p / each, c = p % size.channels;
      const double scale = value_or(weight, c, 1) * double(rstd[row]);
      const double drift = double(mean[row]) - middles.as<double>()[row];
      kernels.affine({x + p * inner, 0}, {y + p * inner, 0}, 1, inner,
                     {mean[row], T(scale), T(value_or(bias, c, 0) + drift * scale)}, false, 0);
    }
  };
  const Blocks blocks(1, length);
  const auto moments = [&](int64_t row, const Block& at) {
    return kernels.moments({x + row * length + at.offset, 0}, 1, at.length);
  };
  if (rows < kFewRows && rows * length >= 2 * kChunk) {
    const bool ok = over_channels<Moments, int>(
        blocks, rows, moments,
        [&](int64_t row, const Moments& all) {
          measure(row, all);
          return 0;
        },
        [](int64_t, const Block&, int) {});
    if (!ok) return false;
    parallel_ranges(rows * each, rows_of(inner), normalize);
    return true;
  }
  parallel_ranges(rows, rows_of(length), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      Moments all = moments(row, blocks[0]);
      for (int64_t i = 1; i < blocks.count(); ++i) all.add(moments(row, blocks[i]));
      measure(row, all);
      normalize(row * each, (row + 1) * each);
    }
  });
  return true;
}

template <class T>
bool group_norm_backward(const Sizes& size, int64_t groups, const T* g, const T* x, const T* weight,
                         const T* mean, const T* rstd, T* dx, T* dweight, T* dbias) {
  const Kernels<T>& kernels = table().of<T>();
  const int64_t each = size.channels / groups, inner = size.inner;
  if (inner == 1) {
    for (int64_t k = 0; k < groups; ++k) {
      const int64_t c = k * each;
      const LayerBackward<T> b = {{g + c, size.channels},
                                  {x + c, size.channels},
                                  {dx != nullptr ? dx + c : nullptr, size.channels},
                                  each,
                                  weight != nullptr ? weight + c : nullptr,
                                  0,
                                  mean + k,
                                  rstd + k,
                                  groups,
                                  nullptr,
                                  nullptr};
      if (!layer_norm_backward<T>(false, size.samples, b, dweight != nullptr ? dweight + c : nullptr,
                                  dbias != nullptr ? dbias + c : nullptr)) {
        return false;
      }
    }
    return true;
  }
  const int64_t rows = size.samples * groups, planes = size.samples * size.channels;
  Scratch held(size_t(planes) * sizeof(Sums) + size_t(rows) * sizeof(Sums));
  if (!held) return false;
  Sums *of_plane = held.as<Sums>(), *of_row = of_plane + planes;
  const auto add = [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      of_plane[p] = run_sums(kernels, g + p * inner, x + p * inner, inner, mean[p / each]);
    }
  };
  const auto fold = [&](int64_t row) {
    Sums all = {0, 0};
    for (int64_t p = row * each; p < (row + 1) * each; ++p) {
      const double w = value_or(weight, p % size.channels, 1);
      all.add({w * of_plane[p].g, w * of_plane[p].gx});
    }
    of_row[row] = all;
  };
  const auto differentiate = [&](int64_t first, int64_t last) {
    for (int64_t p = first; dx != nullptr && p < last; ++p) {
      const int64_t row = p / each;
      const double scale = double(rstd[row]), count = double(each * inner);
      const double w = value_or(weight, p % size.channels, 1);
      kernels.gradient({g + p * inner, 0}, {x + p * inner, 0}, {dx + p * inner, 0}, 1, inner,
                       {mean[row], T(w * scale), T(-scale * scale * scale * of_row[row].gx / count),
                        T(-scale * of_row[row].g / count)},
                       nullptr, 0);
    }
  };
  if (rows < kFewRows) {
    parallel_ranges(planes, rows_of(inner), add);
    for (int64_t row = 0; row < rows; ++row) fold(row);
    parallel_ranges(planes, rows_of(inner), differentiate);
  } else {
    parallel_ranges(rows, rows_of(each * inner), [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        add(row * each, (row + 1) * each);
        fold(row);
        differentiate(row * each, (row + 1) * each);
      }
    });
  }
  for (int64_t c = 0; c < size.channels && (dweight != nullptr || dbias != nullptr); ++c) {
    double w = 0, b = 0;
    for (int64_t n = 0; n < size.samples; ++n) {
      const Sums& s = of_plane[n * size.channels + c];
      w += s.gx * double(rstd[n * groups + c / each]);
      b += s.g;
    }
    if (dweight != nullptr) dweight[c] = T(w);
    if (dbias != nullptr) dbias[c] = T(b);
  }
  return true;
}

#define PYNN_INSTANCE(T)                                                                                     \
  template void layer_norm<T>(bool, int64_t, const LayerForward<T>&);                                        \
  template bool layer_norm_backward<T>(bool, int64_t, LayerBackward<T>, T*, T*);                             \
  template bool group_norm<T>(const Sizes&, int64_t, const T*, const T*, const T*, double, T*, T*, T*);      \
  template bool group_norm_backward<T>(const Sizes&, int64_t, const T*, const T*, const T*, const T*,        \
                                       const T*, T*, T*, T*);
PYNN_INSTANCE(float)
PYNN_INSTANCE(double)
#undef PYNN_INSTANCE

}  // namespace norm
}  // namespace pynn
