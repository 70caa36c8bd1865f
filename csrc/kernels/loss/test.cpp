// Every loss and dtype against a reference in double: lengths of all kinds, reductions, special values, threads,
// wrong arguments.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/loss/loss.h"

using namespace pynn::testing;

namespace {

double log_at_least(double x) { return std::fmax(x, -100.0); }
double sign(double x) { return double(x > 0) - double(x < 0); }
double clip(double x, double limit) { return std::fmin(std::fmax(x, -limit), limit); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Found {
  double value, by_x, by_y;
};

Found reference(int kind, double x, double y, const double* o) {
  const double d = x - y, size = std::fabs(d);
  const double stirling =
      y > 1 ? y * std::log(y) - y + 0.5 * std::log(6.283185307179586 * y) : 0;
  const double stirling_slope = y > 1 ? std::log(y) + 0.5 / y : 0;
  switch (kind) {
    case PYNN_LOSS_MSE:
      return {d * d, 2 * d, -2 * d};
    case PYNN_LOSS_L1:
      return {size, sign(d), -sign(d)};
    case PYNN_LOSS_SMOOTH_L1:
      return {size < o[0] ? 0.5 * d * d / o[0] : size - 0.5 * o[0], clip(d / o[0], 1), -clip(d / o[0], 1)};
    case PYNN_LOSS_HUBER:
      return {size <= o[0] ? 0.5 * d * d : o[0] * (size - 0.5 * o[0]), clip(d, o[0]), -clip(d, o[0])};
    case PYNN_LOSS_BCE: {
      const double a = log_at_least(std::log(x)), b = log_at_least(std::log1p(-x));
      return {-(y * a + (1 - y) * b), d / std::fmax(x * (1 - x), 1e-12), b - a};
    }
    case PYNN_LOSS_BCE_LOGITS:
      return {std::fmax(x, 0) - x * y + std::log1p(std::exp(-std::fabs(x))), sigmoid(x) - y, -x};
    case PYNN_LOSS_KL_DIV:
      return {y == 0 ? 0 : y * (std::log(y) - x), -y, y == 0 ? -x : std::log(y) - x + 1};
    case PYNN_LOSS_KL_DIV_LOG:
      return {std::exp(y) * (y - x), -std::exp(y), std::exp(y) * (y - x + 1)};
    case PYNN_LOSS_POISSON_LOG:
      return {std::exp(x) - x * y + o[0] * stirling, std::exp(x) - y, o[0] * stirling_slope - x};
    case PYNN_LOSS_POISSON:
      return {x - y * std::log(x + o[1]) + o[0] * stirling, 1 - y / (x + o[1]),
              o[0] * stirling_slope - std::log(x + o[1])};
    case PYNN_LOSS_HINGE: {
      const double far = std::fmax(0, o[0] - x), slope = o[0] - x < 0 ? 0 : -1;
      return {(y == -1 ? 0 : x) + (y == 1 ? 0 : far), (y == -1 ? 0 : 1) + (y == 1 ? 0 : slope), 0};
    }
    default: {
      const double z = -x * y;
      return {std::fmax(z, 0) + std::log1p(std::exp(-std::fabs(z))), -y * sigmoid(z), -x * sigmoid(z)};
    }
  }
}

template <class T>
pynn_array array_of(Guarded<T>& data, const int64_t* shape, int ndim) {
  return {data.data(), shape, nullptr, ndim, dtype_of<T>};
}

template <class T>
void test_kind(Random& random, int kind, int64_t n) {
  const double unit = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
  const double options[][2] = {{1.0, 1e-8}, {0.5, 0.1}, {0, 1e-3}};
  double o[2] = {options[random.below(2)][0], options[random.below(3)][1]};
  if (kind == PYNN_LOSS_POISSON || kind == PYNN_LOSS_POISSON_LOG) o[0] = double(random.below(2));
  const bool positive = kind == PYNN_LOSS_BCE || kind == PYNN_LOSS_POISSON;
  Guarded<T> x(n), y(n), out(n), g(n), dx(n), dy(n), one(1), grad(1);
  for (int64_t i = 0; i < n; ++i) {
    x[i] = T(positive ? random.uniform(0.01, 0.99) : 2 * random.normal());
    y[i] = T(kind == PYNN_LOSS_HINGE ? double(random.below(3)) - 1
             : kind == PYNN_LOSS_SOFT_MARGIN ? double(random.below(2)) * 2 - 1
             : kind == PYNN_LOSS_KL_DIV ? double(random.below(4)) / 4
             : kind == PYNN_LOSS_BCE || kind == PYNN_LOSS_BCE_LOGITS ? random.uniform()
             : kind >= PYNN_LOSS_POISSON_LOG ? random.uniform(0, 5)
                                             : random.normal());
    g[i] = T(random.normal());
  }
  grad[0] = T(0.7);
  pynn_array ax = array_of(x, &n, 1), ay = array_of(y, &n, 1), aout = array_of(out, &n, 1),
             ag = array_of(g, &n, 1), adx = array_of(dx, &n, 1), ady = array_of(dy, &n, 1),
             aone = array_of(one, nullptr, 0), agrad = array_of(grad, nullptr, 0);
  const auto id = pynn_loss_kind(kind);
  CHECK_EQ(pynn_loss(id, &ax, &ay, o, PYNN_LOSS_NONE, &aout), PYNN_OK);
  CHECK_EQ(pynn_loss_backward(id, &ag, &ax, &ay, o, PYNN_LOSS_NONE, &adx, &ady), PYNN_OK);
  double sum = 0, gross = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Found want = reference(kind, double(x[i]), double(y[i]), o);
    const double size = 10 + double(x[i] * x[i]) + double(y[i] * y[i]) + 2 * std::exp(double(x[i])) + 2 * std::exp(double(y[i]));
    CHECK_CLOSE(out[i], want.value, 4 * unit * (size + std::fabs(want.value)));
    CHECK_CLOSE(dx[i], double(g[i]) * want.by_x, 6 * unit * std::fabs(g[i]) * (size + std::fabs(want.by_x)));
    CHECK_CLOSE(dy[i], double(g[i]) * want.by_y, 6 * unit * std::fabs(g[i]) * (size + std::fabs(want.by_y)));
    sum += want.value;
    gross += size + std::fabs(want.value);
  }
  CHECK_EQ(pynn_loss(id, &ax, &ay, o, PYNN_LOSS_SUM, &aone), PYNN_OK);
  CHECK_CLOSE(one[0], sum, 4 * unit * (1 + gross));
  CHECK_EQ(pynn_loss(id, &ax, &ay, o, PYNN_LOSS_MEAN, &aone), PYNN_OK);
  CHECK_CLOSE(one[0], sum / double(n), 4 * unit * (1 + gross / double(n)));
  CHECK_EQ(pynn_loss_backward(id, &agrad, &ax, &ay, o, PYNN_LOSS_MEAN, &adx, nullptr), PYNN_OK);
  for (int64_t i = 0; i < n; ++i) {
    const Found want = reference(kind, double(x[i]), double(y[i]), o);
    const double size = 10 + double(x[i] * x[i]) + 2 * std::exp(double(x[i])) + std::fabs(want.by_x);
    CHECK_CLOSE(dx[i], 0.7 / double(n) * want.by_x, 8 * unit * size / double(n) + 3e-45);
  }
  CHECK(x.intact() && y.intact() && out.intact() && dx.intact() && dy.intact() && one.intact());
}

template <class T>
void test_classes(Random& random, int64_t samples, int64_t classes, int64_t inner, bool weighted, double smooth,
                  bool nll) {
  const double unit = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
  const int64_t shape[] = {samples, classes, inner}, flat[] = {samples, inner}, count = samples * inner;
  const int ndim = inner == 1 ? 2 : 3;
  Guarded<T> x(count * classes), weight(classes), out(count), g(count), dx(count * classes), one(1);
  Guarded<int64_t> target(count);
  for (int64_t i = 0; i < x.size(); ++i) x[i] = T(3 * random.normal());
  for (int64_t i = 0; i < classes; ++i) weight[i] = T(random.uniform(0.2, 2));
  for (int64_t i = 0; i < count; ++i) {
    target[i] = random.below(5) == 0 && i > 0 ? -100 : random.below(classes);
    g[i] = T(random.normal());
  }
  pynn_array ax = array_of(x, shape, ndim), aw = array_of(weight, &classes, 1), aout = array_of(out, flat, ndim - 1),
             ag = array_of(g, flat, ndim - 1), adx = array_of(dx, shape, ndim), aone = array_of(one, nullptr, 0);
  pynn_array at = {target.data(), flat, nullptr, ndim - 1, PYNN_INT64};
  pynn_class_loss args = {&ax, &at, weighted ? &aw : nullptr, -100, smooth, nll, PYNN_LOSS_NONE};
  CHECK_EQ(pynn_class_loss_forward(&args, &aout), PYNN_OK);
  CHECK_EQ(pynn_class_loss_backward(&args, &ag, &adx), PYNN_OK);
  double sum = 0, divisor = 0;
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t s = 0; s < inner; ++s) {
      const int64_t i = n * inner + s, t = target[i];
      const auto place = [&](int64_t k) { return (n * classes + k) * inner + s; };
      const auto w = [&](int64_t k) { return weighted ? double(weight[k]) : 1; };
      double most = -1e300, total = 0, want = 0, size = 1;
      for (int64_t k = 0; k < classes; ++k) most = std::fmax(most, double(x[place(k)]));
      for (int64_t k = 0; k < classes; ++k) total += std::exp(double(x[place(k)]) - most);
      const auto log_p = [&](int64_t k) {
        return nll ? double(x[place(k)]) : double(x[place(k)]) - most - std::log(total);
      };
      if (t != -100) {
        want = -(1 - smooth) * w(t) * log_p(t);
        for (int64_t k = 0; k < classes; ++k) {
          want -= smooth / double(classes) * w(k) * log_p(k);
          size += std::fabs(log_p(k)) * w(k);
        }
        divisor += w(t);
      }
      sum += want;
      CHECK_CLOSE(out[i], want, 10 * unit * size);
      double all = 0;
      for (int64_t k = 0; k < classes; ++k) all += w(k);
      for (int64_t k = 0; k < classes; ++k) {
        const double q = (k == t ? (1 - smooth) * w(t) : 0) + smooth / double(classes) * w(k);
        const double p = nll ? 0 : std::exp(log_p(k)) * ((1 - smooth) * w(t == -100 ? 0 : t) + smooth / double(classes) * all);
        const double d = t == -100 ? 0 : double(g[i]) * (p - q);
        CHECK_CLOSE(dx[place(k)], d, 30 * unit * std::fabs(g[i]) * 4);
      }
    }
  }
  args.reduction = PYNN_LOSS_MEAN;
  CHECK_EQ(pynn_class_loss_forward(&args, &aone), PYNN_OK);
  CHECK_CLOSE(one[0], sum / divisor, 40 * unit * (1 + std::fabs(sum / divisor)));
  CHECK_EQ(pynn_class_loss_backward(&args, &aone, &adx), PYNN_OK);
  args.reduction = PYNN_LOSS_SUM;
  CHECK_EQ(pynn_class_loss_forward(&args, &aone), PYNN_OK);
  CHECK_CLOSE(one[0], sum, 40 * unit * (1 + std::fabs(sum)) * std::sqrt(double(count)));
  CHECK(x.intact() && out.intact() && dx.intact() && one.intact() && weight.intact());
}

