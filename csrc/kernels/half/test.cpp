// Conversions against arithmetic in double, for every 16-bit pattern; pointwise functions against the float32
// kernels between two conversions. On every ISA of this machine.
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/half/half.h"
#include "pynn/elementwise.h"

namespace {

using namespace pynn::testing;
using pynn::half::table;

struct Format {
  int dtype, mantissa, lowest, bias;  // mantissa bits, the exponent of the smallest normal number, the bias
};
const Format kFormats[] = {{PYNN_BFLOAT16, 7, -126, 127}, {PYNN_FLOAT16, 10, -14, 15}};

double value_of(const Format& f, uint16_t bits) {
  const int exponent = (bits & 0x7fff) >> f.mantissa, fraction = bits & ((1 << f.mantissa) - 1);
  const int top = (1 << (15 - f.mantissa)) - 1;
  double magnitude;
  if (exponent == top) {
    magnitude = fraction ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, f.lowest - f.mantissa);
  } else {
    magnitude = std::ldexp(fraction + (1 << f.mantissa), exponent - f.bias - f.mantissa);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

// The nearest number of the format, ties to even; NaN has many forms and is not asked for.
uint16_t nearest(const Format& f, float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double a = std::fabs(double(x));
  uint32_t low = 0, high = uint32_t((1 << (15 - f.mantissa)) - 1) << f.mantissa;  // 0 and infinity
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (value_of(f, uint16_t(middle)) <= a ? low : high) = middle;
  }
  const double below = value_of(f, uint16_t(low));
  const uint32_t top = uint32_t((1 << (15 - f.mantissa)) - 1) << f.mantissa;
  // Infinity stands where the next number would.
  const double above = high == top ? std::ldexp(2, f.bias) : value_of(f, uint16_t(high));
  const double down = a - below, up = above - a;
  const bool rises = std::isinf(x) || down > up || (down == up && (low & 1));
  return uint16_t(sign | (rises ? high : low));
}

void test_widen() {
  for (const Format& f : kFormats) {
    for (int64_t n : {0, 1, 7, 15, 17, 33, 100}) {
      Guarded<uint16_t> x(n);
      Guarded<float> out(n);
      for (int64_t i = 0; i < n; ++i) x[i] = uint16_t(0x3c01 + 77 * i);
      table().widen(f.dtype)(n, x.data(), out.data());
      for (int64_t i = 0; i < n; ++i) CHECK_EQ(out[i], float(value_of(f, x[i])));
      CHECK(x.intact() && out.intact());
    }
    std::vector<uint16_t> all(65536);
    std::vector<float> out(65536);
    for (int i = 0; i < 65536; ++i) all[size_t(i)] = uint16_t(i);
    table().widen(f.dtype)(65536, all.data(), out.data());
    int64_t wrong = 0;
    for (int i = 0; i < 65536; ++i) {
      const float wanted = float(value_of(f, uint16_t(i)));
      const float got = out[size_t(i)];
      const bool same = std::isnan(wanted) ? std::isnan(got) : std::memcmp(&wanted, &got, 4) == 0;
      wrong += !same;
    }
    CHECK_EQ(wrong, 0);
    std::vector<uint16_t> back(65536);  // and back: the same bits, NaN save its quiet bit
    table().narrow(f.dtype)(65536, out.data(), back.data());
    wrong = 0;
    for (int i = 0; i < 65536; ++i) {
      const bool nan = std::isnan(value_of(f, uint16_t(i)));
      wrong += nan ? !std::isnan(value_of(f, back[size_t(i)])) : back[size_t(i)] != i;
    }
    CHECK_EQ(wrong, 0);
  }
}

void test_narrow() {
  for (const Format& f : kFormats) {
    Random random(uint64_t(f.dtype));
    std::vector<float> x;
    for (int i = 0; i < 65536; i += 3) {  // each number, what lies halfway to the next, and just beside that
      const float v = float(value_of(f, uint16_t(i))), w = float(value_of(f, uint16_t(i + 1)));
      if (std::isnan(v) || std::isnan(w) || std::isinf(v) || std::isinf(w)) continue;
      const float half = float((double(v) + w) / 2);
      for (float value : {v, half, std::nextafter(half, w), std::nextafter(half, v)}) x.push_back(value);
    }
    for (int i = 0; i < 20000; ++i) {  // any bits at all
      const uint32_t bits = uint32_t(random.bits());
      float value;
      std::memcpy(&value, &bits, 4);
      if (!std::isnan(value)) x.push_back(value);
    }
    for (float value : {0.0f, -0.0f, 65504.0f, 65519.99f, 65520.0f, 1e30f, 3.3961776e38f, 3.4028235e38f,
                        std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      x.push_back(value);
      x.push_back(-value);
    }
    std::vector<uint16_t> out(x.size());
    table().narrow(f.dtype)(int64_t(x.size()), x.data(), out.data());
    int64_t wrong = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const uint16_t wanted = nearest(f, x[i]);
      if (out[i] != wanted && ++wrong < 5)
        std::printf("%g: %04x, expected %04x\n", double(x[i]), out[i], wanted);
    }
    CHECK_EQ(wrong, 0);
    float nan = std::numeric_limits<float>::quiet_NaN();
    const uint32_t low_bits = 0x7f800001;  // a NaN whose top half alone would be infinity
    float signalling;
    std::memcpy(&signalling, &low_bits, 4);
    for (float value : {nan, -nan, signalling}) {
      uint16_t bits;
      table().narrow(f.dtype)(1, &value, &bits);
      CHECK(std::isnan(value_of(f, bits)));
    }
  }
}

// Arrays of one shape with strides of their own, through the C interface.
void test_convert(Random& random) {
  const Format& f = kFormats[random.below(2)];
  int64_t shape[3], halves[3], floats[3], count = 1;
  const int ndim = int(random.below(4));
  int64_t half_room = 1, float_room = 1;
  for (int i = ndim - 1; i >= 0; --i) {
    shape[i] = random.below(20) == 0 ? 0 : 1 + random.below(9);
    halves[i] = 2 * half_room, floats[i] = 4 * float_room;
    half_room *= (shape[i] > 0 ? shape[i] : 1) + random.below(2),
        float_room *= (shape[i] > 0 ? shape[i] : 1) + random.below(2);
    count *= shape[i];
  }
  if (ndim >= 2 && random.below(2)) {  // turned
    std::swap(shape[0], shape[1]), std::swap(halves[0], halves[1]), std::swap(floats[0], floats[1]);
    if (random.below(2)) {  // on one side only
      float_room = 1;
      for (int i = ndim - 1; i >= 0; --i)
        floats[i] = 4 * float_room, float_room *= shape[i] > 0 ? shape[i] : 1;
    }
  }
  std::vector<uint16_t> x(size_t(half_room * 2), 0), back(x.size(), 0);
  std::vector<float> wide(size_t(float_room * 20), -1);
  for (auto& v : x) v = uint16_t(random.bits() & 0x3fff);
  pynn_array a = {x.data(), shape, halves, ndim, f.dtype},
             b = {wide.data(), shape, floats, ndim, PYNN_FLOAT32},
             c = {back.data(), shape, halves, ndim, f.dtype};
  CHECK_EQ(pynn_convert_half(&a, &b), PYNN_OK);
  CHECK_EQ(pynn_convert_half(&b, &c), PYNN_OK);
  int64_t wrong = 0, index[3] = {};
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = 0, to = 0;
    for (int d = 0; d < ndim; ++d) at += index[d] * halves[d] / 2, to += index[d] * floats[d] / 4;
    wrong += wide[size_t(to)] != float(value_of(f, x[size_t(at)])) || back[size_t(at)] != x[size_t(at)];
    for (int d = ndim - 1; d >= 0 && ++index[d] == shape[d]; --d) index[d] = 0;
  }
  CHECK_EQ(wrong, 0);
}

