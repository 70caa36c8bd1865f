// Rows of every length against float64; special rows; threads; wrong arguments.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/softmax/softmax.h"

using namespace pynn::testing;

namespace {

const float kInf = std::numeric_limits<float>::infinity();
constexpr double kEps = 1.2e-7;

struct RowReference {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  RowReference(const float* x, int64_t cols) {
    for (int64_t c = 0; c < cols; ++c) most = std::fmax(most, double(x[c]));
    for (int64_t c = 0; c < cols; ++c) sum += std::exp(double(x[c]) - most);
  }
  double log_probability(float x) const { return double(x) - most - std::log(sum); }
};

const int64_t kColumns[] = {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 100, 1000};

void fill(Random& random, float* x, int64_t n, double scale) {
  for (int64_t i = 0; i < n; ++i) x[i] = float(random.normal() * scale);
}

void test_softmax(const char* isa) {
  Random random(1);
  for (int64_t cols : kColumns) {
    for (int64_t rows : {1, 2, 5}) {
      for (double scale : {1.0, 30.0}) {
        const int64_t pad = rows % 2 == 0 ? 3 : 0, stride = cols + pad, size = (rows - 1) * stride + cols;
        Guarded<float> x(size), y(size), ly(size), g(size), dx(size), dlx(size);
        fill(random, x.data(), size, scale);
        fill(random, g.data(), size, 1);
        set_context(std::string(isa) + " cols " + std::to_string(cols));
        CHECK_EQ(pynn_softmax_f32(rows, cols, x.data(), stride, y.data(), stride), PYNN_OK);
        CHECK_EQ(pynn_log_softmax_f32(rows, cols, x.data(), stride, ly.data(), stride), PYNN_OK);
        CHECK_EQ(pynn_softmax_backward_f32(rows, cols, g.data(), stride, y.data(), stride, dx.data(), stride),
                 PYNN_OK);
        CHECK_EQ(pynn_log_softmax_backward_f32(rows, cols, g.data(), stride, ly.data(), stride, dlx.data(),
                                               stride),
                 PYNN_OK);
        for (int64_t r = 0; r < rows; ++r) {
          const RowReference row(x.data() + r * stride, cols);
          double dot = 0, total = 0, gross = 0;
          for (int64_t c = 0; c < cols; ++c) {
            const int64_t i = r * stride + c;
            dot += double(g[i]) * std::exp(row.log_probability(x[i]));
            total += double(g[i]);
            gross += std::fabs(double(g[i]));
          }
          for (int64_t c = 0; c < cols; ++c) {
            const int64_t i = r * stride + c;
            const double log_p = row.log_probability(x[i]), p = std::exp(log_p);
            // x - max rounds once, which the exponential magnifies.
            CHECK_CLOSE(y[i], p, kEps * p * (8 + std::fabs(log_p)) + 2e-45);
            CHECK_CLOSE(ly[i], log_p, kEps * (4 + 2 * std::fabs(log_p)));
            CHECK_CLOSE(dx[i], p * (double(g[i]) - dot),
                        kEps * p * (8 + std::fabs(log_p)) * (std::fabs(g[i]) + gross) +
                            2e-45 * (2 + std::fabs(g[i]) + gross));
            CHECK_CLOSE(dlx[i], double(g[i]) - p * total,
                        kEps * (8 + 2 * p * std::fabs(log_p)) * (std::fabs(g[i]) + gross));
          }
        }
        CHECK(x.intact() && y.intact() && ly.intact() && dx.intact() && dlx.intact());
        for (int64_t r = 0; r + 1 < rows; ++r) {
          for (int64_t c = cols; c < stride; ++c) CHECK(y[r * stride + c] == 0 && dx[r * stride + c] == 0);
        }
        const float first = y[0];  // in place
        CHECK_EQ(pynn_softmax_f32(rows, cols, x.data(), stride, x.data(), stride), PYNN_OK);
        CHECK(x[0] == first);
      }
    }
  }
}

void test_special(const char* isa) {
  for (int64_t cols : {4, 40}) {
    set_context(std::string(isa) + " special");
    std::vector<float> x(static_cast<size_t>(cols), 1.0f), y(x);
    const auto run = [&] { pynn_softmax_f32(1, cols, x.data(), cols, y.data(), cols); };
    x[1] = -kInf;
    run();
    CHECK(y[1] == 0 && std::fabs(y[0] - 1.0 / double(cols - 1)) < 1e-7);
    x[1] = 3e38f;
    run();
    CHECK(y[1] == 1 && y[0] == 0);
    x[1] = std::nanf("");
    run();
    CHECK(std::isnan(y[0]) && std::isnan(y[size_t(cols - 1)]));
    x[1] = kInf;
    run();
    CHECK(std::isnan(y[1]));
    std::fill(x.begin(), x.end(), -kInf);
    run();
    CHECK(std::isnan(y[0]));
  }
}

void test_loss(const char* isa) {
  Random random(5);
  for (int64_t cols : kColumns) {
    for (int variant = 0; variant < 8; ++variant) {
      const bool weighted = variant & 1, smoothed = variant & 2, far = variant & 4;
      const int64_t rows = 9, stride = cols + 2;
      Guarded<float> x((rows - 1) * stride + cols), weight(cols), loss(rows), stats(2 * rows), grad(rows),
          dx((rows - 1) * stride + cols);
      std::vector<int64_t> target(static_cast<size_t>(rows));
      fill(random, x.data(), x.size(), 3);
      fill(random, grad.data(), rows, 1);
      for (int64_t c = 0; c < cols; ++c) weight[c] = float(random.uniform(0.1, 2));
      for (int64_t r = 0; r < rows; ++r) target[size_t(r)] = r == 4 ? -100 : random.below(cols);
      if (far) {
        for (int64_t i = 0; i < x.size(); ++i) x[i] += 1000;
      }
      const pynn_cross_entropy args = {rows,          cols,
                                       x.data(),      stride,
                                       target.data(), weighted ? weight.data() : nullptr,
                                       -100,          smoothed ? 0.1f : 0.0f};
      set_context(std::string(isa) + " loss, cols " + std::to_string(cols) + " variant " +
                  std::to_string(variant));
      CHECK_EQ(pynn_cross_entropy_f32(&args, loss.data(), stats.data()), PYNN_OK);
      CHECK_EQ(
          pynn_cross_entropy_backward_f32(&args, stats.data(), grad.data(), 1, nullptr, dx.data(), stride),
          PYNN_OK);
      double sum = 0, counted = 0, all_weights = 0;
      for (int64_t c = 0; c < cols; ++c) all_weights += weighted ? double(weight[c]) : 1;
      const double smooth = smoothed ? double(0.1f) : 0;
      std::vector<double> expected_dx(static_cast<size_t>(dx.size()));
      for (int64_t r = 0; r < rows; ++r) {
        const RowReference row(x.data() + r * stride, cols);
        CHECK_CLOSE(stats[2 * r] + stats[2 * r + 1], row.most + std::log(row.sum),
                    1e-6 * (1 + std::fabs(row.most)));
        const int64_t t = target[size_t(r)];
        if (t == -100) {
          CHECK_EQ(loss[r], 0);
          for (int64_t c = 0; c < cols; ++c) CHECK_EQ(dx[r * stride + c], 0);
          continue;
        }
        const double wt = weighted ? double(weight[t]) : 1;
        double expected = -(1 - smooth) * wt * row.log_probability(x[r * stride + t]), size = 1;
        for (int64_t c = 0; c < cols; ++c) {
          const double w = weighted ? double(weight[c]) : 1, log_p = row.log_probability(x[r * stride + c]);
          expected -= smooth / double(cols) * w * log_p;
          size += smooth / double(cols) * w * std::fabs(log_p);
          const double p = std::exp(log_p), g = double(grad[r]);
          const double d = g * (p * ((1 - smooth) * wt + smooth / double(cols) * all_weights) -
                                (c == t ? (1 - smooth) * wt : 0) - smooth / double(cols) * w);
          CHECK_CLOSE(dx[r * stride + c], d, 3e-6 * std::fabs(g) * (1 + wt));
          expected_dx[size_t(r * stride + c)] = d / g;
        }
        CHECK_CLOSE(loss[r], expected, 1e-6 * (std::fabs(expected) + 4 * size));
        sum += expected;
        counted += wt;
      }
      float mean = 0, total = 0;
      CHECK_EQ(pynn_cross_entropy_mean_f32(&args, &mean, &total, stats.data()), PYNN_OK);
      CHECK_CLOSE(mean, sum / counted, 3e-6 * (1 + std::fabs(sum / counted)));
      CHECK_CLOSE(total, counted, 1e-6 * counted);
      const float one = 1;
      CHECK_EQ(pynn_cross_entropy_backward_f32(&args, stats.data(), &one, 0, &total, dx.data(), stride),
               PYNN_OK);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          CHECK_CLOSE(dx[r * stride + c], expected_dx[size_t(r * stride + c)] / counted, 3e-6);
        }
      }
      CHECK(x.intact() && weight.intact() && loss.intact() && stats.intact() && dx.intact());
    }
  }
}