void test_threads(const char* isa) {
  set_context(std::string(isa) + " threads");
  Random random(9);
  const int64_t n = 200000;
  std::vector<float> x(static_cast<size_t>(n)), y(x), dx(x), results[2];
  for (int64_t i = 0; i < n; ++i) {
    x[size_t(i)] = float(random.uniform(0.1, 0.9));
    y[size_t(i)] = float(random.uniform(0.1, 0.9));
  }
  std::vector<int64_t> target(size_t(n / 20));
  for (int64_t& t : target) t = random.below(20);
  const int64_t shape[] = {2, 20, n / 40}, flat[] = {2, n / 40};
  const pynn_array planes = {x.data(), shape, nullptr, 3, PYNN_FLOAT32}, at = {target.data(), flat, nullptr, 2, PYNN_INT64};
  pynn_array ax = {x.data(), &n, nullptr, 1, PYNN_FLOAT32}, ay = {y.data(), &n, nullptr, 1, PYNN_FLOAT32},
             adx = {dx.data(), &n, nullptr, 1, PYNN_FLOAT32}, adp = {dx.data(), shape, nullptr, 3, PYNN_FLOAT32};
  const double o[] = {1, 0.1};
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    std::vector<float>& all = results[threads - 1];
    float one, grad = 1;
    pynn_array aone = {&one, nullptr, nullptr, 0, PYNN_FLOAT32}, agrad = {&grad, nullptr, nullptr, 0, PYNN_FLOAT32};
    for (int kind = 0; kind < PYNN_LOSS_COUNT; ++kind) {
      pynn_loss(pynn_loss_kind(kind), &ax, &ay, o, PYNN_LOSS_MEAN, &aone);
      pynn_loss_backward(pynn_loss_kind(kind), &agrad, &ax, &ay, o, PYNN_LOSS_MEAN, &adx, nullptr);
      all.push_back(one);
      all.insert(all.end(), dx.begin(), dx.end());
    }
    const pynn_class_loss args = {&planes, &at, nullptr, -100, 0.1, 0, PYNN_LOSS_MEAN};
    pynn_class_loss_forward(&args, &aone);
    pynn_class_loss_backward(&args, &agrad, &adp);
    all.push_back(one);
    all.insert(all.end(), dx.begin(), dx.end());
  }
  CHECK(results[0] == results[1]);
}

