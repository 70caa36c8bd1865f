// pynn_reduce and its relatives against float64 (or int64) scalar loops: every operation, dtype and ISA,
// random shapes, strides and dimensions; special values; threads; wrong arguments.
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "pynn/pynn.h"

using namespace pynn::testing;

namespace {

template <class T>
constexpr int kDtype = 0;
template <>
constexpr int kDtype<float> = PYNN_FLOAT32;
template <>
constexpr int kDtype<double> = PYNN_FLOAT64;
template <>
constexpr int kDtype<uint8_t> = PYNN_UINT8;
template <>
constexpr int kDtype<int8_t> = PYNN_INT8;
template <>
constexpr int kDtype<int16_t> = PYNN_INT16;
template <>
constexpr int kDtype<int32_t> = PYNN_INT32;
template <>
constexpr int kDtype<int64_t> = PYNN_INT64;
template <class T>
constexpr bool kFloats = kDtype<T> >= PYNN_FLOAT32;

// An array of a random layout inside a guarded buffer.
template <class T>
struct Case {
  int ndim;
  int64_t shape[5], strides[5], kept[5];
  uint32_t reduced;
  int64_t span = 0, first = 0;

  Case(Random& random, int64_t most_elements) {
    ndim = int(random.below(5));
    int64_t total = 1;
    for (int i = 0; i < ndim; ++i) {
      const int64_t room = most_elements / total;
      const int64_t limit = random.below(3) == 0 ? 300 : 9;
      shape[i] = 1 + random.below(room < limit ? (room > 0 ? room : 1) : limit);
      total *= shape[i];
    }
    layout(random);
    reduced = uint32_t(random.below(1 << ndim));
    for (int i = 0; i < ndim; ++i) kept[i] = reduced >> i & 1 ? 1 : shape[i];
  }
  void layout(Random& random) {
    int order[5];
    for (int i = 0; i < ndim; ++i) order[i] = i;
    if (random.below(2)) {
      for (int i = ndim - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
    }
    int64_t step = 1;
    for (int k = ndim - 1; k >= 0; --k) {
      const int i = order[k];
      if (random.below(8) == 0) step *= 2;
      strides[i] = random.below(12) == 0 ? 0 : step;
      if (strides[i]) step *= shape[i];
    }
    for (int i = 0; i < ndim; ++i) {
      span += (shape[i] - 1) * strides[i];
      if (random.below(6) == 0) {
        first += (shape[i] - 1) * strides[i];
        strides[i] = -strides[i];
      }
      strides[i] *= int64_t(sizeof(T));
    }
    span += 1;
  }
  pynn_array array(const T* base) const {
    return {const_cast<T*>(base + first), shape, strides, ndim, kDtype<T>};
  }
  int64_t results() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= kept[i];
    return n;
  }
  // f(value, place of its result)
  template <class F>
  void each(const T* base, const F& f) const {
    int64_t at[5] = {};
    for (;;) {
      int64_t offset = first, place = 0;
      for (int i = 0; i < ndim; ++i) {
        offset += at[i] * strides[i] / int64_t(sizeof(T));
        place = place * kept[i] + (kept[i] > 1 ? at[i] : 0);
      }
      f(base[offset], place);
      int i = ndim - 1;
      while (i >= 0 && ++at[i] == shape[i]) at[i--] = 0;
      if (i < 0) return;
    }
  }
};

struct Wanted {
  std::vector<double> value, gross;
  std::vector<int64_t> count, whole;
};

template <class T>
Wanted reference(pynn_reduce_op op, double p, const Case<T>& c, const T* base) {
  const size_t n = size_t(c.results());
  const double start = op == PYNN_REDUCE_PROD                     ? 1
                       : op == PYNN_REDUCE_MAX                    ? -INFINITY
                       : op == PYNN_REDUCE_MIN                    ? INFINITY
                       : op == PYNN_REDUCE_NORM && p == -INFINITY ? INFINITY
                                                                  : 0;
  Wanted w = {std::vector<double>(n, start), std::vector<double>(n, 0), std::vector<int64_t>(n, 0),
              std::vector<int64_t>(n, op == PYNN_REDUCE_PROD)};
  c.each(base, [&](T raw, int64_t place) {
    const double x = double(raw);
    double& v = w.value[size_t(place)];
    int64_t& whole = w.whole[size_t(place)];
    const auto extreme = [&](double y, bool larger) {
      if (y != y || (larger ? y > v : y < v)) v = v != v ? v : y;
    };
    ++w.count[size_t(place)];
    switch (op) {
      case PYNN_REDUCE_PROD:
        v *= x;
        if (!kFloats<T>) whole = int64_t(uint64_t(whole) * uint64_t(int64_t(raw)));
        break;
      case PYNN_REDUCE_MAX:
        extreme(x, true);
        break;
      case PYNN_REDUCE_MIN:
        extreme(x, false);
        break;
      case PYNN_REDUCE_NORM:
        if (p == INFINITY || p == -INFINITY) {
          extreme(std::fabs(x), p > 0);
        } else {
          v += p == 0 ? x != 0 : std::pow(std::fabs(x), p);
        }
        break;
      case PYNN_REDUCE_COUNT:
      case PYNN_REDUCE_ANY:
      case PYNN_REDUCE_ALL:
        v += x != 0;
        break;
      default:
        v += x;
        if (!kFloats<T>) whole += int64_t(raw);
    }
    w.gross[size_t(place)] += std::fabs(x);
  });
  for (size_t i = 0; i < n; ++i) {
    double& v = w.value[i];
    if (op == PYNN_REDUCE_MEAN) v /= double(w.count[i]), w.gross[i] /= double(w.count[i]);
    if (op == PYNN_REDUCE_NORM && p != 0 && std::isfinite(p)) v = std::pow(v, 1 / p);
    if (op == PYNN_REDUCE_ANY) v = v > 0;
    if (op == PYNN_REDUCE_ALL) v = v == double(w.count[i]);
  }
  return w;
}

template <class T>
void check_case(pynn_reduce_op op, double p, const Case<T>& c, const T* base) {
  const Wanted w = reference(op, p, c, base);
  const int64_t n = c.results();
  const pynn_array x = c.array(base);
  const bool bools = op == PYNN_REDUCE_ANY || op == PYNN_REDUCE_ALL;
  const bool wide =
      op == PYNN_REDUCE_COUNT || (!kFloats<T> && (op == PYNN_REDUCE_SUM || op == PYNN_REDUCE_PROD));
  if (bools) {
    Guarded<uint8_t> out(n);
    pynn_array result = {out.data(), c.kept, nullptr, c.ndim, PYNN_BOOL};
    CHECK_EQ(pynn_reduce(op, &x, p, &result), PYNN_OK);
    for (int64_t i = 0; i < n; ++i) CHECK_EQ(double(out[i]), w.value[size_t(i)]);
    CHECK(out.intact());
  } else if (wide) {
    Guarded<int64_t> out(n);
    pynn_array result = {out.data(), c.kept, nullptr, c.ndim, PYNN_INT64};
    CHECK_EQ(pynn_reduce(op, &x, p, &result), PYNN_OK);
    for (int64_t i = 0; i < n; ++i)
      CHECK(out[i] == (op == PYNN_REDUCE_COUNT ? int64_t(w.value[size_t(i)]) : w.whole[size_t(i)]));
    CHECK(out.intact());
  } else {
    Guarded<T> out(n);
    pynn_array result = {out.data(), c.kept, nullptr, c.ndim, kDtype<T>};
    CHECK_EQ(pynn_reduce(op, &x, p, &result), PYNN_OK);
    const bool exact = op == PYNN_REDUCE_MAX || op == PYNN_REDUCE_MIN;
    const double unit = sizeof(T) == 4 ? 3e-6 : 1e-13;
    for (int64_t i = 0; i < n; ++i) {
      const double v = w.value[size_t(i)];
      const bool sums = op == PYNN_REDUCE_SUM || op == PYNN_REDUCE_MEAN;
      const double lost = op == PYNN_REDUCE_PROD ? (sizeof(T) == 4 ? 1e-37 : 1e-300) : 0;  // to underflow
      CHECK_CLOSE(out[i], v, exact ? 0 : unit * (sums ? w.gross[size_t(i)] : std::fabs(v)) + lost);
    }
    CHECK(out.intact());
  }
}

template <class T>
void random_case(Random& random, bool special) {
  Case<T> c(random, random.below(16) == 0 ? 300000 : 2000);
  Guarded<T> base(c.span);
  const bool ones = random.below(4) == 0;
  for (int64_t i = 0; i < c.span; ++i) {
    if (kFloats<T>) {
      base[i] = T(ones ? 1 : random.normal());
      if (special && random.below(40) == 0) base[i] = T(random.below(2) ? 0.0 : -0.0);
      if (special && random.below(200) == 0) base[i] = T(random.below(2) ? INFINITY : NAN);
    } else {
      base[i] = T(ones ? 1 : random.bits() % 3 == 0 ? 0 : random.bits());
    }
  }
  const int ops[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  const auto op = pynn_reduce_op(ops[random.below(9)]);
  if (!kFloats<T> && (op == PYNN_REDUCE_MEAN || op == PYNN_REDUCE_NORM)) return;
  // int64 extremes lie beyond what the float64 reference holds.
  if (sizeof(T) == 8 && !kFloats<T>)
    for (int64_t i = 0; i < c.span; ++i) base[i] = T(int64_t(base[i]) % (int64_t(1) << 40));
  const double powers[] = {2, 1, 0, INFINITY, -INFINITY, 3, 0.5};
  check_case(op, powers[random.below(7)], c, base.data());
}

void test_places(Random& random) {
  const int64_t outer = 1 + random.below(4), n = 1 + random.below(random.below(6) == 0 ? 2000 : 40);
  const int64_t inner = random.below(2) ? 1 : 1 + random.below(300);
  const int64_t total = outer * n * inner;
  Guarded<float> x(total), value(outer * inner), grad(outer * inner), dx(total), var(outer * inner),
      mean(outer * inner);
  Guarded<int64_t> place(outer * inner);
  for (int64_t i = 0; i < total; ++i) x[i] = float(random.below(2) ? random.below(5) : random.normal());
  const bool nan = random.below(4) == 0;
  if (nan) x[random.below(total)] = NAN;
  for (int64_t i = 0; i < outer * inner; ++i) grad[i] = float(random.normal());
  const int64_t shape[] = {outer, n, inner}, small[] = {outer, inner};
  const pynn_array in = {x.data(), shape, nullptr, 3, PYNN_FLOAT32};
  const pynn_array g = {grad.data(), small, nullptr, 2, PYNN_FLOAT32};
  pynn_array values = {value.data(), small, nullptr, 2, PYNN_FLOAT32};
  pynn_array result = {dx.data(), shape, nullptr, 3, PYNN_FLOAT32};
  const int smallest = int(random.below(2));
  CHECK_EQ(pynn_extreme(smallest, &in, 1, 2, place.data(), &values), PYNN_OK);
  CHECK_EQ(pynn_extreme_backward(&in, 1, 2, &values, &g, &result), PYNN_OK);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t j = 0; j < inner; ++j) {
      const auto at = [&](int64_t i) { return x[(o * n + i) * inner + j]; };
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i) {
        const bool held_nan = at(best) != at(best);
        if (!held_nan && (at(i) != at(i) || (smallest ? at(i) < at(best) : at(i) > at(best)))) best = i;
      }
      CHECK_EQ(place[o * inner + j], best);
      CHECK_CLOSE(value[o * inner + j], at(best), 0);
      if (at(best) != at(best)) {  // as in torch
        for (int64_t i = 0; i < n; ++i) CHECK(std::isnan(dx[(o * n + i) * inner + j]));
        continue;
      }
      double ties = 0;
      for (int64_t i = 0; i < n; ++i) ties += at(i) == at(best);
      for (int64_t i = 0; i < n; ++i) {
        const double wanted = at(i) == at(best) ? double(grad[o * inner + j]) / ties : 0;
        CHECK_CLOSE(dx[(o * n + i) * inner + j], wanted, 1e-6 * std::fabs(wanted));
      }
    }
  }
  if (nan) return;
  pynn_array variances = {var.data(), small, nullptr, 2, PYNN_FLOAT32};
  pynn_array means = {mean.data(), small, nullptr, 2, PYNN_FLOAT32};
  const double shift = random.below(2) ? 0 : 1000;
  for (int64_t i = 0; i < total; ++i) x[i] += float(shift);
  CHECK_EQ(pynn_variance(&in, 1, 2, 0, &variances, &means), PYNN_OK);
  CHECK_EQ(pynn_variance_backward(&in, 1, 2, 0, &g, &result), PYNN_OK);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t j = 0; j < inner; ++j) {
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < n; ++i) sum += double(x[(o * n + i) * inner + j]);
      sum /= double(n);
      for (int64_t i = 0; i < n; ++i) {
        const double d = double(x[(o * n + i) * inner + j]) - sum;
        squares += d * d / double(n);
      }
      CHECK_CLOSE(mean[o * inner + j], sum, 2e-6 * (std::fabs(sum) + std::sqrt(squares)));
      CHECK_CLOSE(var[o * inner + j], squares, 1e-5 * squares + 1e-9);
      for (int64_t i = 0; i < n; i += 7) {
        const double scale = 2 * double(grad[o * inner + j]) / double(n);
        const double wanted = scale * (double(x[(o * n + i) * inner + j]) - sum);
        CHECK_CLOSE(dx[(o * n + i) * inner + j], wanted, std::fabs(scale) * (1e-6 * (shift + 10)));
      }
    }
  }
  CHECK(value.intact() && place.intact() && dx.intact() && var.intact() && mean.intact());
}