void test_pointwise() {
  Random random(5);
  for (const Format& f : kFormats) {
    for (int64_t n : {0, 1, 5, 31, 1023, 1025, 5000, 150001}) {
      Guarded<uint16_t> a(n), b(n), out(n), again(n);
      std::vector<float> wa(size_t(n) + 1), wb(size_t(n) + 1), w(size_t(n) + 1);
      for (int64_t i = 0; i < n; ++i)
        wa[size_t(i)] = float(random.normal()), wb[size_t(i)] = float(random.normal());
      table().narrow(f.dtype)(n, wa.data(), a.data());
      table().narrow(f.dtype)(n, wb.data(), b.data());
      table().widen(f.dtype)(n, a.data(), wa.data());
      table().widen(f.dtype)(n, b.data(), wb.data());
      std::vector<uint16_t> wanted(size_t(n) + 1);
      const auto same = [&](const char* what) {
        table().narrow(f.dtype)(n, w.data(), wanted.data());
        set_context(std::string(what) + ", " + std::to_string(n));
        CHECK(n == 0 || std::memcmp(wanted.data(), out.data(), size_t(n) * 2) == 0);
        CHECK(out.intact());
      };
      if (n > 0) pynn_unary_f32(PYNN_GELU, n, wa.data(), 0, 0, w.data());
      CHECK_EQ(pynn_unary_half(PYNN_GELU, f.dtype, n, a.data(), 0, 0, out.data()), PYNN_OK);
      same("gelu");
      if (n > 0) pynn_binary_f32(PYNN_MUL, n, wa.data(), wb.data(), 0, 0, w.data());
      CHECK_EQ(pynn_binary_half(PYNN_MUL, f.dtype, n, a.data(), b.data(), 0, 0, out.data()), PYNN_OK);
      same("mul");
      pynn::set_num_threads(1);
      CHECK_EQ(pynn_binary_half(PYNN_MUL, f.dtype, n, a.data(), b.data(), 0, 0, again.data()), PYNN_OK);
      pynn::set_num_threads(2);
      CHECK(n == 0 || std::memcmp(again.data(), out.data(), size_t(n) * 2) == 0);
      if (n > 0) pynn_unary_f32(PYNN_RSUB_SCALAR, n, wa.data(), 0.1f, 0, w.data());
      CHECK_EQ(pynn_binary_half_scalar(PYNN_SUB, f.dtype, n, a.data(), 0.1f, 1, out.data()), PYNN_OK);
      same("0.1 - x");
      CHECK_EQ(pynn_unary_half(PYNN_COPY, f.dtype, n, a.data(), 0, 0, out.data()), PYNN_OK);
      CHECK(n == 0 || std::memcmp(a.data(), out.data(), size_t(n) * 2) == 0);
    }
  }
}

