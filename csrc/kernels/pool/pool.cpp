#include "kernels/pool/pool.h"

#include <algorithm>
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"

#define PYNN_FAMILY pool
#define PYNN_KERNELS "kernels/pool/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace pool {
namespace {

// Elements read or written that a thread takes at a time, some 10 us of work.
constexpr int64_t kChunk = 48 << 10;

// What a call needs beside its arrays: ranges and counts by dimension, on the stack where they are few.
template <class T>
class Plan {
 public:
  explicit Plan(const Task& task) {
    const int64_t windows = task.out[0] + task.out[1] + task.out[2];
    if (windows > kFew) {
      large_ = arena_alloc(size_t(windows) * (sizeof(Range) + sizeof(T)));
      if (large_ == nullptr) return;
    }
    Range* ranges = windows > kFew ? static_cast<Range*>(large_) : few_;
    counts_ = windows > kFew ? reinterpret_cast<T*>(ranges + windows) : few_counts_;
    g.planes = task.planes;
    g.bins = task.windows == nullptr;
    int64_t rows = 1;
    for (int i = 0; i < 3; ++i) {
      g.in[i] = task.in[i];
      g.out[i] = task.out[i];
      g.step[i] = g.bins ? 1 : task.windows->dilation[i];
      g.range[i] = ranges;
      int64_t longest = 0;
      for (int64_t o = 0; o < task.out[i]; ++o) {
        ranges[o] = range(task, i, o);
        longest = most(longest, ranges[o].taps);
      }
      if (i < 2) rows *= longest;
      ranges += task.out[i];
    }
    for (int64_t o = 0; o < task.out[2]; ++o) counts_[o] = T(g.range[2][o].count);
    g.window_rows = rows;
    along_width(task);
    g.whole = g.plane_out() == 1 && (g.bins || (task.divisor == 0 && covers(0) && covers(1) && covers(2)));
    ok_ = true;
  }
  ~Plan() { arena_free(large_); }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  explicit operator bool() const { return ok_; }
  const T* counts() const { return counts_; }

  Geometry g;

 private:
  static constexpr int64_t kFew = 64;

  static Range range(const Task& task, int i, int64_t o) {
    const int64_t in = task.in[i];
    if (task.windows == nullptr) {
      const int64_t begin = o * in / task.out[i], end = ceil_div((o + 1) * in, task.out[i]);
      return {begin, end, end - begin, end - begin};
    }
    const pynn_pool& p = *task.windows;
    const int64_t start = o * p.stride[i] - p.padding[i], step = p.dilation[i];
    const int64_t reach = start + (p.kernel[i] - 1) * step + 1;
    const int64_t begin = start < 0 ? start + ceil_div(-start, step) * step : start, end = least(reach, in);
    int64_t count = task.count_include_pad ? least(reach, in + p.padding[i]) - start : end - begin;
    if (task.divisor != 0) count = i < 2 ? 1 : task.divisor;
    const int64_t from = least(begin, in), to = most(from, end);
    return {from, to, ceil_div(to - from, step), count};
  }

  bool covers(int i) const { return g.range[i][0].begin == 0 && g.range[i][0].end == g.in[i] && g.step[i] == 1; }

  void along_width(const Task& task) {
    g.kernel = g.stride = 1;
    g.pad = 0;
    g.halves = false;
    if (!g.bins) {
      const pynn_pool& p = *task.windows;
      g.pad = p.padding[2];
      g.kernel = least(p.kernel[2], (g.in[2] - 1 + g.pad) / g.step[2] + 1);
      g.stride = g.out[2] > 1 ? p.stride[2] : 1;
      g.halves = p.kernel[0] == 1 && p.stride[0] == 1 && g.in[0] == g.out[0];
      for (int i = 1; i < 3; ++i) {
        g.halves = g.halves && p.kernel[i] == 2 && p.stride[i] == 2 && p.padding[i] == 0 && p.dilation[i] == 1 &&
                   2 * g.out[i] <= g.in[i];
      }
    }
    const int64_t windows = g.stride > 2 ? round_up(g.out[2], kSlack / 2) : g.out[2];  // whole vectors of them
    const int64_t reach = (windows - 1) * g.stride + (g.kernel - 1) * g.step[2] + 1;
    g.buffer = round_up(most(reach, g.pad + g.in[2]) + kSlack, 16);
    g.margin = (g.kernel - 1) * g.step[2];
    const int64_t taps = g.window_rows * g.kernel, rows = g.window_rows * g.buffer;
    const bool found = !g.bins && taps <= kMostTaps && most(rows, g.in[0] * g.in[1]) <= INT32_MAX;
    g.finder = found ? rows + round_up(taps + 2 * g.window_rows, 16) : 0;
    g.line = round_up(g.margin + most(g.in[2] + g.pad, g.out[2]) + kSlack, 16);
  }

