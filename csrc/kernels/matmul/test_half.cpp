// Products of 16-bit matrices against double sums of the same inputs, on every ISA: by the CPU's own dot
// product where it has one, by float32 elsewhere.
#include <memory>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/half/half.h"
#include "pynn/half.h"
#include "pynn/matmul.h"

namespace {

using namespace pynn::testing;
using pynn::half::table;

double value(int dtype, uint16_t bits) {
  float out;
  table().widen(dtype)(1, &bits, &out);
  return double(out);
}

uint16_t bits_of(int dtype, double x) {
  const float narrow = float(x);
  uint16_t out;
  table().narrow(dtype)(1, &narrow, &out);
  return out;
}

struct Matrix {
  Matrix(int dtype, int64_t batch, int64_t rows, int64_t cols, int order, int64_t gap, Random& random)
      : dtype(dtype), batch(batch), rows(rows), cols(cols) {
    if (order == 0) row = cols + gap, col = 1;
    if (order == 1) row = 1, col = rows + gap;
    if (order == 2) col = 3, row = 3 * cols + gap;
    step = order == 1 ? cols * col : rows * row;
    const int64_t used =
        rows && cols && batch ? (batch - 1) * step + (rows - 1) * row + (cols - 1) * col + 1 : 0;
    memory.reset(new Guarded<uint16_t>(used));
    for (int64_t i = 0; i < used; ++i) (*memory)[i] = bits_of(dtype, random.normal());
    shape[0] = batch, shape[1] = rows, shape[2] = cols;
    strides[0] = 2 * step, strides[1] = 2 * row, strides[2] = 2 * col;
  }
  pynn_array array() {
    const int skip = batch == 1;
    return {memory->data(), shape + skip, strides + skip, 3 - skip, dtype};
  }
  uint16_t& at(int64_t b, int64_t i, int64_t j) { return (*memory)[b * step + i * row + j * col]; }

  int dtype;
  int64_t batch, rows, cols, row = 0, col = 0, step = 0, shape[3], strides[3];
  std::unique_ptr<Guarded<uint16_t>> memory;
};

void check(int dtype, int64_t batch, int64_t m, int64_t n, int64_t k, const int* order, int64_t gap,
           bool with_bias, bool relu, double alpha, double beta, uint64_t seed) {
  Random random(seed);
  Matrix a(dtype, batch, m, k, order[0], gap, random), b(dtype, batch, k, n, order[1], gap, random),
      c(dtype, batch, m, n, order[2], gap, random);
  Guarded<uint16_t> bias(n);
  for (int64_t j = 0; j < n; ++j) bias[j] = bits_of(dtype, random.normal());
  std::vector<uint16_t> before(c.memory->data(), c.memory->data() + c.memory->size());
  const int64_t bias_shape[] = {n};
  pynn_array aa = a.array(), ba = b.array(), ca = c.array(),
             bb = {bias.data(), bias_shape, nullptr, 1, dtype};
  const auto run = [&] {
    return pynn_matmul(&aa, &ba, with_bias ? &bb : nullptr, relu ? PYNN_ACT_RELU : PYNN_ACT_NONE, alpha, beta,
                       &ca);
  };
  CHECK_EQ(run(), PYNN_OK);
  CHECK(a.memory->intact() && b.memory->intact() && c.memory->intact() && bias.intact());
  const double eps = dtype == PYNN_BFLOAT16 ? 0x1p-8 : 0x1p-11;
  int64_t wrong = 0;
  for (int64_t t = 0; t < batch; ++t) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0, size = 0;
        for (int64_t p = 0; p < k; ++p) {
          const double term = value(dtype, a.at(t, i, p)) * value(dtype, b.at(t, p, j));
          sum += term, size += std::fabs(term);
        }
        sum *= alpha;
        const int64_t place = &c.at(t, i, j) - c.memory->data();
        if (beta != 0) sum += beta * value(dtype, before[size_t(place)]);
        if (with_bias) sum += value(dtype, bias[j]);
        if (relu && sum < 0) sum = 0;
        const double got = value(dtype, c.at(t, i, j));
        // one rounding of the result, and float32 sums
        wrong += !(std::fabs(got - sum) <= eps * 1.01 * std::fabs(sum) + 1e-6 * (size + 1));
      }
    }
  }
  CHECK_EQ(wrong, 0);
  std::vector<uint16_t> two(c.memory->data(), c.memory->data() + c.memory->size());
  std::copy(before.begin(), before.end(), c.memory->data());
  pynn::set_num_threads(1);
  CHECK_EQ(run(), PYNN_OK);
  pynn::set_num_threads(2);
  CHECK(two.empty() || std::memcmp(two.data(), c.memory->data(), two.size() * 2) == 0);
}

