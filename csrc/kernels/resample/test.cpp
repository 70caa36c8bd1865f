// Resizing against loops in float64, the gradient as its adjoint; threads, errors.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/resample/resample.h"

using namespace pynn::testing;

namespace {

struct Tap {
  int64_t index;
  double weight;
};

std::vector<Tap> taps(const pynn_resample& how, int dim, int64_t i, int64_t in, int64_t out) {
  const double scale = how.scale[dim] > 0 ? how.scale[dim] : double(in) / double(out);
  const auto inside = [&](int64_t p) { return p < 0 ? 0 : p >= in ? in - 1 : p; };
  if (how.mode <= PYNN_RESAMPLE_NEAREST_EXACT) {
    const double at = (double(i) + (how.mode == PYNN_RESAMPLE_NEAREST ? 0 : 0.5)) * scale;
    return {{inside(int64_t(std::floor(at))), 1}};
  }
  double at = how.align_corners ? (out > 1 ? double(i) * (double(in - 1) / double(out - 1)) : 0)
                                : (double(i) + 0.5) * scale - 0.5;
  if (how.mode == PYNN_RESAMPLE_LINEAR) {
    at = std::fmin(std::fmax(at, 0), double(in - 1));
    const int64_t low = inside(int64_t(std::floor(at)));
    return {{low, 1 - (at - double(low))}, {inside(low + 1), at - double(low)}};
  }
  const int64_t low = int64_t(std::floor(at));
  std::vector<Tap> all;
  for (int k = -1; k < 3; ++k) {
    const double d = std::fabs(at - double(low) - k), a = -0.75;
    const double w = d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : a * (d * d * d - 5 * d * d + 8 * d - 4);
    all.push_back({inside(low + k), w});
  }
  return all;
}

template <class T>
void check(Random& random) {
  pynn_resample how = {};
  how.dims = 1 + int32_t(random.below(3));
  how.mode = int32_t(random.below(4));
  how.align_corners = int32_t(random.below(2));
  const bool scaled = random.below(3) == 0;
  int64_t in[4] = {random.below(4)}, out[4] = {in[0]}, size_in = 1, size_out = 1;
  for (int i = 1; i <= how.dims; ++i) {
    in[i] = 1 + random.below(i == how.dims ? 40 : 6);
    out[i] = random.below(4) == 0 ? 2 * in[i] : random.below(5) == 0 ? in[i] : 1 + random.below(2 * in[i] + 2);
    if (scaled) how.scale[i - 1] = random.uniform(0.3, 2.0);
    size_in *= in[i];
    size_out *= out[i];
  }
  const int64_t planes = in[0];
  Guarded<T> x(planes * size_in), y(planes * size_out), g(planes * size_out), dx(planes * size_in);
  for (int64_t i = 0; i < x.size(); ++i) x[i] = T(random.normal());
  for (int64_t i = 0; i < g.size(); ++i) g[i] = T(random.normal());
  const int32_t rank = how.dims + 1, dtype = dtype_of<T>;
  const pynn_array ax = {x.data(), in, nullptr, rank, dtype}, ag = {g.data(), out, nullptr, rank, dtype};
  pynn_array ay = {y.data(), out, nullptr, rank, dtype}, adx = {dx.data(), in, nullptr, rank, dtype};
  CHECK_EQ(pynn_resample_forward(&how, &ax, &ay), PYNN_OK);
  CHECK_EQ(pynn_resample_backward(&how, &ag, &adx), PYNN_OK);
  std::vector<double> want(size_t(x.size())), gross(want);
  const double eps = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
  bool ok = true;
  for (int64_t o = 0; o < size_out; ++o) {
    std::vector<Tap> all = {{0, 1}};
    int64_t rest = o, index[3];
    for (int i = how.dims - 1; i >= 0; --i) {
      index[i] = rest % out[i + 1];
      rest /= out[i + 1];
    }
    for (int i = 0; i < how.dims; ++i) {
      std::vector<Tap> longer;
      for (const Tap& a : all) {
        for (const Tap& b : taps(how, i, index[i], in[i + 1], out[i + 1])) {
          longer.push_back({a.index * in[i + 1] + b.index, a.weight * b.weight});
        }
      }
      all = longer;
    }
    for (int64_t p = 0; p < planes; ++p) {
      double sum = 0, total = 0;
      const double share = double(g[p * size_out + o]);
      for (const Tap& t : all) {
        sum += t.weight * double(x[p * size_in + t.index]);
        total += std::fabs(t.weight * double(x[p * size_in + t.index]));
        want[size_t(p * size_in + t.index)] += t.weight * share;
        gross[size_t(p * size_in + t.index)] += std::fabs(t.weight * share) + std::fabs(share);
      }
      ok = ok && std::fabs(double(y[p * size_out + o]) - sum) <= 64 * eps * (total + 1);
    }
  }
  CHECK(ok);
  bool gradient = true;
  for (size_t i = 0; i < want.size(); ++i) {
    gradient = gradient && std::fabs(double(dx[int64_t(i)]) - want[i]) <= 64 * eps * gross[i];
  }
  CHECK(gradient);
  CHECK(x.intact() && y.intact() && g.intact() && dx.intact());
}

// An infinite gradient goes where a weight takes it, and makes no NaN elsewhere.
template <class T>
void test_infinite_gradient() {
  const pynn_resample how = {1, PYNN_RESAMPLE_LINEAR, 0, {0, 0, 0}};
  const int64_t in[] = {1, 37}, out[] = {1, 74};
  for (int64_t at = 0; at < out[1]; ++at) {
    std::vector<T> g(74), dx(37);
    g[size_t(at)] = T(INFINITY);
    const pynn_array ag = {g.data(), out, nullptr, 2, dtype_of<T>};
    pynn_array adx = {dx.data(), in, nullptr, 2, dtype_of<T>};
    CHECK_EQ(pynn_resample_backward(&how, &ag, &adx), PYNN_OK);
    const int64_t low = at == 0 ? 0 : (at - 1) / 2, high = at == 0 ? 0 : at == 73 ? 36 : low + 1;
    bool ok = true;
    for (int64_t i = 0; i < in[1]; ++i) ok = ok && dx[size_t(i)] == (i < low || i > high ? T(0) : T(INFINITY));
    CHECK(ok);
  }
}

// All but a few outputs lie beyond the edge: one input has nearly all of them.
void test_far_beyond_the_edge() {
  const pynn_resample how = {1, PYNN_RESAMPLE_LINEAR, 0, {50, 0, 0}};
  const int64_t shape[] = {1, 100};
  std::vector<float> g(100, 1.0f), dx(100);
  const pynn_array ag = {g.data(), shape, nullptr, 2, PYNN_FLOAT32};
  pynn_array adx = {dx.data(), shape, nullptr, 2, PYNN_FLOAT32};
  CHECK_EQ(pynn_resample_backward(&how, &ag, &adx), PYNN_OK);
  CHECK(dx[24] == 0.5f && dx[25] == 0.5f && dx[74] == 0.5f && dx[75] == 0.5f && dx[99] == 98.0f && dx[50] == 0.0f);
}

void test_threads() {
  const pynn_resample how = {2, PYNN_RESAMPLE_LINEAR, 0, {0, 0, 0}};
  const int64_t in[] = {20, 31, 33}, out[] = {20, 60, 70};
  std::vector<float> x(20 * 31 * 33), g(20 * 60 * 70), results[2];
  Random random(2);
  for (auto& v : x) v = float(random.normal());
  for (auto& v : g) v = float(random.normal());
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    std::vector<float> y(g.size()), dx(x.size());
    const pynn_array ax = {x.data(), in, nullptr, 3, PYNN_FLOAT32}, ag = {g.data(), out, nullptr, 3, PYNN_FLOAT32};
    pynn_array ay = {y.data(), out, nullptr, 3, PYNN_FLOAT32}, adx = {dx.data(), in, nullptr, 3, PYNN_FLOAT32};
    CHECK_EQ(pynn_resample_forward(&how, &ax, &ay), PYNN_OK);
    CHECK_EQ(pynn_resample_backward(&how, &ag, &adx), PYNN_OK);
    y.insert(y.end(), dx.begin(), dx.end());
    results[threads - 1] = y;
  }
  CHECK(results[0] == results[1]);
}