  bool ok_ = false;
  void* large_ = nullptr;
  T* counts_ = nullptr;
  Range few_[kFew];
  T few_counts_[kFew];
};

// f(first, last, scratch) over n pieces of `work` elements each, with a buffer of `elements` for each call.
template <class T, class F>
bool over(int64_t n, int64_t work, int64_t elements, const F& f) {
  std::atomic<bool> ok{true};
  parallel_ranges(n, most(1, kChunk / most(1, work)), [&](int64_t first, int64_t last) {
    if (elements == 0) {
      f(first, last, static_cast<T*>(nullptr));
      return;
    }
    Scratch scratch(size_t(elements) * sizeof(T));
    if (scratch) {
      f(first, last, scratch.as<T>());
    } else {
      ok = false;
    }
  });
  return ok;
}

// Elements that one output row costs.
int64_t row_work(const Geometry& g) {
  return g.whole ? g.plane_in() : g.in[2] * g.window_rows + g.out[2] * g.kernel;
}

int64_t plane_work(const Geometry& g) { return g.plane_in() + g.out[0] * g.out[1] * row_work(g); }

}  // namespace

template <class T>
bool run_max(const Task& task, const T* x, T* out, int64_t* indices) {
  const Plan<T> plan(task);
  if (!plan) return false;
  const Geometry& g = plan.g;
  const auto& kernels = table().of<T>();
  int64_t elements = g.halves ? 0 : kTogether * g.buffer;
  if (indices != nullptr) elements = g.finder != 0 ? g.finder + g.out[2] + kSlack : 0;
  return over<T>(g.rows_out(), (indices != nullptr ? 4 : 1) * row_work(g), elements,
                 [&](int64_t first, int64_t last, T* scratch) {
                   if (indices != nullptr) {
                     kernels.max_indices(g, first, last, x, out, indices, scratch);
                   } else {
                     kernels.max(g, first, last, x, out, scratch);
                   }
                 });
}

template <class T>
bool run_max_backward(const Task& task, const T* grad, const T* x, T* dx) {
  const Plan<T> plan(task);
  if (!plan) return false;
  const Geometry& g = plan.g;
  const auto kernel = table().of<T>().max_backward;
  int64_t elements = g.halves ? 0 : g.finder;
  if (elements != 0) {
    elements += g.stride <= 2 ? 2 * g.out[0] * g.out[1] * g.line + g.window_rows * g.kernel : g.out[2] + kSlack;
  }
  return over<T>(g.planes, 2 * plane_work(g), elements, [&](int64_t first, int64_t last, T* scratch) {
    kernel(g, first, last, grad, x, dx, scratch);
  });
}

template <class T>
bool run_average(const Task& task, const T* x, T* out) {
  const Plan<T> plan(task);
  if (!plan) return false;
  const Geometry& g = plan.g;
  const auto kernel = table().of<T>().average;
  return over<T>(g.rows_out(), row_work(g), g.halves || g.whole ? 0 : kTogether * g.buffer,
                 [&](int64_t first, int64_t last, T* scratch) {
                   kernel(g, first, last, x, plan.counts(), out, scratch);
                 });
}

template <class T>
bool run_average_backward(const Task& task, const T* grad, T* dx) {
  const Plan<T> plan(task);
  if (!plan) return false;
  const Geometry& g = plan.g;
  const auto kernel = table().of<T>().average_backward;
  return over<T>(g.planes, plane_work(g), g.whole || g.halves ? 0 : g.line + g.plane_out(),
                 [&](int64_t first, int64_t last, T* scratch) {
                   kernel(g, first, last, grad, plan.counts(), dx, scratch);
                 });
}

template <class T>
bool run_scatter(int64_t planes, int64_t size_in, int64_t size_out, const T* grad, const int64_t* indices,
                 T* dx) {
  for (int64_t i = 0; i < planes * size_out; ++i) {
    if (uint64_t(indices[i]) >= uint64_t(size_in)) return false;
  }
  parallel_ranges(planes, most(1, kChunk / (size_in + 2 * size_out + 1)), [&](int64_t first, int64_t last) {
    std::fill(dx + first * size_in, dx + last * size_in, T(0));
    for (int64_t p = first; p < last; ++p) {
      const T* from = grad + p * size_out;
      const int64_t* at = indices + p * size_out;
      T* to = dx + p * size_in;
      for (int64_t i = 0; i < size_out; ++i) to[at[i]] += from[i];
    }
  });
  return true;
}

#define PYNN_INSTANTIATE(T)                                                 \
  template bool run_max<T>(const Task&, const T*, T*, int64_t*);            \
  template bool run_max_backward<T>(const Task&, const T*, const T*, T*);   \
  template bool run_average<T>(const Task&, const T*, T*);                  \
  template bool run_average_backward<T>(const Task&, const T*, T*);         \
  template bool run_scatter<T>(int64_t, int64_t, int64_t, const T*, const int64_t*, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace pool
}  // namespace pynn
