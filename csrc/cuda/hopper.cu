// Descriptions of arrays for the copy engine: the driver encodes them, through a function looked up by name.
#include "cuda/hopper.h"

namespace pynn::cuda {

#if defined(__CUDACC__)

namespace {

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                            const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

Encode find_encode() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result;
#if CUDART_VERSION >= 12050
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
#else
  const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result);
#endif
  if (error != cudaSuccess) (void)cudaGetLastError();
  return error == cudaSuccess && result == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(found) : nullptr;
}

}  // namespace

Status make_map(const MapShape& shape, TensorMap* map) {
  static const Encode encode = find_encode();
  if (!encode) {
    return Status(PYNN_UNSUPPORTED, "the driver has no cuTensorMapEncodeTiled: it is older than CUDA 12; "
                                    "PYNN_CUDA_PATH=mma does without");
  }
  const CUtensorMapDataType type = shape.dtype == PYNN_FLOAT16    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                   : shape.dtype == PYNN_BFLOAT16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                   : shape.round_tf32             ? CU_TENSOR_MAP_DATA_TYPE_TFLOAT32
                                                                  : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  const cuuint32_t ones[5] = {1, 1, 1, 1, 1};
  const CUresult error =
      encode(map, type, cuuint32_t(shape.dims), const_cast<void*>(shape.data), shape.size, shape.step + 1, shape.box,
             ones, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (error == CUDA_SUCCESS) return Status();
  return Status(PYNN_INVALID,
                "cuTensorMapEncodeTiled: error %d for an array of (%llu, %llu, %llu) at %p, steps of (%llu, %llu) bytes, "
                "boxes of (%u, %u, %u)",
                int(error), (unsigned long long)shape.size[0], (unsigned long long)shape.size[1],
                (unsigned long long)shape.size[2], shape.data, (unsigned long long)shape.step[1],
                (unsigned long long)shape.step[2], shape.box[0], shape.box[1], shape.box[2]);
}

#else

Status make_map(const MapShape& shape, TensorMap* map) {
  if (reinterpret_cast<uintptr_t>(shape.data) % 16 != 0) return Status(PYNN_INVALID, "make_map(): data is not aligned");
  for (int d = 1; d < shape.dims; ++d) {
    if (shape.step[d] % 16 != 0 || shape.step[d] == 0) {
      return Status(PYNN_INVALID, "make_map(): step %d is %llu bytes, no multiple of 16", d,
                    (unsigned long long)shape.step[d]);
    }
  }
  for (int d = 0; d < shape.dims; ++d) {
    if (shape.box[d] < 1 || shape.box[d] > 256 || shape.size[d] < 1) {
      return Status(PYNN_INVALID, "make_map(): box %d is %u of %llu elements", d, shape.box[d],
                    (unsigned long long)shape.size[d]);
    }
  }
  map->shape = shape;
  return Status();
}

#endif

}  // namespace pynn::cuda
