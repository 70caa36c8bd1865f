// Every layout and dtype against a reference in long double: shapes of all kinds, odd tails, large means,
// threads, special values, wrong arguments.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/norm/norm.h"

using namespace pynn::testing;

namespace {

typedef long double Real;

template <class T>
struct Limits {
  static constexpr double eps = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  // Sums join in float64, so that a float64 mean has its own rounding.
  static double drift(double middle) { return sizeof(T) == 4 ? 0 : 4 * eps * std::fabs(middle); }
};

// A batch in one of the layouts, over guarded memory.
template <class T>
struct Held {
  int64_t shape[3], strides[3], n, c, s, sample, channel, step;
  Guarded<T> data;
  pynn_array text;
  static int64_t room(int64_t n, int64_t c, int64_t s, bool columns, int64_t pad) {
    return columns ? (n * s - 1) * (c + pad) + c : (n - 1) * (c * s + pad) + c * s;
  }
  Held(int64_t n, int64_t c, int64_t s, bool columns, int64_t pad)
      : shape{n, c, s},
        n(n),
        c(c),
        s(s),
        sample(columns ? s * (c + pad) : c * s + pad),
        channel(columns ? 1 : s),
        step(columns ? c + pad : 1),
        data(room(n, c, s, columns, pad)),
        text{data.data(), shape, strides, 3, dtype_of<T>} {
    const int64_t size = int64_t(sizeof(T));
    strides[0] = sample * size;
    strides[1] = channel * size;
    strides[2] = step * size;
  }
  T& at(int64_t i, int64_t k, int64_t j) { return data[i * sample + k * channel + j * step]; }
};

template <class T>
struct Vector {
  int64_t size;
  Guarded<T> data;
  pynn_array text;
  explicit Vector(int64_t n) : size(n), data(n), text{data.data(), &size, nullptr, 1, dtype_of<T>} {}
  T& operator[](int64_t i) { return data[i]; }
};

template <class T>
Real value(Vector<T>* v, int64_t i, Real otherwise) {
  return v != nullptr ? Real((*v)[i]) : otherwise;
}

template <class T>
void test_batch(Random& random, int64_t n, int64_t c, int64_t s, bool columns, int64_t pad, bool affine,
                bool relu, double middle) {
  const double eps = 1e-5, unit = Limits<T>::eps, drift = Limits<T>::drift(middle);
  const pynn_activation act = relu ? PYNN_ACT_RELU : PYNN_ACT_NONE;
  Held<T> x(n, c, s, columns, pad), y(n, c, s, columns, 0), g(n, c, s, columns, 0), dx(n, c, s, columns, pad);
  Vector<T> weight(c), bias(c), mean(c), var(c), dw(c), db(c), dm(c), dv(c);
  for (int64_t i = 0; i < x.data.size(); ++i) x.data[i] = T(middle + random.normal());
  for (int64_t i = 0; i < g.data.size(); ++i) g.data[i] = T(random.normal());
  for (int64_t k = 0; k < c; ++k) {
    weight[k] = T(random.uniform(0.5, 2));
    bias[k] = T(random.normal());
  }
  Vector<T>*w = affine ? &weight : nullptr, *b = affine ? &bias : nullptr;
  const pynn_array *wt = affine ? &weight.text : nullptr, *bt = affine ? &bias.text : nullptr;
  CHECK_EQ(pynn_batch_norm(&x.text, wt, bt, eps, act, &y.text, &mean.text, &var.text), PYNN_OK);
  for (int64_t k = 0; k < c; ++k) {
    Real m = 0, v = 0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < s; ++j) m += Real(x.at(i, k, j));
    }
    m /= Real(n * s);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < s; ++j) v += (Real(x.at(i, k, j)) - m) * (Real(x.at(i, k, j)) - m);
    }
    v /= Real(n * s);
    CHECK_CLOSE(mean[k], double(m), 2 * unit * (std::fabs(middle) + 1));
    CHECK_CLOSE(var[k], double(v), (20 * unit + drift) * (double(v) + 1e-3));
    const Real scale = value(w, k, 1) / std::sqrt(v + Real(eps));
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < s; ++j) {
        Real want = (Real(x.at(i, k, j)) - m) * scale + value(b, k, 0);
        if (relu && want < 0) want = 0;
        CHECK_CLOSE(y.at(i, k, j), double(want), (30 * unit * (2 + double(std::fabs(want))) + drift) * (1 + double(scale)));
      }
    }
  }
  for (const bool given : {false, true}) {
    const pynn_norm_gradients out = {&dx.text, &dw.text, &db.text, given ? &dm.text : nullptr,
                                     given ? &dv.text : nullptr};
    CHECK_EQ(pynn_batch_norm_backward(&g.text, &x.text, &mean.text, &var.text, wt, bt, eps, act, given, &out),
             PYNN_OK);
    for (int64_t k = 0; k < c; ++k) {
      const Real m = Real(mean[k]), rstd = 1 / std::sqrt(Real(var[k]) + Real(eps)), a = value(w, k, 1) * rstd;
      Real sum = 0, product = 0, gross = 0;
      bool edge = false;  // a value at the ReLU's corner, where rounding decides
      const auto passed = [&](int64_t i, int64_t j) {
        const Real z = (Real(x.at(i, k, j)) - m) * a + value(b, k, 0);
        edge = edge || (relu && std::fabs(z) < 100 * Real(unit) * (1 + a));
        return relu && z <= 0 ? Real(0) : Real(g.at(i, k, j));
      };
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < s; ++j) {
          const Real of = passed(i, j), d = Real(x.at(i, k, j)) - m;
          sum += of;
          product += of * d;
          gross += std::fabs(of) * (1 + std::fabs(d));
        }
      }
      if (edge) continue;
      const double slack = 40 * unit * double(gross) * double(1 + a * rstd * rstd);
      CHECK_CLOSE(dw[k], double(product * rstd), slack * double(1 + rstd));
      CHECK_CLOSE(db[k], double(sum), slack);
      if (given) {
        CHECK_CLOSE(dm[k], double(-a * sum), slack * double(1 + a));
        CHECK_CLOSE(dv[k], double(-a * rstd * rstd * product / 2), slack * double(1 + a * rstd * rstd));
      }
      const Real count = Real(n * s);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < s; ++j) {
          Real want = a * passed(i, j);
          const Real d = Real(x.at(i, k, j)) - m;
          if (!given) want -= a * (sum / count + d * rstd * rstd * product / count);
          CHECK_CLOSE(dx.at(i, k, j), double(want),
                      60 * unit * double(1 + a) * double(3 + std::fabs(g.at(i, k, j))) *
                          double((1 + std::fabs(d)) * (1 + rstd * rstd)));
        }
      }
    }
  }
  Held<T> fixed(n, c, s, columns, pad);
  CHECK_EQ(pynn_batch_norm_fixed(&x.text, &mean.text, &var.text, wt, bt, eps, act, &fixed.text), PYNN_OK);
  for (int64_t k = 0; k < c; ++k) {
    const Real a = value(w, k, 1) / std::sqrt(Real(var[k]) + Real(eps));
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < s; ++j) {
        Real want = (Real(x.at(i, k, j)) - Real(mean[k])) * a + value(b, k, 0);
        if (relu && want < 0) want = 0;
        CHECK_CLOSE(fixed.at(i, k, j), double(want),
                    20 * unit * (3 + double(std::fabs(want))) * double(1 + a));
      }
    }
  }
  CHECK(x.data.intact() && y.data.intact() && dx.data.intact() && fixed.data.intact() && mean.data.intact() &&
        var.data.intact() && dw.data.intact() && db.data.intact());
}

