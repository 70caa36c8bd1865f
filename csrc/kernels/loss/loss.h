// Losses: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace loss {

// Elements that are added in lanes of T before they join the others' in float64.
constexpr int64_t kBlock = 2048;
// Elements a thread takes at a time, some 10 to 20 us of work.
constexpr int64_t kChunk = 16 * kBlock;

// Of one kind of loss; up to kBlock elements for total().
template <class T>
struct Elementwise {
  double (*total)(int64_t n, const T* x, const T* y, const double* options);
  void (*each)(int64_t n, const T* x, const T* y, const double* options, T* out);
  // out = g * d loss / d x, and by y; `g` of every element, or one of all where g_step is 0
  void (*slope)(int64_t n, const T* g, int64_t g_step, T factor, const T* x, const T* y, const double* options,
                T* out);
  void (*target_slope)(int64_t n, const T* g, int64_t g_step, T factor, const T* x, const T* y,
                       const double* options, T* out);
};

// Logits or log-probabilities of classes: element (i, class c) of sample i lies at
//   planes: n * sample + c * channel + s for i = n * inner + s
//   rows:   i * sample + c, with inner 1
template <class T>
struct Classes {
  int64_t samples, classes, inner;
  const T* x;
  int64_t sample, channel;
  const int64_t* target;  // of each i
  const T* weight;        // of each class; nullptr: 1
  double weight_total;    // of all classes
  int64_t ignore_index;
  double smoothing;
  int64_t count() const { return samples * inner; }
};
template <class T>
struct ClassGradient {
  T* dx;
  int64_t sample, channel;  // as of x
  const T* g;               // of each i, or one of all where g_step is 0
  int64_t g_step;
  double divisor;
};

// Positions [first, last) of the inner dimension of sample n, or rows [first, last) where inner is 1.
template <class T>
struct ClassKernels {
  void (*losses)(const Classes<T>& c, int64_t n, int64_t first, int64_t last, T* out);
  void (*gradient)(const Classes<T>& c, int64_t n, int64_t first, int64_t last, const ClassGradient<T>& to);
};

template <class T>
struct Kernels {
  Elementwise<T> elementwise[PYNN_LOSS_COUNT];
  ClassKernels<T> planes, rows;  // of cross-entropy
};
using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use

template <class T>
bool total(int kind, int64_t n, const T* x, const T* y, const double* options, double* out);
template <class T>
void each(int kind, int64_t n, const T* x, const T* y, const double* options, T* out);
// by_target: the derivative by y instead of x
template <class T>
void slope(int kind, bool by_target, int64_t n, const T* g, int64_t g_step, double factor, const T* x,
           const T* y, const double* options, T* out);

// The loss of each i, 0 where the target is ignore_index; log_probabilities: x holds those already (nll_loss).
template <class T>
void class_losses(bool log_probabilities, const Classes<T>& c, T* out);
template <class T>
void class_gradient(bool log_probabilities, const Classes<T>& c, const ClassGradient<T>& to);

}  // namespace loss
}  // namespace pynn