void test_many_tensors() {
  const int64_t sizes[] = {3, 0, 70000, 1, 300000, 17};
  std::vector<std::vector<float>> tensors;
  std::vector<void*> pointers;
  Random random(5);
  double squares = 0, largest = 0, magnitudes = 0;
  for (int64_t n : sizes) {
    tensors.emplace_back(size_t(n), 0.0f);
    for (float& v : tensors.back()) {
      v = float(random.normal());
      squares += double(v) * double(v);
      magnitudes += std::fabs(double(v));
      largest = std::fmax(largest, std::fabs(double(v)));
    }
  }
  for (auto& t : tensors) pointers.push_back(t.data());
  double norm;
  const void* const* x = pointers.data();
  CHECK_EQ(pynn_total_norm(PYNN_FLOAT32, 6, sizes, x, 2, &norm), PYNN_OK);
  CHECK_CLOSE(norm, std::sqrt(squares), 1e-6 * norm);
  CHECK_EQ(pynn_total_norm(PYNN_FLOAT32, 6, sizes, x, 1, &norm), PYNN_OK);
  CHECK_CLOSE(norm, magnitudes, 1e-6 * norm);
  CHECK_EQ(pynn_total_norm(PYNN_FLOAT32, 6, sizes, x, INFINITY, &norm), PYNN_OK);
  CHECK_EQ(norm, largest);
  CHECK_EQ(pynn_total_norm(PYNN_FLOAT32, 0, nullptr, nullptr, 2, &norm), PYNN_OK);
  CHECK_EQ(norm, 0.0);
  const float before = tensors[4][299999];
  CHECK_EQ(pynn_scale_many(PYNN_FLOAT32, 6, sizes, pointers.data(), 0.5), PYNN_OK);
  CHECK_EQ(tensors[4][299999], before * 0.5f);
  CHECK_EQ(pynn_total_norm(PYNN_FLOAT16, 1, sizes, x, 2, &norm), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_total_norm(PYNN_FLOAT32, -1, sizes, x, 2, &norm), PYNN_INVALID);
  CHECK_EQ(pynn_scale_many(PYNN_FLOAT32, 1, sizes, nullptr, 2), PYNN_INVALID);
}

