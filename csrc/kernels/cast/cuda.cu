#include "cuda/map.h"
#include "kernels/cast/cuda.h"

namespace pynn::cuda {
namespace {

struct Same {
  template <class C>
  PYNN_DEVICE C operator()(C x, C, C) const {
    return x;
  }
};

// An element of any dtype: floats widened to double, which holds them all, everything else to int64.
struct Number {
  double real;
  int64_t whole;
};
PYNN_DEVICE_CALL Number read_any(int dtype, const char* at) {
  switch (dtype) {
    case PYNN_BOOL:
    case PYNN_UINT8:
      return {0, *reinterpret_cast<const uint8_t*>(at)};
    case PYNN_INT8:
      return {0, *reinterpret_cast<const int8_t*>(at)};
    case PYNN_INT16:
      return {0, *reinterpret_cast<const int16_t*>(at)};
    case PYNN_INT32:
      return {0, *reinterpret_cast<const int32_t*>(at)};
    case PYNN_INT64:
      return {0, *reinterpret_cast<const int64_t*>(at)};
    case PYNN_FLOAT16:
      return {double(widen(*reinterpret_cast<const __half*>(at))), 0};
    case PYNN_BFLOAT16:
      return {double(widen(*reinterpret_cast<const __nv_bfloat16*>(at))), 0};
    case PYNN_FLOAT32:
      return {double(*reinterpret_cast<const float*>(at)), 0};
    default:
      return {*reinterpret_cast<const double*>(at), 0};
  }
}
template <class T>
PYNN_DEVICE void write_as(char* at, bool real, const Number& x) {
  *reinterpret_cast<T*>(at) = real ? narrow<T>(x.real) : narrow<T>(x.whole);
}
PYNN_DEVICE_CALL void write_any(int dtype, char* at, bool real, const Number& x) {
  switch (dtype) {
    case PYNN_BOOL:
      *reinterpret_cast<uint8_t*>(at) = real ? x.real != 0 : x.whole != 0;
      break;
    case PYNN_UINT8:  // by way of int64, so that negative numbers wrap around
      *reinterpret_cast<uint8_t*>(at) = uint8_t(real ? int64_t(x.real) : x.whole);
      break;
    case PYNN_INT8:
      *reinterpret_cast<int8_t*>(at) = int8_t(real ? int64_t(x.real) : x.whole);
      break;
    case PYNN_INT16:
      *reinterpret_cast<int16_t*>(at) = int16_t(real ? int64_t(x.real) : x.whole);
      break;
    case PYNN_INT32:
      *reinterpret_cast<int32_t*>(at) = int32_t(real ? int64_t(x.real) : x.whole);
      break;
    case PYNN_INT64:
      *reinterpret_cast<int64_t*>(at) = real ? int64_t(x.real) : x.whole;
      break;
    case PYNN_FLOAT16:
      write_as<__half>(at, real, x);
      break;
    case PYNN_BFLOAT16:
      write_as<__nv_bfloat16>(at, real, x);
      break;
    case PYNN_FLOAT32:
      write_as<float>(at, real, x);
      break;
    default:
      write_as<double>(at, real, x);
  }
}

__global__ void __launch_bounds__(kMapThreads) cast_any(const Strided arrays, int from, int to) {
  const uint32_t i = blockIdx.x * kMapThreads + threadIdx.x;
  if (i >= arrays.packs) return;
  int64_t at[2];
  arrays.offsets<2>(i, at);
  write_any(to, arrays.data[1] + at[1], from >= PYNN_FLOAT16, read_any(from, arrays.data[0] + at[0]));
}

template <class From, class To>
Status convert(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  return map<From, From, To, 1>(Same(), Same(), ndim, shape, operands, 0, 0, stream);
}

}  // namespace

Status cast(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  // What mixed precision and masks do have kernels of their own.
  const int from = operands[0].dtype, to = operands[1].dtype;
  const auto is = [&](int a, int b) { return from == a && to == b; };
  if (is(PYNN_FLOAT32, PYNN_FLOAT16)) return convert<float, __half>(ndim, shape, operands, stream);
  if (is(PYNN_FLOAT32, PYNN_BFLOAT16)) return convert<float, __nv_bfloat16>(ndim, shape, operands, stream);
  if (is(PYNN_FLOAT16, PYNN_FLOAT32)) return convert<__half, float>(ndim, shape, operands, stream);
  if (is(PYNN_BFLOAT16, PYNN_FLOAT32)) return convert<__nv_bfloat16, float>(ndim, shape, operands, stream);
  if (is(PYNN_FLOAT16, PYNN_BFLOAT16)) return convert<__half, __nv_bfloat16>(ndim, shape, operands, stream);
  if (is(PYNN_BFLOAT16, PYNN_FLOAT16)) return convert<__nv_bfloat16, __half>(ndim, shape, operands, stream);
  if (is(PYNN_FLOAT32, PYNN_FLOAT64)) return convert<float, double>(ndim, shape, operands, stream);
  if (is(PYNN_FLOAT64, PYNN_FLOAT32)) return convert<double, float>(ndim, shape, operands, stream);
  if (is(PYNN_INT64, PYNN_FLOAT32)) return convert<int64_t, float>(ndim, shape, operands, stream);
  if (is(PYNN_BOOL, PYNN_FLOAT32) || is(PYNN_UINT8, PYNN_FLOAT32))
    return convert<uint8_t, float>(ndim, shape, operands, stream);
  return for_each_piece(ndim, shape, operands, 2, 1, [&](const Strided& piece, bool) -> Status {
    return launch(&cast_any, dim3(unsigned(ceil_div(piece.packs, kMapThreads))), dim3(kMapThreads), 0, stream,
                  piece, from, to);
  });
}

}  // namespace pynn::cuda
