// The GPU's matrix products, emulated, against plain loops in double.
#include <vector>

#include "cuda/testing.h"
#include "cuda/types.h"
#include "kernels/matmul/cuda.h"

using namespace pynn::cuda;
using namespace pynn::testing;

namespace {

// A matrix as a product reads it: `transposed` in memory, `pad` elements more in a line, `shift` elements
// behind an aligned start.
struct Form {
  bool transposed;
  int pad, shift;
};

template <class T>
struct Matrix {
  int64_t rows, columns, count;
  Form form;
  std::vector<T> memory;

  Matrix(int64_t rows, int64_t columns, int64_t count, Form form, Random& random)
      : rows(rows),
        columns(columns),
        count(count),
        form(form),
        memory(size_t(count * batch_step() + form.shift + 64)) {
    for (T& x : memory) x = narrow<T>(random.normal());
  }
  int64_t line() const { return (form.transposed ? rows : columns) + form.pad; }
  int64_t row_step() const { return form.transposed ? 1 : line(); }
  int64_t column_step() const { return form.transposed ? line() : 1; }
  int64_t batch_step() const { return line() * (form.transposed ? columns : rows); }
  const T* data() const {
    const auto start = reinterpret_cast<uintptr_t>(memory.data());
    return memory.data() + (64 - start % 64) % 64 / sizeof(T) + form.shift;
  }
  double at(int64_t batch, int64_t i, int64_t j) const {
    return double(widen(data()[batch * batch_step() + i * row_step() + j * column_step()]));
  }
};

template <class T>
constexpr pynn_dtype kDtype = std::is_same_v<T, __half>          ? PYNN_FLOAT16
                              : std::is_same_v<T, __nv_bfloat16> ? PYNN_BFLOAT16
                              : std::is_same_v<T, float>         ? PYNN_FLOAT32
                                                                 : PYNN_FLOAT64;

// Rounding of an operand, and of the result, relative.
template <class T>
double operand_error(Float32 mode) {
  return std::is_same_v<T, float> && mode == Float32::tf32 ? 0x1p-11 : 0;
}
template <class T>
double result_error() {
  return std::is_same_v<T, __half> ? 0x1p-11 : std::is_same_v<T, __nv_bfloat16> ? 0x1p-8 : 0;
}

Status run(const Gemm& g) {
  std::vector<unsigned char> workspace(gemm_workspace(g) + 256, 0xff);
  auto start = reinterpret_cast<uintptr_t>(workspace.data());
  return gemm(g, workspace.data() + (256 - start % 256) % 256, nullptr);
}

template <class T>
void check_product(int64_t m, int64_t n, int64_t k, int64_t batch, Form fa, Form fb, bool bias, bool relu,
                   bool b_shared, Float32 mode, Random& random) {
  const Matrix<T> a(m, k, batch, fa, random), b(k, n, b_shared ? 1 : batch, fb, random);
  const Matrix<T> add(1, n, 1, {false, 0, 0}, random);
  std::vector<T> c(size_t(batch * m * n) + 8, narrow<T>(-77.));
  Gemm g = {};
  g.dtype = kDtype<T>;
  g.m = m, g.n = n, g.k = k;
  g.a = a.data(), g.a_row = a.row_step(), g.a_col = a.column_step();
  g.b = b.data(), g.b_row = b.row_step(), g.b_col = b.column_step();
  g.c = c.data();
  g.bias = bias ? add.data() : nullptr;
  g.act = relu ? PYNN_ACT_RELU : PYNN_ACT_NONE;
  if (batch > 1) {
    g.batch.dims = 1;
    g.batch.size[0] = batch, g.batch.a[0] = a.batch_step(), g.batch.b[0] = b_shared ? 0 : b.batch_step();
  }
  g.float32 = mode;
  char text[200];
  std::snprintf(text, sizeof text,
                "%s %s mode %d, %lld x (%lld, %lld, %lld), a %d %d %d, b %d %d %d, bias %d relu %d",
                name_of(g.dtype), path_name(path()), int(mode), (long long)batch, (long long)m, (long long)n,
                (long long)k, fa.transposed, fa.pad, fa.shift, fb.transposed, fb.pad, fb.shift, bias, relu);
  set_context(text);
  const Status status = run(g);
  CHECK(status.ok());
  if (!status.ok()) {
    std::printf("%s\n", status.message().c_str());
    return;
  }
  const double eps = sizeof(T) == 8 ? 0x1p-53 : 0x1p-24;
  bool right = true;
  double worst = 0;
  for (int64_t i = 0; i < batch * m * n && right; ++i) {
    const int64_t p = i / (m * n), row = i / n % m, column = i % n;
    double sum = bias ? add.at(0, 0, column) : 0, size = std::fabs(sum);
    for (int64_t d = 0; d < k; ++d) {
      const double product = a.at(p, row, d) * b.at(b_shared ? 0 : p, d, column);
      sum += product;
      size += std::fabs(product);
    }
    if (relu && sum < 0) sum = 0;
    const double allowed = (2 + std::sqrt(double(k))) * eps * size * (mode == Float32::split ? 2 : 1) +
                           2 * operand_error<T>(mode) * size + result_error<T>() * std::fabs(sum) + 1e-30;
    const double error = std::fabs(double(widen(c[size_t(i)])) - sum);
    worst = std::max(worst, error / allowed);
    right = error <= allowed + (sizeof(T) == 2 ? 0x1p-24 : 0);
  }
  CHECK_CLOSE(worst, 0, 1);
  CHECK_EQ(double(widen(c[size_t(batch * m * n)])), -77);
}

template <class T>
void products(Float32 mode, bool thorough) {
  Random random(7);
  const Form dense = {false, 0, 0}, turned = {true, 0, 0};
  const int align = 16 / int(sizeof(T));
  for (const Form& fa : {dense, turned}) {
    for (const Form& fb : {dense, turned}) {
      check_product<T>(72, 88, 48, 1, fa, fb, true, false, false, mode, random);
      check_product<T>(17, 33, 19, 1, fa, fb, false, true, false, mode, random);
    }
  }
  check_product<T>(1, 1, 1, 1, dense, dense, true, true, false, mode, random);
  check_product<T>(3, 5, 0, 1, dense, dense, true, true, false, mode, random);
  check_product<T>(0, 5, 4, 1, dense, dense, false, false, false, mode, random);
  check_product<T>(70, 66, 40, 3, {false, align, 0}, {true, 2 * align, 0}, true, true, false, mode, random);
  check_product<T>(20, 40, 24, 3, {true, 1, 0}, {false, 3, 1}, false, false, true, mode, random);
  check_product<T>(5, 24, 16, 4, dense, turned, true, false, true, mode, random);     // becomes one product
  check_product<T>(20, 24, 1000, 1, dense, turned, true, true, false, mode, random);  // parts of K
  if (!thorough) return;
  check_product<T>(200, 8, 70, 1, turned, dense, true, false, false, mode, random);  // turned
  check_product<T>(8, 200, 70, 1, turned, dense, true, false, false, mode, random);
  check_product<T>(130, 260, 72, 1, dense, dense, true, false, false, mode, random);
  check_product<T>(129, 131, 2056, 1, turned, turned, false, true, false, mode,
                   random);  // large tiles, parts
}

// Two batch dimensions, one of them with a step of 0.
void broadcasting() {
  Random random(11);
  const Matrix<float> a(6, 5, 3, {false, 0, 0}, random), b(5, 7, 2, {false, 0, 0}, random);
  std::vector<float> c(3 * 2 * 6 * 7);
  Gemm g = {};
  g.dtype = PYNN_FLOAT32;
  g.m = 6, g.n = 7, g.k = 5;
  g.a = a.data(), g.a_row = 5, g.a_col = 1, g.b = b.data(), g.b_row = 7, g.b_col = 1, g.c = c.data();
  g.batch.dims = 2;
  g.batch.size[0] = 3, g.batch.a[0] = 30, g.batch.b[0] = 0;
  g.batch.size[1] = 2, g.batch.a[1] = 0, g.batch.b[1] = 35;
  set_context(std::string("broadcasting, ") + path_name(path()));
  CHECK(run(g).ok());
  for (int64_t i = 0; i < 3 * 2 * 6 * 7; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < 5; ++k) sum += a.at(i / 84, i / 7 % 6, k) * b.at(i / 42 % 2, k, i % 7);
    CHECK_CLOSE(c[size_t(i)], sum, 1e-5);
  }
  g.batch.dims = 7;
  CHECK(gemm(g, nullptr, nullptr).code() == PYNN_UNSUPPORTED);
}

