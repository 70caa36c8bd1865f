// Indexing against plain loops: random shapes, strides and repeats, the order of sums, errors.
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/index/index.h"

using namespace pynn::testing;

namespace {

void fill_index(Random& random, Guarded<int64_t>& index, int64_t count, bool wrap) {
  for (int64_t i = 0; i < index.size(); ++i) {
    index[i] = random.below(count) - (wrap && random.below(2) == 0 ? count : 0);
  }
}

template <class T>
bool same_bits(const Guarded<T>& got, const std::vector<T>& want) {
  return want.empty() || std::memcmp(got.data(), want.data(), want.size() * sizeof(T)) == 0;
}

// Rows of T; sums in the order of the indices have the very bits of this loop.
template <class T>
void check_rows(Random& random, int64_t outer, int64_t count, int64_t indices, int64_t width) {
  const pynn_rows rows = {outer, count, indices, width * int64_t(sizeof(T)), int32_t(random.below(2))};
  Guarded<T> x(outer * count * width), out(outer * indices * width), source(outer * indices * width),
      sums(outer * count * width), scaled(outer * count * width), scale(indices), one(width);
  Guarded<int64_t> index(indices);
  for (int64_t i = 0; i < x.size(); ++i) x[i] = sums[i] = scaled[i] = T(random.normal());
  for (int64_t i = 0; i < source.size(); ++i) source[i] = T(random.normal());
  for (int64_t i = 0; i < indices; ++i) scale[i] = T(random.normal());
  fill_index(random, index, count, rows.wrap != 0);
  const int64_t skip = random.below(count + 1) - 1;
  const int dtype = dtype_of<T>;
  CHECK_EQ(pynn_take_rows(&rows, x.data(), index.data(), out.data()), PYNN_OK);
  std::vector<T> want_sums(sums.data(), sums.data() + sums.size()), want_scaled(sums.size(), T(0)), put(want_sums),
      put_one(want_sums);
  bool taken = true;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t j = 0; j < indices; ++j) {
      const int64_t at = (o * count + (index[j] < 0 ? index[j] + count : index[j])) * width;
      for (int64_t c = 0; c < width; ++c) {
        const T value = source[(o * indices + j) * width + c];
        taken = taken && out[(o * indices + j) * width + c] == x[at + c];
        want_sums[size_t(at + c)] += value;
        if (at / width % count != skip) want_scaled[size_t(at + c)] += value * scale[j];
        put[size_t(at + c)] = value;
        put_one[size_t(at + c)] = one[c];
      }
    }
  }
  CHECK(taken);
  CHECK_EQ(pynn_add_rows(&rows, dtype, index.data(), source.data(), nullptr, -1, 0, sums.data()), PYNN_OK);
  CHECK(same_bits(sums, want_sums));
  CHECK_EQ(pynn_add_rows(&rows, dtype, index.data(), source.data(), scale.data(), skip, 1, scaled.data()),
           PYNN_OK);
  CHECK(same_bits(scaled, want_scaled));
  CHECK_EQ(pynn_put_rows(&rows, index.data(), source.data(), 0, x.data()), PYNN_OK);
  CHECK(same_bits(x, put));
  CHECK_EQ(pynn_put_rows(&rows, index.data(), one.data(), 1, x.data()), PYNN_OK);
  if (indices > 0) CHECK(same_bits(x, put_one));
  for (const Guarded<T>* a : {&x, &out, &source, &sums, &scaled}) CHECK(a->intact());
}

