// Every draw of every length against scalar code, bit for bit; normal numbers against long double; threads.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/random/random.h"

using namespace pynn::testing;

namespace {

const int64_t kSizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 1000};

// Philox 4x32-10 as its paper writes it.
uint32_t word(uint64_t seed, uint64_t offset, int64_t i) {
  const uint64_t counter = offset + uint64_t(i / 4);
  uint32_t c[4] = {uint32_t(counter), uint32_t(counter >> 32), 0, 0};
  uint32_t k[2] = {uint32_t(seed), uint32_t(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53) * c[0], p1 = uint64_t(0xCD9E8D57) * c[2];
    const uint32_t next[4] = {uint32_t(p1 >> 32) ^ c[1] ^ k[0], uint32_t(p1),
                              uint32_t(p0 >> 32) ^ c[3] ^ k[1], uint32_t(p0)};
    std::memcpy(c, next, sizeof c);
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c[i % 4];
}

double uniform_of(uint64_t seed, uint64_t offset, int64_t i, bool wide) {
  if (!wide) return double(word(seed, offset, i) >> 8) * 0x1p-24;
  const uint64_t bits = uint64_t(word(seed, offset, 2 * i)) << 21 ^ word(seed, offset, 2 * i + 1) >> 11;
  return double(bits) * 0x1p-53;
}

long double normal_of(uint64_t seed, uint64_t offset, int64_t i) {
  const uint32_t a = word(seed, offset, 2 * i), b = word(seed, offset, 2 * i + 1);
  const long double log =
      a >> 31 ? log1pl(-(long double)(~a) * 0x1p-32L) : logl(((long double)a + 1) * 0x1p-32L);
  return sqrtl(-2 * log) * cosl(2 * acosl(-1.0L) * (long double)b * 0x1p-32L);
}

template <class T>
pynn_array vector_of(T* data, const int64_t* n, int dtype = dtype_of<T>) {
  return {data, n, nullptr, 1, dtype};
}

void test_known_words() {
  // Random123's known answers: counter and key of zeros.
  uint32_t w[4];
  CHECK_EQ(pynn_random_words(0, 0, 4, w), PYNN_OK);
  CHECK(w[0] == 0x6627e8d5 && w[1] == 0xe169c58d && w[2] == 0xbc57ac4c && w[3] == 0x9b00dbd8);
}

template <class T>
void check_draws(uint64_t seed, uint64_t offset, int64_t n) {
  const bool wide = sizeof(T) == 8;
  Guarded<T> u(n), z(n), b(n), x(n), y(n);
  pynn_array au = vector_of(u.data(), &n), az = vector_of(z.data(), &n), ab = vector_of(b.data(), &n);
  const pynn_array ax = vector_of(x.data(), &n);
  pynn_array ay = vector_of(y.data(), &n);
  for (int64_t i = 0; i < n; ++i) x[i] = i % 5 == 0 ? T(INFINITY) : T(i) - T(n) / 2;
  CHECK_EQ(pynn_uniform(seed, offset, -1.5, 2.25, &au), PYNN_OK);
  CHECK_EQ(pynn_normal(seed, offset, 0.5, 2, &az), PYNN_OK);
  CHECK_EQ(pynn_bernoulli(seed, offset, 0.3, &ab), PYNN_OK);
  CHECK_EQ(pynn_dropout(seed, offset, 0.3, &ax, &ay), PYNN_OK);
  for (int64_t i = 0; i < n; ++i) {
    const volatile T product = T(3.75) * T(uniform_of(seed, offset, i, wide));
    CHECK_EQ(u[i], T(-1.5) + product);
    const double exact = double(normal_of(seed, offset, i));
    CHECK_CLOSE(z[i], 0.5 + 2 * exact,
                (8 * std::fabs(exact) + 1.5) * double(std::numeric_limits<T>::epsilon()));
    const bool hit = uniform_of(seed, offset, i, false) < double(0.3f);
    CHECK_EQ(b[i], T(hit));
    const T wanted = x[i] * (hit ? T(0) : T(1 / (1 - 0.3)));
    CHECK(y[i] == wanted || (y[i] != y[i] && wanted != wanted));
  }
  CHECK(u.intact() && z.intact() && b.intact() && y.intact());
}

void check_whole_numbers(uint64_t seed, uint64_t offset, int64_t n) {
  Guarded<uint32_t> w(n);
  Guarded<uint8_t> f(n);
  Guarded<int64_t> k(n), order(n);
  CHECK_EQ(pynn_random_words(seed, offset, n, w.data()), PYNN_OK);
  pynn_array af = vector_of(f.data(), &n, PYNN_BOOL);
  CHECK_EQ(pynn_bernoulli(seed, offset, 0.75, &af), PYNN_OK);
  for (int64_t i = 0; i < n; ++i) {
    CHECK_EQ(w[i], word(seed, offset, i));
    CHECK_EQ(f[i], (w[i] >> 8) < (3u << 22));
  }
  const int64_t ranges[][2] = {{0, 1},         {-3, 4}, {0, 1 << 20}, {5, 1000000007}, {INT64_MIN, INT64_MAX},
                               {-1, INT64_MAX}};
  for (const auto& r : ranges) {
    CHECK_EQ(pynn_random_integers(seed, offset, r[0], r[1], n, k.data()), PYNN_OK);
    for (int64_t i = 0; i < n; ++i) {
      const uint64_t bits = uint64_t(word(seed, offset, 2 * i)) << 32 | word(seed, offset, 2 * i + 1);
      CHECK_EQ(k[i], int64_t(uint64_t(r[0]) + bits % (uint64_t(r[1]) - uint64_t(r[0]))));
    }
  }
  CHECK_EQ(pynn_permutation(seed, offset, n, order.data()), PYNN_OK);
  for (int64_t i = 1; i < n; ++i) {
    const uint32_t before = w[order[i - 1]], after = w[order[i]];
    CHECK(before < after || (before == after && order[i - 1] < order[i]));
  }
  CHECK(w.intact() && f.intact() && k.intact() && order.intact());
}

void test_draws(const char* isa) {
  CHECK(std::string(pynn::random::table().isa) == isa);
  for (int64_t n : kSizes) {
    set_context(std::string(isa) + " n " + std::to_string(n));
    check_draws<float>(7, 3, n);
    check_draws<double>(7, 3, n);
    check_whole_numbers(7, 3, n);
  }
  set_context(std::string(isa) + " counters that pass 2^32");
  check_draws<float>(~uint64_t(0), 0xfffffffe, 50);
  check_whole_numbers(~uint64_t(0), ~uint64_t(0) - 3, 50);
  check_whole_numbers(5, 0, 5000);
}

void test_ends_of_the_normal_numbers() {
  // No infinity and no negative zero among many draws; the mean and variance of a standard normal.
  const int64_t n = 1 << 20;
  std::vector<float> z(static_cast<size_t>(n));
  pynn_array out = vector_of(z.data(), &n);
  CHECK_EQ(pynn_normal(1, 0, 0, 1, &out), PYNN_OK);
  double sum = 0, squares = 0;
  bool fine = true;
  for (float v : z) {
    fine = fine && std::isfinite(v) && !(v == 0 && std::signbit(v));
    sum += double(v);
    squares += double(v) * double(v);
  }
  CHECK(fine);
  CHECK_CLOSE(sum / double(n), 0, 4e-3);
  CHECK_CLOSE(squares / double(n), 1, 6e-3);
}

void test_threads_give_the_same_bits() {
  const int64_t n = 100003;
  std::vector<float> one(static_cast<size_t>(n)), two(one);
  std::vector<double> wide_one(one.size()), wide_two(one.size());
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    pynn_array out = vector_of(threads == 1 ? one.data() : two.data(), &n);
    CHECK_EQ(pynn_normal(1, 2, 3, 4, &out), PYNN_OK);
    out = vector_of(threads == 1 ? wide_one.data() : wide_two.data(), &n);
    CHECK_EQ(pynn_uniform(1, 2, 3, 4, &out), PYNN_OK);
  }
  CHECK(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)) == 0);
  CHECK(std::memcmp(wide_one.data(), wide_two.data(), one.size() * sizeof(double)) == 0);
}

