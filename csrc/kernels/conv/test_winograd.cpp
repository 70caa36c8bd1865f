// Winograd's way for kernels of 3x3 and pieces of it in float32, on every ISA of this machine; its error against the direct
// way's.
#include <vector>

#include "base/pool.h"
#include "kernels/conv/cases.h"

namespace {

using namespace pynn::testing;
using pynn::conv::Algorithm;
using pynn::conv::set_algorithm;

// Heights and widths around multiples of 4, one tile, few and many channels, paddings by side.
const Flat kFlat[] = {
    {1, 1, 3, 3, 1, 3, 3, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {1, 1, 6, 6, 1, 3, 3, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {1, 1, 1, 1, 1, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 3, 9, 8, 5, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {3, 17, 7, 7, 20, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {40, 5, 7, 7, 9, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {7, 8, 14, 14, 13, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 9, 13, 30, 70, 3, 3, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
    {2, 10, 11, 15, 6, 3, 3, {1, 1, 0, 2, 1, 0, 1, 1, 1}},
    {1, 6, 10, 9, 7, 3, 3, {1, 1, 1, 0, 0, 2, 1, 1, 1}},
    {1, 5, 4, 4, 6, 3, 3, {1, 1, 5, 5, 6, 7, 1, 1, 1}},
    {2, 4, 12, 11, 4, 3, 3, {1, 1, 0, -2, 1, -3, 1, 1, 1}},
    {1, 3, 5, 300, 8, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 3, 300, 5, 8, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 1200, 6, 7, 5, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 130, 13, 10, 140, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},  // few tiles for many weights
    {3, 600, 3, 5, 29, 3, 3, {1, 1, 0, 2, 1, 1, 1, 1, 1}},
    {2, 61, 28, 28, 67, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 40, 37, 70, 70, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},  // lines of many tiles, blocks and parts of the gradient
    // pieces: whole and cut ones, a kernel beyond the image, one of the few-tiles way, several blocks of each
    {2, 5, 11, 13, 6, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
    {1, 17, 9, 20, 35, 7, 7, {1, 1, 3, 3, 3, 3, 1, 1, 1}},
    {3, 20, 8, 9, 33, 4, 4, {1, 1, 0, 1, 2, 1, 1, 1, 1}},
    {2, 33, 10, 9, 18, 2, 3, {1, 1, 1, 0, 1, 1, 1, 1, 1}},
    {1, 4, 3, 4, 5, 9, 6, {1, 1, 4, 4, 3, 2, 1, 1, 1}},
    {1, 70, 13, 10, 70, 5, 6, {1, 1, 2, 2, 2, 3, 1, 1, 1}},
    {2, 300, 5, 6, 9, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
    {2, 48, 30, 30, 67, 5, 5, {1, 1, 0, -1, 2, -2, 1, 1, 1}},
    {2, 3, 13, 15, 4, 6, 6, {2, 2, 2, 2, 2, 2, 1, 1, 1}},  // the data gradient's phases are 3x3, their pixels two apart
    {0, 3, 8, 8, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 0, 8, 8, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 3, 8, 8, 0, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
};

Case deep(int64_t n, int64_t c, int64_t o, const int64_t (&in)[3], const int64_t (&kernel)[3], const int64_t (&before)[3],
          const int64_t (&after)[3]) {
  return Case(3, n, c, o, in, kernel,
              {3,
               {1, 1, 1},
               {before[0], before[1], before[2]},
               {after[0], after[1], after[2]},
               {1, 1, 1},
               1});
}

void test_cases() {
  for (const Flat& k : kFlat) check_case<float>(k.whole());
  for (int layout = 1; layout <= 3; ++layout) {
    for (const int i : {3, 4, 6, 8, 11, 19}) check_case<float>(kFlat[i].whole(), layout);
    check_case<float>(deep(2, 5, 6, {4, 7, 9}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}), layout);
  }
  check_case<float>(deep(2, 17, 33, {5, 9, 10}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}));
  check_case<float>(deep(1, 20, 7, {2, 6, 21}, {2, 3, 5}, {2, 0, 2}, {1, 1, 2}));
  check_case<float>(deep(3, 4, 30, {6, 8, 5}, {3, 3, 3}, {0, 1, 1}, {-2, 1, 1}));
  check_case<float>(deep(1, 130, 40, {3, 8, 8}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}));
  fuzz([](Random& random) {
    Flat k = {1 + random.below(5),
              1 + random.below(40),
              1 + random.below(20),
              1 + random.below(40),
              1 + random.below(40),
              3,
              3,
              {1, 1, random.below(4), random.below(4), random.below(4), random.below(4), 1, 1, 1}};
    if (random.below(2) == 1) k.r = 2 + random.below(6), k.s = 2 + random.below(6);
    if (k.h + k.g[2] + k.g[3] < k.r) k.g[3] = k.r;
    if (k.w + k.g[4] + k.g[5] < k.s) k.g[5] = k.s;
    check_case<float>(k.whole(), int(random.below(4)));
  });
}

struct Results {
  explicit Results(const Case& k)
      : y(k.n * k.o * k.out_size()), dx(k.n * k.c * k.in_size()), dw(k.o * k.c * k.taps()) {}
  Guarded<float> y, dx, dw;
  bool operator==(const Results& other) const {
    return same(y, other.y) && same(dx, other.dx) && same(dw, other.dw);
  }
  static bool same(const Guarded<float>& a, const Guarded<float>& b) {
    return std::memcmp(a.data(), b.data(), size_t(a.size()) * sizeof(float)) == 0;
  }
};

void compute(const Case& k, Buffers<float>& b, Results& to) {
  pynn_array x = b.xa(), w = b.wa(), dy = b.ya(), y = b.array(to.y, b.y_shape),
             dx = b.array(to.dx, b.x_shape), dw = b.array(to.dw, b.w_shape);
  CHECK_EQ(int(pynn_conv_forward(&k.conv, &x, &w, nullptr, PYNN_ACT_NONE, &y)), 0);
  CHECK_EQ(int(pynn_conv_backward_data(&k.conv, &dy, &w, nullptr, PYNN_ACT_NONE, 0, &dx)), 0);
  CHECK_EQ(int(pynn_conv_backward_weight(&k.conv, &x, &dy, 0, &dw)), 0);
}

void test_threads() {
  const int before = pynn::num_threads();
  const Flat flat[] = {{5, 30, 30, 30, 40, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                       {20, 70, 7, 7, 90, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                       {1, 300, 14, 14, 130, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                       {3, 30, 20, 20, 40, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
                       {1, 90, 9, 9, 60, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}}};
  for (const Flat& f : flat) {
    const Case k = f.whole();
    Buffers<float> b(k);
    Results one(k);
    pynn::set_num_threads(1);
    compute(k, b, one);
    for (int threads : {2, 3}) {
      Results more(k);
      pynn::set_num_threads(threads);
      compute(k, b, more);
      CHECK(one == more);
    }
  }
  pynn::set_num_threads(before);
}

// The error the README states: relative, in the mean square and at most (of the largest result).
void test_error() {
  const Flat flats[] = {{2, 64, 14, 14, 24, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                        {2, 512, 14, 14, 24, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                        {2, 64, 14, 14, 24, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
                        {1, 32, 14, 14, 24, 7, 7, {1, 1, 3, 3, 3, 3, 1, 1, 1}}};
  for (const Flat& flat : flats) {
    const Case k = flat.whole();
    Buffers<float> b(k);
    Results got(k);
    compute(k, b, got);
    Sums y(b.y.size()), dx(b.x.size()), dw(b.w.size());
    each_product(k, [&](int64_t yi, int64_t xi, int64_t wi) {
      y.add(yi, double(b.x[xi]) * double(b.w[wi]));
      dx.add(xi, double(b.y[yi]) * double(b.w[wi]));
      dw.add(wi, double(b.y[yi]) * double(b.x[xi]));
    });
    const struct {
      const Guarded<float>& got;
      const Sums& expected;
    } pairs[] = {{got.y, y}, {got.dx, dx}, {got.dw, dw}};
    for (const auto& pair : pairs) {
      double square = 0, all = 0, worst = 0, largest = 0;
      for (int64_t i = 0; i < pair.got.size(); ++i) {
        const double e = pair.expected.value[size_t(i)], error = double(pair.got[i]) - e;
        square += error * error, all += e * e;
        worst = std::max(worst, std::fabs(error)), largest = std::max(largest, std::fabs(e));
      }
      CHECK(std::sqrt(square / all) < 3e-6);
      CHECK(worst / largest < 8e-6);
    }
  }
}

// An infinity spreads over the tiles that read it, and no further.
void test_infinity() {
  const Flat flat = {1, 4, 12, 20, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}};
  const Case k = flat.whole();
  Buffers<float> b(k);
  b.x[5 * 20 + 9] = std::numeric_limits<float>::infinity();  // read by tile (1, 2) alone
  Results got(k);
  compute(k, b, got);
  for (int64_t i = 0; i < got.y.size(); ++i) {
    const int64_t y = i % 240 / 20, x = i % 20;
    const bool reads = y >= 4 && y < 8 && x >= 8 && x < 12, window = y >= 4 && y <= 6 && x >= 8 && x <= 10;
    if (!reads) CHECK(std::isfinite(got.y[i]));
    if (window) CHECK(!std::isfinite(got.y[i]));
  }
}

// "auto" computes what one of the others does; what Winograd's way is not defined for, all compute alike.
void test_choice() {
  auto bits = [](const Case& k, Algorithm algorithm) {
    Buffers<float> b(k);
    Results got(k);
    set_algorithm(algorithm);
    compute(k, b, got);
    return std::vector<float>(got.y.data(), got.y.data() + got.y.size());
  };
  const Flat large = {2, 64, 28, 28, 64, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
             small = {1, 4, 28, 28, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
             wide = {1, 16, 28, 28, 16, 3, 3, {1, 1, 2, 2, 2, 2, 2, 2, 1}},
             steps = {1, 16, 28, 28, 16, 3, 3, {1, 2, 1, 1, 1, 1, 1, 1, 1}},
             line = {1, 16, 28, 28, 16, 1, 5, {1, 1, 0, 0, 2, 2, 1, 1, 1}},
             five = {1, 32, 28, 28, 32, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
             four = {1, 32, 28, 28, 32, 4, 4, {1, 1, 2, 2, 2, 2, 1, 1, 1}};
  const Algorithm automatic = Algorithm::automatic, direct = Algorithm::direct,
                  winograd = Algorithm::winograd;
  for (const Flat& k : {large, five}) {
    CHECK(bits(k.whole(), automatic) == bits(k.whole(), winograd));
    CHECK(bits(k.whole(), automatic) != bits(k.whole(), direct));
  }
  for (const Flat& k : {small, four}) {
    CHECK(bits(k.whole(), automatic) == bits(k.whole(), direct));
    CHECK(bits(k.whole(), automatic) != bits(k.whole(), winograd));
  }
  for (const Flat& k : {wide, steps, line}) CHECK(bits(k.whole(), direct) == bits(k.whole(), winograd));
  set_algorithm(winograd);
}

void test_switch() {
  CHECK_EQ(int(pynn_conv_set_algo("direct")), int(PYNN_OK));
  CHECK(std::strcmp(pynn_conv_get_algo(), "direct") == 0);
  CHECK_EQ(int(pynn_conv_set_algo("fft")), int(PYNN_INVALID));
  CHECK(says("'fft'") && says("winograd"));
  CHECK_EQ(int(pynn_conv_set_algo(nullptr)), int(PYNN_INVALID));
  CHECK(std::strcmp(pynn_conv_get_algo(), "direct") == 0);
}

}  // namespace

int main() {
  for_each_isa([](const char*) {
    set_algorithm(Algorithm::winograd);
    test_cases();
    test_threads();
    test_error();
    test_infinity();
    test_choice();
  });
  test_switch();
  return summary();
}
