// Matrix products against a double-precision triple loop, on every ISA of this machine.
#include <set>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/matmul/matmul.h"

namespace {

using namespace pynn::testing;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

enum class Order { rows, columns, spread, reversed };  // of a matrix in memory

template <class T>
struct Matrix {
  Matrix(int64_t rows, int64_t cols, Order order, Random& random, int64_t gap = 0)
      : rows(rows), cols(cols), row(0), col(0), first(0), memory(room(order, gap)) {
    for (int64_t i = 0; i < memory.size(); ++i) memory[i] = T(random.normal());
  }
  int64_t room(Order order, int64_t gap) {
    if (rows == 0 || cols == 0) return 0;
    if (order == Order::rows) {
      row = cols + gap, col = 1;
    } else if (order == Order::columns) {
      row = 1, col = rows + gap;
    } else {
      col = 2, row = 2 * cols + 1 + gap;
    }
    if (order == Order::reversed) {
      first = (rows - 1) * row + (cols - 1) * col;
      const int64_t size = first + 1;
      row = -row, col = -col;
      return size;
    }
    return (rows - 1) * row + (cols - 1) * col + 1;
  }
  T* origin() { return memory.data() + first; }
  T& at(int64_t i, int64_t j) { return memory[first + i * row + j * col]; }
  pynn_array array() {
    shape[0] = rows, shape[1] = cols;
    strides[0] = row * int64_t(sizeof(T)), strides[1] = col * int64_t(sizeof(T));
    return {origin(), shape, strides, 2, dtype_of<T>};
  }
  int64_t rows, cols, row, col, first;
  Guarded<T> memory;
  int64_t shape[2], strides[2];
};

template <class T>
void check_product(int64_t m, int64_t n, int64_t k, Order oa, Order ob, Order oc, bool with_bias, bool relu,
                   double alpha, double beta, int64_t gap = 0) {
  Random random(uint64_t(m * 1000003 + n * 1009 + k));
  Matrix<T> a(m, k, oa, random, gap), b(k, n, ob, random, gap), c(m, n, oc, random, gap);
  Guarded<T> bias(n);
  for (int64_t j = 0; j < n; ++j) bias[j] = T(random.normal());
  std::vector<T> before(c.memory.data(), c.memory.data() + c.memory.size());
  std::vector<double> expected(size_t(m * n)), bound(size_t(m * n));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, size = 0;
      for (int64_t p = 0; p < k; ++p) {
        const double x = double(a.at(i, p)) * double(b.at(p, j));
        sum += x;
        size += std::fabs(x);
      }
      sum *= alpha, size *= std::fabs(alpha);
      if (beta != 0) sum += beta * double(c.at(i, j)), size += std::fabs(beta * double(c.at(i, j)));
      if (with_bias) sum += double(bias[j]), size += std::fabs(double(bias[j]));
      expected[size_t(i * n + j)] = relu && sum < 0 ? 0 : sum;
      bound[size_t(i * n + j)] = size;
    }
  }
  if (beta == 0) {  // what is not to be read
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) c.at(i, j) = T(kNan);
    }
  }
  int64_t bias_shape[1] = {n};
  pynn_array aa = a.array(), ba = b.array(), ca = c.array(),
             biasa = {bias.data(), bias_shape, nullptr, 1, aa.dtype};
  CHECK_EQ(int(pynn_matmul(&aa, &ba, with_bias ? &biasa : nullptr, relu ? PYNN_ACT_RELU : PYNN_ACT_NONE,
                           alpha, beta, &ca)),
           int(PYNN_OK));
  const double epsilon = std::numeric_limits<T>::epsilon();
  int64_t wrong = 0, touched = 0;
  double worst = 0;
  std::set<int64_t> own;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const double error = std::fabs(double(c.at(i, j)) - expected[size_t(i * n + j)]);
      const double allowed = epsilon * bound[size_t(i * n + j)] * (2 + 0.5 * std::sqrt(double(k)));
      if (!(error <= allowed)) ++wrong, worst = error / (allowed + 1e-300);
      if (oc != Order::rows || gap) own.insert(&c.at(i, j) - c.memory.data());
    }
  }
  if (!own.empty()) {
    for (int64_t i = 0; i < c.memory.size(); ++i) {
      if (!own.count(i) && std::memcmp(&c.memory[i], &before[size_t(i)], sizeof(T)) != 0) ++touched;
    }
  }
  if (wrong)
    std::printf("m %ld n %ld k %ld orders %d %d %d: %g x allowed\n", long(m), long(n), long(k), int(oa),
                int(ob), int(oc), worst);
  CHECK_EQ(wrong, 0);
  CHECK_EQ(touched, 0);
  CHECK(a.memory.intact() && b.memory.intact() && c.memory.intact() && bias.intact());
}

