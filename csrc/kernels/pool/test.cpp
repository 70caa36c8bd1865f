// Every pool against a float64 loop over each window: random geometries, special values, threads, errors.
#include <cmath>
#include <functional>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/pool/pool.h"

using namespace pynn::testing;

namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

struct Case {
  pynn_pool pool;
  int64_t planes;
  int64_t in[3], out[3];  // the first pool.dims of each
  bool bins, count_include_pad;
  int64_t divisor;

  int64_t total(const int64_t* sizes) const {
    int64_t n = 1;
    for (int i = 0; i < pool.dims; ++i) n *= sizes[i];
    return n;
  }
};

struct Window {
  std::vector<int64_t> places;  // in the plane
  double divisor;
};

// The window o of a plane.
Window window_of(const Case& c, int64_t o) {
  Window w = {{0}, 1};
  std::vector<std::vector<int64_t>> by_dim;
  int64_t index[3];
  for (int i = c.pool.dims - 1; i >= 0; --i) {
    index[i] = o % c.out[i];
    o /= c.out[i];
  }
  for (int i = 0; i < c.pool.dims; ++i) {
    std::vector<int64_t> places;
    const int64_t n = c.in[i];
    int64_t count = 0;
    if (c.bins) {
      for (int64_t p = 0; p < n; ++p) {
        if (p >= index[i] * n / c.out[i] && p * c.out[i] < (index[i] + 1) * n) places.push_back(p);
      }
      count = int64_t(places.size());
    } else {
      for (int64_t k = 0; k < c.pool.kernel[i]; ++k) {
        const int64_t p = index[i] * c.pool.stride[i] - c.pool.padding[i] + k * c.pool.dilation[i];
        if (p >= 0 && p < n) places.push_back(p);
        if (c.count_include_pad ? p < n + c.pool.padding[i] : p >= 0 && p < n) ++count;
      }
    }
    w.divisor *= double(count);
    std::vector<int64_t> all;
    for (int64_t a : w.places) {
      for (int64_t p : places) all.push_back(a * n + p);
    }
    w.places = all;
  }
  if (c.divisor != 0 && !c.bins) w.divisor = double(c.divisor);
  return w;
}

template <class T>
struct Array {
  std::vector<int64_t> shape;
  Guarded<T> values;
  pynn_array describe;
  Array(const Case& c, const int64_t* sizes, int dtype)
      : shape(1, c.planes), values(c.planes * c.total(sizes)) {
    shape.insert(shape.end(), sizes, sizes + c.pool.dims);
    describe = {values.data(), shape.data(), nullptr, int32_t(shape.size()), int32_t(dtype)};
  }
};

template <class T>
void fill(Random& random, Array<T>& a, bool special) {
  const double odd[] = {kNan, kInf, -kInf, -0.0, 0.0, 1, 1};
  for (int64_t i = 0; i < a.values.size(); ++i) {
    a.values[i] = T(special && random.below(3) == 0 ? odd[random.below(7)] : random.normal());
  }
}

