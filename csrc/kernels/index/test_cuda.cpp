// The GPU's kernels by index, emulated, against the CPU's.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/index/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

template <class T>
std::vector<T> filled(int64_t n, uint64_t seed) {
  Random random(seed);
  std::vector<T> values(static_cast<size_t>(n));
  for (T& value : values) value = T(random.normal() * 100);
  return values;
}

std::vector<int64_t> indices(int64_t n, int64_t low, int64_t high, uint64_t seed) {
  Random random(seed);
  std::vector<int64_t> values(static_cast<size_t>(n));
  for (int64_t& value : values) value = low + random.below(high - low);
  return values;
}

struct Case {
  int64_t outer, count, indices, width;  // elements of a row
  bool wrap;
};
const Case kCases[] = {{1, 10, 25, 7, false}, {1, 3, 100, 1, true},   {2, 50, 33, 4, true},    {3, 5, 0, 8, false},
                       {1, 1, 70, 3, false},  {2, 300, 64, 33, false}, {1, 7, 65, 300, true},   {0, 4, 3, 2, false},
                       {1, 5, 4, 0, false},   {4, 9, 257, 1, false},  {1, 70000, 40, 2, false}, {1, 2, 500, 1, false}};

template <class T>
void test_rows() {
  for (const Case& c : kCases) {
    const pynn_rows rows = {c.outer, c.count, c.indices, c.width * int64_t(sizeof(T)), c.wrap};
    const std::vector<T> x = filled<T>(c.outer * c.count * c.width + 1, 1);
    const std::vector<T> source = filled<T>(c.outer * c.indices * c.width + 1, 2);
    const std::vector<int64_t> index = indices(c.indices, c.wrap ? -c.count : 0, c.count, 3);
    cuda::Fault fault = {};
    {
      std::vector<T> expected = source, found = source;
      CHECK_EQ(pynn_take_rows(&rows, x.data(), index.data(), expected.data()), PYNN_OK);
      CHECK_OK(cuda::index_take(rows, x.data(), index.data(), found.data(), &fault, nullptr));
      CHECK(found == expected);
    }
    {
      std::vector<T> expected = x, found = x;
      Guarded<char> scratch(cuda::index_put_bytes(rows));
      CHECK_EQ(pynn_put_rows(&rows, index.data(), source.data(), 0, expected.data()), PYNN_OK);
      CHECK_OK(cuda::index_put(rows, index.data(), source.data(), found.data(), scratch.data(), &fault, nullptr));
      CHECK(found == expected);
      CHECK(scratch.intact());
    }
    CHECK_EQ(fault.raised, 0);
  }
}

template <class T>
void test_add() {
  const double eps = sizeof(T) == 4 ? 1e-5 : 1e-13;
  for (const Case& c : kCases) {
    for (int bits = 0; bits < 8; ++bits) {
      cuda::AddOptions options;
      options.clear = bits & 1;
      options.by_frequency = bits & 2;
      options.skip = bits & 4 ? 2 : -1;
      const pynn_rows rows = {c.outer, c.count, c.indices, c.width * int64_t(sizeof(T)), c.wrap};
      const std::vector<T> x = filled<T>(c.outer * c.count * c.width + 1, 1);
      const std::vector<T> source = filled<T>(c.outer * c.indices * c.width + 1, 2);
      const std::vector<int64_t> index = indices(c.indices, c.wrap ? -c.count : 0, c.count, 3);
      std::vector<int64_t> seen(static_cast<size_t>(c.count));
      const auto place = [&](int64_t j) { return size_t(index[size_t(j)] < 0 ? index[size_t(j)] + c.count : index[size_t(j)]); };
      for (int64_t j = 0; j < c.indices; ++j) ++seen[place(j)];
      std::vector<T> scale;
      for (int64_t j = 0; j < c.indices; ++j) scale.push_back(T(1) / T(seen[place(j)]));
      std::vector<T> expected = x, found = x;
      CHECK_EQ(pynn_add_rows(&rows, dtype_of<T>, index.data(), source.data(),
                             options.by_frequency ? scale.data() : nullptr, options.skip, options.clear,
                             expected.data()),
               PYNN_OK);
      cuda::Fault fault = {};
      Guarded<char> scratch((cuda::index_add_bytes<T>(rows) + 15) / 16 * 16);
      CHECK_OK(cuda::index_add<T>(rows, index.data(), source.data(), options, found.data(), scratch.data(), &fault,
                                  nullptr));
      bool close = true;
      for (size_t i = 0; i < x.size(); ++i) {
        close = close && std::fabs(double(found[i] - expected[i])) <= eps * 100 * (10 + double(c.indices));
      }
      CHECK(close);
      CHECK(scratch.intact());
      CHECK_EQ(fault.raised, 0);
    }
  }
}

