#include "kernels/norm/norm.h"

#include "kernels/norm/blocks.h"

#define PYNN_FAMILY norm
#define PYNN_KERNELS "kernels/norm/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace norm {
namespace {

template <class T>
double value_or(const T* p, int64_t i, double otherwise) {
  return p != nullptr ? double(p[i]) : otherwise;
}

template <class T>
Affine<T> forward_of(const Batch<T>& b, int64_t c, double mean, double var) {
  const double scale = value_or(b.weight, c, 1) / std::sqrt(var + b.eps);
  const T shift = T(mean);
  return {shift, T(scale), T(value_or(b.bias, c, 0) + (double(shift) - mean) * scale)};
}

template <class T>
struct Wanted {
  T *dx, *dweight, *dbias, *dmean, *dvar;
  bool sums(bool fixed) const {
    return dweight != nullptr || dbias != nullptr || dmean != nullptr || dvar != nullptr || (dx && !fixed);
  }
};

template <class T>
Gradient<T> backward_of(const Batch<T>& b, int64_t c, T mean, T var, const Sums& sums, bool fixed,
                        const Wanted<T>& out) {
  const double rstd = 1 / std::sqrt(double(var) + b.eps), scale = value_or(b.weight, c, 1) * rstd;
  const double lean = scale * rstd * rstd * sums.gx;
  if (out.dweight != nullptr) out.dweight[c] = T(sums.gx * rstd);
  if (out.dbias != nullptr) out.dbias[c] = T(sums.g);
  if (out.dmean != nullptr) out.dmean[c] = T(-scale * sums.g);
  if (out.dvar != nullptr) out.dvar[c] = T(-0.5 * lean);
  if (fixed) return {mean, T(scale), T(0), T(0)};
  const double count = double(b.size.count());
  return {mean, T(scale), T(-lean / count), T(-scale * sums.g / count)};
}

// ---- runs: each channel is N runs ----

// The next run, where runs are long enough for fetching it to pay.
template <class T>
int64_t ahead_of(const Batch<T>& b) {
  return b.size.inner >= 256 ? b.x_layout.sample : 0;
}

template <class T>
bool batch_runs(const Batch<T>& b, T* y, Layout y_layout, T* mean, T* var) {
  const Kernels<T>& kernels = table().of<T>();
  const Blocks blocks(b.size.samples, b.size.inner);
  const auto in = [&](int64_t c, const Block& at) {
    return In<T>{b.x + at.run * b.x_layout.sample + c * b.x_layout.channel + at.offset, b.x_layout.sample};
  };
  return over_channels<Moments, Affine<T>>(
      blocks, b.size.channels,
      [&](int64_t c, const Block& at) { return kernels.moments(in(c, at), at.runs, at.length); },
      [&](int64_t c, const Moments& all) {
        const double spread = all.squares / all.count;
        mean[c] = T(all.mean);
        var[c] = T(spread);
        return forward_of(b, c, all.mean, spread);
      },
      [&](int64_t c, const Block& at, const Affine<T>& a) {
        T* to = y + at.run * y_layout.sample + c * y_layout.channel + at.offset;
        kernels.affine(in(c, at), {to, y_layout.sample}, at.runs, at.length, a, b.relu, ahead_of(b));
      });
}

template <class T>
bool backward_runs(const Batch<T>& b, const T* g, Layout g_layout, const T* mean, const T* var, bool fixed,
                   Layout dx_layout, const Wanted<T>& out) {
  const Kernels<T>& kernels = table().of<T>();
  const Blocks blocks(b.size.samples, b.size.inner);
  const bool summed = out.sums(fixed);
  const auto relu = [&](int64_t c) {
    Affine<T> a = {0, 0, 0};
    if (b.relu) a = forward_of(b, c, double(mean[c]), double(var[c]));
    return a;
  };
  const auto g_in = [&](int64_t c, const Block& at) {
    return In<T>{g + at.run * g_layout.sample + c * g_layout.channel + at.offset, g_layout.sample};
  };
  const auto x_in = [&](int64_t c, const Block& at) {
    return In<T>{b.x + at.run * b.x_layout.sample + c * b.x_layout.channel + at.offset, b.x_layout.sample};
  };
  return over_channels<Sums, Gradient<T>>(
      blocks, b.size.channels,
      [&](int64_t c, const Block& at) {
        if (!summed) return Sums{0, 0};
        const Affine<T> a = relu(c);
        return kernels.sums(g_in(c, at), x_in(c, at), at.runs, at.length, mean[c], b.relu ? &a : nullptr);
      },
      [&](int64_t c, const Sums& sums) { return backward_of(b, c, mean[c], var[c], sums, fixed, out); },
      [&](int64_t c, const Block& at, const Gradient<T>& d) {
        if (out.dx == nullptr) return;
        const Out<T> to = {out.dx + at.run * dx_layout.sample + c * dx_layout.channel + at.offset,
                           dx_layout.sample};
        if (fixed && !b.relu) {  // without reading x
          kernels.affine(g_in(c, at), to, at.runs, at.length, {0, d.scale, 0}, false, 0);
          return;
        }
        const Affine<T> a = relu(c);
        kernels.gradient(g_in(c, at), x_in(c, at), to, at.runs, at.length, d, b.relu ? &a : nullptr,
                         ahead_of(b));
      });
}

// ---- columns: a matrix of N * inner rows ----

template <class T>
struct Coefficients {  // arrays of the channels' numbers
  explicit Coefficients(int64_t channels) : held(4 * size_t(channels) * sizeof(T)), channels(channels) {}
  T* operator[](int i) const { return held.as<T>() + i * channels; }
  Affines<T> affines() const { return {(*this)[0], (*this)[1], (*this)[2]}; }
  void set(int64_t c, const Affine<T>& a) const {
    (*this)[0][c] = a.shift;
    (*this)[1][c] = a.scale;
    (*this)[2][c] = a.offset;
  }
  Scratch held;
  int64_t channels;
};

// f(first row, rows) over all rows, few enough at a time that memory is passed about in its order.
template <class F>
void over_rows(int64_t rows, int64_t cols, const F& f) {
  const int64_t few = most(1, 4096 / cols);
  parallel_ranges(rows, round_up(rows_of(cols), few), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; r += few) f(r, least(few, last - r));
  });
}

