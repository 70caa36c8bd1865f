// Sorting against std::stable_sort: every dtype, short and long rows, ties, NaN, zeros of both signs, any
// dimension.
#include <algorithm>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "pynn/pynn.h"

using namespace pynn::testing;

namespace {

template <class T>
constexpr int kDtype = PYNN_UINT8;
template <>
constexpr int kDtype<float> = PYNN_FLOAT32;
template <>
constexpr int kDtype<double> = PYNN_FLOAT64;
template <>
constexpr int kDtype<int32_t> = PYNN_INT32;
template <>
constexpr int kDtype<int64_t> = PYNN_INT64;

template <class T>
bool before(T a, T b, bool descending) {
  const bool a_nan = a != a, b_nan = b != b;
  if (a_nan || b_nan) return descending ? a_nan && !b_nan : b_nan && !a_nan;
  return descending ? a > b : a < b;
}

template <class T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

template <class T>
void round_of(Random& random) {
  const int64_t outer = 1 + random.below(3), inner = random.below(2) ? 1 : 1 + random.below(5);
  const int64_t n = 1 + random.below(random.below(3) == 0 ? 4000 : 60);
  const int64_t total = outer * n * inner, k = random.below(n + 1), kth = random.below(n);
  const int64_t shape[] = {outer, n, inner}, few[] = {outer, k, inner}, one[] = {outer, 1, inner};
  Guarded<T> x(total), values(total), top(outer * k * inner), selected(outer * inner);
  Guarded<int64_t> places(total), top_places(outer * k * inner), selected_places(outer * inner);
  const bool ties = random.below(2) == 1;
  for (int64_t i = 0; i < total; ++i) {
    x[i] = ties ? T(random.below(7))
                : T(kDtype<T> >= PYNN_FLOAT32 ? T(random.normal() * 1e3) : T(random.bits()));
    if (kDtype<T> >= PYNN_FLOAT32) {
      const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, -NAN};
      if (random.below(9) == 0) x[i] = T(odd[random.below(6)]);
    }
  }
  const int down = int(random.below(2)), nan_first = int(random.below(2));
  const pynn_array in = {x.data(), shape, nullptr, 3, kDtype<T>};
  pynn_array out = {values.data(), shape, nullptr, 3, kDtype<T>};
  pynn_array first = {top.data(), few, nullptr, 3, kDtype<T>};
  pynn_array single = {selected.data(), one, nullptr, 3, kDtype<T>};
  CHECK_EQ(pynn_sort(&in, 1, down, &out, places.data()), PYNN_OK);
  CHECK_EQ(pynn_topk(&in, k, 1, down, &first, top_places.data()), PYNN_OK);
  CHECK_EQ(pynn_select(&in, kth, 1, nan_first, &single, selected_places.data()), PYNN_OK);
  std::vector<int64_t> order, ascending;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const auto at = [&](int64_t place) { return x[(o * n + place) * inner + i]; };
      order.resize(size_t(n));
      for (int64_t j = 0; j < n; ++j) order[size_t(j)] = j;
      ascending = order;
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return before(at(a), at(b), down != 0); });
      std::stable_sort(ascending.begin(), ascending.end(),
                       [&](int64_t a, int64_t b) { return before(at(a), at(b), false); });
      for (int64_t j = 0; j < n; ++j) {
        const int64_t to = (o * n + j) * inner + i;
        CHECK_EQ(places[to], order[size_t(j)]);
        CHECK(same(values[to], at(order[size_t(j)])));
      }
      for (int64_t j = 0; j < k; ++j) {
        const int64_t to = (o * k + j) * inner + i;
        CHECK_EQ(top_places[to], order[size_t(j)]);
        CHECK(same(top[to], at(order[size_t(j)])));
      }
      int64_t wanted = ascending[size_t(kth)];
      for (int64_t j = n - 1; j >= 0 && nan_first; --j) {
        if (at(j) != at(j)) wanted = j;
      }
      CHECK_EQ(selected_places[o * inner + i], wanted);
      CHECK(same(selected[o * inner + i], at(wanted)));
    }
  }
  CHECK(values.intact() && places.intact() && top.intact() && top_places.intact() && selected.intact() &&
        selected_places.intact());
}