void test_threads_give_the_same_bits() {
  const int64_t rows = 1200, columns = 1100;
  std::vector<float> x(size_t(rows * columns));
  Random random(2);
  for (float& v : x) v = float(random.normal());
  const int64_t shapes[][3] = {
      {rows, columns, 1}, {1, rows * columns, 1}, {rows * columns / 4, 4, 1}, {8, rows / 8, columns}};
  for (const auto& shape : shapes) {
    for (int mask = 0; mask < 8; ++mask) {
      int64_t kept[3], n = 1;
      for (int i = 0; i < 3; ++i) n *= kept[i] = mask >> i & 1 ? 1 : shape[i];
      const pynn_array in = {x.data(), shape, nullptr, 3, PYNN_FLOAT32};
      std::vector<float> out[2];
      for (int threads : {1, 2}) {
        pynn::set_num_threads(threads);
        out[threads - 1].resize(size_t(n));
        pynn_array result = {out[threads - 1].data(), kept, nullptr, 3, PYNN_FLOAT32};
        CHECK_EQ(pynn_reduce(PYNN_REDUCE_SUM, &in, 0, &result), PYNN_OK);
      }
      CHECK(std::memcmp(out[0].data(), out[1].data(), size_t(n) * sizeof(float)) == 0);
    }
  }
  double norms[2];
  float variances[2];
  int64_t places[2];
  const int64_t all = rows * columns, one = 1;
  const void* pointer = x.data();
  const pynn_array in = {x.data(), &all, nullptr, 1, PYNN_FLOAT32};
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    CHECK_EQ(pynn_total_norm(PYNN_FLOAT32, 1, &all, &pointer, 2, norms + threads - 1), PYNN_OK);
    pynn_array result = {variances + threads - 1, &one, nullptr, 1, PYNN_FLOAT32};
    CHECK_EQ(pynn_variance(&in, 0, 1, 1, &result, nullptr), PYNN_OK);
    CHECK_EQ(pynn_extreme(0, &in, 0, 1, places + threads - 1, nullptr), PYNN_OK);
  }
  CHECK_EQ(norms[0], norms[1]);
  CHECK_EQ(variances[0], variances[1]);
  CHECK_EQ(places[0], places[1]);
}