// Layer norm (groups 0), root mean square (groups -1), or group norm of x (n, c, s) with c channels.
template <class T>
void test_rows(Random& random, int groups, int64_t n, int64_t c, int64_t s, bool affine, double middle) {
  const double eps = 1e-5, unit = Limits<T>::eps, drift = Limits<T>::drift(middle);
  const bool grouped = groups > 0, rms = groups < 0;
  const int64_t stats = grouped ? n * groups : n, parameters = grouped ? c : c * s, length = n * c * s / stats;
  Held<T> x(n, c, s, false, 0), y(n, c, s, false, 0), g(n, c, s, false, 0), dx(n, c, s, false, 0);
  Vector<T> weight(parameters), bias(parameters), mean(stats), rstd(stats), dw(parameters), db(parameters);
  for (int64_t i = 0; i < n * c * s; ++i) {
    x.data[i] = T(middle + random.normal());
    g.data[i] = T(random.normal());
  }
  for (int64_t k = 0; k < parameters; ++k) {
    weight[k] = T(random.uniform(0.5, 2));
    bias[k] = T(random.normal());
  }
  Vector<T>*w = affine ? &weight : nullptr, *b = affine && !rms ? &bias : nullptr;
  const pynn_array *wt = w ? &weight.text : nullptr, *bt = b ? &bias.text : nullptr;
  const pynn_norm_gradients out = {&dx.text, &dw.text, rms ? nullptr : &db.text, nullptr, nullptr};
  if (grouped) {
    CHECK_EQ(pynn_group_norm(&x.text, groups, wt, bt, eps, &y.text, &mean.text, &rstd.text), PYNN_OK);
    CHECK_EQ(pynn_group_norm_backward(&g.text, &x.text, groups, &mean.text, &rstd.text, wt, &out), PYNN_OK);
  } else if (rms) {
    CHECK_EQ(pynn_rms_norm(&x.text, 2, wt, eps, &y.text), PYNN_OK);
    CHECK_EQ(pynn_rms_norm_backward(&g.text, &x.text, 2, wt, eps, &out), PYNN_OK);
  } else {
    CHECK_EQ(pynn_layer_norm(&x.text, 2, wt, bt, eps, &y.text, &mean.text, &rstd.text), PYNN_OK);
    CHECK_EQ(pynn_layer_norm_backward(&g.text, &x.text, 2, &mean.text, &rstd.text, wt, &out), PYNN_OK);
  }
  std::vector<Real> want_dw(size_t(parameters), Real(0)), want_db(want_dw), gross(want_dw);
  // Group norm's backward takes the mean as it was rounded.
  const double shift = grouped ? unit * std::fabs(middle) : drift;
  for (int64_t r = 0; r < stats; ++r) {
    const T *xr = x.data.data() + r * length, *gr = g.data.data() + r * length;
    const auto place = [&](int64_t i) { return grouped ? (r * length + i) / s % c : i; };
    Real m = 0, v = 0, sum = 0, product = 0;
    for (int64_t i = 0; i < length && !rms; ++i) m += Real(xr[i]) / Real(length);
    for (int64_t i = 0; i < length; ++i) v += (Real(xr[i]) - m) * (Real(xr[i]) - m) / Real(length);
    const Real d = 1 / std::sqrt(v + Real(eps));
    if (!rms) {
      CHECK_CLOSE(mean[r], double(m), 2 * unit * (std::fabs(middle) + 1));
      CHECK_CLOSE(rstd[r], double(d), (20 * unit + drift) * double(d));
    }
    for (int64_t i = 0; i < length; ++i) {
      const Real hat = (Real(xr[i]) - m) * d, gw = Real(gr[i]) * value(w, place(i), 1);
      const Real want = hat * value(w, place(i), 1) + value(b, place(i), 0);
      CHECK_CLOSE(y.data[r * length + i], double(want), (30 * unit * (3 + double(std::fabs(want))) + 4 * drift) * (1 + double(d)));
      sum += gw / Real(length);
      product += gw * hat / Real(length);
      want_dw[size_t(place(i))] += Real(gr[i]) * hat;
      want_db[size_t(place(i))] += Real(gr[i]);
      gross[size_t(place(i))] += std::fabs(Real(gr[i])) * (1 + std::fabs(hat));
    }
    for (int64_t i = 0; i < length; ++i) {
      const Real hat = (Real(xr[i]) - m) * d;
      const Real want = d * (Real(gr[i]) * value(w, place(i), 1) - (rms ? 0 : sum) - hat * product);
      CHECK_CLOSE(dx.data[r * length + i], double(want),
                  (60 * unit + 4 * shift * double(d)) * double(d + 1) *
                      double(3 + std::fabs(gr[i]) * 2 + std::fabs(hat * product)));
    }
  }
  for (int64_t k = 0; k < parameters; ++k) {
    CHECK_CLOSE(dw[k], double(want_dw[size_t(k)]), (40 * unit + 40 * shift) * double(gross[size_t(k)]));
    if (!rms) CHECK_CLOSE(db[k], double(want_db[size_t(k)]), 40 * unit * double(gross[size_t(k)]));
  }
  CHECK(y.data.intact() && dx.data.intact() && mean.data.intact() && rstd.data.intact() && dw.data.intact() &&
        db.data.intact() && x.data.intact());
}

