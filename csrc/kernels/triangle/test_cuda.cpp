// The GPU's triangles, emulated, against a plain loop.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/triangle/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

template <class E>
void test_elements() {
  const int64_t shapes[][3] = {{1, 1, 1}, {3, 5, 7}, {2, 300, 3}, {2, 3, 300}, {0, 4, 4}, {2, 0, 5}, {2, 5, 0}};
  for (const auto& s : shapes) {
    for (int64_t diagonal : {-301, -2, 0, 1, 4, 301}) {
      for (const bool upper : {false, true}) {
        const int64_t n = s[0] * s[1] * s[2];
        std::vector<E> x(static_cast<size_t>(n)), expected(x.size()), found(x.size());
        for (int64_t i = 0; i < n; ++i) {
          x[size_t(i)] = E(i % 250 + 1);
          const int64_t row = i / s[2] % s[1], column = i % s[2];
          const bool inside = upper ? column - row >= diagonal : column - row <= diagonal;
          expected[size_t(i)] = inside ? x[size_t(i)] : E(0);
        }
        CHECK_OK(cuda::triangle(upper, diagonal, s[0], s[1], s[2], sizeof(E), x.data(), found.data(), nullptr));
        CHECK(found == expected);
        CHECK_OK(cuda::triangle(upper, diagonal, s[0], s[1], s[2], sizeof(E), x.data(), x.data(), nullptr));
        CHECK(x == expected);
      }
    }
  }
}

}  // namespace

int main() {
  test_elements<uint8_t>();
  test_elements<uint16_t>();
  test_elements<uint32_t>();
  test_elements<uint64_t>();
  CHECK(!cuda::triangle(true, 0, 1, 1, 1, 3, nullptr, nullptr, nullptr).ok());
  return summary();
}