template <class T>
void check_along(Random& random) {
  const int ndim = 1 + int(random.below(4)), dim = int(random.below(ndim));
  int64_t shape[4], full[4], turned[4], dense[4], size = 1, index_size = 1;
  for (int i = 0; i < ndim; ++i) {
    full[i] = 1 + random.below(i == ndim - 1 ? 40 : 5);
    shape[i] = i == dim ? random.below(50) : random.below(full[i] + 1);
    index_size *= shape[i];
  }
  const bool flip = random.below(2) == 0;  // x of gather column by column
  for (int i = ndim - 1; i >= 0; --i) {
    dense[i] = size * int64_t(sizeof(T));
    size *= full[i];
  }
  int64_t step = sizeof(T);
  for (int i = 0; i < ndim; ++i) {
    turned[i] = step;
    step *= full[i];
  }
  const int64_t* strides = flip ? turned : dense;
  Guarded<T> x(size), out(index_size), source(index_size), put(size), sums(size), one(1);
  Guarded<int64_t> index(index_size);
  const bool wrap = random.below(2) == 0;
  fill_index(random, index, full[dim], wrap);
  for (int64_t i = 0; i < size; ++i) x[i] = put[i] = sums[i] = T(random.normal());
  for (int64_t i = 0; i < index_size; ++i) source[i] = T(random.normal());
  one[0] = 7;
  const int32_t rank = ndim, dtype = dtype_of<T>;
  const pynn_array a = {x.data(), full, strides, rank, dtype}, at = {index.data(), shape, nullptr, rank, PYNN_INT64},
                   from = {source.data(), shape, nullptr, rank, dtype}, single = {one.data(), nullptr, nullptr, 0, dtype};
  pynn_array y = {out.data(), shape, nullptr, rank, dtype}, p = {put.data(), full, nullptr, rank, dtype},
             s = {sums.data(), full, nullptr, rank, dtype};
  CHECK_EQ(pynn_gather(&a, dim, &at, wrap, &y), PYNN_OK);
  std::vector<T> want_put(put.data(), put.data() + size), want_sums(want_put), want_one(want_put);
  bool gathered = true;
  for (int64_t i = 0; i < index_size; ++i) {
    int64_t rest = i, here = 0, there = 0;
    for (int d = ndim - 1; d >= 0; --d) {
      int64_t c = rest % shape[d];
      rest /= shape[d];
      if (d == dim) c = index[i] < 0 ? index[i] + full[d] : index[i];
      here += c * strides[d] / int64_t(sizeof(T));
      there += c * dense[d] / int64_t(sizeof(T));
    }
    gathered = gathered && out[i] == x[here];
    want_put[size_t(there)] = source[i];
    want_sums[size_t(there)] += source[i];
    want_one[size_t(there)] = 7;
  }
  CHECK(gathered);
  CHECK_EQ(pynn_scatter(&at, dim, wrap, &from, 0, &p), PYNN_OK);
  CHECK(same_bits(put, want_put));
  CHECK_EQ(pynn_scatter(&at, dim, wrap, &from, 1, &s), PYNN_OK);
  CHECK(same_bits(sums, want_sums));
  for (int64_t i = 0; i < size; ++i) put[i] = want_sums[size_t(i)];
  CHECK_EQ(pynn_scatter(&at, dim, wrap, &single, 0, &p), PYNN_OK);
  for (int64_t i = 0; i < size; ++i) {
    const T want = want_one[size_t(i)] == 7 ? T(7) : want_sums[size_t(i)];
    if (put[i] != want) {
      CHECK(put[i] == want);
      break;
    }
  }
  CHECK(x.intact() && out.intact() && put.intact() && sums.intact() && index.intact());
}

void test_threads() {
  for (const auto& size : {pynn_rows{1, 300, 20000, 8, 0}, pynn_rows{1, 50, 500, 4096, 0}, pynn_rows{3, 40, 700, 256, 0}}) {
    std::vector<int64_t> index(size_t(size.indices));
    Random random(5);
    for (auto& i : index) i = random.below(size.count);
    std::vector<float> source(size_t(size.outer * size.indices * size.bytes / 4)), results[2];
    for (auto& v : source) v = float(random.normal());
    for (int threads : {1, 2}) {
      pynn::set_num_threads(threads);
      std::vector<float>& out = results[threads - 1];
      out.resize(size_t(size.outer * size.count * size.bytes / 4), 3.0f);
      CHECK_EQ(pynn_add_rows(&size, PYNN_FLOAT32, index.data(), source.data(), nullptr, -1, 1, out.data()), PYNN_OK);
    }
    CHECK(results[0] == results[1]);
  }
}

