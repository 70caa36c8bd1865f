// Attention by blocks: what each instruction set brings (rows of scores to weights and back), and the loops
// around it. Products are the matmul family's tiles.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/attention.h"

namespace pynn {
namespace attention {

// A block of scores, rows of queries against columns of keys, on its way to weights.
template <class T>
struct Block {
  T* scores;
  int64_t step;
  int64_t rows, cols;
  int64_t visible;  // the columns that row 0 sees; each row sees one more
  const T* bias;    // added to the scores, or nullptr
  int64_t bias_step;
  // Dropout's words, or nullptr: row r's begin at words + r * words_step + (first + r * stride) % 4.
  const uint32_t* words;
  int64_t words_step, first, stride;
  uint32_t threshold;  // dropped where word >> 8 is below it
  T keep;              // what the others are multiplied by
};

template <class T>
struct Kernels {
  // Online softmax (Milakov and Gimelshein, arXiv:1805.02867): scores become exp(score - most), most and sum
  // go on, and factor is what rows summed so far are to be multiplied by. False where all factors are 1.
  bool (*soften)(const Block<T>&, T* most, T* sum, T* factor);
  // rows[i] *= factor[i]
  void (*rescale)(T* rows, int64_t step, int64_t count, int64_t cols, const T* factor);
  // rows[i] /= sum[i], zeros for a sum of 0; lse[i] = most[i] + log(sum[i])
  void (*finish)(T* rows, int64_t step, int64_t count, int64_t cols, const T* most, const T* sum, T* lse);
  // With p = exp(score - lse): scores become p * dropout, and gradients (of the weights; they lie as the
  // scores) p * (gradient * dropout - delta) * scale.
  void (*recover)(const Block<T>&, T* gradients, const T* lse, const T* delta, T scale);
  // out[i] = sum of a[i, j] b[i, j]
  void (*row_dots)(const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t rows, int64_t cols,
                   T* out);
  // out[i] = keep[i] ? 0 : -infinity
  void (*expand)(const uint8_t* keep, int64_t n, T* out);
};

using Table = FloatTable<Kernels>;
const Table& table();  // of the ISA in use

// One operand's place by batch: bytes are counted in elements.
struct Strides {
  int64_t batch[PYNN_MAX_DIMS];  // 0 where the operand is shared
  int64_t row;
};

enum class Mask { none, boolean, added };

template <class T>
struct Problem {
  int ndim;  // of the batch
  int64_t shape[PYNN_MAX_DIMS];
  int64_t batches, length, keys, width, value_width;
  const T *q, *k, *v;
  Strides q_at, k_at, v_at, mask_at;
  Mask kind;
  const void* mask;
  int64_t mask_column;  // step from column to column
  bool causal;
  T scale;
  double dropout;
  uint64_t seed, offset;
  T* out;
  Strides out_at;
  T* lse;  // (batches, length), dense
};

template <class T>
pynn_status forward(const Problem<T>&);

// out and lse are forward's. Keys and values may be shared along the same dimensions of the batch; queries
// not.
template <class T>
struct Gradients {
  const T* g;
  Strides g_at;
  const T* g_lse;  // (batches, length), dense, or nullptr
  T *dq, *dk, *dv;
  Strides dq_at, dk_at, dv_at;
};
template <class T>
pynn_status backward(const Problem<T>&, const Gradients<T>&);

}  // namespace attention
}  // namespace pynn
