// The GPU's random kernels, emulated: the CPU's bits.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/random/cuda.h"
#include "kernels/random/random.h"

using namespace pynn;
using namespace pynn::testing;
using random::Stream;

namespace {

const int64_t kSizes[] = {0, 1, 2, 3, 4, 5, 7, 255, 1023, 4099};
const Stream kStreams[] = {{0, 0}, {0x123456789abcdef0ull, 7}, {42, 0xfffffffeull}, {1, ~0ull - 2}};

// Both fill n elements; `offset` moves the start off its alignment.
template <class T, class Cpu, class Gpu>
void check_same(const Cpu& cpu, const Gpu& gpu) {
  for (const Stream& from : kStreams) {
    for (int64_t n : kSizes) {
      for (int64_t offset : {0, 1}) {
        std::vector<T> expected(size_t(n) + 1);
        Guarded<T> found(n, offset);
        cpu(from, n, expected.data());
        CHECK_OK(gpu(from, n, found.data()));
        bool same = true;
        for (int64_t i = 0; i < n; ++i) same = same && std::memcmp(&expected[size_t(i)], &found[i], sizeof(T)) == 0;
        CHECK(same);
        CHECK(found.intact());
      }
    }
  }
}

template <class T>
void test_floats() {
  check_same<T>([](Stream s, int64_t n, T* out) { random::uniform<T>(s, n, T(-2.5), T(7.25), out); },
                [](Stream s, int64_t n, T* out) { return cuda::random_uniform<T>(s, n, -2.5, 4.75, out, nullptr); });
  check_same<T>([](Stream s, int64_t n, T* out) { random::normal<T>(s, n, T(0.5), T(3), out); },
                [](Stream s, int64_t n, T* out) { return cuda::random_normal<T>(s, n, 0.5, 3, out, nullptr); });
  for (const double p : {0.0, 0.3, 1.0}) {
    check_same<T>([&](Stream s, int64_t n, T* out) { random::bernoulli<T>(s, n, float(p), out); },
                  [&](Stream s, int64_t n, T* out) { return cuda::random_bernoulli<T>(s, n, p, out, nullptr); });
  }
  std::vector<T> x(4099);
  Random random(3);
  for (T& value : x) value = T(random.normal());
  x[5] = T(INFINITY);
  for (const double p : {0.0, 0.4}) {
    check_same<T>(
        [&](Stream s, int64_t n, T* out) { random::dropout<T>(s, n, float(p), T(1 / (1 - p)), x.data(), out); },
        [&](Stream s, int64_t n, T* out) { return cuda::random_dropout<T>(s, n, p, x.data(), out, nullptr); });
  }
}

void test_others() {
  check_same<uint32_t>([](Stream s, int64_t n, uint32_t* out) { random::words(s, n, out); },
                       [](Stream s, int64_t n, uint32_t* out) { return cuda::random_words(s, n, out, nullptr); });
  check_same<uint8_t>(
      [](Stream s, int64_t n, uint8_t* out) { random::flags(s, n, 0.6f, out); },
      [](Stream s, int64_t n, uint8_t* out) { return cuda::random_bernoulli<uint8_t>(s, n, 0.6, out, nullptr); });
  const int64_t least = INT64_MIN, most = INT64_MAX;
  for (const auto& range : {std::pair<int64_t, int64_t>{0, 10}, {-5, 1000000007}, {least, most}, {3, 4}}) {
    check_same<int64_t>(
        [&](Stream s, int64_t n, int64_t* out) {
          random::integers(s, n, range.first, uint64_t(range.second) - uint64_t(range.first), out);
        },
        [&](Stream s, int64_t n, int64_t* out) {
          return cuda::random_integers(s, n, range.first, range.second, out, nullptr);
        });
  }
  CHECK(!cuda::random_integers({1, 2}, 3, 5, 5, nullptr, nullptr).ok());
}

void test_permutation() {
  for (int64_t n : {1, 2, 255, 5000, 9001}) {
    std::vector<int64_t> expected(static_cast<size_t>(n)), found(static_cast<size_t>(n));
    std::vector<char> scratch(size_t(cuda::random_permutation_bytes(n)));
    CHECK(random::permutation({99, 5}, n, expected.data()));
    CHECK_OK(cuda::random_permutation({99, 5}, n, found.data(), scratch.data(), nullptr));
    CHECK(expected == found);
  }
}

// 16-bit floats: the same elements are dropped, the others rounded once.
template <class T, class ToFloat, class FromFloat>
void test_half(const ToFloat& to_float, const FromFloat& from_float) {
  const int64_t n = 1001;
  std::vector<T> x(n), found(n);
  std::vector<float> wide(n), expected(n);
  Random random(5);
  for (int64_t i = 0; i < n; ++i) {
    x[size_t(i)] = from_float(float(random.normal()));
    wide[size_t(i)] = to_float(x[size_t(i)]);
  }
  random::dropout<float>({8, 1}, n, 0.25f, float(1 / 0.75), wide.data(), expected.data());
  CHECK_OK(cuda::random_dropout<T>({8, 1}, n, 0.25, x.data(), found.data(), nullptr));
  bool same = true;
  for (int64_t i = 0; i < n; ++i) {
    same = same && to_float(found[size_t(i)]) == to_float(from_float(expected[size_t(i)]));
  }
  CHECK(same);
}

}  // namespace

int main() {
  test_floats<float>();
  test_floats<double>();
  test_others();
  test_permutation();
  test_half<__half>([](__half x) { return __half2float(x); }, [](float x) { return __float2half_rn(x); });
  test_half<__nv_bfloat16>([](__nv_bfloat16 x) { return __bfloat162float(x); },
                           [](float x) { return __float2bfloat16_rn(x); });
  return summary();
}