void test_threads(const char* isa) {
  set_context(std::string(isa) + " threads");
  Random random(9);
  const int64_t rows = 3000, cols = 100, n = rows * cols;
  std::vector<float> x(static_cast<size_t>(n)), out(x), stats(static_cast<size_t>(2 * rows)), results[2];
  std::vector<int64_t> target(static_cast<size_t>(rows));
  fill(random, x.data(), n, 2);
  for (int64_t& t : target) t = random.below(cols);
  const pynn_cross_entropy args = {rows, cols, x.data(), cols, target.data(), nullptr, -100, 0.1f};
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    std::vector<float>& all = results[threads - 1];
    pynn_softmax_f32(rows, cols, x.data(), cols, out.data(), cols);
    all.insert(all.end(), out.begin(), out.end());
    float mean = 0, total = 0;
    const float one = 1;
    pynn_cross_entropy_mean_f32(&args, &mean, &total, stats.data());
    all.push_back(mean);
    pynn_cross_entropy_backward_f32(&args, stats.data(), &one, 0, &total, out.data(), cols);
    all.insert(all.end(), out.begin(), out.end());
  }
  CHECK(results[0] == results[1]);
}

void test_errors() {
  float x[4] = {}, loss[2], stats[4], total;
  const int64_t target[] = {1, 2};
  pynn_cross_entropy args = {2, 2, x, 2, target, nullptr, -100, 0};
  CHECK_EQ(pynn_cross_entropy_f32(&args, loss, stats), PYNN_INVALID);
  CHECK(says("target is 2 at row 1"));
  CHECK(says("2 classes"));
  args.ignore_index = 2;
  CHECK_EQ(pynn_cross_entropy_f32(&args, loss, stats), PYNN_OK);
  args.label_smoothing = 1.5f;
  CHECK_EQ(pynn_cross_entropy_mean_f32(&args, loss, &total, stats), PYNN_INVALID);
  args.label_smoothing = 0;
  args.target = nullptr;
  CHECK_EQ(pynn_cross_entropy_f32(&args, loss, stats), PYNN_INVALID);
  args.target = target;
  args.cols = 0;
  CHECK_EQ(pynn_cross_entropy_f32(&args, loss, stats), PYNN_INVALID);
  args.rows = 0;
  CHECK_EQ(pynn_cross_entropy_mean_f32(&args, loss, &total, stats), PYNN_OK);
  CHECK(std::isnan(loss[0]) && total == 0);
  CHECK_EQ(pynn_cross_entropy_f32(nullptr, loss, stats), PYNN_INVALID);
  CHECK_EQ(pynn_softmax_f32(-1, 2, x, 2, x, 2), PYNN_INVALID);
  CHECK_EQ(pynn_softmax_f32(1, 2, nullptr, 2, x, 2), PYNN_INVALID);
  CHECK_EQ(pynn_softmax_f32(0, 2, nullptr, 2, nullptr, 2), PYNN_OK);
  CHECK_EQ(pynn_log_softmax_backward_f32(1, 2, x, 2, nullptr, 2, x, 2), PYNN_INVALID);
}