void test_arguments() {
  uint16_t x[4] = {};
  float y[4];
  const int64_t shape[] = {4}, other[] = {3};
  pynn_array a = {x, shape, nullptr, 1, PYNN_BFLOAT16}, b = {y, shape, nullptr, 1, PYNN_FLOAT32},
             c = {y, other, nullptr, 1, PYNN_FLOAT32};
  CHECK_EQ(pynn_convert_half(&a, &c), PYNN_INVALID);
  CHECK(says("expected out's shape"));
  CHECK_EQ(pynn_convert_half(&b, &b), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_convert_half(nullptr, &b), PYNN_INVALID);
  CHECK_EQ(pynn_unary_half(PYNN_UNARY_COUNT, PYNN_BFLOAT16, 4, x, 0, 0, x), PYNN_INVALID);
  CHECK_EQ(pynn_unary_half(PYNN_NEG, PYNN_FLOAT32, 4, x, 0, 0, x), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_binary_half(PYNN_ADD, PYNN_FLOAT16, -1, x, x, 0, 0, x), PYNN_INVALID);
  CHECK_EQ(pynn_binary_half_scalar(PYNN_ADD, PYNN_FLOAT16, 4, nullptr, 1, 0, x), PYNN_INVALID);
}

}  // namespace

int main() {
  pynn::set_num_threads(2);
  test_arguments();
  for_each_isa([](const char*) {
    test_widen();
    test_narrow();
    test_pointwise();
    fuzz(test_convert);
  });
  return summary();
}
