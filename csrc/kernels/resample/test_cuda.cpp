// The GPU's resizing, emulated, against the CPU's.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/resample/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

struct Case {
  int dims;
  int64_t planes, in[3], out[3];
  double scale[3];
};
const Case kCases[] = {
    {2, 3, {1, 4, 5}, {1, 8, 10}, {0, 0, 0}},       {2, 2, {1, 9, 7}, {1, 4, 3}, {0, 0, 0}},
    {1, 4, {1, 1, 6}, {1, 1, 13}, {0, 0, 0}},       {3, 1, {3, 4, 5}, {5, 4, 9}, {0, 0, 0}},
    {2, 1, {1, 5, 5}, {1, 7, 12}, {0, 0.7, 0.45}},  {2, 1, {1, 1, 1}, {1, 3, 4}, {0, 0, 0}},
    {2, 1, {1, 6, 8}, {1, 1, 1}, {0, 0, 0}},        {2, 0, {1, 6, 8}, {1, 2, 2}, {0, 0, 0}},
    {2, 1, {1, 3, 40}, {1, 3, 31}, {0, 1.0, 1.3}},
};

template <class T>
void test_case(const Case& c, int mode, bool align_corners) {
  const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-13;
  cuda::ResampleShape shape = {};
  pynn_resample how = {};
  shape.mode = pynn_resample_mode(mode);
  shape.align_corners = align_corners;
  shape.planes = c.planes;
  how.mode = mode;
  how.align_corners = align_corners;
  how.dims = c.dims;
  int64_t full[4] = {c.planes}, sized[4] = {c.planes}, n = c.planes, m = c.planes;
  for (int d = 0; d < 3; ++d) {
    shape.in[d] = c.in[d];
    shape.out[d] = c.out[d];
    shape.scale[d] = c.scale[d];
    n *= c.in[d];
    m *= c.out[d];
    const int own = d - (3 - c.dims);
    if (own < 0) continue;
    how.scale[own] = c.scale[d];
    full[own + 1] = c.in[d];
    sized[own + 1] = c.out[d];
  }
  Random random{uint64_t(mode)};
  std::vector<T> x(static_cast<size_t>(n)), dy(static_cast<size_t>(m));
  for (T& value : x) value = T(random.normal());
  for (T& value : dy) value = T(random.normal());
  std::vector<T> expected(dy.size()), found(dy.size()), expected_dx(x.size()), dx(x.size());
  const pynn_array from = {x.data(), full, nullptr, c.dims + 1, dtype_of<T>};
  const pynn_array grad = {dy.data(), sized, nullptr, c.dims + 1, dtype_of<T>};
  pynn_array to = {expected.data(), sized, nullptr, c.dims + 1, dtype_of<T>};
  pynn_array back = {expected_dx.data(), full, nullptr, c.dims + 1, dtype_of<T>};
  Guarded<char> scratch((cuda::resample_bytes(shape) + 15) / 16 * 16);
  CHECK_EQ(pynn_resample_forward(&how, &from, &to), PYNN_OK);
  CHECK_OK(cuda::resample<T>(shape, x.data(), found.data(), scratch.data(), nullptr));
  CHECK_EQ(pynn_resample_backward(&how, &grad, &back), PYNN_OK);
  CHECK_OK(cuda::resample_backward<T>(shape, dy.data(), dx.data(), scratch.data(), nullptr));
  for (size_t i = 0; i < found.size(); ++i) CHECK_CLOSE(found[i], expected[i], tolerance);
  for (size_t i = 0; i < dx.size(); ++i) CHECK_CLOSE(dx[i], expected_dx[i], 10 * tolerance);
  CHECK(scratch.intact());
}

}  // namespace

int main() {
  for_each_order([] {
    for (const Case& c : kCases) {
      for (int mode = 0; mode < 4; ++mode) {
        for (const bool align_corners : {false, true}) {
          if (align_corners && mode < PYNN_RESAMPLE_LINEAR) continue;
          test_case<float>(c, mode, align_corners);
          test_case<double>(c, mode, align_corners);
        }
      }
    }
  });
  return summary();
}