void test_special() {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const int64_t n = 4;
  float x[] = {0, 1, nan, inf}, y[] = {1, 0, 0, 1}, out[4];
  pynn_array ax = {x, &n, nullptr, 1, PYNN_FLOAT32}, ay = {y, &n, nullptr, 1, PYNN_FLOAT32},
             aout = {out, &n, nullptr, 1, PYNN_FLOAT32};
  pynn_loss(PYNN_LOSS_BCE, &ax, &ay, nullptr, PYNN_LOSS_NONE, &aout);
  CHECK(out[0] == 100 && out[1] == 100 && std::isnan(out[2]));
  pynn_loss(PYNN_LOSS_BCE_LOGITS, &ax, &ay, nullptr, PYNN_LOSS_NONE, &aout);
  CHECK(std::isnan(out[2]));
  pynn_loss(PYNN_LOSS_MSE, &ax, &ay, nullptr, PYNN_LOSS_NONE, &aout);
  CHECK(out[0] == 1 && std::isnan(out[2]) && out[3] == inf);
  const int64_t none = 0;
  float one = 0;
  pynn_array empty = {nullptr, &none, nullptr, 1, PYNN_FLOAT32}, aone = {&one, nullptr, nullptr, 0, PYNN_FLOAT32};
  CHECK_EQ(pynn_loss(PYNN_LOSS_L1, &empty, &empty, nullptr, PYNN_LOSS_MEAN, &aone), PYNN_OK);
  CHECK(std::isnan(one));
  CHECK_EQ(pynn_loss(PYNN_LOSS_L1, &empty, &empty, nullptr, PYNN_LOSS_SUM, &aone), PYNN_OK);
  CHECK_EQ(one, 0);
}

