// Row-wise softmax kernels: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace softmax {

struct Rows {  // rows x cols of one operand
  const float* data;
  int64_t stride;
};
struct OutRows {
  float* data;
  int64_t stride;
};

struct Backward {
  const pynn_cross_entropy* args;
  const float* stats;
  const float* grad;
  int64_t grad_stride;
  float divisor;       // 1 where there is none
  float weight_total;  // of all classes
  OutRows dx;
};

// Every function works on rows first <= r < last.
struct Table {
  const char* isa;
  void (*forward[2])(int64_t first, int64_t last, int64_t cols, Rows x, OutRows out);  // softmax, log
  void (*backward[2])(int64_t first, int64_t last, int64_t cols, Rows grad, Rows y,
                      OutRows dx);  // of the same
  void (*loss)(int64_t first, int64_t last, const pynn_cross_entropy& args, float weight_total, float* loss,
               float* stats);
  void (*loss_backward)(int64_t first, int64_t last, const Backward& args);
};

const Table& table();  // of the ISA in use

void run_forward(bool log, int64_t rows, int64_t cols, Rows x, OutRows out);
void run_backward(bool log, int64_t rows, int64_t cols, Rows grad, Rows y, OutRows dx);
void run_loss(const pynn_cross_entropy& args, float* loss, float* stats);
void run_loss_backward(const Backward& args);
float total_weight(const pynn_cross_entropy& args);  // of all classes

}  // namespace softmax
}  // namespace pynn
