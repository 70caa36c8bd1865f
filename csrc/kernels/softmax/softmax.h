// Row-wise softmax kernels: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace softmax {

template <class T>
struct Rows {  // rows x cols of one operand
  T* data;
  int64_t stride;
};

enum Op { kSoftmax, kLogSoftmax, kLogSumExp };

// Rows: row r is one vector of `cols` neighbours, first <= r < last. Columns: elements first <= i < last of
// `inner` neighbours, each with cols - 1 others at distances of `inner`.
template <class T>
struct Kernels {
  void (*rows[3])(int64_t first, int64_t last, int64_t cols, Rows<const T> x, Rows<T> out);  // by Op
  void (*backward_rows[2])(int64_t first, int64_t last, int64_t cols, Rows<const T> grad, Rows<const T> y,
                           Rows<T> dx);
  void (*columns[3])(int64_t first, int64_t last, int64_t cols, int64_t inner, const T* x, T* out);
  void (*backward_columns[2])(int64_t first, int64_t last, int64_t cols, int64_t inner, const T* grad, const T* y,
                              T* dx);
};

struct Backward {
  const pynn_cross_entropy* args;
  const float* stats;
  const float* grad;
  int64_t grad_stride;
  float divisor;       // 1 where there is none
  float weight_total;  // of all classes
  Rows<float> dx;
};

// loss and loss_backward work on rows first <= r < last.
struct Table : FloatTable<Kernels> {
  void (*loss)(int64_t first, int64_t last, const pynn_cross_entropy& args, float weight_total, float* loss,
               float* stats);
  void (*loss_backward)(int64_t first, int64_t last, const Backward& args);
};

const Table& table();  // of the ISA in use

template <class T>
void run_forward(Op op, int64_t rows, int64_t cols, Rows<const T> x, Rows<T> out);
template <class T>
void run_backward(Op op, int64_t rows, int64_t cols, Rows<const T> grad, Rows<const T> y, Rows<T> dx);
// Over contiguous (outer, cols, inner) arrays, along cols; the result of kLogSumExp is (outer, inner).
template <class T>
void run_along(Op op, int64_t outer, int64_t cols, int64_t inner, const T* x, T* out);
template <class T>
void run_backward_along(Op op, int64_t outer, int64_t cols, int64_t inner, const T* grad, const T* y, T* dx);
void run_loss(const pynn_cross_entropy& args, float* loss, float* stats);
void run_loss_backward(const Backward& args);
float total_weight(const pynn_cross_entropy& args);  // of all classes

}  // namespace softmax
}  // namespace pynn
