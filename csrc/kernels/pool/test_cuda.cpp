// The GPU's pools, emulated, against the CPU's.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "cuda/types.h"
#include "kernels/pool/cuda.h"
#include "pynn/pool.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

struct Case {
  int dims;
  int64_t planes;
  int in[3], kernel[3], stride[3], padding[3], dilation[3];
  bool ceil;
};
const Case kCases[] = {
    {2, 3, {1, 8, 10}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}, false},
    {2, 2, {1, 7, 9}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}, false},
    {2, 2, {1, 7, 9}, {1, 3, 2}, {1, 1, 3}, {0, 1, 0}, {1, 2, 1}, true},
    {3, 2, {5, 6, 7}, {2, 3, 2}, {1, 2, 2}, {1, 1, 0}, {1, 1, 1}, false},
    {3, 1, {6, 5, 8}, {2, 2, 3}, {3, 3, 4}, {0, 0, 1}, {2, 1, 3}, false},
    {1, 4, {1, 1, 30}, {1, 1, 5}, {1, 1, 2}, {0, 0, 2}, {1, 1, 2}, true},
    {2, 2, {1, 12, 11}, {1, 9, 10}, {1, 3, 1}, {0, 4, 5}, {1, 1, 1}, false},  // windows for a warp
    {2, 0, {1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}, false},
};

struct Call {
  cuda::PoolShape shape;
  pynn_pool pool;
  int64_t full[4], pooled[4];
  int64_t elements, outputs;

  explicit Call(const Case& c) {
    shape.planes = c.planes;
    shape.bins = false;
    pool.dims = c.dims;
    for (int d = 0; d < 3; ++d) {
      const int room = c.in[d] + 2 * c.padding[d] - c.dilation[d] * (c.kernel[d] - 1) - 1;
      int count = room / c.stride[d] + 1;
      if (c.ceil && room % c.stride[d] != 0) ++count;
      if (c.ceil && (count - 1) * c.stride[d] >= c.in[d] + c.padding[d]) --count;
      shape.in[d] = c.in[d];
      shape.out[d] = count;
      shape.kernel[d] = c.kernel[d];
      shape.stride[d] = c.stride[d];
      shape.padding[d] = c.padding[d];
      shape.dilation[d] = c.dilation[d];
      const int own = d - (3 - c.dims);
      if (own < 0) continue;
      pool.kernel[own] = c.kernel[d];
      pool.stride[own] = c.stride[d];
      pool.padding[own] = c.padding[d];
      pool.dilation[own] = c.dilation[d];
    }
    describe(c.dims);
  }
  // Adaptive.
  Call(int dims, int64_t planes, const int (&in)[3], const int (&out)[3]) {
    shape = {};
    shape.planes = planes;
    shape.bins = true;
    for (int d = 0; d < 3; ++d) shape.in[d] = in[d], shape.out[d] = out[d];
    describe(dims);
  }
  template <class T>
  pynn_array full_of(const std::vector<T>& x, int dtype) const {
    return {const_cast<T*>(x.data()), full, nullptr, dims + 1, dtype};
  }
  template <class T>
  pynn_array pooled_of(const std::vector<T>& x, int dtype) const {
    return {const_cast<T*>(x.data()), pooled, nullptr, dims + 1, dtype};
  }
  int dims;

 private:
  void describe(int given) {
    dims = given;
    full[0] = pooled[0] = shape.planes;
    for (int d = 0; d < dims; ++d) {
      full[d + 1] = shape.in[3 - dims + d];
      pooled[d + 1] = shape.out[3 - dims + d];
    }
    elements = shape.planes * shape.in[0] * shape.in[1] * shape.in[2];
    outputs = shape.planes * shape.out[0] * shape.out[1] * shape.out[2];
  }
};

template <class T>
std::vector<T> filled(int64_t n, uint64_t seed, bool ties) {
  Random random(seed);
  std::vector<T> values(static_cast<size_t>(n));
  for (T& value : values) value = ties ? T(random.below(4)) : T(random.normal());
  if (n > 40) values[17] = values[40] = T(NAN);
  return values;
}

template <class T>
void check_close(const std::vector<T>& found, const std::vector<T>& expected, double tolerance) {
  for (size_t i = 0; i < found.size(); ++i) CHECK_CLOSE(found[i], expected[i], tolerance);
}