template <class T>
bool batch_columns(const Batch<T>& b, T* y, Layout y_layout, T* mean, T* var) {
  const Kernels<T>& kernels = table().of<T>();
  const int64_t rows = b.size.count(), cols = b.size.channels;
  const Grid grid(rows, cols);
  Scratch parts(size_t(2 * grid.row_parts * cols) * sizeof(double));
  const Coefficients<T> a(cols);
  if (!parts || !a.held) return false;
  const auto means = [&](int64_t part) { return parts.as<double>() + 2 * part * cols; };
  grid.each([&](int64_t part, int64_t first, int64_t last, int64_t c, int64_t count) {
    double *m = means(part) + c, *s = m + cols;
    for (int64_t r = first; r < last; r += kBlockRows) {
      const int64_t n = least(kBlockRows, last - r);
      kernels.column_moments({b.x + r * b.x_layout.sample + c, b.x_layout.sample}, n, count, r - first, m, s);
    }
  });
  double *m = means(0), *s = m + cols;
  double before = double(least(grid.rows_each, rows));
  for (int64_t part = 1; part < grid.row_parts; ++part) {
    const double* other = means(part);
    const double count = double(least(grid.rows_each, rows - part * grid.rows_each));
    const double share = count / (before + count), spread = before * share;
    for (int64_t c = 0; c < cols; ++c) {
      const double delta = other[c] - m[c];
      m[c] += delta * share;
      s[c] += other[cols + c] + delta * delta * spread;
    }
    before += count;
  }
  for (int64_t c = 0; c < cols; ++c) {
    const double spread = s[c] / double(rows);
    mean[c] = T(m[c]);
    var[c] = T(spread);
    a.set(c, forward_of(b, c, m[c], spread));
  }
  over_rows(rows, cols, [&](int64_t r, int64_t n) {
    kernels.column_affine({b.x + r * b.x_layout.sample, b.x_layout.sample},
                          {y + r * y_layout.sample, y_layout.sample}, n, cols, a.affines(), b.relu);
  });
  return true;
}