template <class T>
void test_shapes(const char* isa) {
  Random random(3);
  const double middle = 1e4;
  const int64_t batches[][3] = {{2, 1, 1}, {32, 20, 1},  {3, 65, 1}, {130, 17, 1}, {5, 7, 3},   {2, 3, 49},
                                {1, 4, 9}, {4, 9, 130}, {1, 2, 4200}, {2, 1, 4100}, {3, 200, 1}, {2, 37, 2}};
  for (const auto& b : batches) {
    for (int variant = 0; variant < 8; ++variant) {
      const bool columns = variant & 1;
      set_context(std::string(isa) + " batch " + std::to_string(b[0]) + "x" + std::to_string(b[1]) + "x" +
                  std::to_string(b[2]) + " variant " + std::to_string(variant));
      test_batch<T>(random, b[0], b[1], b[2], columns, variant & 2 ? 3 : 0, variant & 4, variant & 2,
                    variant == 5 || variant == 4 ? middle : 0.3);
    }
    for (int groups : {-1, 0, 1, int(b[1])}) {
      set_context(std::string(isa) + " rows " + std::to_string(b[0]) + "x" + std::to_string(b[1]) + "x" +
                  std::to_string(b[2]) + " groups " + std::to_string(groups));
      if (b[1] * b[2] / std::max(groups, 1) < 2) continue;
      test_rows<T>(random, groups, b[0], b[1], b[2], true, groups < 0 ? 0.3 : middle);
      test_rows<T>(random, groups, b[0], b[1], b[2], false, 0.3);
    }
  }
}