void test_errors() {
  const int64_t n = 4, m = 3, matrix[] = {2, 2}, two = 2;
  float x[4] = {}, one;
  int64_t t[] = {0, 2};
  pynn_array a = {x, &n, nullptr, 1, PYNN_FLOAT32}, b = {x, &m, nullptr, 1, PYNN_FLOAT32},
             out = {&one, nullptr, nullptr, 0, PYNN_FLOAT32}, square = {x, matrix, nullptr, 2, PYNN_FLOAT32},
             target = {t, &two, nullptr, 1, PYNN_INT64};
  CHECK_EQ(pynn_loss(PYNN_LOSS_MSE, &a, &b, nullptr, PYNN_LOSS_SUM, &out), PYNN_INVALID);
  CHECK_EQ(pynn_loss(PYNN_LOSS_COUNT, &a, &a, nullptr, PYNN_LOSS_SUM, &out), PYNN_INVALID);
  CHECK_EQ(pynn_loss(PYNN_LOSS_HUBER, &a, &a, nullptr, PYNN_LOSS_SUM, &out), PYNN_INVALID);
  CHECK(says("expected 1 numbers"));
  CHECK_EQ(pynn_loss(PYNN_LOSS_MSE, &a, &a, nullptr, PYNN_LOSS_NONE, &out), PYNN_INVALID);
  CHECK_EQ(pynn_loss(PYNN_LOSS_MSE, nullptr, &a, nullptr, PYNN_LOSS_SUM, &out), PYNN_INVALID);
  pynn_class_loss args = {&square, &target, nullptr, -100, 0, 0, PYNN_LOSS_MEAN};
  CHECK_EQ(pynn_class_loss_forward(&args, &out), PYNN_INVALID);
  CHECK(says("target is 2 at element 1"));
  args.ignore_index = 2;
  CHECK_EQ(pynn_class_loss_forward(&args, &out), PYNN_OK);
  args.label_smoothing = 0.5;
  args.log_probabilities = 1;
  CHECK_EQ(pynn_class_loss_forward(&args, &out), PYNN_INVALID);
  args.target = &a;
  CHECK_EQ(pynn_class_loss_forward(&args, &out), PYNN_INVALID);
  CHECK_EQ(pynn_class_loss_backward(nullptr, &out, &square), PYNN_INVALID);
}