// Infinities and NaN pass through the splitting of float32 as through float32 itself.
void not_finite() {
  constexpr int kSize = 80;
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> a(kSize * kSize, 0.3f), b(kSize * kSize, 0.7f), c(kSize * kSize);
  a[0] = infinity;
  a[kSize] = std::nanf("");
  a[2 * kSize] = -infinity, a[2 * kSize + 1] = infinity;
  a[3 * kSize] = 1e38f;
  Gemm g = {};
  g.dtype = PYNN_FLOAT32;
  g.m = g.n = g.k = kSize;
  g.a = a.data(), g.a_row = kSize, g.a_col = 1, g.b = b.data(), g.b_row = kSize, g.b_col = 1, g.c = c.data();
  set_context(std::string("not finite, ") + path_name(path()));
  CHECK(run(g).ok());
  for (int j = 0; j < kSize; ++j) {
    CHECK_EQ(c[size_t(j)], infinity);
    CHECK(std::isnan(c[size_t(kSize + j)]) && std::isnan(c[size_t(2 * kSize + j)]));
    CHECK_CLOSE(c[size_t(3 * kSize + j)] / 7e37f, 1, 1e-6);
    CHECK_CLOSE(c[size_t(4 * kSize + j)], kSize * 0.21, 1e-4);
  }
}