template <class T>
void test_maxima(const Call& call, bool ties) {
  const std::vector<T> x = filled<T>(call.elements, 1, ties), dy = filled<T>(call.outputs, 2, false);
  std::vector<T> expected(static_cast<size_t>(call.outputs)), found(expected), alone(expected);
  std::vector<int64_t> expected_places(expected.size()), places(expected.size());
  const pynn_array from = call.full_of(x, dtype_of<T>);
  pynn_array to = call.pooled_of(expected, dtype_of<T>), at = call.pooled_of(expected_places, PYNN_INT64);
  if (call.shape.bins) {
    CHECK_EQ(pynn_adaptive_max_pool(call.dims, &from, &to, &at), PYNN_OK);
  } else {
    CHECK_EQ(pynn_max_pool(&call.pool, &from, &to, &at), PYNN_OK);
  }
  CHECK_OK(cuda::pool_max<T>(call.shape, x.data(), found.data(), places.data(), nullptr));
  CHECK_OK(cuda::pool_max<T>(call.shape, x.data(), alone.data(), nullptr, nullptr));
  check_close(found, expected, 0);
  check_close(alone, expected, 0);
  CHECK(places == expected_places);

  std::vector<T> expected_dx(static_cast<size_t>(call.elements)), dx(expected_dx), again(expected_dx);
  const pynn_array grad = call.pooled_of(dy, dtype_of<T>);
  pynn_array back = call.full_of(expected_dx, dtype_of<T>);
  CHECK_EQ(pynn_pool_scatter(call.dims, &grad, &at, &back), PYNN_OK);
  Guarded<char> scratch(cuda::pool_max_backward_bytes(call.shape));
  CHECK_OK(cuda::pool_max_backward<T>(call.shape, dy.data(), nullptr, places.data(), dx.data(), nullptr, nullptr));
  CHECK_OK(cuda::pool_max_backward<T>(call.shape, dy.data(), x.data(), nullptr, again.data(), scratch.data(), nullptr));
  check_close(dx, expected_dx, 0);
  check_close(again, expected_dx, 0);
}

template <class T>
void test_averages(const Call& call) {
  const double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-14;
  const std::vector<T> x = filled<T>(call.elements, 3, false), dy = filled<T>(call.outputs, 4, false);
  for (const bool count_include_pad : {false, true}) {
    for (const int64_t divisor : {0, 7}) {
      if (call.shape.bins && (divisor || !count_include_pad)) continue;
      std::vector<T> expected(static_cast<size_t>(call.outputs)), found(expected);
      std::vector<T> expected_dx(static_cast<size_t>(call.elements)), dx(expected_dx);
      const pynn_array from = call.full_of(x, dtype_of<T>), grad = call.pooled_of(dy, dtype_of<T>);
      pynn_array to = call.pooled_of(expected, dtype_of<T>), back = call.full_of(expected_dx, dtype_of<T>);
      if (call.shape.bins) {
        CHECK_EQ(pynn_adaptive_avg_pool(call.dims, &from, &to), PYNN_OK);
        CHECK_EQ(pynn_adaptive_avg_pool_backward(call.dims, &grad, &back), PYNN_OK);
      } else {
        CHECK_EQ(pynn_avg_pool(&call.pool, count_include_pad, divisor, &from, &to), PYNN_OK);
        CHECK_EQ(pynn_avg_pool_backward(&call.pool, count_include_pad, divisor, &grad, &back), PYNN_OK);
      }
      const cuda::PoolAverage how = {count_include_pad, divisor};
      CHECK_OK(cuda::pool_average<T>(call.shape, how, x.data(), found.data(), nullptr));
      CHECK_OK(cuda::pool_average_backward<T>(call.shape, how, dy.data(), dx.data(), nullptr));
      check_close(found, expected, tolerance);
      check_close(dx, expected_dx, tolerance);
    }
  }
}

// 16-bit floats: summed in float, rounded once.
void test_half() {
  const Call call(kCases[1]);
  std::vector<float> wide = filled<float>(call.elements, 5, false);
  std::vector<__half> x, found(static_cast<size_t>(call.outputs)), most(found);
  for (float& value : wide) {
    x.push_back(__float2half_rn(value));
    value = __half2float(x.back());
  }
  std::vector<float> expected(found.size()), expected_most(found.size());
  CHECK_OK(cuda::pool_average<__half>(call.shape, {}, x.data(), found.data(), nullptr));
  CHECK_OK(cuda::pool_average<float>(call.shape, {}, wide.data(), expected.data(), nullptr));
  CHECK_OK(cuda::pool_max<__half>(call.shape, x.data(), most.data(), nullptr, nullptr));
  CHECK_OK(cuda::pool_max<float>(call.shape, wide.data(), expected_most.data(), nullptr, nullptr));
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK_CLOSE(__half2float(found[i]), __half2float(__float2half_rn(expected[i])), 0);
    CHECK_CLOSE(__half2float(most[i]), expected_most[i], 0);
  }
}

template <class T>
void test_all() {
  for (const Case& c : kCases) {
    const Call call(c);
    test_maxima<T>(call, false);
    test_maxima<T>(call, true);
    bool dilated = false;
    for (int d : c.dilation) dilated = dilated || d != 1;
    if (!dilated) test_averages<T>(call);
  }
  const Call adaptive[] = {Call(2, 3, {1, 7, 10}, {1, 3, 4}), Call(2, 2, {1, 9, 13}, {1, 1, 1}),
                           Call(3, 2, {4, 5, 6}, {2, 5, 4}), Call(2, 2, {1, 3, 4}, {1, 5, 7}),
                           Call(1, 5, {1, 1, 17}, {1, 1, 4})};
  for (const Call& call : adaptive) {
    test_maxima<T>(call, true);
    test_averages<T>(call);
  }
}

}  // namespace

int main() {
  for_each_order([] {
    test_all<float>();
    test_all<double>();
    test_half();
  });
  return summary();
}