template <class T>
bool backward_columns(const Batch<T>& b, const T* g, Layout g_layout, const T* mean, const T* var,
                      bool fixed, Layout dx_layout, const Wanted<T>& out) {
  const Kernels<T>& kernels = table().of<T>();
  const int64_t rows = b.size.count(), cols = b.size.channels;
  const Grid grid(rows, cols);
  Scratch parts(size_t(2 * grid.row_parts * cols) * sizeof(double));
  const Coefficients<T> d(cols), relu(cols);
  if (!parts || !d.held || !relu.held) return false;
  for (int64_t i = 0; i < 2 * grid.row_parts * cols; ++i) parts.as<double>()[i] = 0;
  if (b.relu) {
    for (int64_t c = 0; c < cols; ++c) relu.set(c, forward_of(b, c, double(mean[c]), double(var[c])));
  }
  const auto in = [](const T* p, Layout layout, int64_t row, int64_t c) {
    return In<T>{p + row * layout.sample + c, layout.sample};
  };
  if (out.sums(fixed)) {
    grid.each([&](int64_t part, int64_t first, int64_t last, int64_t c, int64_t count) {
      double* to = parts.as<double>() + 2 * part * cols + c;
      const Affines<T> a = {relu[0] + c, relu[1] + c, relu[2] + c};
      for (int64_t r = first; r < last; r += kBlockRows) {
        kernels.column_sums(in(g, g_layout, r, c), in(b.x, b.x_layout, r, c), least(kBlockRows, last - r),
                            count, mean + c, b.relu ? &a : nullptr, to, to + cols);
      }
    });
  }
  double* sums = parts.as<double>();
  for (int64_t part = 1; part < grid.row_parts; ++part) {
    for (int64_t i = 0; i < 2 * cols; ++i) sums[i] += sums[2 * part * cols + i];
  }
  for (int64_t c = 0; c < cols; ++c) {
    const Gradient<T> of = backward_of(b, c, mean[c], var[c], {sums[c], sums[cols + c]}, fixed, out);
    d[0][c] = fixed && !b.relu ? T(0) : of.shift;
    d[1][c] = of.scale;
    d[2][c] = of.slope;
    d[3][c] = of.offset;
  }
  if (out.dx == nullptr) return true;
  const Affines<T> a = relu.affines();
  over_rows(rows, cols, [&](int64_t r, int64_t n) {
    const Out<T> to = {out.dx + r * dx_layout.sample, dx_layout.sample};
    if (fixed && !b.relu) {
      kernels.column_affine(in(g, g_layout, r, 0), to, n, cols, {d[0], d[1], d[2]}, false);
    } else {
      kernels.column_gradient(in(g, g_layout, r, 0), in(b.x, b.x_layout, r, 0), to, n, cols,
                              {d[0], d[1], d[2], d[3]}, b.relu ? &a : nullptr);
    }
  });
  return true;
}

}  // namespace

template <class T>
bool batch_norm(const Batch<T>& b, T* y, Layout y_layout, T* mean, T* var) {
  return b.x_layout.columns ? batch_columns(b, y, y_layout, mean, var)
                            : batch_runs(b, y, y_layout, mean, var);
}

template <class T>
bool batch_norm_fixed(const Batch<T>& b, const T* mean, const T* var, T* y, Layout y_layout) {
  const Kernels<T>& kernels = table().of<T>();
  const int64_t channels = b.size.channels, inner = b.size.inner;
  const Coefficients<T> a(channels);
  if (!a.held) return false;
  for (int64_t c = 0; c < channels; ++c) a.set(c, forward_of(b, c, double(mean[c]), double(var[c])));
  const int64_t x_sample = b.x_layout.sample, y_sample = y_layout.sample;
  if (b.x_layout.columns) {
    over_rows(b.size.count(), channels, [&](int64_t r, int64_t n) {
      kernels.column_affine({b.x + r * x_sample, x_sample}, {y + r * y_sample, y_sample}, n, channels,
                            a.affines(), b.relu);
    });
    return true;
  }
  // In the order of memory: all channels of a sample, then the next one's.
  parallel_ranges(b.size.samples * channels, rows_of(inner), [&](int64_t first, int64_t last) {
    while (first < last) {
      const int64_t n = first / channels, c = first % channels, count = least(channels - c, last - first);
      kernels.affine_each({b.x + n * x_sample + c * b.x_layout.channel, b.x_layout.channel},
                          {y + n * y_sample + c * y_layout.channel, y_layout.channel}, count, inner,
                          {a[0] + c, a[1] + c, a[2] + c}, b.relu);
      first += count;
    }
  });
  return true;
}

template <class T>
bool batch_norm_backward(const Batch<T>& b, const T* g, Layout g_layout, const T* mean, const T* var,
                         bool fixed, T* dx, Layout dx_layout, T* dweight, T* dbias, T* dmean, T* dvar) {
  const Wanted<T> out = {dx, dweight, dbias, dmean, dvar};
  return b.x_layout.columns ? backward_columns(b, g, g_layout, mean, var, fixed, dx_layout, out)
                            : backward_runs(b, g, g_layout, mean, var, fixed, dx_layout, out);
}

#define PYNN_INSTANCE(T)                                                                                    \
  template bool batch_norm<T>(const Batch<T>&, T*, Layout, T*, T*);                                         \
  template bool batch_norm_fixed<T>(const Batch<T>&, const T*, const T*, T*, Layout);                       \
  template bool batch_norm_backward<T>(const Batch<T>&, const T*, Layout, const T*, const T*, bool, T*,     \
                                       Layout, T*, T*, T*, T*);
PYNN_INSTANCE(float)
PYNN_INSTANCE(double)
#undef PYNN_INSTANCE

}  // namespace norm
}  // namespace pynn
