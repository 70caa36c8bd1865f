// Every conversion on every ISA against scalar ones: odd lengths, extreme values, strides, threads, wrong
// arguments.
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/cast/cast.h"

using namespace pynn::testing;

namespace {

const int kDtypes[] = {PYNN_BOOL,  PYNN_UINT8, PYNN_INT8,    PYNN_INT16,
                       PYNN_INT32, PYNN_INT64, PYNN_FLOAT32, PYNN_FLOAT64};
const int64_t kItem[] = {1, 1, 1, 2, 4, 8, 4, 8};

// The element at p as a float64 and, of an integer, as an int64.
void read(int kind, const char* p, double* real, int64_t* whole) {
  const auto as = [&](auto value) {
    std::memcpy(&value, p, sizeof value);
    *real = double(value);
    *whole = kind < 6 ? int64_t(value) : 0;
  };
  switch (kind) {
    case 0:
    case 1:
      return as(uint8_t());
    case 2:
      return as(int8_t());
    case 3:
      return as(int16_t());
    case 4:
      return as(int32_t());
    case 5:
      return as(int64_t());
    case 6:
      return as(float());
    default:
      return as(double());
  }
}

int64_t truncated(double x, int bits) {  // as hardware converts: the lowest integer for what does not fit
  const double most = std::ldexp(1.0, bits - 1);
  if (!(x < most && x >= -most)) return bits == 64 ? INT64_MIN : INT32_MIN;
  return int64_t(x);
}

void check_element(int from, int to, const char* x, const char* out) {
  double real, got_real;
  int64_t whole, got;
  read(from, x, &real, &whole);
  read(to, out, &got_real, &got);
  if (to == 0) {
    CHECK_EQ(got, int64_t(real != 0));
  } else if (to >= 6) {
    const double exact = from < 6 ? double(whole) : real;
    const double wanted = to == 6 ? (from < 6 ? double(float(whole)) : double(float(real))) : exact;
    CHECK((wanted != wanted && got_real != got_real) || wanted == got_real);
  } else {
    const int64_t value = from < 6 ? whole : truncated(real, to == 5 ? 64 : 32);
    const int64_t wanted = to == 1   ? int64_t(uint8_t(value))
                           : to == 2 ? int64_t(int8_t(value))
                           : to == 3 ? int64_t(int16_t(value))
                           : to == 4 ? int64_t(int32_t(value))
                                     : value;
    CHECK_EQ(got, wanted);
  }
}

void draw(Random& random, int kind, char* p) {
  if (kind >= 6) {
    const double odd[] = {
        0,          -0.0,         0.5,           -0.9,          1,    255.7, 256,    300.5, -1,    -128.9,
        2147483647, 2147483648.0, -2147483648.0, -2147483649.0, 1e10, -1e10, 9.3e18, 1e30,  -1e30, INFINITY,
        -INFINITY,  NAN};
    const double v = random.below(3) == 0 ? odd[random.below(int64_t(sizeof odd / sizeof *odd))]
                                          : random.normal() * std::exp(random.uniform(0, 20));
    const float f = float(v);
    if (kind == 6) std::memcpy(p, &f, sizeof f);
    if (kind == 7) std::memcpy(p, &v, sizeof v);
    return;
  }
  uint64_t bits = kind == 0 ? uint64_t(random.below(2)) : random.bits();
  if (random.below(4) == 0) bits = 0;
  std::memcpy(p, &bits, size_t(kItem[kind]));
}

void check_pair(Random& random, int from, int to) {
  const int64_t n = random.below(random.below(4) == 0 ? 700 : 40), rows = random.below(4);
  const int64_t gap = 1 + random.below(3), item = kItem[from];
  Guarded<char> x(rows * n * gap * item + item), out(rows * n * kItem[to]);
  for (int64_t i = 0; i < rows * n * gap; ++i) draw(random, from, x.data() + i * item);
  const int64_t shape[] = {rows, n}, strides[] = {n * gap * item, gap * item}, across[] = {item, rows * item};
  const bool turned = random.below(4) == 0;
  const pynn_array in = {x.data(), shape, turned ? across : strides, 2, kDtypes[from]};
  pynn_array result = {out.data(), shape, nullptr, 2, kDtypes[to]};
  CHECK_EQ(pynn_cast(&in, &result), PYNN_OK);
  for (int64_t i = 0; i < rows * n; ++i) {
    const int64_t at =
        turned ? i / n * across[0] + i % n * across[1] : i / n * strides[0] + i % n * strides[1];
    check_element(from, to, x.data() + at, out.data() + i * kItem[to]);
  }
  CHECK(out.intact());
}

void test_large(Random& random) {
  const int64_t n = 600001;
  std::vector<char> x(static_cast<size_t>(n * 4)), a(static_cast<size_t>(n * 8)), b(a);
  for (int64_t i = 0; i < n; ++i) draw(random, 6, x.data() + 4 * i);
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    const pynn_array in = {x.data(), &n, nullptr, 1, PYNN_FLOAT32};
    pynn_array out = {threads == 1 ? a.data() : b.data(), &n, nullptr, 1, PYNN_INT64};
    CHECK_EQ(pynn_cast(&in, &out), PYNN_OK);
  }
  CHECK(a == b);
  for (int64_t i = 0; i < n; i += 97) check_element(6, 5, x.data() + 4 * i, a.data() + 8 * i);
}

void test_wrong_arguments() {
  float in[4] = {}, out[4];
  const int64_t shape[] = {2, 2}, other[] = {4}, turned[] = {4, 8};
  const pynn_array x = {in, shape, nullptr, 2, PYNN_FLOAT32};
  pynn_array y = {out, shape, nullptr, 2, PYNN_INT32};
  CHECK_EQ(pynn_cast(nullptr, &y), PYNN_INVALID);
  CHECK_EQ(pynn_cast(&x, &y), PYNN_OK);
  y.strides = turned;
  CHECK_EQ(pynn_cast(&x, &y), PYNN_UNSUPPORTED);
  y = {out, other, nullptr, 1, PYNN_INT32};
  CHECK_EQ(pynn_cast(&x, &y), PYNN_INVALID);
  y = {out, shape, nullptr, 2, PYNN_FLOAT16};
  CHECK_EQ(pynn_cast(&x, &y), PYNN_UNSUPPORTED);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::string(pynn::cast::table().isa) == isa);
    Random random(1);
    for (int round = 0; round < 6; ++round) {
      for (int from = 0; from < 8; ++from) {
        for (int to = 0; to < 8; ++to) check_pair(random, from, to);
      }
    }
    test_large(random);
    fuzz([](Random& r) { check_pair(r, int(r.below(8)), int(r.below(8))); });
  });
  test_wrong_arguments();
  return summary();
}
