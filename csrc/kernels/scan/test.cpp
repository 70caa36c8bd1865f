// Scans against long double loops: every operation, dtype and ISA, odd sizes, special values, gradients,
// threads.
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/scan/scan.h"

using namespace pynn::testing;

namespace {

template <class T>
constexpr int kDtype = sizeof(T) == 4 ? PYNN_FLOAT32 : PYNN_FLOAT64;

template <class T>
struct Case {
  int64_t outer, n, inner, shape[3];
  Guarded<T> x, out, grad, dx;
  Case(Random& random, int64_t n_most, int64_t inner_most)
      : outer(random.below(4)),
        n(random.below(n_most + 1)),
        inner(random.below(3) == 0 ? 1 : 1 + random.below(inner_most)),
        shape{outer, n, inner},
        x(outer * n * inner),
        out(x.size()),
        grad(x.size()),
        dx(x.size()) {
    for (int64_t i = 0; i < x.size(); ++i) {
      x[i] = T(random.normal());
      grad[i] = T(random.normal());
    }
  }
  pynn_array array(Guarded<T>& of) { return {of.data(), shape, nullptr, 3, kDtype<T>}; }
  bool intact() const { return x.intact() && out.intact() && grad.intact() && dx.intact(); }
  // f(place of the first element) for every column.
  template <class F>
  void columns(const F& f) const {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) f(o * n * inner + i);
    }
  }
};

template <class T>
void check_totals(Random& random) {
  Case<T> c(random, random.below(6) == 0 ? 400 : 30, 150);
  const bool products = random.below(2) == 1;
  if (products) {
    for (int64_t i = 0; i < c.x.size(); ++i)
      c.x[i] = random.below(12) == 0 ? T(0) : T(random.uniform(0.7, 1.4));
  }
  const auto op = products ? PYNN_SCAN_PROD : PYNN_SCAN_SUM;
  const bool reverse = !products && random.below(2) == 1;
  const pynn_array x = c.array(c.x), grad = c.array(c.grad);
  pynn_array out = c.array(c.out), dx = c.array(c.dx);
  CHECK_EQ(pynn_scan(op, reverse, &x, 1, &out), PYNN_OK);
  CHECK_EQ(pynn_scan_backward(op, products ? &x : nullptr, nullptr, &grad, 1, &dx), PYNN_OK);
  const double unit = sizeof(T) == 4 ? 2e-7 : 2e-13;
  c.columns([&](int64_t at) {
    long double total = products ? 1 : 0, gross = 1;
    for (int64_t k = 0; k < c.n; ++k) {
      const int64_t place = at + (reverse ? c.n - 1 - k : k) * c.inner;
      const long double v = c.x[place];
      total = products ? total * v : total + v;
      gross = products ? std::fabs(double(total)) : gross + std::fabs(double(v));
      CHECK_CLOSE(c.out[place], total, unit * double(gross));
    }
    if (reverse) return;
    std::vector<long double> before(size_t(c.n), 1);
    for (int64_t k = 1; k < c.n; ++k) before[size_t(k)] = before[size_t(k - 1)] * c.x[at + (k - 1) * c.inner];
    long double sum = 0, size = 0;
    for (int64_t k = c.n - 1; k >= 0; --k) {
      const int64_t place = at + k * c.inner;
      const long double later = products && k + 1 < c.n ? c.x[place + c.inner] : 1;
      sum = c.grad[place] + later * sum;
      size = std::fabs(double(c.grad[place])) + std::fabs(double(later)) * size;
      const long double p = products ? before[size_t(k)] : 1;
      CHECK_CLOSE(c.dx[place], p * sum, 2 * unit * double(p * size) + unit);
    }
  });
  CHECK(c.intact());
}

template <class T>
void check_logsumexp(Random& random) {
  Case<T> c(random, 30, 40);
  for (int64_t i = 0; i < c.x.size(); ++i) {
    c.x[i] *= T(random.below(4) == 0 ? 60 : 1);
    if (random.below(20) == 0) c.x[i] = -INFINITY;
  }
  const pynn_array x = c.array(c.x), grad = c.array(c.grad);
  pynn_array out = c.array(c.out), dx = c.array(c.dx);
  CHECK_EQ(pynn_scan(PYNN_SCAN_LOGSUMEXP, 0, &x, 1, &out), PYNN_OK);
  CHECK_EQ(pynn_scan_backward(PYNN_SCAN_LOGSUMEXP, &x, &out, &grad, 1, &dx), PYNN_OK);
  const double unit = sizeof(T) == 4 ? 1e-5 : 1e-12;
  c.columns([&](int64_t at) {
    std::vector<long double> totals;
    long double total = -INFINITY;
    for (int64_t k = 0; k < c.n; ++k) {
      const long double v = c.x[at + k * c.inner], most = std::fmax(double(v), double(total));
      if (most != -INFINITY) total = most + std::log(std::exp(v - most) + std::exp(total - most));
      totals.push_back(total);
      CHECK_CLOSE(c.out[at + k * c.inner], total, unit * (1 + std::fabs(double(total))));
    }
    for (int64_t k = 0; k < c.n; ++k) {
      const long double v = c.x[at + k * c.inner];
      long double wanted = 0, gross = 0;
      for (int64_t j = k; j < c.n && v != -INFINITY; ++j) {
        const long double part = c.grad[at + j * c.inner] * std::exp(v - totals[size_t(j)]);
        wanted += part;
        gross += std::fabs(double(part));
      }
      CHECK_CLOSE(c.dx[at + k * c.inner], wanted, 40 * unit * (1e-3 + double(gross)));
    }
  });
  CHECK(c.intact());
}

