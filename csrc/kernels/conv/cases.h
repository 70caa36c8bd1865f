// Convolutions to test, their arrays, and double-precision loops to check them against.
#pragma once
#include <algorithm>
#include <vector>

#include "base/testing.h"
#include "kernels/conv/conv.h"

namespace pynn {
namespace testing {

// x (n, c, *in), w (o, c / groups, *kernel)
struct Case {
  int64_t n, c, o, in[3], kernel[3];
  pynn_conv conv;
  int64_t out[3] = {1, 1, 1};

  Case(int dims, int64_t images, int64_t channels, int64_t filters, const int64_t* size, const int64_t* reach,
       const pynn_conv& geometry)
      : n(images), c(channels), o(filters), conv(geometry) {
    conv.dims = dims;
    for (int d = 0; d < 3; ++d) {
      in[d] = d < dims ? size[d] : 1;
      kernel[d] = d < dims ? reach[d] : 1;
      if (d < dims) {
        const int64_t room =
            in[d] + conv.pad_before[d] + conv.pad_after[d] - conv.dilation[d] * (kernel[d] - 1) - 1;
        out[d] = room / conv.stride[d] + 1;
      }
    }
  }
  int dims() const { return conv.dims; }
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// n, c, h, w, o, r, s, {stride h w, pad top bottom left right, dilation h w, groups}
struct Flat {
  int64_t n, c, h, w, o, r, s, g[9];
  Case whole() const {
    const int64_t size[] = {h, w}, reach[] = {r, s};
    return Case(2, n, c, o, size, reach, {2, {g[0], g[1]}, {g[2], g[4]}, {g[3], g[5]}, {g[6], g[7]}, g[8]});
  }
};

// Calls f(y index, x index, w index) for every product of the convolution.
template <class F>
void each_product(const Case& k, const F& f) {
  const int64_t cg = k.c / k.conv.groups, og = k.o / k.conv.groups;
  auto source = [&](int d, int64_t i, int64_t r) {
    if (d >= k.dims()) return int64_t(0);
    const int64_t at = i * k.conv.stride[d] - k.conv.pad_before[d] + r * k.conv.dilation[d];
    return at < k.in[d] ? at : -1;
  };
  for (int64_t no = 0; no < k.n * k.o; ++no) {
    const int64_t n = no / k.o, o = no % k.o;
    for (int64_t p = 0; p < k.out_size(); ++p) {
      const int64_t i = p / k.out[2] / k.out[1], j = p / k.out[2] % k.out[1], l = p % k.out[2];
      for (int64_t t = 0; t < k.taps(); ++t) {
        const int64_t z = source(0, i, t / k.kernel[2] / k.kernel[1]),
                      y = source(1, j, t / k.kernel[2] % k.kernel[1]), x = source(2, l, t % k.kernel[2]);
        if (z < 0 || y < 0 || x < 0) continue;
        for (int64_t c = 0; c < cg; ++c) {
          f(no * k.out_size() + p,
            (n * k.c + o / og * cg + c) * k.in_size() + (z * k.in[1] + y) * k.in[2] + x,
            (o * cg + c) * k.taps() + t);
        }
      }
    }
  }
}

struct Sums {
  explicit Sums(int64_t n) : value(size_t(n)), size(size_t(n)), terms(size_t(n)) {}
  void add(int64_t i, double x) {
    value[size_t(i)] += x;
    size[size_t(i)] += std::fabs(x);
    ++terms[size_t(i)];
  }
  std::vector<double> value, size;
  std::vector<int64_t> terms;
};

// Winograd's way adds terms that cancel: its error is one of the sums of a whole tile's neighbourhood.
template <class T>
void compare(const char* what, const Case& k, const Guarded<T>& got, const Sums& expected,
             bool relu = false) {
  int64_t wrong = 0;
  const bool mixed = sizeof(T) == 4 && conv::algorithm() == conv::Algorithm::winograd;
  double largest = 0;
  for (const double size : expected.size) largest = std::max(largest, size);
  for (int64_t i = 0; i < got.size(); ++i) {
    const double e = relu && expected.value[size_t(i)] < 0 ? 0 : expected.value[size_t(i)];
    const double size = mixed ? 4 * largest : expected.size[size_t(i)];
    const double allowed =
        std::numeric_limits<T>::epsilon() * size * (2 + 0.5 * std::sqrt(double(expected.terms[size_t(i)])));
    if (!(std::fabs(double(got[i]) - e) <= allowed)) {
      if (++wrong == 1) std::printf("%s element %ld is %g, expected %g\n", what, long(i), double(got[i]), e);
    }
  }
  if (wrong) {
    std::printf("%s: %d-D x (%ld %ld | %ld %ld %ld) w (%ld | %ld %ld %ld) groups %ld: %ld wrong\n", what,
                k.dims(), long(k.n), long(k.c), long(k.in[0]), long(k.in[1]), long(k.in[2]), long(k.o),
                long(k.kernel[0]), long(k.kernel[1]), long(k.kernel[2]), long(k.conv.groups), long(wrong));
    for (int d = 0; d < k.dims(); ++d) {
      std::printf("  stride %ld before %ld after %ld dilation %ld\n", long(k.conv.stride[d]),
                  long(k.conv.pad_before[d]), long(k.conv.pad_after[d]), long(k.conv.dilation[d]));
    }
  }
  CHECK_EQ(wrong, 0);
  CHECK(got.intact());
}

template <class T>
struct Buffers {
  explicit Buffers(const Case& k)
      : x(k.n * k.c * k.in_size()),
        w(k.o * (k.c / k.conv.groups) * k.taps()),
        bias(k.o),
        channel_bias(k.c),
        y(k.n * k.o * k.out_size()),
        x_shape{k.n, k.c},
        w_shape{k.o, k.c / k.conv.groups},
        y_shape{k.n, k.o},
        b_shape{k.o},
        c_shape{k.c},
        ndim(k.dims() + 2) {
    for (int d = 0; d < k.dims(); ++d) {
      x_shape[2 + d] = k.in[d];
      w_shape[2 + d] = k.kernel[d];
      y_shape[2 + d] = k.out[d];
    }
    Random random(uint64_t(k.n * 31 + k.c * 7 + k.in[0] + k.o));
    for (Guarded<T>* g : {&x, &w, &bias, &channel_bias, &y}) {
      for (int64_t i = 0; i < g->size(); ++i) (*g)[i] = T(random.normal());
    }
  }
  pynn_array array(Guarded<T>& g, const int64_t* shape) {
    return {g.data(), shape, nullptr, ndim, dtype_of<T>};
  }
  pynn_array xa() { return array(x, x_shape); }
  pynn_array wa() { return array(w, w_shape); }
  pynn_array ya() { return array(y, y_shape); }
  pynn_array ba() { return {bias.data(), b_shape, nullptr, 1, dtype_of<T>}; }
  pynn_array ca() { return {channel_bias.data(), c_shape, nullptr, 1, dtype_of<T>}; }
  Guarded<T> x, w, bias, channel_bias, y;
  int64_t x_shape[5], w_shape[5], y_shape[5], b_shape[1], c_shape[1];
  int ndim;
};

// A copy of an array in another layout: channels last (1), with gaps between rows (2), reversed columns (3).
template <class T>
struct Laid {
  Laid(const pynn_array& a, int layout) : data(size_of(a, layout)), array(a) {
    if (layout == 0) return;
    const int n = a.ndim;
    int64_t steps[5];
    int64_t step = 1;
    for (int i = n - 1; i >= 0; --i) {  // axis i of the copy, from the last in memory
      const int axis = layout != 1 ? i : i == n - 1 ? 1 : i >= 1 ? i + 1 : 0;
      steps[axis] = step;
      step *= a.shape[axis] + (layout == 2 && i == n - 1 ? 3 : 0);
    }
    const T* from = static_cast<const T*>(a.data);
    int64_t total = 1;
    for (int i = 0; i < n; ++i) total *= a.shape[i];
    int64_t first = 0;
    if (layout == 3 && total > 0) {
      first = (a.shape[n - 1] - 1) * steps[n - 1];
      steps[n - 1] = -steps[n - 1];
    }
    for (int64_t i = 0; i < total; ++i) {
      int64_t at = first, rest = i;
      for (int d = n - 1; d >= 0; --d) {
        at += rest % a.shape[d] * steps[d];
        rest /= a.shape[d];
      }
      data[at] = from[i];
    }
    for (int d = 0; d < n; ++d) bytes[d] = steps[d] * int64_t(sizeof(T));
    array.data = data.data() + first;
    array.strides = bytes;
  }
  static int64_t size_of(const pynn_array& a, int layout) {
    int64_t total = layout != 0;
    for (int i = 0; i < a.ndim; ++i) total *= a.shape[i] + (layout == 2 && i == a.ndim - 1 ? 3 : 0);
    return total;
  }
  Guarded<T> data;
  int64_t bytes[5];
  pynn_array array;
};

template <class T>
void check_case(const Case& k, int layout = 0) {
  Buffers<T> b(k);
  const bool relu = k.in[0] % 2, with_bias = k.in[1] % 2;
  const double beta = k.c % 2 ? 0 : 0.5;
  Sums y(b.y.size()), dx(b.x.size()), dw(b.w.size()), db(k.o);
  const int64_t pixels = k.out_size();
  // forward writes y; the gradients read the dy made from it afterwards
  std::vector<T> dy(size_t(b.y.size()));
  for (int64_t i = 0; i < b.y.size(); ++i) dy[size_t(i)] = b.y[i];
  each_product(k, [&](int64_t yi, int64_t xi, int64_t wi) {
    y.add(yi, double(b.x[xi]) * double(b.w[wi]));
    dx.add(xi, double(dy[size_t(yi)]) * double(b.w[wi]));
    dw.add(wi, double(dy[size_t(yi)]) * double(b.x[xi]));
  });
  for (int64_t i = 0; i < b.y.size(); ++i) {
    if (with_bias) y.add(i, double(b.bias[i / pixels % k.o]));
    db.add(i / pixels % k.o, double(dy[size_t(i)]));
  }
  for (int64_t i = 0; i < b.y.size(); ++i) b.y[i] = std::numeric_limits<T>::quiet_NaN();
  pynn_array wa = b.wa(), ya = b.ya(), ba = b.ba(), ca = b.ca();
  const Laid<T> x(b.xa(), layout);
  CHECK_EQ(int(pynn_conv_forward(&k.conv, &x.array, &wa, with_bias ? &ba : nullptr,
                                 relu ? PYNN_ACT_RELU : PYNN_ACT_NONE, &ya)),
           int(PYNN_OK));
  compare("y", k, b.y, y, relu);
  CHECK(b.x.intact() && b.w.intact() && b.bias.intact());

  for (int64_t i = 0; i < b.y.size(); ++i) b.y[i] = dy[size_t(i)];
  const Laid<T> g(b.ya(), layout);
  Guarded<T> gx(b.x.size()), gw(b.w.size()), gb(k.o);
  auto prepare = [&](Guarded<T>& to, Sums& sums) {
    for (int64_t i = 0; i < to.size(); ++i) {
      to[i] = beta == 0 ? std::numeric_limits<T>::quiet_NaN() : T(i % 5);
      if (beta != 0) sums.add(i, beta * double(i % 5));
    }
  };
  prepare(gx, dx);
  prepare(gw, dw);
  prepare(gb, db);
  for (int64_t i = 0; with_bias && i < gx.size(); ++i)
    dx.add(i, double(b.channel_bias[i / k.in_size() % k.c]));
  pynn_array gxa = b.array(gx, b.x_shape), gwa = b.array(gw, b.w_shape),
             gba = {gb.data(), b.b_shape, nullptr, 1, dtype_of<T>};
  CHECK_EQ(int(pynn_conv_backward_data(&k.conv, &g.array, &wa, with_bias ? &ca : nullptr,
                                       relu ? PYNN_ACT_RELU : PYNN_ACT_NONE, beta, &gxa)),
           int(PYNN_OK));
  CHECK_EQ(int(pynn_conv_backward_weight(&k.conv, &x.array, &g.array, beta, &gwa)), int(PYNN_OK));
  CHECK_EQ(int(pynn_conv_backward_bias(&ya, beta, &gba)), int(PYNN_OK));
  compare("dx", k, gx, dx, relu);
  compare("dw", k, gw, dw);
  compare("db", k, gb, db);
}

}  // namespace testing
}  // namespace pynn