void test_errors() {
  const int64_t index[] = {0, 3, -1}, shape[] = {3}, two[] = {1, 3}, small[] = {2};
  float x[3] = {1, 2, 3}, out[3] = {5, 5, 5};
  pynn_rows rows = {1, 3, 3, 4, 1};
  CHECK_EQ(pynn_take_rows(&rows, x, index, out), PYNN_INVALID);
  CHECK(says("index 3 at place 1"));
  CHECK(says("-3 to 2"));
  rows.count = 4;
  rows.wrap = 0;
  CHECK_EQ(pynn_take_rows(&rows, x, index, out), PYNN_INVALID);
  CHECK(says("index -1 at place 2"));
  CHECK_EQ(pynn_put_rows(&rows, index, x, 0, out), PYNN_INVALID);
  CHECK(out[0] == 5);
  CHECK_EQ(pynn_take_rows(nullptr, x, index, out), PYNN_INVALID);
  rows = {1, 4, 2, 4, 0};
  CHECK_EQ(pynn_add_rows(&rows, PYNN_INT32, index, x, nullptr, -1, 0, out), PYNN_UNSUPPORTED);
  rows.bytes = 3;
  CHECK_EQ(pynn_add_rows(&rows, PYNN_FLOAT32, index, x, nullptr, -1, 0, out), PYNN_INVALID);
  rows.bytes = 4;
  CHECK_EQ(pynn_add_rows(&rows, PYNN_FLOAT32, index, nullptr, nullptr, -1, 0, out), PYNN_INVALID);
  rows.outer = -1;
  CHECK_EQ(pynn_take_rows(&rows, x, index, out), PYNN_INVALID);
  const int64_t good[] = {0, 2, 1};
  const pynn_array a = {x, shape, nullptr, 1, PYNN_FLOAT32};
  pynn_array at = {const_cast<int64_t*>(good), shape, nullptr, 1, PYNN_INT64}, y = {out, shape, nullptr, 1, PYNN_FLOAT32};
  CHECK_EQ(pynn_gather(&a, 1, &at, 0, &y), PYNN_INVALID);
  y.shape = small;
  CHECK_EQ(pynn_gather(&a, 0, &at, 0, &y), PYNN_INVALID);
  CHECK_EQ(pynn_scatter(&at, 0, 0, &y, 0, &y), PYNN_INVALID);
  y.shape = shape;
  at.dtype = PYNN_FLOAT64;
  CHECK_EQ(pynn_gather(&a, 0, &at, 0, &y), PYNN_INVALID);
  at.dtype = PYNN_INT64;
  at.shape = two;
  at.ndim = 2;
  CHECK_EQ(pynn_gather(&a, 0, &at, 0, &y), PYNN_INVALID);
  at.shape = shape;
  at.ndim = 1;
  at.data = const_cast<int64_t*>(index);
  CHECK_EQ(pynn_gather(&a, 0, &at, 1, &y), PYNN_INVALID);
  int64_t found[3], count;
  const unsigned char mask[] = {0, 2, 1};
  CHECK_EQ(pynn_nonzero(3, mask, found, &count), PYNN_OK);
  CHECK(count == 2 && found[0] == 1 && found[1] == 2);
  CHECK_EQ(pynn_nonzero(-1, mask, found, &count), PYNN_INVALID);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::index::table().isa, isa) == 0);
    Random random(1);
    check_rows<float>(random, 1, 40, 3000, 33);
    check_rows<float>(random, 1, 3, 200, 1100);
    check_rows<float>(random, 9, 5, 100, 65);
    check_rows<double>(random, 1, 300, 40000, 1);
    check_rows<float>(random, 2, 3, 0, 5);
    fuzz([](Random& r) {
      check_rows<float>(r, r.below(4), 1 + r.below(9), r.below(20), r.below(40));
      check_rows<double>(r, r.below(4), 1 + r.below(9), r.below(20), r.below(20));
      check_along<float>(r);
      check_along<double>(r);
    });
  });
  test_threads();
  test_errors();
  return summary();
}
