// Descriptions of arrays for the copy engine: the driver encodes them, through a function looked up by name.
#include "cuda/hopper.h"

namespace pynn::cuda {

#if defined(__CUDACC__)

namespace {

using EncodeTiled = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                 const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                                 CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                                 CUtensorMapFloatOOBfill);
using EncodePixels = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                  const cuuint64_t*, const int*, const int*, cuuint32_t, cuuint32_t,
                                  const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                                  CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

void* find(const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result;
#if CUDART_VERSION >= 12050
  const cudaError_t error = cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result);
#else
  const cudaError_t error = cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &result);
#endif
  if (error != cudaSuccess) (void)cudaGetLastError();
  return error == cudaSuccess && result == cudaDriverEntryPointSuccess ? found : nullptr;
}

Status missing(const char* name) {
  return Status(PYNN_INVALID,
                "the driver has no %s: it is older than CUDA 12; PYNN_CUDA_PATH=mma does without", name);
}

CUtensorMapDataType type_of(pynn_dtype dtype, bool round_tf32) {
  return dtype == PYNN_FLOAT16    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
         : dtype == PYNN_BFLOAT16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
         : round_tf32             ? CU_TENSOR_MAP_DATA_TYPE_TFLOAT32
                                  : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
}

}  // namespace

Status make_map(const MapShape& shape, TensorMap* map) {
  static const auto encode = reinterpret_cast<EncodeTiled>(find("cuTensorMapEncodeTiled"));
  if (!encode) return missing("cuTensorMapEncodeTiled");
  const cuuint32_t ones[5] = {1, 1, 1, 1, 1};
  const CUresult error = encode(map, type_of(shape.dtype, shape.round_tf32), cuuint32_t(shape.dims),
                                const_cast<void*>(shape.data), shape.size, shape.step + 1, shape.box, ones,
                                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (error == CUDA_SUCCESS) return Status();
  return Status(PYNN_INVALID,
                "cuTensorMapEncodeTiled: error %d for an array of (%llu, %llu, %llu) at %p, steps of (%llu, "
                "%llu) bytes, "
                "boxes of (%u, %u, %u)",
                int(error), (unsigned long long)shape.size[0], (unsigned long long)shape.size[1],
                (unsigned long long)shape.size[2], shape.data, (unsigned long long)shape.step[1],
                (unsigned long long)shape.step[2], shape.box[0], shape.box[1], shape.box[2]);
}

Status make_map(const PixelMapShape& shape, TensorMap* map) {
  static const auto encode = reinterpret_cast<EncodePixels>(find("cuTensorMapEncodeIm2col"));
  if (!encode) return missing("cuTensorMapEncodeIm2col");
  const cuuint32_t strides[4] = {1, shape.stride[0], shape.stride[1], 1};
  const CUresult error =
      encode(map, type_of(shape.dtype, shape.round_tf32), 4, const_cast<void*>(shape.data), shape.size,
             shape.step + 1, shape.lower, shape.upper, shape.channels, shape.pixels, strides,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (error == CUDA_SUCCESS) return Status();
  return Status(
      PYNN_INVALID,
      "cuTensorMapEncodeIm2col: error %d for %llu images of %llu channels, %llu x %llu, corners (%d, %d) and "
      "(%d, %d), strides (%u, %u)",
      int(error), (unsigned long long)shape.size[3], (unsigned long long)shape.size[0],
      (unsigned long long)shape.size[2], (unsigned long long)shape.size[1], shape.lower[0], shape.lower[1],
      shape.upper[0], shape.upper[1], shape.stride[0], shape.stride[1]);
}

#else

Status make_map(const PixelMapShape& shape, TensorMap* map) {
  if (reinterpret_cast<uintptr_t>(shape.data) % 16 != 0 || shape.step[1] % 16 != 0 || !has_pixel_map(shape) ||
      shape.pixels > 256) {
    return Status(PYNN_INVALID, "make_map(): such images have no map");
  }
  map->pixels = shape;
  return Status();
}

Status make_map(const MapShape& shape, TensorMap* map) {
  if (reinterpret_cast<uintptr_t>(shape.data) % 16 != 0)
    return Status(PYNN_INVALID, "make_map(): data is not aligned");
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
