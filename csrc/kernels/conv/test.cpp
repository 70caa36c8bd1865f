// Convolutions and their gradients against double-precision loops, on every ISA of this machine.
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/conv/conv.h"

namespace {

using namespace pynn::testing;

struct Case {
  int64_t n, c, h, w, o, r, s;
  pynn_conv2d conv;
  int64_t oh() const {
    return (h + conv.pad_top + conv.pad_bottom - conv.dilation_h * (r - 1) - 1) / conv.stride_h + 1;
  }
  int64_t ow() const {
    return (w + conv.pad_left + conv.pad_right - conv.dilation_w * (s - 1) - 1) / conv.stride_w + 1;
  }
};

// Calls f(y index, x index, w index) for every product of the convolution.
template <class F>
void each_product(const Case& k, const F& f) {
  const int64_t cg = k.c / k.conv.groups, og = k.o / k.conv.groups, oh = k.oh(), ow = k.ow();
  for (int64_t n = 0; n < k.n; ++n) {
    for (int64_t o = 0; o < k.o; ++o) {
      for (int64_t i = 0; i < oh; ++i) {
        for (int64_t j = 0; j < ow; ++j) {
          const int64_t y = ((n * k.o + o) * oh + i) * ow + j;
          for (int64_t c = 0; c < cg; ++c) {
            for (int64_t r = 0; r < k.r; ++r) {
              for (int64_t s = 0; s < k.s; ++s) {
                const int64_t a = i * k.conv.stride_h - k.conv.pad_top + r * k.conv.dilation_h;
                const int64_t b = j * k.conv.stride_w - k.conv.pad_left + s * k.conv.dilation_w;
                if (a < 0 || a >= k.h || b < 0 || b >= k.w) continue;
                f(y, ((n * k.c + o / og * cg + c) * k.h + a) * k.w + b, ((o * cg + c) * k.r + r) * k.s + s);
              }
            }
          }
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

template <class T>
void compare(const char* what, const Case& k, const Guarded<T>& got, const Sums& expected,
             bool relu = false) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double e = relu && expected.value[size_t(i)] < 0 ? 0 : expected.value[size_t(i)];
    const double allowed = std::numeric_limits<T>::epsilon() * expected.size[size_t(i)] *
                           (2 + 0.5 * std::sqrt(double(expected.terms[size_t(i)])));
    if (!(std::fabs(double(got[i]) - e) <= allowed)) {
      if (++wrong == 1) std::printf("%s element %ld is %g, expected %g\n", what, long(i), double(got[i]), e);
    }
  }
  if (wrong) {
    std::printf("%s: x (%ld %ld %ld %ld) w (%ld .. %ld %ld) stride %ld %ld groups %ld: %ld wrong\n", what,
                long(k.n), long(k.c), long(k.h), long(k.w), long(k.o), long(k.r), long(k.s),
                long(k.conv.stride_h), long(k.conv.stride_w), long(k.conv.groups), long(wrong));
  }
  CHECK_EQ(wrong, 0);
  CHECK(got.intact());
}

template <class T>
struct Buffers {
  explicit Buffers(const Case& k)
      : x(k.n * k.c * k.h * k.w),
        w(k.o * (k.c / k.conv.groups) * k.r * k.s),
        bias(k.o),
        y(k.n * k.o * k.oh() * k.ow()),
        x_shape{k.n, k.c, k.h, k.w},
        w_shape{k.o, k.c / k.conv.groups, k.r, k.s},
        y_shape{k.n, k.o, k.oh(), k.ow()},
        b_shape{k.o} {
    Random random(uint64_t(k.n * 31 + k.c * 7 + k.h + k.o));
    for (Guarded<T>* g : {&x, &w, &bias, &y}) {
      for (int64_t i = 0; i < g->size(); ++i) (*g)[i] = T(random.normal());
    }
  }
  pynn_array array(Guarded<T>& g, const int64_t* shape, int ndim = 4) {
    return {g.data(), shape, nullptr, ndim, dtype_of<T>};
  }
  pynn_array xa() { return array(x, x_shape); }
  pynn_array wa() { return array(w, w_shape); }
  pynn_array ya() { return array(y, y_shape); }
  pynn_array ba() { return array(bias, b_shape, 1); }
  Guarded<T> x, w, bias, y;
  int64_t x_shape[4], w_shape[4], y_shape[4], b_shape[1];
};

template <class T>
void check_case(const Case& k) {
  Buffers<T> b(k);
  const bool relu = k.h % 2, with_bias = k.w % 2;
  const double beta = k.c % 2 ? 0 : 0.5;
  Sums y(b.y.size()), dx(b.x.size()), dw(b.w.size()), db(k.o);
  const int64_t pixels = k.oh() * k.ow();
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
  pynn_array xa = b.xa(), wa = b.wa(), ya = b.ya(), ba = b.ba();
  CHECK_EQ(int(pynn_conv2d_forward(&k.conv, &xa, &wa, with_bias ? &ba : nullptr,
                                   relu ? PYNN_ACT_RELU : PYNN_ACT_NONE, &ya)),
           int(PYNN_OK));
  compare("y", k, b.y, y, relu);
  CHECK(b.x.intact() && b.w.intact() && b.bias.intact());

  for (int64_t i = 0; i < b.y.size(); ++i) b.y[i] = dy[size_t(i)];
  Guarded<T> gx(b.x.size()), gw(b.w.size()), gb(k.o);
  auto prepare = [&](Guarded<T>& g, Sums& sums) {
    for (int64_t i = 0; i < g.size(); ++i) {
      g[i] = beta == 0 ? std::numeric_limits<T>::quiet_NaN() : T(i % 5);
      if (beta != 0) sums.add(i, beta * double(i % 5));
    }
  };
  prepare(gx, dx);
  prepare(gw, dw);
  prepare(gb, db);
  pynn_array gxa = b.array(gx, b.x_shape), gwa = b.array(gw, b.w_shape), gba = b.array(gb, b.b_shape, 1);
  CHECK_EQ(int(pynn_conv2d_backward_data(&k.conv, &ya, &wa, beta, &gxa)), int(PYNN_OK));
  CHECK_EQ(int(pynn_conv2d_backward_weight(&k.conv, &xa, &ya, beta, &gwa)), int(PYNN_OK));
  CHECK_EQ(int(pynn_conv2d_backward_bias(&ya, beta, &gba)), int(PYNN_OK));
  compare("dx", k, gx, dx);
  compare("dw", k, gw, dw);
  compare("db", k, gb, db);
}

template <class T>
void test_cases() {
  constexpr int64_t kFar = 1 << 30;
  const Case cases[] = {
      {1, 1, 5, 5, 1, 3, 3, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
      {2, 3, 9, 8, 5, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {2, 4, 7, 7, 20, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {1, 3, 33, 35, 16, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {2, 6, 12, 13, 10, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
      {2, 6, 11, 12, 9, 2, 4, {3, 2, 0, 1, 2, 1, 1, 1, 1}},
      {1, 8, 15, 17, 12, 3, 3, {1, 1, 2, 2, 2, 2, 2, 2, 1}},
      {1, 8, 15, 18, 12, 3, 2, {2, 3, 2, 1, 0, 4, 3, 2, 1}},
      {2, 8, 10, 10, 12, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
      {2, 9, 10, 11, 12, 1, 1, {2, 2, 0, 0, 0, 0, 1, 1, 1}},
      {2, 8, 10, 10, 12, 1, 1, {1, 1, 1, 0, 0, 1, 1, 1, 1}},
      {2, 12, 9, 10, 8, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 4}},
      {2, 24, 9, 10, 36, 3, 3, {1, 2, 1, 1, 1, 1, 1, 1, 3}},
      {2, 7, 20, 21, 7, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 7}},
      {2, 5, 20, 37, 10, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 5}},
      {1, 4, 9, 40, 4, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 4}},
      {1, 4, 9, 40, 4, 3, 3, {1, 3, 1, 1, 1, 1, 2, 2, 4}},
      {3, 2, 1, 1, 3, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
      {1, 3, 4, 4, 2, 4, 4, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
      {1, 3, 4, 5, 11, 7, 7, {1, 1, 3, 3, 3, 3, 1, 1, 1}},
      {1, 60, 9, 9, 40, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {1, 130, 6, 7, 33, 3, 3, {2, 1, 1, 1, 1, 1, 1, 1, 1}},
      {1, 3, 40, 40, 9, 1, 5, {1, 1, 0, 0, 2, 2, 1, 1, 1}},
      {1, 3, 2, 2, 9, 1, 1, {5, 5, 0, 0, 0, 0, 1, 1, 1}},
      {1, 3, 3, 3, 9, 1, 1, {2, 2, 4, 4, 4, 4, 1, 1, 1}},
      {1, 2, 25, 3, 9, 25, 3, {1, 1, 12, 12, 1, 1, 1, 1, 1}},
      {4, 16, 32, 32, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {4, 3, 32, 32, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {5, 40, 14, 14, 70, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
      {2, 100, 12, 12, 80, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
      {3, 64, 24, 24, 64, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 64}},
      {1, 2, 70, 80, 12, 7, 7, {2, 2, 3, 3, 3, 3, 1, 1, 1}},
      {1, 90, 7, 7, 140, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {13, 20, 5, 5, 130, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      // so much padding that a padded copy would not fit into memory
      {1, 1, 4, 4, 1, 3, 3, {kFar, kFar, kFar, kFar, kFar, kFar, 1, 1, 1}},
      {2, 2, 9, 9, 2, 3, 3, {1 << 20, 3000, 1 << 20, 1 << 20, 6000, 6000, 1, 2, 2}},
      {1, 2, 5, 6, 2, 2, 2, {kFar, kFar, kFar, kFar, kFar, kFar, kFar, kFar, 2}},
      {0, 3, 8, 8, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {2, 0, 8, 8, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {2, 3, 8, 8, 0, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {2, 16, 0, 5, 16, 1, 1, {1, 1, 1, 0, 0, 0, 1, 1, 1}},
  };
  for (const Case& k : cases) check_case<T>(k);
}

template <class T>
void test_threads() {
  const int before = pynn::num_threads();
  const Case cases[] = {{4, 16, 32, 32, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                        {4, 3, 40, 40, 32, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
                        {6, 32, 24, 24, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 32}},
                        {4, 70, 20, 20, 60, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
                        {1, 96, 30, 30, 128, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                        {1, 160, 7, 7, 160, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                        {9, 70, 7, 7, 90, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}}};
  for (const Case& k : cases) {
    Buffers<T> b(k);
    pynn_array xa = b.xa(), wa = b.wa(), ya = b.ya(), ba = b.ba();
    auto all = [&](int threads) {
      pynn::set_num_threads(threads);
      Guarded<T> y(b.y.size()), gx(b.x.size()), gw(b.w.size()), gb(k.o);
      pynn_array y2 = b.array(y, b.y_shape), gxa = b.array(gx, b.x_shape), gwa = b.array(gw, b.w_shape),
                 gba = b.array(gb, b.b_shape, 1);
      CHECK_EQ(int(pynn_conv2d_forward(&k.conv, &xa, &wa, &ba, PYNN_ACT_RELU, &y2)), 0);
      CHECK_EQ(int(pynn_conv2d_backward_data(&k.conv, &ya, &wa, 0, &gxa)), 0);
      CHECK_EQ(int(pynn_conv2d_backward_weight(&k.conv, &xa, &ya, 0, &gwa)), 0);
      CHECK_EQ(int(pynn_conv2d_backward_bias(&ya, 0, &gba)), 0);
      std::vector<T> bits;
      for (const Guarded<T>* g : {&y, &gx, &gw, &gb})
        bits.insert(bits.end(), g->data(), g->data() + g->size());
      return bits;
    };
    const std::vector<T> one = all(1);
    for (int threads : {2, 3}) {
      const std::vector<T> more = all(threads);
      CHECK(std::memcmp(one.data(), more.data(), one.size() * sizeof(T)) == 0);
    }
  }
  pynn::set_num_threads(before);
}

void test_errors() {
  float data[512] = {};
  int64_t xs[] = {1, 2, 4, 4}, ws[] = {3, 2, 3, 3}, ys[] = {1, 3, 2, 2}, big[] = {3, 2, 5, 5},
          other[] = {3, 1, 3, 3};
  int64_t turned[] = {4 * 32, 4, 4 * 8, 4 * 2};
  pynn_conv2d conv = {1, 1, 0, 0, 0, 0, 1, 1, 1};
  pynn_array x = {data, xs, nullptr, 4, PYNN_FLOAT32}, w = {data, ws, nullptr, 4, PYNN_FLOAT32},
             y = {data, ys, nullptr, 4, PYNN_FLOAT32}, large = {data, big, nullptr, 4, PYNN_FLOAT32},
             few = {data, other, nullptr, 4, PYNN_FLOAT32}, last = {data, xs, turned, 4, PYNN_FLOAT32};
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &x, &w, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_OK));
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &x, &large, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
  CHECK(says("(3, 2, 5, 5)") && says("(1, 2, 4, 4)") && says("(4, 4)"));
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &x, &few, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
  CHECK(says("(3, 1, 3, 3)"));
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &last, &w, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_UNSUPPORTED));
  CHECK(says("contiguous"));
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &x, &w, nullptr, PYNN_ACT_NONE, &x)), int(PYNN_INVALID));
  CHECK(says("(1, 3, 2, 2)"));
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &x, &w, &y, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_conv2d_forward(nullptr, &x, &w, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_conv2d_backward_data(&conv, &w, &w, 0, &x)), int(PYNN_INVALID));
  for (int field = 0; field < 9; ++field) {
    pynn_conv2d wrong = conv;
    (&wrong.stride_h)[field] = -1;
    CHECK_EQ(int(pynn_conv2d_forward(&wrong, &x, &w, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
    CHECK(says("-1"));
  }
  for (int field = 0; field < 8; ++field) {
    pynn_conv2d wrong = conv;
    (&wrong.stride_h)[field] = INT64_MAX;
    CHECK_EQ(int(pynn_conv2d_forward(&wrong, &x, &w, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
    CHECK(says("9223372036854775807"));
  }
  conv.groups = 2;
  CHECK_EQ(int(pynn_conv2d_forward(&conv, &x, &w, nullptr, PYNN_ACT_NONE, &y)), int(PYNN_INVALID));
  CHECK(says("groups 2"));
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::conv::table().isa, isa) == 0);
    test_cases<float>();
    test_cases<double>();
    test_threads<float>();
    test_threads<double>();
  });
  test_errors();
  return summary();
}