template <class T>
void test_shapes() {
  const Order orders[] = {Order::rows, Order::columns};
  for (int64_t m : {0, 1, 2, 5, 7, 14, 15, 29}) {
    for (int64_t n : {0, 1, 3, 8, 16, 17, 31, 33, 50, 65}) {
      for (int64_t k : {0, 1, 2, 9, 20}) {
        for (Order oa : orders) {
          for (Order ob : orders) check_product<T>(m, n, k, oa, ob, Order::rows, (m + n) % 2, k % 2, 1, 0);
        }
      }
    }
  }
  for (Order oa : {Order::rows, Order::columns, Order::spread, Order::reversed}) {
    for (Order ob : {Order::rows, Order::columns, Order::spread, Order::reversed}) {
      for (Order oc : {Order::rows, Order::columns, Order::spread, Order::reversed}) {
        check_product<T>(13, 37, 21, oa, ob, oc, true, false, 1, 0.5);
        check_product<T>(1, 37, 21, oa, ob, oc, true, false, 2, 0);
        check_product<T>(37, 1, 21, oa, ob, oc, true, false, 1, 1);
        check_product<T>(1, 1, 21, oa, ob, oc, true, false, 1, 1);
        check_product<T>(5, 70, 300, oa, ob, oc, true, true, -1.5, 1, 3);
      }
    }
  }
}

template <class T>
void test_large() {  // packed, several blocks along every dimension, threads
  const Order orders[] = {Order::rows, Order::columns};
  for (Order oa : orders) {
    for (Order ob : orders) {
      check_product<T>(150, 131, 130, oa, ob, Order::rows, true, true, 1, 0);
      check_product<T>(101, 113, 1200, oa, ob, Order::rows, true, false, 1, 1);
      check_product<T>(40, 900, 64, oa, ob, Order::columns, true, true, 1, 0);
      check_product<T>(900, 40, 64, oa, ob, Order::rows, false, false, 0.5, 0, 5);
      check_product<T>(4, 1000, 513, oa, ob, Order::rows, false, false, 1, 0);
      check_product<T>(1000, 3, 513, oa, ob, Order::rows, false, false, 1, 0);
      check_product<T>(1, 1000, 700, oa, ob, Order::rows, true, true, 1, 0);
      check_product<T>(1000, 1, 700, oa, ob, Order::rows, true, true, 1, 0);
      check_product<T>(64, 256, 256, oa, ob, Order::rows, false, false, 1, 0);
      check_product<T>(16, 330, 131, oa, ob, Order::columns, true, false, 1, 0.5);
      check_product<T>(41, 50, 2501, oa, ob, Order::rows, true, true, 2, 0.5);
      check_product<T>(41, 50, 2501, oa, ob, Order::columns, true, false, 1, 0);
    }
  }
  check_product<T>(150, 131, 130, Order::spread, Order::spread, Order::spread, true, true, 1, 0);
}