template <class T>
void check(const Case& c, uint64_t seed, bool special) {
  Random random(seed);
  const int dtype = dtype_of<T>;
  const double eps = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
  Array<T> x(c, c.in, dtype), y(c, c.out, dtype), values(c, c.out, dtype), mean(c, c.out, dtype),
      g(c, c.out, dtype), dx(c, c.in, dtype), dx_at(c, c.in, dtype), dmean(c, c.in, dtype);
  Array<int64_t> at(c, c.out, PYNN_INT64);
  fill(random, x, special);
  fill(random, g, false);
  if (c.bins) {
    CHECK_EQ(pynn_adaptive_max_pool(c.pool.dims, &x.describe, &y.describe, &at.describe), PYNN_OK);
    CHECK_EQ(pynn_adaptive_avg_pool(c.pool.dims, &x.describe, &mean.describe), PYNN_OK);
    CHECK_EQ(pynn_adaptive_avg_pool_backward(c.pool.dims, &g.describe, &dmean.describe), PYNN_OK);
  } else {
    CHECK_EQ(pynn_max_pool(&c.pool, &x.describe, &y.describe, &at.describe), PYNN_OK);
    CHECK_EQ(pynn_max_pool(&c.pool, &x.describe, &values.describe, nullptr), PYNN_OK);
    CHECK_EQ(pynn_max_pool_backward(&c.pool, &g.describe, &x.describe, &dx.describe), PYNN_OK);
    bool dilated = false;
    for (int i = 0; i < c.pool.dims; ++i) dilated = dilated || c.pool.dilation[i] != 1;
    const auto expected = dilated ? PYNN_INVALID : PYNN_OK;
    CHECK_EQ(pynn_avg_pool(&c.pool, c.count_include_pad, c.divisor, &x.describe, &mean.describe), expected);
    CHECK_EQ(pynn_avg_pool_backward(&c.pool, c.count_include_pad, c.divisor, &g.describe, &dmean.describe),
             expected);
    if (dilated) {
      for (int64_t i = 0; i < mean.values.size(); ++i) mean.values[i] = T(kNan);
    }
  }
  CHECK_EQ(pynn_pool_scatter(c.pool.dims, &g.describe, &at.describe, &dx_at.describe), PYNN_OK);

  const int64_t size_in = c.total(c.in), size_out = c.total(c.out);
  bool full = true;  // no window is empty: those have no place, but index 0
  bool max_ok = true, place_ok = true, mean_ok = true, values_ok = true;
  std::vector<double> want_dx(size_t(c.planes * size_in)), want_dmean(want_dx), gross(want_dx), gross_dx(want_dx);
  for (int64_t o = 0; o < size_out; ++o) {
    const Window w = window_of(c, o);
    full = full && !w.places.empty();
    for (int64_t p = 0; p < c.planes; ++p) {
      const T* plane = x.values.data() + p * size_in;
      int64_t found = w.places.empty() ? 0 : w.places[0];
      double sum = 0, all = 0;
      for (int64_t place : w.places) {
        if (plane[place] > plane[found] || std::isnan(plane[place])) found = place;
        sum += double(plane[place]);
        all += std::fabs(double(plane[place]));
        want_dmean[size_t(p * size_in + place)] += double(g.values[p * size_out + o]) / w.divisor;
        gross[size_t(p * size_in + place)] += std::fabs(double(g.values[p * size_out + o]) / w.divisor);
      }
      const int64_t i = p * size_out + o;
      const T most = w.places.empty() ? T(-kInf) : plane[found];
      const auto same = [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); };
      max_ok = max_ok && same(y.values[i], most);
      values_ok = values_ok && (c.bins || same(values.values[i], most));
      place_ok = place_ok && at.values[i] == found;
      if (!w.places.empty()) {
        want_dx[size_t(p * size_in + found)] += double(g.values[i]);
        gross_dx[size_t(p * size_in + found)] += std::fabs(double(g.values[i]));
      }
      const double got = double(mean.values[i]), want = sum / w.divisor;
      const double room = eps * (4 + double(w.places.size())) * all / std::fabs(w.divisor);
      const bool close = got == want || std::fabs(got - want) <= room || (std::isnan(got) && std::isnan(want));
      mean_ok = mean_ok && (close || c.pool.dilation[0] * c.pool.dilation[1] * c.pool.dilation[2] != 1);
    }
  }
  CHECK(max_ok);
  CHECK(values_ok);
  CHECK(place_ok);
  CHECK(mean_ok);
  bool dx_ok = true, dmean_ok = true, at_ok = true;
  const bool undilated = c.pool.dilation[0] * c.pool.dilation[1] * c.pool.dilation[2] == 1;
  for (int64_t i = 0; i < dx.values.size(); ++i) {
    const double room = 64 * eps * gross_dx[size_t(i)];
    dx_ok = dx_ok && (c.bins || std::fabs(double(dx.values[i]) - want_dx[size_t(i)]) <= room);
    at_ok = at_ok && (!full || std::fabs(double(dx_at.values[i]) - want_dx[size_t(i)]) <= room);
    dmean_ok = dmean_ok && (!undilated || std::fabs(double(dmean.values[i]) - want_dmean[size_t(i)]) <=
                                              16 * eps * gross[size_t(i)]);
  }
  CHECK(dx_ok);
  CHECK(at_ok);
  CHECK(dmean_ok);
  for (const Array<T>* a : {&x, &y, &values, &mean, &g, &dx, &dx_at, &dmean}) CHECK(a->values.intact());
  CHECK(at.values.intact());
}

Case random_case(Random& random) {
  Case c = {};
  c.pool.dims = 1 + int32_t(random.below(3));
  c.planes = random.below(4);
  c.bins = random.below(3) == 0;
  c.count_include_pad = random.below(2) == 0;
  c.divisor = random.below(4) == 0 ? random.below(9) - 4 : 0;
  const bool dilated = random.below(3) == 0, halves = random.below(4) == 0;
  for (int i = 0; i < 3; ++i) {
    c.pool.kernel[i] = c.pool.stride[i] = c.pool.dilation[i] = 1;
    if (i >= c.pool.dims) continue;
    const bool wide = i == c.pool.dims - 1;
    c.in[i] = 1 + random.below(wide ? 80 : 7);
    const int64_t k = 1 + random.below(halves ? 2 : 5);
    c.pool.kernel[i] = halves && wide ? 2 : k;
    c.pool.stride[i] = halves && wide ? 2 : 1 + random.below(4);
    c.pool.padding[i] = halves ? 0 : random.below(c.pool.kernel[i] / 2 + 1);
    c.pool.dilation[i] = dilated ? 1 + random.below(3) : 1;
    if (halves && i == c.pool.dims - 2) c.pool.kernel[i] = c.pool.stride[i] = 2;
    const int64_t reach = (c.pool.kernel[i] - 1) * c.pool.dilation[i] + 1;
    const int64_t room = c.in[i] + 2 * c.pool.padding[i] - reach;
    c.out[i] = c.bins ? 1 + random.below(c.in[i] + 3) : room < 0 ? 1 : room / c.pool.stride[i] + 1;
    if (!c.bins && room >= 0 && random.below(2) == 0 &&
        c.out[i] * c.pool.stride[i] < c.in[i] + c.pool.padding[i]) {
      ++c.out[i];  // one that ends outside
    }
    if (c.bins && random.below(3) == 0) c.out[i] = 1;
  }
  return c;
}