void test_fuzz(Random& random) {
  const int64_t n = 1 + random.below(6), c = 1 + random.below(40), s = 1 + random.below(80);
  if (n * s > 1) {
    test_batch<float>(random, n, c, s, random.below(2), random.below(4), random.below(2), random.below(2), 0.5);
    test_batch<double>(random, n, c, s, random.below(2), random.below(4), random.below(2), random.below(2), 0.5);
  }
  const int groups = int(random.below(3)) - 1;
  if (c * s > 1) test_rows<float>(random, groups, n, c, s, random.below(2), 0.5);
  if (c * s > 1) test_rows<double>(random, groups, n, c, s, random.below(2), 0.5);
  if (c % 2 == 0 && c * s > 2) test_rows<float>(random, 2, n, c, s, random.below(2), 0.5);
}

void test_threads(const char* isa) {
  const int64_t shapes[][3] = {{16, 33, 784}, {6, 2, 30000}, {3000, 70, 1}, {64, 900, 4}};
  for (const auto& shape : shapes) {
    for (bool columns : {false, true}) {
      set_context(std::string(isa) + " threads");
      Random random(9);
      const int64_t n = shape[0], c = shape[1], s = shape[2];
      Held<float> x(n, c, s, columns, 0), g(n, c, s, columns, 0), y(n, c, s, columns, 0), dx(n, c, s, columns, 0);
      Vector<float> mean(c), var(c), dw(c), db(c), row_mean(n), row_rstd(n), rw(c * s), rb(c * s);
      for (int64_t i = 0; i < x.data.size(); ++i) {
        x.data[i] = float(random.uniform(-1, 1));
        g.data[i] = float(random.uniform(-1, 1));
      }
      std::vector<float> results[2];
      for (int threads : {1, 2}) {
        pynn::set_num_threads(threads);
        std::vector<float>& all = results[threads - 1];
        const auto keep = [&](const Guarded<float>& a) { all.insert(all.end(), a.data(), a.data() + a.size()); };
        pynn_batch_norm(&x.text, nullptr, nullptr, 1e-5, PYNN_ACT_NONE, &y.text, &mean.text, &var.text);
        const pynn_norm_gradients out = {&dx.text, &dw.text, &db.text, nullptr, nullptr};
        pynn_batch_norm_backward(&g.text, &x.text, &mean.text, &var.text, nullptr, nullptr, 1e-5, PYNN_ACT_NONE,
                                 0, &out);
        for (const Guarded<float>* a : {&y.data, &dx.data, &dw.data, &db.data, &mean.data, &var.data}) keep(*a);
        if (columns) continue;
        const pynn_norm_gradients rows = {&dx.text, &rw.text, &rb.text, nullptr, nullptr};
        pynn_layer_norm(&x.text, 2, nullptr, nullptr, 1e-5, &y.text, &row_mean.text, &row_rstd.text);
        pynn_layer_norm_backward(&g.text, &x.text, 2, &row_mean.text, &row_rstd.text, nullptr, &rows);
        for (const Guarded<float>* a : {&y.data, &dx.data, &rw.data, &rb.data}) keep(*a);
        pynn_group_norm(&x.text, 1, nullptr, nullptr, 1e-5, &y.text, &row_mean.text, &row_rstd.text);
        pynn_group_norm_backward(&g.text, &x.text, 1, &row_mean.text, &row_rstd.text, nullptr, &out);
        for (const Guarded<float>* a : {&y.data, &dx.data, &dw.data, &db.data}) keep(*a);
      }
      CHECK(results[0] == results[1]);
    }
  }
}

