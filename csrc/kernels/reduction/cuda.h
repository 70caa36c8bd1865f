// Reductions on a GPU over any dimensions of arrays of any strides; what they compute is pynn/reduction.h's.
//
// Call plan() first: it says how much workspace the launch wants (workspace_bytes(), aligned to 16).
#pragma once
#include "cuda/reduce.h"

namespace pynn::cuda {

// x, and where its results go. reduce[d]: dimension d is reduced; out_strides in elements, 0 there.
struct Reducible {
  int ndim;
  const int64_t* shape;
  const bool* reduce;
  int dtype;
  const void* x;
  const int64_t* strides;
  const int64_t* out_strides;
};
// False where a reduction has no elements, no results, or 2^31 of either. `second`, its strides in bytes:
// another array of x's shape and item size that is read beside x.
bool plan(const Reducible& x, Reduction* out, const void* second = nullptr,
          const int64_t* second_strides = nullptr);
size_t workspace_bytes(const Reduction& plan);

// out: of x's dtype, int64 of SUM and PROD over integers and bools and of COUNT, bool of ANY and ALL.
Status reduce(pynn_reduce_op op, int dtype, const Reduction& plan, const void* x, double p, void* out,
              void* workspace, cudaStream_t stream);
// The place (in the order of the reduced dimensions as they lie) of the first largest or smallest element,
// the first NaN where there is one, and its value unless null. Floating-point dtypes.
Status reduce_place(bool smallest, int dtype, const Reduction& plan, const void* x, int64_t* places,
                    void* values, void* workspace, cudaStream_t stream);
// sum((x - mean)^2) / max(0, count - correction), and the mean unless null.
Status reduce_variance(int dtype, const Reduction& plan, const void* x, double correction, void* variance,
                       void* mean, void* workspace, cudaStream_t stream);
// How many elements equal the second array's, NaN among them, as a number of x's dtype.
Status count_equal(int dtype, const Reduction& plan, const void* x, const void* second, void* out,
                   void* workspace, cudaStream_t stream);

// ---- gradients, pointwise over `shape`: operands are the inputs, broadcast, then the output ----

// (x, best, share): share where x is best, else 0.
Status extreme_backward(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream);
// (grad, x, mean): grad * scale * (x - mean).
Status variance_backward(int ndim, const int64_t* shape, const Operand* operands, double scale,
                         cudaStream_t stream);
// (grad, norm): grad / norm, grad where norm is 0.
Status over_norm(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream);

}  // namespace pynn::cuda