void test_threads() {
  const pynn_pool pool = {2, {3, 3, 1}, {2, 2, 1}, {1, 1, 0}, {1, 1, 1}};
  Case c = {pool, 40, {61, 63, 0}, {31, 32, 0}, false, true, 0};
  Random random(3);
  Array<float> x(c, c.in, PYNN_FLOAT32), g(c, c.out, PYNN_FLOAT32);
  fill(random, x, false);
  fill(random, g, false);
  std::vector<float> results[2];
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    Array<float> y(c, c.out, PYNN_FLOAT32), dx(c, c.in, PYNN_FLOAT32);
    auto& all = results[threads - 1];
    const auto keep = [&](Array<float>& a) {
      all.insert(all.end(), a.values.data(), a.values.data() + a.values.size());
    };
    CHECK_EQ(pynn_max_pool(&pool, &x.describe, &y.describe, nullptr), PYNN_OK);
    keep(y);
    CHECK_EQ(pynn_avg_pool(&pool, 0, 0, &x.describe, &y.describe), PYNN_OK);
    keep(y);
    CHECK_EQ(pynn_max_pool_backward(&pool, &g.describe, &x.describe, &dx.describe), PYNN_OK);
    keep(dx);
    CHECK_EQ(pynn_avg_pool_backward(&pool, 1, 0, &g.describe, &dx.describe), PYNN_OK);
    keep(dx);
    CHECK_EQ(pynn_adaptive_avg_pool_backward(2, &g.describe, &dx.describe), PYNN_OK);
    keep(dx);
  }
  CHECK(results[0] == results[1]);
}

void test_errors() {
  const pynn_pool pool = {2, {2, 2, 1}, {2, 2, 1}, {0, 0, 0}, {1, 1, 1}};
  const Case c = {pool, 1, {4, 4, 0}, {2, 2, 0}, false, true, 0};
  Array<float> x(c, c.in, PYNN_FLOAT32), y(c, c.out, PYNN_FLOAT32);
  Array<double> other(c, c.out, PYNN_FLOAT64);
  Array<int64_t> at(c, c.out, PYNN_INT64);
  CHECK_EQ(pynn_max_pool(nullptr, &x.describe, &y.describe, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_max_pool(&pool, &x.describe, nullptr, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_max_pool(&pool, &x.describe, &other.describe, nullptr), PYNN_UNSUPPORTED);
  CHECK(says("same dtype"));
  CHECK_EQ(pynn_max_pool(&pool, &x.describe, &y.describe, &y.describe), PYNN_INVALID);
  CHECK(says("expected int64"));
  pynn_pool wrong = pool;
  wrong.padding[1] = 2;
  CHECK_EQ(pynn_avg_pool(&wrong, 1, 0, &x.describe, &y.describe), PYNN_INVALID);
  CHECK(says("half the kernel"));
  wrong = pool;
  wrong.stride[0] = 9;
  CHECK_EQ(pynn_avg_pool(&wrong, 1, 0, &x.describe, &y.describe), PYNN_INVALID);
  CHECK(says("no such windows"));
  wrong = pool;
  wrong.dims = 4;
  CHECK_EQ(pynn_max_pool(&wrong, &x.describe, &y.describe, nullptr), PYNN_INVALID);
  at.values[2] = 16;
  CHECK_EQ(pynn_pool_scatter(2, &y.describe, &at.describe, &x.describe), PYNN_INVALID);
  CHECK(says("outside its plane of 16"));
  CHECK_EQ(pynn_max_pool_backward(&pool, &y.describe, &x.describe, &y.describe), PYNN_INVALID);
  const int64_t odd[] = {8, 32, 4};
  pynn_array turned = x.describe;
  turned.strides = odd;
  CHECK_EQ(pynn_avg_pool(&pool, 1, 0, &turned, &y.describe), PYNN_UNSUPPORTED);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::pool::table().isa, isa) == 0);
    for (uint64_t seed = 0; seed < 150; ++seed) {
      Random random(seed);
      const Case c = random_case(random);
      set_context(std::string(isa) + " seed " + std::to_string(seed));
      check<float>(c, seed, seed % 2 == 0);
      check<double>(c, seed, seed % 2 == 0);
    }
    fuzz([](Random& random) {
      const Case c = random_case(random);
      check<float>(c, random.bits(), random.below(2) == 0);
    });
  });
  test_threads();
  test_errors();
  return summary();
}
