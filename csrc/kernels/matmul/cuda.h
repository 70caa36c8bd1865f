// Matrix products on a GPU: what the launching functions take. Experimental: not yet run on a GPU.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/pynn.h"

namespace pynn::cuda {

// How float32 is multiplied. split: as sums of two TF32 numbers on the tensor cores, as accurate as float32
// itself. tf32: rounded to TF32, 11 bits. exact: one fma a product, in float32, beside the tensor cores.
enum class Float32 { split, tf32, exact };

// Which kernels compute products: those for the device, or the ones named. mma: tensor cores since sm_80;
// hopper: wgmma and TMA, of sm_90 alone; simt: no tensor cores.
enum class Path { automatic, simt, mma, hopper };
Path path();  // first what PYNN_CUDA_PATH says: auto, simt, mma or hopper
void set_path(Path path);
const char* path_name(Path path);
bool find_path(const char* name, Path* path);  // false where none is called so

constexpr int kBatchDims = 6;

// Batch dimensions of a product, outermost first. Strides are in elements; C's batches lie one after another.
struct Batches {
  int dims;
  int64_t size[kBatchDims], a[kBatchDims], b[kBatchDims];
};

// C = act(A B + bias): A is m x k, B k x n, C m x n with contiguous rows one after another. Any strides of A
// and B.
struct Gemm {
  pynn_dtype dtype;  // of all of them: float16, bfloat16, float32 or float64
  int64_t m, n, k;
  const void* a;
  int64_t a_row, a_col;
  const void* b;
  int64_t b_row, b_col;
  void* c;
  const void* bias;  // n elements, or nullptr
  pynn_activation act;
  Batches batch;
  Float32 float32;
};

// The same bits at every call: the way is chosen by shape, strides, alignment and device alone, and parts of
// a sum are added in order. `workspace` has gemm_workspace(g) bytes, aligned to 16; nullptr where that is 0.
size_t gemm_workspace(const Gemm& g);
Status gemm(const Gemm& g, void* workspace, cudaStream_t stream);

// out[j] = sum of x[i][j] over the rows, x m x n with contiguous rows one after another.
struct ColumnSum {
  pynn_dtype dtype;
  int64_t m, n;
  const void* x;
  void* out;
};
size_t column_sum_workspace(const ColumnSum& s);
Status column_sum(const ColumnSum& s, void* workspace, cudaStream_t stream);

}  // namespace pynn::cuda