template <class T>
void check_extremes(Random& random) {
  Case<T> c(random, 40, 150);
  for (int64_t i = 0; i < c.x.size(); ++i) {
    if (random.below(2)) c.x[i] = T(random.below(4));
    if (random.below(60) == 0) c.x[i] = NAN;
  }
  Guarded<int64_t> places(c.x.size());
  const int smallest = int(random.below(2));
  const pynn_array x = c.array(c.x);
  pynn_array out = c.array(c.out);
  CHECK_EQ(pynn_scan_extreme(smallest, &x, 1, &out, places.data()), PYNN_OK);
  c.columns([&](int64_t at) {
    int64_t best = 0;
    for (int64_t k = 0; k < c.n; ++k) {
      const T v = c.x[at + k * c.inner], held = c.x[at + best * c.inner];
      if (v != v || (held == held && (smallest ? v <= held : v >= held))) best = k;
      CHECK_EQ(places[at + k * c.inner], best);
      CHECK_CLOSE(c.out[at + k * c.inner], c.x[at + best * c.inner], 0);
    }
  });
  CHECK(c.intact() && places.intact());
}

void test_threads_give_the_same_bits() {
  Random random(3);
  const int64_t shapes[][3] = {{300, 700, 1}, {1, 300, 700}, {2, 200, 500}};
  std::vector<float> x(210000), out[2] = {x, x};
  for (float& v : x) v = float(random.normal());
  for (const auto& shape : shapes) {
    for (int threads : {1, 2}) {
      pynn::set_num_threads(threads);
      const pynn_array in = {x.data(), shape, nullptr, 3, PYNN_FLOAT32};
      pynn_array result = {out[threads - 1].data(), shape, nullptr, 3, PYNN_FLOAT32};
      CHECK_EQ(pynn_scan(PYNN_SCAN_SUM, 0, &in, 1, &result), PYNN_OK);
    }
    CHECK(std::memcmp(out[0].data(), out[1].data(), out[0].size() * sizeof(float)) == 0);
  }
}

void test_wrong_arguments() {
  float in[6] = {}, out[6];
  int64_t places[6];
  const int64_t shape[] = {2, 3}, other[] = {3, 2};
  const pynn_array x = {in, shape, nullptr, 2, PYNN_FLOAT32};
  pynn_array y = {out, shape, nullptr, 2, PYNN_FLOAT32};
  CHECK_EQ(pynn_scan(PYNN_SCAN_SUM, 0, &x, 2, &y), PYNN_INVALID);
  CHECK_EQ(pynn_scan(PYNN_SCAN_SUM, 0, &x, -1, &y), PYNN_INVALID);
  CHECK_EQ(pynn_scan(PYNN_SCAN_OPS, 0, &x, 0, &y), PYNN_INVALID);
  CHECK_EQ(pynn_scan(PYNN_SCAN_SUM, 0, nullptr, 0, &y), PYNN_INVALID);
  CHECK_EQ(pynn_scan_extreme(0, &x, 0, &y, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_scan_extreme(0, &x, 0, &y, places), PYNN_OK);
  CHECK_EQ(pynn_scan_backward(PYNN_SCAN_PROD, nullptr, nullptr, &x, 0, &y), PYNN_INVALID);
  y.shape = other;
  CHECK_EQ(pynn_scan(PYNN_SCAN_SUM, 0, &x, 0, &y), PYNN_INVALID);
  y.shape = shape;
  y.dtype = PYNN_INT32;
  CHECK_EQ(pynn_scan(PYNN_SCAN_SUM, 0, &x, 0, &y), PYNN_UNSUPPORTED);
}

template <class T>
void one_round(Random& random) {
  check_totals<T>(random);
  check_logsumexp<T>(random);
  check_extremes<T>(random);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::string(pynn::scan::table().isa) == isa);
    Random random(1);
    for (int i = 0; i < 12; ++i) {
      one_round<float>(random);
      one_round<double>(random);
    }
    test_threads_give_the_same_bits();
    fuzz([](Random& r) { one_round<float>(r), one_round<double>(r); });
  });
  test_wrong_arguments();
  return summary();
}
