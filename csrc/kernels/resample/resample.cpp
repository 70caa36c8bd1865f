#include "kernels/resample/resample.h"

#include <atomic>
#include <cmath>

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"

#define PYNN_FAMILY resample
#define PYNN_KERNELS "kernels/resample/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace resample {
namespace {

constexpr int64_t kChunk = 24 << 10;  // elements that a thread makes at a time
constexpr double kCubic = -0.75;      // the free parameter of Keys' kernel, as torch sets it

int taps_of(pynn_resample_mode mode) {
  return mode == PYNN_RESAMPLE_LINEAR ? 2 : mode == PYNN_RESAMPLE_CUBIC ? 4 : 1;
}

int64_t clamp(int64_t i, int64_t size) { return most(0, least(i, size - 1)); }

// Keys' convolution kernel at a distance of d.
double cubic(double d) {
  d = std::fabs(d);
  if (d <= 1) return ((kCubic + 2) * d - (kCubic + 3)) * d * d + 1;
  return kCubic * (((d - 5) * d + 8) * d - 4);
}

template <class T>
void fill_axis(const Task& task, int which, int taps, int64_t* indices, T* weights) {
  const int64_t in = task.in[which], out = task.out[which];
  const double scale = task.scale[which] > 0 ? task.scale[which] : double(in) / double(out);
  for (int64_t i = 0; i < out; ++i) {
    if (taps == 1) {
      const double shift = task.mode == PYNN_RESAMPLE_NEAREST_EXACT ? 0.5 : 0.0;
      indices[i] = clamp(int64_t(std::floor((double(i) + shift) * scale)), in);
      weights[i] = 1;
      continue;
    }
    double at = task.align_corners ? (out > 1 ? double(i) * (double(in - 1) / double(out - 1)) : 0.0)
                                   : (double(i) + 0.5) * scale - 0.5;
    if (taps == 2) at = at > 0 ? at : 0;
    int64_t low = int64_t(std::floor(at));
    if (taps == 2) low = least(low, in - 1);
    double part = at - double(low);
    if (taps == 2 && part > 1) part = 1;  // far beyond the edge
    for (int t = 0; t < taps; ++t) {
      const int offset = taps == 2 ? t : t - 1;
      indices[t * out + i] = clamp(low + offset, in);
      weights[t * out + i] = T(taps == 2 ? (t == 0 ? 1 - part : part) : cubic(part - offset));
    }
  }
}

template <class T>
class Plan {
 public:
  explicit Plan(const Task& task) : tables_(bytes(task)) {
    if (!tables_) return;
    int64_t* indices = tables_.as<int64_t>();
    T* weights = reinterpret_cast<T*>(indices + entries(task));
    g.planes = task.planes;
    g.copies = taps_of(task.mode) == 1;
    for (int i = 0; i < 3; ++i) {
      const int taps = taps_along(task, i);
      fill_axis(task, i, taps, indices, weights);
      g.axis[i] = {task.in[i], task.out[i], taps, indices, weights};
      indices += taps * task.out[i];
      weights += taps * task.out[i];
    }
    const Axis<T>& wide = g.axis[2];
    g.twice = wide.taps == 1 && wide.out == 2 * wide.in;
    for (int64_t i = 0; g.twice && i < wide.out; ++i) g.twice = wide.indices[i] == i / 2;
  }
  explicit operator bool() const { return bool(tables_); }
  Geometry<T> g;

 private:
  // A dimension that stays as it is takes one tap.
  static int taps_along(const Task& task, int i) {
    const bool same = task.in[i] == task.out[i] && !(task.scale[i] > 0 && task.scale[i] != 1);
    return same ? 1 : taps_of(task.mode);
  }
  static int64_t entries(const Task& task) {
    int64_t n = 0;
    for (int i = 0; i < 3; ++i) n += taps_along(task, i) * task.out[i];
    return n;
  }
  static size_t bytes(const Task& task) { return size_t(entries(task)) * (sizeof(int64_t) + sizeof(T)); }
  Scratch tables_;
};

template <class T, class F>
bool over(int64_t n, int64_t work, int64_t row, const F& f) {
  std::atomic<bool> ok{true};
  parallel_ranges(n, most(1, kChunk / most(1, work)), [&](int64_t first, int64_t last) {
    const Scratch scratch(size_t(row) * sizeof(T));
    if (scratch) {
      f(first, last, scratch.as<T>());
    } else {
      ok = false;
    }
  });
  return ok;
}

}  // namespace

template <class T>
bool run_forward(const Task& task, const T* x, T* out) {
  const Plan<T> plan(task);
  if (!plan) return false;
  const Geometry<T>& g = plan.g;
  const auto kernel = table().of<T>().forward;
  const int64_t work = g.copies ? g.axis[2].out : g.axis[2].out * g.axis[2].taps + g.axis[2].in * g.axis[1].taps;
  return over<T>(g.rows_out(), work, g.axis[2].in,
                 [&](int64_t first, int64_t last, T* row) { kernel(g, first, last, x, out, row); });
}

template <class T>
bool run_backward(const Task& task, const T* grad, T* dx) {
  const Plan<T> plan(task);
  if (!plan) return false;
  const Geometry<T>& g = plan.g;
  const auto kernel = table().of<T>().backward;
  const int64_t work = g.plane_in() + g.plane_out() * g.axis[2].taps;
  return over<T>(g.planes, work, g.axis[2].in,
                 [&](int64_t first, int64_t last, T* row) { kernel(g, first, last, grad, dx, row); });
}

template bool run_forward<float>(const Task&, const float*, float*);
template bool run_forward<double>(const Task&, const double*, double*);
template bool run_backward<float>(const Task&, const float*, float*);
template bool run_backward<double>(const Task&, const double*, double*);

}  // namespace resample
}  // namespace pynn
