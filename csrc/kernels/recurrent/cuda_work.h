// Memory of one call, and its matrix products. A call is written once and run twice: dry, to learn how much workspace it
// takes, and with that workspace.
#pragma once
#include <cstdint>
#include <vector>

#include "cuda/memory.h"
#include "kernels/matmul/cuda.h"
#include "kernels/recurrent/cuda_layer.h"

namespace pynn::cuda {

template <class T>
constexpr pynn_dtype kDtype = sizeof(T) == sizeof(float) ? PYNN_FLOAT32 : PYNN_FLOAT64;

class Work {
 public:
  explicit Work(cudaStream_t stream) : stream_(stream) {}  // dry
  // product_bytes: as the dry run had them.
  Work(void* workspace, int64_t product_bytes, cudaStream_t stream)
      : base_(static_cast<char*>(workspace)), taken_(rounded(product_bytes)), stream_(stream) {}

  bool dry() const { return base_ == nullptr; }
  cudaStream_t stream() const { return stream_; }
  int64_t product_bytes() const { return product_bytes_; }
  int64_t bytes() const { return rounded(product_bytes_) + taken_; }

  // Room for n elements; null in a dry run.
  template <class T>
  T* take(int64_t n) {
    char* const place = base_ ? base_ + taken_ : nullptr;
    taken_ += rounded(n * int64_t(sizeof(T)));
    return reinterpret_cast<T*>(place);
  }

  // c (m, n) = a b, c's rows one after another.
  template <class T>
  Status product(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t b_row,
                 int64_t b_col, T* c) {
    if (m == 0 || n == 0) return Status();
    Gemm g = {};
    g.dtype = kDtype<T>;
    g.m = m, g.n = n, g.k = k;
    g.a = a, g.a_row = a_row, g.a_col = a_col;
    g.b = b, g.b_row = b_row, g.b_col = b_col;
    g.c = c;
    g.act = PYNN_ACT_NONE;
    g.float32 = Float32::split;
    if (!dry()) return gemm(g, base_, stream_);
    // Operands that are not aligned are copied: room for that, whatever the pointers will be.
    for (const uintptr_t pointer : {uintptr_t(0), uintptr_t(sizeof(T))}) {
      g.a = g.b = reinterpret_cast<const void*>(pointer);
      note(int64_t(gemm_workspace(g)));
    }
    return Status();
  }

  // out (n) = the sum of x (m, n) over its rows
  template <class T>
  Status sum(int64_t m, int64_t n, const T* x, T* out) {
    const ColumnSum s = {kDtype<T>, m, n, x, out};
    if (!dry()) return column_sum(s, base_, stream_);
    note(int64_t(column_sum_workspace(s)));
    return Status();
  }

 private:
  static int64_t rounded(int64_t bytes) { return (bytes + 255) / 256 * 256; }
  void note(int64_t bytes) {
    if (bytes > product_bytes_) product_bytes_ = bytes;
  }

  char* base_ = nullptr;
  int64_t taken_ = 0, product_bytes_ = 0;
  cudaStream_t stream_;
};

// p + n, where there is memory: in a dry run there is none.
template <class T>
T* shifted(T* p, int64_t n) {
  return p ? p + n : nullptr;
}

// A step of a call that is left out in a dry run.
#define PYNN_RUN(work, call) \
  do {                       \
    if (!(work).dry()) PYNN_TRY(call); \
  } while (0)

// A layer's sizes, and its steps on both sides.
struct Sizes {
  int cell;
  bool lstm, gru;
  int64_t hidden, out, input, gates, sums, total;
  std::vector<int64_t> starts;  // first row of each step, and the end
  Steps steps;

  // Takes room for the starts where steps differ, and fills it.
  Status read(const pynn_recurrent& layer, Work* work) {
    cell = layer.cell;
    lstm = cell == PYNN_CELL_LSTM;
    gru = cell == PYNN_CELL_GRU;
    hidden = layer.hidden;
    out = layer.projection ? layer.projection : hidden;
    input = layer.input;
    gates = gates_of(cell);
    sums = gates * hidden;
    starts.resize(size_t(layer.steps) + 1);
    for (int64_t t = 0; t < layer.steps; ++t) {
      starts[size_t(t) + 1] = starts[size_t(t)] + (layer.sizes ? layer.sizes[t] : layer.batch);
    }
    total = starts.back();
    steps = {layer.steps, layer.batch, layer.reverse != 0, nullptr};
    if (!layer.sizes) return Status();
    int64_t* const there = work->take<int64_t>(layer.steps + 1);
    steps.starts = there;
    PYNN_RUN(*work, upload(there, starts.data(), (layer.steps + 1) * int64_t(sizeof(int64_t)), work->stream()));
    return Status();
  }
  int64_t start(int64_t t) const { return starts[size_t(t)]; }
  int64_t rows(int64_t t) const { return t < 0 || t >= steps.steps ? 0 : start(t + 1) - start(t); }
  int64_t step(int64_t s) const { return steps.reverse ? steps.steps - 1 - s : s; }
  int64_t before(int64_t t) const { return steps.reverse ? t + 1 : t - 1; }  // may be no step: it has no rows
  int64_t after(int64_t t) const { return steps.reverse ? t - 1 : t + 1; }
};

}  // namespace pynn::cuda
