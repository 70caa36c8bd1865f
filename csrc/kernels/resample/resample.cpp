#include "kernels/resample/resample.h"

#include <algorithm>
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

// Memory of the arena that is asked for later than its owner is made.
class Memory {
 public:
  Memory() = default;
  ~Memory() { arena_free(block_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  int64_t* take(size_t bytes) { return static_cast<int64_t*>(block_ = arena_alloc(bytes)); }

 private:
  void* block_ = nullptr;
};

// The tables of one dimension, an Axis.
template <class T>
class AxisTables {
 public:
  using Near = typename Axis<T>::Near;
  Axis<T> axis = {};

  // What each output is made of.
  bool forward(const Task& task, int which) {
    const bool same = task.in[which] == task.out[which] && !(task.scale[which] > 0 && task.scale[which] != 1);
    const int taps = same ? 1 : taps_of(task.mode);  // a dimension that stays as it is takes one
    if (!reserve(task.in[which], task.out[which], taps * task.out[which])) return false;
    axis.plain = same;
    for (int64_t i = 0; i <= axis.out; ++i) start_[i] = taps * i;
    const double scale = task.scale[which] > 0 ? task.scale[which] : double(axis.in) / double(axis.out);
    for (int64_t i = 0; i < axis.out; ++i) fill(task, taps, scale, i, indices_ + taps * i, weights_ + taps * i);
    return true;
  }

  // The adjoint: what each input went to, in the order of the outputs. Where it went by a weight of 0 nothing comes
  // back, not even NaN of an infinite gradient.
  bool transpose(const AxisTables& other) {
    const Axis<T>& from = other.axis;
    const int64_t entries = from.start[from.out];
    if (!reserve(from.out, from.in, entries)) return false;
    axis.plain = from.plain;
    std::fill(start_, start_ + axis.out + 1, 0);
    for (int64_t k = 0; k < entries; ++k) start_[from.indices[k] + 1] += from.weights[k] != 0;
    for (int64_t i = 0; i < axis.out; ++i) start_[i + 1] += start_[i];
    for (int64_t i = 0; i < from.out; ++i) {
      for (int64_t k = from.start[i]; k < from.start[i + 1]; ++k) {
        if (from.weights[k] == 0) continue;
        const int64_t place = start_[from.indices[k]]++;
        indices_[place] = i;
        weights_[place] = from.weights[k];
      }
    }
    for (int64_t i = axis.out; i > 0; --i) start_[i] = start_[i - 1];
    start_[0] = 0;
    return true;
  }

  // Axis::near where the inputs lie near enough, and filling up the taps costs little.
  void bring_near(int lanes) {
    int64_t taps = 0;
    for (int64_t i = 0; i < axis.out; ++i) taps = most(taps, axis.start[i + 1] - axis.start[i]);
    const int64_t entries = taps * axis.out, vectors = lanes > 0 ? ceil_div(axis.out, lanes) : 0;
    if (lanes == 0 || entries > 2 * axis.start[axis.out] + 64) return;
    int64_t* base = near_memory_.take(size_t(vectors) * sizeof(int64_t) + size_t(entries) * (sizeof(Near) + sizeof(T)));
    if (base == nullptr) return;
    Near* near = reinterpret_cast<Near*>(base + vectors);
    T* weights = reinterpret_cast<T*>(near + entries);
    std::fill(near, near + entries, Near(0));
    std::fill(weights, weights + entries, T(0));
    for (int64_t v = 0; v < vectors; ++v) {
      const int64_t first = v * lanes, end = least(axis.out, first + lanes);
      int64_t low = axis.in - 1, high = 0;
      for (int64_t k = axis.start[first]; k < axis.start[end]; ++k) {
        low = least(low, axis.indices[k]);
        high = most(high, axis.indices[k]);
      }
      if (high - low >= 2 * lanes) return;
      base[v] = low;
      for (int64_t i = first; i < end; ++i) {
        for (int64_t k = axis.start[i]; k < axis.start[i + 1]; ++k) {
          const int64_t place = (k - axis.start[i]) * axis.out + i;
          near[place] = Near(axis.indices[k] - low);
          weights[place] = axis.weights[k];
        }
      }
    }
    axis.taps = int(taps);
    axis.filled = entries != axis.start[axis.out];
    axis.near = near;
    axis.near_weights = weights;
    axis.base = base;
  }

 private:
  bool reserve(int64_t in, int64_t out, int64_t entries) {
    start_ = memory_.take(size_t(out + 1 + entries) * sizeof(int64_t) + size_t(entries) * sizeof(T));
    if (start_ == nullptr) return false;
    indices_ = start_ + out + 1;
    weights_ = reinterpret_cast<T*>(indices_ + entries);
    axis.in = in;
    axis.out = out;
    axis.start = start_;
    axis.indices = indices_;
    axis.weights = weights_;
    return true;
  }

  void fill(const Task& task, int taps, double scale, int64_t i, int64_t* indices, T* weights) const {
    const int64_t in = axis.in, out = axis.out;
    if (taps == 1) {
      const double shift = task.mode == PYNN_RESAMPLE_NEAREST_EXACT ? 0.5 : 0.0;
      indices[0] = axis.plain ? i : clamp(int64_t(std::floor((double(i) + shift) * scale)), in);
      weights[0] = 1;
      return;
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
      indices[t] = clamp(low + offset, in);
      weights[t] = T(taps == 2 ? (t == 0 ? 1 - part : part) : cubic(part - offset));
    }
  }

  Memory memory_, near_memory_;
  int64_t *start_ = nullptr, *indices_ = nullptr;
  T* weights_ = nullptr;
};

template <class T>
bool run(const Task& task, bool backward, const T* x, T* out) {
  const auto kernel = table().of<T>();
  Geometry<T> g;
  g.planes = task.planes;
  g.copies = !backward && taps_of(task.mode) == 1;
  AxisTables<T> forward[3], transposed[3];
  int64_t rows = 1;  // of x that an output row is made of
  for (int i = 0; i < 3; ++i) {
    AxisTables<T>& tables = backward ? transposed[i] : forward[i];
    if (!forward[i].forward(task, i) || (backward && !tables.transpose(forward[i]))) return false;
    if (i == 2 && !g.copies && !tables.axis.plain) tables.bring_near(kernel.lanes);
    g.axis[i] = tables.axis;
    if (i < 2) rows *= ceil_div(tables.axis.start[tables.axis.out], tables.axis.out);
  }
  const Axis<T>& wide = g.axis[2];
  g.twice = g.copies && wide.out == 2 * wide.in;
  for (int64_t i = 0; g.twice && i < wide.out; ++i) g.twice = wide.indices[i] == i / 2;
  // A row's work in single elements: vectors do eight in the time of one.
  const int64_t across = wide.start[wide.out] / (wide.near != nullptr ? 8 : 1);
  const int64_t work = g.copies ? wide.out / 2 : wide.in * rows / 8 + across + 16;
  std::atomic<bool> ok{true};
  parallel_ranges(g.rows_out(), most(1, kChunk / most(1, work)), [&](int64_t first, int64_t last) {
    const Scratch row(size_t(wide.in + 2 * kernel.lanes) * sizeof(T));
    if (row) {
      kernel.resize(g, first, last, x, out, row.as<T>());
    } else {
      ok = false;
    }
  });
  return ok;
}

}  // namespace

template <class T>
bool run_forward(const Task& task, const T* x, T* out) {
  return run(task, false, x, out);
}

template <class T>
bool run_backward(const Task& task, const T* grad, T* dx) {
  return run(task, true, grad, dx);
}

template bool run_forward<float>(const Task&, const float*, float*);
template bool run_forward<double>(const Task&, const double*, double*);
template bool run_backward<float>(const Task&, const float*, float*);
template bool run_backward<double>(const Task&, const double*, double*);

}  // namespace resample
}  // namespace pynn