void test_shapes(int dtype) {
  const int plain[] = {0, 0, 0}, turned[] = {0, 1, 0}, left[] = {1, 0, 0}, out[] = {0, 0, 1},
            spread[] = {2, 2, 2};
  for (const int* order : {plain, turned, left, out, spread}) {
    for (int64_t m : {1, 3, 4, 5, 14, 15, 29}) {
      for (int64_t n : {1, 4, 15, 16, 17, 33}) {
        for (int64_t k : {1, 2, 31, 33})
          check(dtype, 1, m, n, k, order, 0, false, false, 1, 0, uint64_t(m * n + k));
      }
    }
    check(dtype, 1, 70, 90, 65, order, 3, true, true, 0.5, 0.25, 1);
    check(dtype, 3, 9, 40, 21, order, 1, true, false, 1, 0, 2);
    check(dtype, 1, 5, 6, 0, order, 0, true, false, 1, 1, 3);
    check(dtype, 1, 0, 6, 4, order, 0, true, false, 1, 0, 4);
  }
  check(dtype, 1, 200, 180, 150, plain, 0, true, false, 1, 0, 5);  // on threads
  check(dtype, 1, 150, 300, 101, turned, 0, true, false, 1, 0, 8);  // panels, each packed by the thread that takes it
  check(dtype, 1, 30, 300, 2048, turned, 0, false, false, 1, 0, 9);  // rows 4 KB apart
  check(dtype, 1, 1500, 60, 27, plain, 1, true, true, 1, 0, 10);     // few panels
  check(dtype, 1, 3, 700, 300, turned, 0, true, false, 1, 0, 6);   // few rows, on threads
  check(dtype, 1, 700, 2, 300, turned, 0, false, true, 1, 0, 7);
  for (const int* order : {plain, turned, left, out}) {  // a large matrix and few rows or columns: widened by blocks
    check(dtype, 1, 1, 701, 402, order, 1, true, true, 0.5, 0.25, 11);
    check(dtype, 1, 3, 2100, 130, order, 0, true, false, 1, 0, 12);
    check(dtype, 1, 702, 2, 401, order, 1, true, false, 1, 1, 13);
    check(dtype, 1, 900, 1, 300, order, 0, false, false, 1, 0, 14);
  }
}

void test_special(int dtype) {
  // inf and NaN reach the result; padding adds nothing to them.
  const uint16_t one = bits_of(dtype, 1), inf = bits_of(dtype, std::numeric_limits<double>::infinity());
  uint16_t a[3] = {inf, one, one}, b[9] = {one, one, one, one, one, one, one, one, one}, c[3];
  const int64_t sa[] = {1, 3}, sb[] = {3, 3}, sc[] = {1, 3};
  pynn_array aa = {a, sa, nullptr, 2, dtype}, ba = {b, sb, nullptr, 2, dtype},
             ca = {c, sc, nullptr, 2, dtype};
  CHECK_EQ(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &ca), PYNN_OK);
  for (uint16_t x : c) CHECK_EQ(value(dtype, x), std::numeric_limits<double>::infinity());
  b[1] = 0;
  CHECK_EQ(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_RELU, 1, 0, &ca), PYNN_OK);
  CHECK(std::isnan(value(dtype, c[1])));
  pynn_array wrong = ba;
  wrong.dtype = dtype == PYNN_BFLOAT16 ? PYNN_FLOAT16 : PYNN_BFLOAT16;
  CHECK_EQ(pynn_matmul(&aa, &wrong, nullptr, PYNN_ACT_NONE, 1, 0, &ca), PYNN_UNSUPPORTED);
}

// An odd k: what lies past the end of a row of A is not read as the other half of its last pair.
void test_padded_rows(int dtype) {
  constexpr int64_t kRows = 20, kDepth = 3, kStep = 4, kColumns = 40;
  const uint16_t one = bits_of(dtype, 1), nan = bits_of(dtype, std::numeric_limits<double>::quiet_NaN());
  std::vector<uint16_t> a(size_t(kRows * kStep), one), b(size_t(kDepth * kColumns), one), c(size_t(kRows * kColumns));
  for (int64_t i = 0; i < kRows; ++i) a[size_t(i * kStep + kDepth)] = nan;
  const int64_t sa[] = {kRows, kDepth}, ta[] = {2 * kStep, 2}, sb[] = {kDepth, kColumns}, sc[] = {kRows, kColumns};
  pynn_array aa = {a.data(), sa, ta, 2, dtype}, ba = {b.data(), sb, nullptr, 2, dtype},
             ca = {c.data(), sc, nullptr, 2, dtype};
  CHECK_EQ(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &ca), PYNN_OK);
  for (uint16_t x : c) CHECK_EQ(value(dtype, x), 3);
}

void test_column_sum(int dtype) {
  Random random(3);
  const int64_t rows = 300, n = 37;
  std::vector<uint16_t> x(size_t(rows * n)), out(size_t(n), 0);
  for (auto& v : x) v = bits_of(dtype, random.normal());
  const int64_t sx[] = {rows, n}, so[] = {n};
  pynn_array xa = {x.data(), sx, nullptr, 2, dtype}, oa = {out.data(), so, nullptr, 1, dtype};
  CHECK_EQ(pynn_column_sum(&xa, 0, &oa), PYNN_OK);
  for (int64_t j = 0; j < n; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < rows; ++i) sum += value(dtype, x[size_t(i * n + j)]);
    CHECK_CLOSE(value(dtype, out[size_t(j)]), sum, 0x1p-8 * std::fabs(sum) + 1e-4);
  }
}

}  // namespace

int main() {
  pynn::set_num_threads(2);
  for_each_isa([](const char* isa) {
    std::printf("%s: own bfloat16 dot product %s\n", isa, pynn_bf16_native() ? "used" : "not used");
    for (int dtype : {PYNN_BFLOAT16, PYNN_FLOAT16}) {
      if (dtype == PYNN_BFLOAT16 || std::strcmp(isa, "portable") != 0) test_shapes(dtype);
      test_special(dtype);
      test_padded_rows(dtype);
      test_column_sum(dtype);
    }
    fuzz([](Random& random) {
      const int order[] = {int(random.below(3)), int(random.below(3)), int(random.below(3))};
      check(random.below(4) ? PYNN_BFLOAT16 : PYNN_FLOAT16, 1 + random.below(2), random.below(50),
            random.below(80), random.below(70), order, random.below(5), random.below(2), random.below(2),
            random.below(2) ? 1 : -0.5, random.below(2) ? 0 : 1.5, random.bits());
    });
  });
  return summary();
}