template <class T>
void round_of_put(Random& random) {
  const int64_t outer = random.below(4), n = 1 + random.below(40), inner = 1 + random.below(9),
                k = random.below(50);
  const int64_t shape[] = {outer, n, inner}, few[] = {outer, k, inner};
  Guarded<T> grad(outer * k * inner), dx(outer * n * inner);
  Guarded<int64_t> places(grad.size());
  std::vector<double> wanted(size_t(dx.size()), 0);
  for (int64_t i = 0; i < grad.size(); ++i) {
    grad[i] = T(random.below(9));
    places[i] = random.below(n);
    wanted[size_t((i / (k * inner) * n + places[i]) * inner + i % inner)] += double(grad[i]);
  }
  const pynn_array in = {grad.data(), few, nullptr, 3, kDtype<T>};
  pynn_array out = {dx.data(), shape, nullptr, 3, kDtype<T>};
  CHECK_EQ(pynn_put_along(&in, places.data(), 1, &out), PYNN_OK);
  for (int64_t i = 0; i < dx.size(); ++i) CHECK_EQ(double(dx[i]), wanted[size_t(i)]);
  if (grad.size() > 0) {
    places[grad.size() - 1] = n;
    CHECK_EQ(pynn_put_along(&in, places.data(), 1, &out), PYNN_INVALID);
    places[grad.size() - 1] = -1;
    CHECK_EQ(pynn_put_along(&in, places.data(), 1, &out), PYNN_INVALID);
  }
  CHECK(dx.intact());
}

void test_threads_give_the_same_order() {
  Random random(4);
  const int64_t shape[] = {64, 3000};
  std::vector<float> x(192000), values(x);
  std::vector<int64_t> places[2] = {std::vector<int64_t>(x.size()), std::vector<int64_t>(x.size())};
  for (float& v : x) v = float(random.below(500));
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    const pynn_array in = {x.data(), shape, nullptr, 2, PYNN_FLOAT32};
    pynn_array out = {values.data(), shape, nullptr, 2, PYNN_FLOAT32};
    CHECK_EQ(pynn_sort(&in, 1, 0, &out, places[threads - 1].data()), PYNN_OK);
  }
  CHECK(places[0] == places[1]);
}

void test_wrong_arguments() {
  float in[6] = {3, 1, 2, 6, 5, 4}, out[6];
  int64_t places[6];
  const int64_t shape[] = {2, 3}, none[] = {2, 0};
  const pynn_array x = {in, shape, nullptr, 2, PYNN_FLOAT32}, empty = {in, none, nullptr, 2, PYNN_FLOAT32};
  pynn_array y = {out, shape, nullptr, 2, PYNN_FLOAT32};
  CHECK_EQ(pynn_sort(&x, 2, 0, &y, places), PYNN_INVALID);
  CHECK_EQ(pynn_sort(&x, 1, 0, &y, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_sort(&x, 1, 0, nullptr, places), PYNN_OK);
  CHECK_EQ(places[0], int64_t(1));
  CHECK_EQ(pynn_sort(nullptr, 1, 0, &y, places), PYNN_INVALID);
  CHECK_EQ(pynn_topk(&x, 4, 1, 1, &y, places), PYNN_INVALID);
  CHECK_EQ(pynn_topk(&x, 2, 1, 1, &y, places), PYNN_INVALID);  // y has room for 3
  CHECK_EQ(pynn_select(&x, 3, 1, 0, nullptr, places), PYNN_INVALID);
  CHECK_EQ(pynn_sort(&empty, 1, 0, nullptr, nullptr), PYNN_OK);
  const pynn_array half = {in, shape, nullptr, 2, PYNN_FLOAT16};
  CHECK_EQ(pynn_sort(&half, 1, 0, nullptr, places), PYNN_UNSUPPORTED);
}

}  // namespace

int main() {
  const auto all = [](Random& r) {
    round_of<float>(r);
    round_of<double>(r);
    round_of<int32_t>(r);
    round_of<int64_t>(r);
    round_of<uint8_t>(r);
    round_of_put<float>(r);
    round_of_put<double>(r);
  };
  Random random(1);
  for (int i = 0; i < 40; ++i) all(random);
  fuzz(all);
  test_threads_give_the_same_order();
  test_wrong_arguments();
  return summary();
}