void test_fuzz(Random& random) {
  const int kind = int(random.below(PYNN_LOSS_COUNT));
  test_kind<float>(random, kind, 1 + random.below(300));
  test_kind<double>(random, kind, 1 + random.below(300));
  const int64_t samples = 1 + random.below(6), classes = 1 + random.below(40), inner = 1 + random.below(40);
  const bool nll = random.below(3) == 0;
  const double smooth = nll || random.below(2) ? 0 : 0.2;
  test_classes<float>(random, samples, classes, random.below(2) ? 1 : inner, random.below(2), smooth, nll);
  test_classes<double>(random, samples, classes, random.below(2) ? 1 : inner, random.below(2), smooth, nll);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::loss::table().isa, isa) == 0);
    Random random(3);
    for (int kind = 0; kind < PYNN_LOSS_COUNT; ++kind) {
      set_context(std::string(isa) + " kind " + std::to_string(kind));
      for (int64_t n : {1, 3, 16, 17, 67, 2049, 5000}) {
        test_kind<float>(random, kind, n);
        test_kind<double>(random, kind, n);
      }
    }
    set_context(std::string(isa) + " classes");
    test_classes<float>(random, 2, 5, 700, true, 0.1, false);
    test_classes<double>(random, 3, 4, 257, false, 0, false);
    test_classes<float>(random, 40, 100, 1, true, 0.1, false);
    test_threads(isa);
    test_special();
    fuzz(test_fuzz);
  });
  test_errors();
  return summary();
}