// Every product is computed: no zero is skipped, NaN and infinity travel as IEEE says.
template <class T>
void test_extremes() {
  for (int64_t m : {1, 3, 20}) {
    for (int64_t n : {1, 5, 40}) {
      const int64_t k = 11;
      Random random(7);
      Matrix<T> a(m, k, Order::rows, random), b(k, n, Order::rows, random), c(m, n, Order::rows, random);
      auto run = [&](pynn_activation act) {
        return pynn_gemm_f32(0, 0, 0, nullptr, 0, 0, nullptr, 0, 0, nullptr, act, 1, 0, nullptr, 0, 0) + [&] {
          pynn_array aa = a.array(), ba = b.array(), ca = c.array();
          return pynn_matmul(&aa, &ba, nullptr, act, 1, 0, &ca);
        }();
      };
      auto set = [&](double x, double y) {
        for (int64_t p = 0; p < k; ++p) {
          for (int64_t i = 0; i < m; ++i) a.at(i, p) = T(0);
          for (int64_t j = 0; j < n; ++j) b.at(p, j) = T(1);
        }
        for (int64_t i = 0; i < m; ++i) a.at(i, 10) = T(x);
        for (int64_t j = 0; j < n; ++j) b.at(10, j) = T(y);
      };
      set(0, kInf);
      CHECK_EQ(run(PYNN_ACT_NONE), 0);
      for (int64_t i = 0; i < m * n; ++i) CHECK(std::isnan(c.memory[i]));
      run(PYNN_ACT_RELU);
      for (int64_t i = 0; i < m * n; ++i) CHECK(std::isnan(c.memory[i]));
      set(kNan, 0);
      run(PYNN_ACT_NONE);
      for (int64_t i = 0; i < m * n; ++i) CHECK(std::isnan(c.memory[i]));
      set(-kInf, 2);
      run(PYNN_ACT_NONE);
      for (int64_t i = 0; i < m * n; ++i) CHECK(c.memory[i] == T(-kInf));
      run(PYNN_ACT_RELU);
      for (int64_t i = 0; i < m * n; ++i) CHECK(c.memory[i] == T(0));
      const T smallest = std::numeric_limits<T>::denorm_min();
      set(double(smallest), 3);
      run(PYNN_ACT_NONE);
      for (int64_t i = 0; i < m * n; ++i) CHECK(c.memory[i] == smallest * T(3));
      set(std::numeric_limits<T>::max(), 2);
      run(PYNN_ACT_NONE);
      for (int64_t i = 0; i < m * n; ++i) CHECK(c.memory[i] == T(kInf));
    }
  }
}

// The same bits for any number of threads.
template <class T>
void test_threads() {
  const int before = pynn::num_threads();
  const int64_t shapes[][3] = {{200, 190, 180}, {33, 2000, 100},  {2000, 33, 100}, {1, 3000, 500},
                               {3000, 1, 500},  {130, 140, 1500}, {9, 900, 400},   {60, 50, 3000}};
  for (const auto& s : shapes) {
    for (Order ob : {Order::rows, Order::columns}) {
      Random random(3);
      Matrix<T> a(s[0], s[2], Order::rows, random), b(s[2], s[1], ob, random);
      Matrix<T> one(s[0], s[1], Order::rows, random), more(s[0], s[1], Order::rows, random);
      pynn_array aa = a.array(), ba = b.array(), c1 = one.array(), c2 = more.array();
      pynn::set_num_threads(1);
      CHECK_EQ(int(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &c1)), 0);
      for (int threads : {2, 3}) {
        pynn::set_num_threads(threads);
        CHECK_EQ(int(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &c2)), 0);
        CHECK(std::memcmp(one.memory.data(), more.memory.data(), size_t(one.memory.size()) * sizeof(T)) == 0);
      }
    }
  }
  // Rows do not depend on how many stand beside them (two or more, b by rows).
  Random random(4);
  Matrix<T> a(300, 600, Order::rows, random), b(600, 70, Order::rows, random);
  Matrix<T> all(300, 70, Order::rows, random), few(5, 70, Order::rows, random);
  pynn_array aa = a.array(), ba = b.array(), ca = all.array(), cf = few.array();
  pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &ca);
  a.shape[0] = 5;
  pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &cf);
  CHECK(std::memcmp(all.memory.data(), few.memory.data(), size_t(few.memory.size()) * sizeof(T)) == 0);
  pynn::set_num_threads(before);
}

// The same bits whether B is read where it lies or packed, which goes by the CPU.
template <class T>
void test_halves() {
  const bool before = pynn::halves_512_bits();
  const int64_t shapes[][3] = {{200, 190, 180}, {300, 256, 256}, {128, 320, 100}, {64, 67, 31}, {20, 700, 500}};
  for (const auto& s : shapes) {
    Random random(5);
    Matrix<T> a(s[0], s[2], Order::rows, random), b(s[2], s[1], Order::rows, random);
    Matrix<T> whole(s[0], s[1], Order::rows, random), halved(s[0], s[1], Order::rows, random);
    pynn_array aa = a.array(), ba = b.array(), c1 = whole.array(), c2 = halved.array();
    pynn::set_halves_512_bits(false);
    CHECK_EQ(int(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &c1)), 0);
    pynn::set_halves_512_bits(true);
    CHECK_EQ(int(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &c2)), 0);
    CHECK(std::memcmp(whole.memory.data(), halved.memory.data(), size_t(whole.memory.size()) * sizeof(T)) == 0);
  }
  pynn::set_halves_512_bits(before);
}