// Along one dimension of 3-d arrays; x of gather and the source of scatter lie transposed.
template <class T>
void test_along() {
  const int64_t shape[3] = {4, 6, 5};
  for (int dim = 0; dim < 3; ++dim) {
    for (int64_t length : {0, 1, 3, 17}) {
      int64_t sizes[3] = {3, 5, 5};
      sizes[dim] = length;
      const int64_t n = sizes[0] * sizes[1] * sizes[2];
      const std::vector<int64_t> index = indices(n, 0, shape[dim], uint64_t(7 + dim));
      const pynn_array at = {const_cast<int64_t*>(index.data()), sizes, nullptr, 3, PYNN_INT64};
      cuda::AlongDim along = {};
      along.ndim = 3;
      along.dim = dim;
      along.size = shape[dim];
      along.index = index.data();
      for (int d = 0; d < 3; ++d) along.shape[d] = sizes[d];
      const auto turned = [](const int64_t* of, int64_t* strides) {  // the first dimension innermost
        strides[0] = 1;
        strides[1] = of[0];
        strides[2] = of[0] * of[1];
      };
      const auto bytes = [](const int64_t* strides, int64_t* to) {
        for (int d = 0; d < 3; ++d) to[d] = strides[d] * int64_t(sizeof(T));
      };
      const std::vector<T> x = filled<T>(4 * 6 * 5, 9), source = filled<T>(n, 10);
      int64_t strides[3];
      cuda::Fault fault = {};
      {
        std::vector<T> expected(static_cast<size_t>(n)), found(static_cast<size_t>(n));
        turned(shape, along.strides);
        bytes(along.strides, strides);
        const pynn_array from = {const_cast<T*>(x.data()), shape, strides, 3, dtype_of<T>};
        pynn_array to = {expected.data(), sizes, nullptr, 3, dtype_of<T>};
        CHECK_EQ(pynn_gather(&from, dim, &at, 0, &to), PYNN_OK);
        CHECK_OK(cuda::index_gather(along, sizeof(T), x.data(), found.data(), &fault, nullptr));
        CHECK(found == expected);
      }
      for (const bool add : {false, true}) {
        std::vector<T> expected = x, found = x;
        along.strides[0] = 30, along.strides[1] = 5, along.strides[2] = 1;
        turned(sizes, along.other);
        bytes(along.other, strides);
        const pynn_array values = {const_cast<T*>(source.data()), sizes, strides, 3, dtype_of<T>};
        pynn_array to = {expected.data(), shape, nullptr, 3, dtype_of<T>};
        CHECK_EQ(pynn_scatter(&at, dim, 0, &values, add, &to), PYNN_OK);
        Guarded<char> scratch(cuda::index_scatter_bytes(int64_t(x.size())));
        if (add) {
          CHECK_OK(cuda::index_scatter_add<T>(along, source.data(), found.data(), &fault, nullptr));
        } else {
          CHECK_OK(cuda::index_scatter(along, sizeof(T), source.data(), int64_t(x.size()), found.data(), scratch.data(),
                                       &fault, nullptr));
        }
        for (size_t i = 0; i < x.size(); ++i) CHECK_CLOSE(found[i], expected[i], add ? 1e-3 : 0);
      }
      CHECK_EQ(fault.raised, 0);
    }
  }
}

void test_join() {
  const int64_t sizes[] = {5, 7, 3};
  const int64_t n = 100;
  const std::vector<int64_t> a = indices(n, -5, 5, 1), c = indices(n, 0, 3, 3);
  const std::vector<int64_t> wide = indices(n, -7, 7, 2);
  const std::vector<int32_t> b(wide.begin(), wide.end());
  cuda::IndexLists lists = {3, {a.data(), b.data(), c.data()}, {true, false, true}, {5, 7, 3}};
  std::vector<int64_t> found(static_cast<size_t>(n));
  cuda::Fault fault = {};
  CHECK_OK(cuda::index_join(lists, n, found.data(), &fault, nullptr));
  CHECK_EQ(fault.raised, 0);
  const auto at = [&](int64_t i, int64_t size) { return i < 0 ? i + size : i; };
  bool same = true;
  for (size_t i = 0; i < size_t(n); ++i) {
    same = same && found[i] == (at(a[i], sizes[0]) * 7 + at(b[i], sizes[1])) * 3 + c[i];
  }
  CHECK(same);
}

// What is out of range is left out and reported.
void test_faults() {
  const std::vector<float> x = filled<float>(6, 1), source = filled<float>(6, 2);
  const std::vector<int64_t> index = {0, 3, -1};
  const pynn_rows rows = {1, 3, 3, 8, 0};
  std::vector<float> found(6, 5.0f);
  std::vector<char> scratch(4096);
  cuda::Fault fault = {};
  CHECK_OK(cuda::index_take(rows, x.data(), index.data(), found.data(), &fault, nullptr));
  CHECK_EQ(fault.raised, 1);
  CHECK(fault.size == 3 && (fault.index == 3 || fault.index == -1));
  CHECK((found == std::vector<float>{x[0], x[1], 0, 0, 0, 0}));
  fault = {};
  found = x;
  CHECK_OK(cuda::index_put(rows, index.data(), source.data(), found.data(), scratch.data(), &fault, nullptr));
  CHECK_EQ(fault.raised, 1);
  CHECK((found == std::vector<float>{source[0], source[1], x[2], x[3], x[4], x[5]}));
  fault = {};
  found = x;
  CHECK_OK(cuda::index_add<float>(rows, index.data(), source.data(), {}, found.data(), scratch.data(), &fault, nullptr));
  CHECK_EQ(fault.raised, 1);
  CHECK((found == std::vector<float>{x[0] + source[0], x[1] + source[1], x[2], x[3], x[4], x[5]}));
}

}  // namespace

int main() {
  for_each_order([] {
    test_rows<float>();
    test_rows<double>();
    test_add<float>();
    test_add<double>();
    test_along<float>();
    test_along<double>();
    test_join();
    test_faults();
  });
  return summary();
}