void test_empty_and_wrong() {
  float in[6] = {1, 2, 3, 4, 5, 6}, out[3] = {9, 9, 9};
  const int64_t empty[] = {0, 3}, row[] = {1, 3}, full[] = {2, 3}, other[] = {2, 2};
  const pynn_array nothing = {in, empty, nullptr, 2, PYNN_FLOAT32};
  const pynn_array x = {in, full, nullptr, 2, PYNN_FLOAT32};
  pynn_array result = {out, row, nullptr, 2, PYNN_FLOAT32};
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_SUM, &nothing, 0, &result), PYNN_OK);
  CHECK(out[0] == 0 && out[2] == 0);
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_PROD, &nothing, 0, &result), PYNN_OK);
  CHECK(out[0] == 1 && out[2] == 1);
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_MEAN, &nothing, 0, &result), PYNN_OK);
  CHECK(std::isnan(out[1]));
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_MAX, &nothing, 0, &result), PYNN_INVALID);
  CHECK_EQ(pynn_reduce(pynn_reduce_op(99), &x, 0, &result), PYNN_INVALID);
  result.dtype = PYNN_FLOAT64;
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_SUM, &x, 0, &result), PYNN_INVALID);
  result.dtype = PYNN_FLOAT32;
  result.shape = other;
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_SUM, &x, 0, &result), PYNN_INVALID);
  CHECK_EQ(pynn_reduce(PYNN_REDUCE_SUM, nullptr, 0, &result), PYNN_INVALID);
  int64_t place;
  CHECK_EQ(pynn_extreme(0, &x, 1, 3, &place, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_extreme(0, &x, 0, 2, nullptr, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_extreme(0, &nothing, 0, 1, &place, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_variance(&x, 0, 2, 1, &result, nullptr), PYNN_INVALID);
  result.shape = full;
  result.data = in;
  CHECK_EQ(pynn_fill(&result, 2.5), PYNN_OK);
  CHECK(in[0] == 2.5f && in[5] == 2.5f);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    Random random(11);
    for (int i = 0; i < 40; ++i) {
      set_context(std::string(isa) + " case " + std::to_string(i));
      random_case<float>(random, i % 2 == 1);
      random_case<double>(random, i % 2 == 1);
      random_case<uint8_t>(random, false);
      random_case<int8_t>(random, false);
      random_case<int16_t>(random, false);
      random_case<int32_t>(random, false);
      random_case<int64_t>(random, false);
      test_places(random);
    }
    set_context(isa);
    test_many_tensors();
    test_threads_give_the_same_bits();
    fuzz([](Random& r) {
      random_case<float>(r, r.below(2) == 1);
      random_case<double>(r, r.below(2) == 1);
      random_case<int32_t>(r, false);
      test_places(r);
    });
  });
  test_empty_and_wrong();
  return summary();
}