// (2, 3, m, k) @ (3 or 1, k, n), and the collapse of leading dimensions into rows.
template <class T>
void test_batches(int64_t m, int64_t k, int64_t n) {
  Random random(5);
  for (int64_t b_batch : {1, 3}) {
    for (bool swapped : {false, true}) {
      Guarded<T> a(6 * m * k), b(b_batch * k * n), c(6 * m * n);
      for (int64_t i = 0; i < a.size(); ++i) a[i] = T(random.normal());
      for (int64_t i = 0; i < b.size(); ++i) b[i] = T(random.normal());
      const int64_t item = int64_t(sizeof(T));
      int64_t a_shape[] = {2, 3, m, k}, b_shape[] = {b_batch, k, n}, c_shape[] = {2, 3, m, n};
      // swapped: a lies in memory as (3, 2, m, k)
      int64_t a_strides[] = {(swapped ? 1 : 3) * m * k * item, (swapped ? 2 : 1) * m * k * item, k * item,
                             item};
      pynn_array aa = {a.data(), a_shape, a_strides, 4, dtype_of<T>},
                 ba = {b.data(), b_shape, nullptr, 3, dtype_of<T>},
                 ca = {c.data(), c_shape, nullptr, 4, dtype_of<T>};
      CHECK_EQ(int(pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &ca)), int(PYNN_OK));
      int64_t wrong = 0;
      for (int64_t x = 0; x < 6; ++x) {
        const T* own = a.data() + (swapped ? x % 3 * 2 + x / 3 : x) * m * k;
        const T* other = b.data() + (b_batch == 1 ? 0 : x % 3) * k * n;
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0, size = 0;
            for (int64_t p = 0; p < k; ++p) {
              sum += double(own[i * k + p]) * double(other[p * n + j]);
              size += std::fabs(double(own[i * k + p]) * double(other[p * n + j]));
            }
            if (!(std::fabs(double(c[(x * m + i) * n + j]) - sum) <=
                  size * 4 * std::numeric_limits<T>::epsilon() * std::sqrt(double(k))))
              ++wrong;
          }
        }
      }
      CHECK_EQ(wrong, 0);
      CHECK(a.intact() && b.intact() && c.intact());
    }
  }
}

template <class T>
void test_column_sum() {
  Random random(6);
  for (int64_t rows : {0, 1, 5, 127, 129, 1000}) {
    for (int64_t n : {0, 1, 7, 16, 130}) {
      for (Order order : {Order::rows, Order::columns, Order::spread, Order::reversed}) {
        Matrix<T> x(rows, n, order, random);
        Guarded<T> out(n), again(n);
        for (int64_t j = 0; j < n; ++j) out[j] = again[j] = T(j);
        int64_t shape[1] = {n};
        pynn_array xa = x.array(), oa = {out.data(), shape, nullptr, 1, dtype_of<T>};
        CHECK_EQ(int(pynn_column_sum(&xa, 2, &oa)), int(PYNN_OK));
        for (int64_t j = 0; j < n; ++j) {
          double sum = 2.0 * double(j), size = sum;
          for (int64_t i = 0; i < rows; ++i) sum += double(x.at(i, j)), size += std::fabs(double(x.at(i, j)));
          CHECK_CLOSE(out[j], sum, size * std::numeric_limits<T>::epsilon() * 8);
        }
        CHECK(x.memory.intact() && out.intact());
      }
    }
  }
  // (2, 3, 4) seen as (3, 2, 4): leading dimensions that do not follow one another
  Guarded<T> x(24), out(4);
  for (int64_t i = 0; i < 24; ++i) x[i] = T(i);
  const int64_t item = int64_t(sizeof(T));
  int64_t shape[] = {3, 2, 4}, strides[] = {4 * item, 12 * item, item}, out_shape[] = {4};
  pynn_array xa = {x.data(), shape, strides, 3, dtype_of<T>},
             oa = {out.data(), out_shape, nullptr, 1, dtype_of<T>};
  CHECK_EQ(int(pynn_column_sum(&xa, 0, &oa)), int(PYNN_OK));
  for (int64_t j = 0; j < 4; ++j) CHECK_EQ(double(out[j]), 60.0 + 6.0 * double(j));
}

