// The products without tensor cores: which tile, and its launch.
#include "kernels/matmul/cuda_launch.h"
#include "kernels/matmul/cuda_simt.h"

namespace pynn::cuda {
namespace {

template <class T, int kM, int kN, int kDepth, int kRows, int kColumns>
Status run(const Plan& plan, void* parts, cudaStream_t stream) {
  const Gemm& g = plan.g;
  SimtProduct<T> p = {};
  p.a = static_cast<const T*>(g.a), p.b = static_cast<const T*>(g.b);
  p.a_row = g.a_row, p.a_col = g.a_col, p.b_row = g.b_row, p.b_col = g.b_col;
  p.batch = steps_of(g.batch);
  Result<T, SteppedColumns>& to = p.result;
  to.c = static_cast<T*>(g.c);
  to.row_step = g.n, to.columns.step = 1, to.batch_step = g.m * g.n;
  to.m = int(g.m), to.n = int(g.n), to.batch = batches_of(g);
  to.bias = static_cast<const T*>(g.bias);
  to.relu = g.act == PYNN_ACT_RELU;
  to.parts = static_cast<Compute<T>*>(parts);
  if (plan.turned) {
    std::swap(p.a, p.b);
    p.a_row = g.b_col, p.a_col = g.b_row, p.b_row = g.a_col, p.b_col = g.a_row;
    for (int d = 0; d < p.batch.dims; ++d) std::swap(p.batch.a[d], p.batch.b[d]);
    std::swap(to.row_step, to.columns.step);
    std::swap(to.m, to.n);
    to.bias_by_row = true;
  }
  p.k = int(g.k), p.part = plan.parts.length, p.parts = plan.parts.count;
  p.tiles_m = int(ceil_div(to.m, kM)), p.tiles_n = int(ceil_div(to.n, kN));
  const int64_t blocks = int64_t(p.tiles_m) * p.tiles_n * p.parts * to.batch;
  PYNN_TRY(launch(simt_product<T, kM, kN, kDepth, kRows, kColumns>, dim3(unsigned(blocks)),
                  dim3(kM / kRows * (kN / kColumns)), 0, stream, p));
  return finish(to, p.parts, stream);
}

}  // namespace

Status launch_simt(const Plan& plan, void* parts, cudaStream_t stream) {
  return dispatch_float(plan.g.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    if (plan.simt_tile == SimtTile::flat) return run<T, 16, 128, 16, 4, 4>(plan, parts, stream);
    if constexpr (std::is_same_v<T, float>) {
      if (plan.simt_tile == SimtTile::large) return run<T, 128, 128, 8, 8, 8>(plan, parts, stream);
    }
    return run<T, 64, 64, 16, 4, 4>(plan, parts, stream);
  });
}

}  // namespace pynn::cuda