void test_special() {
  const float inf = std::numeric_limits<float>::infinity();
  Held<float> x(2, 2, 3, false, 0), y(2, 2, 3, false, 0);
  Vector<float> mean(2), var(2);
  for (float bad : {inf, std::nanf("")}) {
    for (int64_t i = 0; i < 12; ++i) x.data[i] = float(i);
    x.at(0, 0, 1) = bad;  // spoils its channel only
    pynn_batch_norm(&x.text, nullptr, nullptr, 1e-5, PYNN_ACT_RELU, &y.text, &mean.text, &var.text);
    CHECK(std::isnan(y.at(0, 0, 0)) && std::isnan(y.at(1, 0, 2)) && std::isnan(var[0]));
    CHECK(y.at(0, 1, 0) == 0 && y.at(1, 1, 2) > 1);
  }
  for (int64_t i = 0; i < 12; ++i) x.data[i] = 7;  // no spread: 0 / sqrt(eps)
  pynn_batch_norm(&x.text, nullptr, nullptr, 1e-5, PYNN_ACT_NONE, &y.text, &mean.text, &var.text);
  CHECK(y.at(0, 0, 0) == 0 && mean[0] == 7 && var[0] == 0);
  const int64_t none[] = {0, 2, 3};
  pynn_array empty = {nullptr, none, nullptr, 3, PYNN_FLOAT32};
  CHECK_EQ(pynn_batch_norm(&empty, nullptr, nullptr, 1e-5, PYNN_ACT_NONE, &empty, &mean.text, &var.text), PYNN_OK);
  CHECK(std::isnan(mean[0]) && std::isnan(var[1]));
  const pynn_norm_gradients out = {&empty, &mean.text, &var.text, nullptr, nullptr};
  CHECK_EQ(pynn_batch_norm_backward(&empty, &empty, &mean.text, &var.text, nullptr, nullptr, 1e-5, PYNN_ACT_NONE,
                                    0, &out),
           PYNN_OK);
  CHECK(mean[0] == 0 && var[1] == 0);
}

void test_errors() {
  Held<float> x(2, 4, 3, false, 0), y(2, 4, 3, false, 0), last(2, 4, 3, true, 0);
  Vector<float> four(4), three(3), mean(4), rows(2);
  Vector<double> wide(4);
  const auto run = [&](pynn_array* in, pynn_array* weight, pynn_array* out) {
    return pynn_batch_norm(in, weight, nullptr, 1e-5, PYNN_ACT_NONE, out, &mean.text, &four.text);
  };
  CHECK_EQ(run(nullptr, nullptr, &y.text), PYNN_INVALID);
  CHECK_EQ(run(&x.text, nullptr, nullptr), PYNN_INVALID);
  CHECK_EQ(run(&x.text, &three.text, &y.text), PYNN_INVALID);
  CHECK(says("expected 4 elements"));
  CHECK_EQ(run(&x.text, &wide.text, &y.text), PYNN_UNSUPPORTED);
  CHECK_EQ(run(&x.text, nullptr, &last.text), PYNN_UNSUPPORTED);
  CHECK(says("contiguous"));
  CHECK_EQ(pynn_group_norm(&x.text, 3, nullptr, nullptr, 1e-5, &y.text, &mean.text, &four.text), PYNN_INVALID);
  CHECK(says("divisor"));
  CHECK_EQ(pynn_layer_norm(&x.text, 4, nullptr, nullptr, 1e-5, &y.text, &rows.text, &rows.text), PYNN_INVALID);
  CHECK_EQ(pynn_layer_norm(&x.text, 2, &four.text, nullptr, 1e-5, &y.text, &rows.text, &rows.text), PYNN_INVALID);
  CHECK_EQ(pynn_rms_norm(&last.text, 2, nullptr, 1e-5, &y.text), PYNN_UNSUPPORTED);
  const pynn_norm_gradients out = {nullptr, nullptr, nullptr, &four.text, nullptr};
  CHECK_EQ(pynn_batch_norm_backward(&y.text, &x.text, &mean.text, &four.text, nullptr, nullptr, 1e-5,
                                    PYNN_ACT_NONE, 0, &out),
           PYNN_INVALID);
  CHECK_EQ(pynn_batch_norm_update(&four.text, &four.text, 0.1, 1, &mean.text, &three.text), PYNN_INVALID);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::norm::table().isa, isa) == 0);
    test_shapes<float>(isa);
    test_shapes<double>(isa);
    test_threads(isa);
    test_special();
    fuzz(test_fuzz);
  });
  test_errors();
  return summary();
}