void test_errors() {
  float data[64] = {};
  int64_t s23[] = {2, 3}, s34[] = {3, 4}, s24[] = {2, 4}, s44[] = {4, 4}, s4[] = {4}, s3[] = {3};
  pynn_array a = {data, s23, nullptr, 2, PYNN_FLOAT32}, b = {data, s34, nullptr, 2, PYNN_FLOAT32};
  pynn_array wrong = {data, s44, nullptr, 2, PYNN_FLOAT32}, out = {data, s24, nullptr, 2, PYNN_FLOAT32};
  pynn_array line = {data, s4, nullptr, 1, PYNN_FLOAT32}, bias = {data, s3, nullptr, 1, PYNN_FLOAT32};
  pynn_array ints = {data, s34, nullptr, 2, PYNN_INT32}, none = {nullptr, s34, nullptr, 2, PYNN_FLOAT32};
  CHECK_EQ(int(pynn_matmul(&a, &wrong, nullptr, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_INVALID));
  CHECK(says("(2, 3)") && says("(4, 4)"));
  CHECK_EQ(int(pynn_matmul(&a, &b, nullptr, PYNN_ACT_NONE, 1, 0, &wrong)), int(PYNN_INVALID));
  CHECK(says("(4, 4)"));
  CHECK_EQ(int(pynn_matmul(&a, &line, nullptr, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_INVALID));
  CHECK(says("1 dimensions"));
  CHECK_EQ(int(pynn_matmul(&a, &b, &bias, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_INVALID));
  CHECK(says("(3,)"));
  CHECK_EQ(int(pynn_matmul(&a, &ints, nullptr, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_UNSUPPORTED));
  CHECK(says("int32"));
  CHECK_EQ(int(pynn_matmul(&a, &none, nullptr, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_matmul(nullptr, &b, nullptr, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_matmul(&a, &b, nullptr, pynn_activation(77), 1, 0, &out)), int(PYNN_INVALID));
  CHECK(says("77"));
  int64_t odd[] = {13, 4};
  pynn_array unaligned = {data, s23, odd, 2, PYNN_FLOAT32};
  CHECK_EQ(int(pynn_matmul(&unaligned, &b, nullptr, PYNN_ACT_NONE, 1, 0, &out)), int(PYNN_UNSUPPORTED));
  CHECK_EQ(int(pynn_column_sum(&a, 0, &line)), int(PYNN_INVALID));
}

// Packing writes the elements it is asked for and no others, though it stores whole vectors where it can.
template <class T>
void test_packing() {
  const auto& kernels = pynn::matmul::kernels<T>();
  Random random(5);
  for (int64_t rows = 1; rows <= 20; ++rows) {
    for (int64_t depth : {1, 2, 7, 8, 16, 33}) {
      for (int64_t gap : {0, 1, 9}) {
        for (const bool contiguous_rows : {false, true}) {
          const int64_t step_i = contiguous_rows ? 1 : depth, step_k = contiguous_rows ? rows : 1;
          Guarded<T> from(rows * depth), to((depth - 1) * (rows + gap) + rows);
          for (int64_t i = 0; i < from.size(); ++i) from[i] = T(random.normal());
          for (int64_t i = 0; i < to.size(); ++i) to[i] = T(-7);
          kernels.pack(from.data(), step_i, step_k, rows, depth, to.data(), rows + gap);
          bool right = true;
          for (int64_t i = 0; i < to.size(); ++i) {
            const int64_t k = i / (rows + gap), r = i % (rows + gap);
            right = right && to[i] == (r < rows ? from[r * step_i + k * step_k] : T(-7));
          }
          CHECK(right);
        }
      }
    }
  }
  const int64_t panel = 2 * kernels.width, columns = 3 * panel + 1, depth = 9, step = columns + 2;
  Guarded<T> from((depth - 1) * step + columns), to(3 * panel * depth);
  for (int64_t i = 0; i < from.size(); ++i) from[i] = T(random.normal());
  kernels.pack_panels(from.data(), step, columns, depth, panel, to.data());
  for (int64_t j = 0; j < 3 * panel; ++j) {
    for (int64_t k = 0; k < depth; ++k) {
      CHECK(to[j / panel * panel * depth + k * panel + j % panel] == from[k * step + j]);
    }
  }
}

template <class T>
void test_all() {
  test_packing<T>();
  test_shapes<T>();
  test_large<T>();
  test_extremes<T>();
  test_threads<T>();
  test_halves<T>();
  test_batches<T>(3, 5, 7);
  test_batches<T>(1, 9, 4);
  test_batches<T>(60, 70, 80);
  test_column_sum<T>();
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::matmul::table().isa, isa) == 0);
    test_all<float>();
    test_all<double>();
  });
  test_errors();
  return summary();
}
