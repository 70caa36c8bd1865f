// Triangles of every item size and diagonal against the definition.
#include "base/pool.h"
#include "base/testing.h"
#include "pynn/pynn.h"

using namespace pynn::testing;

namespace {

template <class T>
void round_of(Random& random, int dtype) {
  const int64_t shape[] = {random.below(4), random.below(random.below(8) ? 9 : 300), random.below(12)};
  const int64_t n = shape[0] * shape[1] * shape[2];
  const int64_t wild[] = {INT64_MIN, INT64_MAX, 0};
  const int64_t diagonal = random.below(9) == 0 ? wild[random.below(3)] : random.below(25) - 12;
  Guarded<T> x(n), out(n);
  for (int64_t i = 0; i < n; ++i) x[i] = T(1 + random.below(99));
  const int upper = int(random.below(2));
  const bool in_place = random.below(4) == 0;
  const pynn_array in = {in_place ? out.data() : x.data(), shape, nullptr, 3, dtype};
  for (int64_t i = 0; i < n && in_place; ++i) out[i] = x[i];
  pynn_array result = {out.data(), shape, nullptr, 3, dtype};
  CHECK_EQ(pynn_triangle(upper, &in, diagonal, &result), PYNN_OK);
  for (int64_t i = 0; i < n; ++i) {
    const __int128 above = __int128(i % shape[2]) - i / shape[2] % shape[1] - diagonal;
    CHECK_EQ(out[i], (upper ? above >= 0 : above <= 0) ? x[i] : T(0));
  }
  CHECK(out.intact());
}

}  // namespace

int main() {
  const auto all = [](Random& r) {
    round_of<float>(r, PYNN_FLOAT32);
    round_of<double>(r, PYNN_FLOAT64);
    round_of<uint8_t>(r, PYNN_BOOL);
    round_of<int16_t>(r, PYNN_INT16);
  };
  Random random(1);
  for (int i = 0; i < 100; ++i) all(random);
  fuzz(all);
  float in[4] = {}, out[4];
  const int64_t shape[] = {2, 2};
  const pynn_array x = {in, shape, nullptr, 2, PYNN_FLOAT32}, flat = {in, shape, nullptr, 1, PYNN_FLOAT32};
  pynn_array y = {out, shape, nullptr, 2, PYNN_FLOAT64};
  CHECK_EQ(pynn_triangle(0, &x, 0, &y), PYNN_INVALID);
  CHECK_EQ(pynn_triangle(0, &flat, 0, &y), PYNN_INVALID);
  CHECK_EQ(pynn_triangle(0, nullptr, 0, &y), PYNN_INVALID);
  return summary();
}