void test_wrong_arguments() {
  float x[4] = {}, y[4];
  const int64_t n = 4, m = 2, strides[] = {8};
  int64_t k[4];
  pynn_array a = vector_of(x, &n), out = vector_of(y, &n), spread = {x, &m, strides, 1, PYNN_FLOAT32};
  CHECK_EQ(pynn_uniform(0, 0, 0, 1, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_uniform(0, 0, 0, 1, &spread), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_random_integers(0, 0, 5, 5, 4, k), PYNN_INVALID);
  CHECK(says("low < high"));
  CHECK_EQ(pynn_random_words(0, 0, -1, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_permutation(0, 0, 4, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_dropout(0, 0, 1, &a, &out), PYNN_INVALID);
  out.shape = &m;
  CHECK_EQ(pynn_dropout(0, 0, 0.5, &a, &out), PYNN_INVALID);
  CHECK(says("(4,)"));
  out = vector_of(y, &n, PYNN_FLOAT16);
  CHECK_EQ(pynn_normal(0, 0, 0, 1, &out), PYNN_UNSUPPORTED);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    test_known_words();
    test_draws(isa);
    test_ends_of_the_normal_numbers();
    test_threads_give_the_same_bits();
    fuzz([&](Random& random) {
      const int64_t n = random.below(300);
      const uint64_t seed = random.bits(), offset = random.bits();
      check_draws<float>(seed, offset, n);
      check_draws<double>(seed, offset, n);
      check_whole_numbers(seed, offset, n);
    });
  });
  test_wrong_arguments();
  return summary();
}