template <class T>
void column_sums() {
  Random random(13);
  for (const int64_t m : {0, 1, 9, 300}) {
    for (const int64_t n : {1, 33, 70}) {
      const Matrix<T> x(m, n, 1, {false, 0, 0}, random);
      std::vector<T> out(static_cast<size_t>(n));
      const ColumnSum s = {kDtype<T>, m, n, x.data(), out.data()};
      std::vector<double> workspace(column_sum_workspace(s) / 8 + 1);
      set_context("column_sum");
      CHECK(column_sum(s, workspace.data(), nullptr).ok());
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t i = 0; i < m; ++i) sum += x.at(0, i, j);
        CHECK_CLOSE(widen(out[size_t(j)]), sum, result_error<T>() * std::fabs(sum) + 1e-4);
      }
    }
  }
}

void names() {
  Path found;
  CHECK(find_path("hopper", &found) && found == Path::hopper);
  CHECK(!find_path("none", &found));
}

}  // namespace

int main() {
  for (const Path way : {Path::simt, Path::mma, Path::hopper, Path::automatic}) {
    set_path(way);
    const bool all = way != Path::automatic;
    products<float>(Float32::split, all);
    products<__nv_bfloat16>(Float32::split, all);
    if (!all) continue;
    products<float>(Float32::tf32, false);
    if (way != Path::hopper) products<float>(Float32::exact, false);
    for_each_order([] { products<__half>(Float32::split, false); });
    broadcasting();
    not_finite();
  }
  products<double>(Float32::split, true);
  set_path(Path::hopper);
  Random random(8);
  const Form dense = {false, 0, 0};
  check_product<__nv_bfloat16>(24, 24, 40, 96, dense, dense, true, false, false, Float32::split,
                               random);  // large tiles
  check_product<float>(24, 24, 40, 96, dense, {true, 0, 0}, true, false, false, Float32::tf32, random);
  column_sums<float>();
  column_sums<double>();
  column_sums<__half>();
  names();
  set_path(Path::automatic);
  return summary();
}