void test_errors() {
  float x[4] = {}, y[8];
  const int64_t in[] = {2, 2}, out[] = {2, 4}, none[] = {2, 0};
  pynn_resample how = {1, PYNN_RESAMPLE_LINEAR, 0, {0, 0, 0}};
  pynn_array a = {x, in, nullptr, 2, PYNN_FLOAT32}, b = {y, out, nullptr, 2, PYNN_FLOAT32};
  CHECK_EQ(pynn_resample_forward(nullptr, &a, &b), PYNN_INVALID);
  how.mode = 4;
  CHECK_EQ(pynn_resample_forward(&how, &a, &b), PYNN_INVALID);
  how.mode = 0;
  how.dims = 0;
  CHECK_EQ(pynn_resample_forward(&how, &a, &b), PYNN_INVALID);
  how.dims = 1;
  how.scale[0] = -1;
  CHECK_EQ(pynn_resample_forward(&how, &a, &b), PYNN_INVALID);
  how.scale[0] = 0;
  b.shape = none;
  CHECK_EQ(pynn_resample_forward(&how, &a, &b), PYNN_INVALID);
  CHECK(says("at least one element"));
  b.shape = out;
  b.dtype = PYNN_FLOAT64;
  CHECK_EQ(pynn_resample_backward(&how, &a, &b), PYNN_UNSUPPORTED);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::resample::table().isa, isa) == 0);
    fuzz([](Random& random) {
      check<float>(random);
      check<double>(random);
    });
    test_infinite_gradient<float>();
    test_infinite_gradient<double>();
    test_far_beyond_the_edge();
  });
  test_threads();
  test_errors();
  return summary();
}