// softmax, log-softmax and log-sum-exp along the middle of (outer, cols, inner), and their gradients.
template <class T>
void test_along(const char* isa) {
  Random random(21);
  const double eps = double(std::numeric_limits<T>::epsilon());
  for (int64_t outer : {1, 3}) {
    for (int64_t cols : {1, 2, 5, 16, 33}) {
      for (int64_t inner : {1, 2, 7, 16, 33, 130}) {
        set_context(std::string(isa) + " along " + std::to_string(cols) + " by " + std::to_string(inner));
        const int64_t n = outer * cols * inner, shape[] = {outer, cols, inner}, reduced[] = {outer, inner};
        Guarded<T> x(n), y(n), g(n), dx(n), total(outer * inner);
        for (int64_t i = 0; i < n; ++i) x[i] = T(3 * random.normal()), g[i] = T(random.normal());
        const pynn_array in = {x.data(), shape, nullptr, 3, dtype_of<T>}, grad = {g.data(), shape, nullptr, 3, dtype_of<T>};
        pynn_array out = {y.data(), shape, nullptr, 3, dtype_of<T>}, back = {dx.data(), shape, nullptr, 3, dtype_of<T>},
                   sums = {total.data(), reduced, nullptr, 2, dtype_of<T>};
        CHECK_EQ(pynn_softmax(PYNN_LOGSUMEXP, &in, 1, &sums), PYNN_OK);
        for (pynn_softmax_op op : {PYNN_SOFTMAX, PYNN_LOG_SOFTMAX}) {
          CHECK_EQ(pynn_softmax(op, &in, 1, &out), PYNN_OK);
          CHECK_EQ(pynn_softmax_backward(op, &grad, &out, 1, &back), PYNN_OK);
          for (int64_t o = 0; o < outer; ++o) {
            for (int64_t j = 0; j < inner; ++j) {
              const int64_t at = o * cols * inner + j;
              double sum = 0, dot = 0, all = 0;
              for (int64_t c = 0; c < cols; ++c) sum += std::exp(double(x[at + c * inner]));
              for (int64_t c = 0; c < cols; ++c) {
                const double gc = double(g[at + c * inner]);
                dot += gc * std::exp(double(x[at + c * inner])) / sum, all += gc;
              }
              CHECK_CLOSE(total[o * inner + j], std::log(sum), 16 * eps * (1 + std::fabs(std::log(sum))));
              for (int64_t c = 0; c < cols; ++c) {
                const int64_t i = at + c * inner;
                const double p = std::exp(double(x[i])) / sum, gi = double(g[i]);
                const double expected = op == PYNN_SOFTMAX ? p : std::log(p);
                const double gradient = op == PYNN_SOFTMAX ? p * (gi - dot) : gi - p * all;
                CHECK_CLOSE(y[i], expected, 16 * eps * (1 + std::fabs(expected)));
                CHECK_CLOSE(dx[i], gradient, 64 * eps * (1 + std::fabs(gradient) + std::fabs(all)));
              }
            }
          }
          CHECK(y.intact() && dx.intact() && total.intact() && x.intact());
        }
      }
    }
  }
  // Two threads, the same bits; a row of -inf.
  const int64_t shape[] = {4, 300, 90}, n = 4 * 300 * 90;
  std::vector<T> x(static_cast<size_t>(n)), first(x), second(x);
  for (T& value : x) value = T(random.normal());
  const pynn_array in = {x.data(), shape, nullptr, 3, dtype_of<T>};
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    pynn_array out = {(threads == 1 ? first : second).data(), shape, nullptr, 3, dtype_of<T>};
    CHECK_EQ(pynn_softmax(PYNN_LOG_SOFTMAX, &in, 1, &out), PYNN_OK);
  }
  CHECK(first == second);
  const int64_t pair[] = {1, 2, 2}, sums[] = {1, 2};
  const T low = T(-std::numeric_limits<double>::infinity()), values[] = {low, 1, low, -low};
  T results[2];
  const pynn_array edge = {const_cast<T*>(values), pair, nullptr, 3, dtype_of<T>};
  pynn_array to = {results, sums, nullptr, 2, dtype_of<T>};
  CHECK_EQ(pynn_softmax(PYNN_LOGSUMEXP, &edge, 1, &to), PYNN_OK);
  CHECK(results[0] == low && results[1] == -low);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    test_along<float>(isa);
    test_along<double>(isa);
    CHECK(std::strcmp(pynn::softmax::table().isa, isa) == 0);
    test_softmax(isa);
    test_special(isa);
    test_loss(isa);
    test_threads(isa);
  });
  test_errors();
  return summary();
}
