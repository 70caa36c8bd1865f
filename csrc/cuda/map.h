// The one pointwise kernel: out[i] = Op(inputs[i]...) over arrays of any strides, 16 bytes an access where
// they allow it, kAhead of them in flight a thread before the first is used. The output may be one of the
// inputs, element for element: a thread reads all its places before it writes them.
#pragma once
#include "cuda/launch.h"
#include "cuda/strided.h"

namespace pynn::cuda {

constexpr int kMapThreads = 256;

// Places a thread loads before it computes: four loads in flight, whatever the number of inputs.
template <int kInputs>
constexpr int kMapAhead = kInputs == 1 ? 4 : 2;

// N elements of input k at byte offset `at`, widened.
template <class T, int N>
PYNN_DEVICE void load_operand(const Strided& arrays, int k, int64_t at, Compute<T> (&out)[N]) {
  typedef Compute<T> C;
  if (arrays.data[k] == nullptr) {
    const C value = std::is_floating_point<C>::value ? C(arrays.number[k]) : C(arrays.whole[k]);
#pragma unroll
    for (int j = 0; j < N; ++j) out[j] = value;
    return;
  }
  const T* from = reinterpret_cast<const T*>(arrays.data[k] + at);
  if (N > 1 && arrays.single[k]) {
    const C value = widen(*from);
#pragma unroll
    for (int j = 0; j < N; ++j) out[j] = value;
    return;
  }
  const Pack<T, N> values = load_pack<T, N>(from);
#pragma unroll
  for (int j = 0; j < N; ++j) out[j] = widen(values.at[j]);
}

// First is the type of input 0, In that of the others: they differ where a condition chooses.
template <class Op, class First, class In, class Out, int kInputs, int N>
struct Map {
  typedef Compute<In> C;
  struct Values {
    Compute<First> first[N];
    C others[kInputs > 1 ? kInputs - 1 : 1][N];
  };
  static PYNN_DEVICE void load(const Strided& arrays, const int64_t (&at)[kInputs + 1], Values& values) {
    load_operand<First, N>(arrays, 0, at[0], values.first);
#pragma unroll
    for (int k = 1; k < kInputs; ++k) load_operand<In, N>(arrays, k, at[k], values.others[k - 1]);
  }
  static PYNN_DEVICE void store(const Op& op, const Strided& arrays, int64_t at, const Values& values,
                                C alpha, C beta) {
    Pack<Out, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      if constexpr (kInputs == 1) {
        out.at[j] = narrow<Out>(op(values.first[j], alpha, beta));
      } else if constexpr (kInputs == 2) {
        out.at[j] = narrow<Out>(op(values.first[j], values.others[0][j], alpha, beta));
      } else {
        out.at[j] = narrow<Out>(op(values.first[j], values.others[0][j], values.others[1][j], alpha, beta));
      }
    }
    store_pack<Out, N>(reinterpret_cast<Out*>(arrays.data[kInputs] + at), out);
  }
};

template <class Op, class First, class In, class Out, int kInputs, int N>
__global__ void __launch_bounds__(kMapThreads)
    map_kernel(const Op op, const Strided arrays, const Compute<In> alpha, const Compute<In> beta) {
  typedef Map<Op, First, In, Out, kInputs, N> Places;
  constexpr int kAhead = kMapAhead<kInputs>;
  const uint32_t start = blockIdx.x * (kMapThreads * kAhead) + threadIdx.x;
  int64_t at[kAhead][kInputs + 1];
  typename Places::Values values[kAhead];
#pragma unroll
  for (int u = 0; u < kAhead; ++u) {
    const uint32_t i = start + u * kMapThreads;
    if (i >= arrays.packs) break;
    arrays.template offsets<kInputs + 1>(i, at[u]);
    Places::load(arrays, at[u], values[u]);
  }
#pragma unroll
  for (int u = 0; u < kAhead; ++u) {
    if (start + u * kMapThreads >= arrays.packs) break;
    Places::store(op, arrays, at[u][kInputs], values[u], alpha, beta);
  }
  if constexpr (N > 1) {  // one dense row's last elements, by the first block
    if (blockIdx.x == 0 && threadIdx.x < arrays.tail) {
      typedef Map<Op, First, In, Out, kInputs, 1> Places1;
      int64_t last[kInputs + 1];
#pragma unroll
      for (int k = 0; k <= kInputs; ++k) {
        const int64_t pack = arrays.strides[0][k];
        last[k] = int64_t(arrays.packs) * pack + int64_t(threadIdx.x) * (pack / N);
      }
      typename Places1::Values one;
      Places1::load(arrays, last, one);
      Places1::store(op, arrays, last[kInputs], one, alpha, beta);
    }
  }
}

// Launches the kernel. operands: the inputs, then the output. Op is called with values of the types computed
// in: op(First a[, In b[, In c]], In alpha, In beta); `wide` is the operation where packs are read, `narrow`
// where single elements are: a kernel an operation (Inlined) for what is worth its compile time, else one
// over many operations.
template <class First, class In, class Out, int kInputs, class Wide, class Narrow>
Status map(const Wide& wide, const Narrow& narrow, int ndim, const int64_t* shape, const Operand* operands,
           double alpha, double beta, cudaStream_t stream) {
  typedef Compute<In> C;
  constexpr size_t inputs = sizeof(First) > sizeof(In) ? sizeof(First) : sizeof(In);
  constexpr int N = int(16 / (inputs > sizeof(Out) ? inputs : sizeof(Out)));
  return for_each_piece(
      ndim, shape, operands, kInputs + 1, N, [&](const Strided& piece, bool packed) -> Status {
        const int64_t places = piece.packs > 0 ? piece.packs : 1;
        const dim3 grid(unsigned(ceil_div(places, kMapThreads * kMapAhead<kInputs>)));
        return packed ? launch(&map_kernel<Wide, First, In, Out, kInputs, N>, grid, dim3(kMapThreads), 0,
                               stream, wide, piece, C(alpha), C(beta))
                      : launch(&map_kernel<Narrow, First, In, Out, kInputs, 1>, grid, dim3(kMapThreads), 0,
                               stream, narrow, piece, C(alpha), C(beta));
      });
}

// An operation compiled into its kernel: Op has `static Result run(First a[, In b[, In c]], In alpha, In
// beta)`.
template <class Op>
struct Inlined {
  template <class... Values>
  PYNN_DEVICE auto operator()(Values... values) const {
    return Op::run(values...);
  }
};

}  // namespace pynn::cuda
