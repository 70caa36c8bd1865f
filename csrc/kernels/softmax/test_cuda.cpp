// The CUDA softmaxes, emulated, beside plain loops in double.
#include <vector>

#include "cuda/testing.h"
#include "kernels/softmax/cuda.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;

namespace {

template <class T>
void test_shape(const cuda::Along& shape, int64_t offset) {
  const int64_t n = shape.outer * shape.size * shape.inner, columns = shape.outer * shape.inner;
  set_context(std::to_string(shape.outer) + " x " + std::to_string(shape.size) + " x " +
              std::to_string(shape.inner) + ", dtype " + std::to_string(GpuType<T>::dtype) + ", offset " +
              std::to_string(offset));
  Random random{uint64_t(n)};
  GpuArray<T> x(n, offset), y(n, offset), logs(n, offset), sums(columns), g(n, offset), dx(n, offset);
  x.fill([&] { return 3 * random.normal() + 20; });
  g.fill([&] { return random.normal(); });
  constexpr int dtype = GpuType<T>::dtype;
  CHECK_OK(cuda::softmax(PYNN_SOFTMAX, dtype, shape, x.data(), y.data(), nullptr));
  CHECK_OK(cuda::softmax(PYNN_LOG_SOFTMAX, dtype, shape, x.data(), logs.data(), nullptr));
  CHECK_OK(cuda::softmax(PYNN_LOGSUMEXP, dtype, shape, x.data(), sums.data(), nullptr));
  CHECK(y.intact() && logs.intact() && sums.intact());
  const double tolerance = GpuType<T>::epsilon + (sizeof(T) == 8 ? 1e-14 : 1e-6);
  const auto place = [&](int64_t c, int64_t i) {
    return (c / shape.inner * shape.size + i) * shape.inner + c % shape.inner;
  };
  for (int64_t c = 0; c < columns; ++c) {
    double most = -1e300, sum = 0;
    for (int64_t i = 0; i < shape.size; ++i) most = std::fmax(most, x.at(place(c, i)));
    for (int64_t i = 0; i < shape.size; ++i) sum += std::exp(x.at(place(c, i)) - most);
    CHECK_CLOSE(sums.at(c), most + std::log(sum), tolerance * 40);
    for (int64_t i = 0; i < shape.size; ++i) {
      const double unit = x.at(place(c, i)) - most;
      CHECK_CLOSE(y.at(place(c, i)), std::exp(unit) / sum,
                  tolerance * (std::exp(unit) / sum) * 4 + 1e-7 * (dtype == PYNN_FLOAT16));
      CHECK_CLOSE(logs.at(place(c, i)), unit - std::log(sum), tolerance * 20);
    }
  }
  for (const auto op : {PYNN_SOFTMAX, PYNN_LOG_SOFTMAX}) {
    const GpuArray<T>& saved = op == PYNN_SOFTMAX ? y : logs;
    CHECK_OK(cuda::softmax_backward(op, dtype, shape, g.data(), saved.data(), dx.data(), nullptr));
    CHECK(dx.intact());
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0, size = 0;
      for (int64_t i = 0; i < shape.size; ++i) {
        const double term = g.at(place(c, i)) * (op == PYNN_SOFTMAX ? saved.at(place(c, i)) : 1);
        sum += term;
        size += std::fabs(term);
      }
      for (int64_t i = 0; i < shape.size; ++i) {
        const double gi = g.at(place(c, i)), yi = saved.at(place(c, i));
        const double want = op == PYNN_SOFTMAX ? yi * (gi - sum) : gi - std::exp(yi) * sum;
        CHECK_CLOSE(dx.at(place(c, i)), want, tolerance * 4 * (std::fabs(gi) + size));
      }
    }
  }
  set_context("");
}

void test_corners() {
  GpuArray<float> x(6), y(2), out(6);
  const double values[] = {-INFINITY, -INFINITY, -INFINITY, 1, INFINITY, NAN};
  for (int i = 0; i < 6; ++i) x.set(i, values[i]);
  const cuda::Along rows = {2, 3, 1};
  CHECK_OK(cuda::softmax(PYNN_LOGSUMEXP, PYNN_FLOAT32, rows, x.data(), y.data(), nullptr));
  CHECK_EQ(y.at(0), -INFINITY);
  CHECK(std::isnan(y.at(1)));
  CHECK_OK(cuda::softmax(PYNN_SOFTMAX, PYNN_FLOAT32, rows, x.data(), out.data(), nullptr));
  for (int i = 0; i < 6; ++i) CHECK(std::isnan(out.at(i)));
  x.set(5, 2);
  CHECK_OK(cuda::softmax(PYNN_LOGSUMEXP, PYNN_FLOAT32, rows, x.data(), y.data(), nullptr));
  CHECK_EQ(y.at(1), INFINITY);
  // Masked logits: the first of a row are -inf.
  x.set(1, 5);
  CHECK_OK(cuda::softmax(PYNN_SOFTMAX, PYNN_FLOAT32, rows, x.data(), out.data(), nullptr));
  CHECK_EQ(out.at(0), 0);
  CHECK_EQ(out.at(1), 1);
  CHECK_CODE(cuda::softmax(PYNN_SOFTMAX, PYNN_INT32, rows, x.data(), out.data(), nullptr), PYNN_UNSUPPORTED);
  CHECK_OK(cuda::softmax(PYNN_SOFTMAX, PYNN_FLOAT32, {0, 3, 1}, nullptr, nullptr, nullptr));
}

}  // namespace

int main() {
  for_each_order([] {
    for_each_float([](auto type) {
      typedef decltype(type) T;
      for (const cuda::Along& shape :
           {cuda::Along{1, 1, 1}, {9, 7, 1}, {3, 64, 1}, {2, 1500, 1}, {2, 3, 5}, {1, 40, 300}}) {
        test_shape<T>(shape, 0);
        test_shape<T>(shape, 1);
      }
    });
    test_corners();
  });
  return summary();
}
