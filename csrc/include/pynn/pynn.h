/* pynn's C interface: kernels over caller-owned memory.
 *
 * Every function checks its arguments, returns a status code (0 = ok) and never throws or
 * aborts; pynn_last_error() holds the calling thread's message. Arrays are described by
 * pynn_array; strides are in bytes and may be 0 (broadcast) or negative. Unless a function
 * says otherwise, outputs must not overlap inputs, save an exact alias for pointwise ones.
 */
#ifndef PYNN_PYNN_H
#define PYNN_PYNN_H

#include <stddef.h>
#include <stdint.h>

#if defined(PYNN_STATIC)
#define PYNN_API
#elif defined(PYNN_BUILDING)
#define PYNN_API __attribute__((visibility("default")))
#else
#define PYNN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_status {
  PYNN_OK = 0,
  PYNN_INVALID = 1,     /* an argument is wrong: shape, range, null pointer */
  PYNN_UNSUPPORTED = 2, /* right, but no kernel for it (dtype, layout): use another path */
  PYNN_NO_MEMORY = 3
} pynn_status;

typedef enum pynn_dtype {
  PYNN_BOOL = 0, PYNN_UINT8 = 1, PYNN_INT8 = 2, PYNN_INT16 = 3, PYNN_INT32 = 4, PYNN_INT64 = 5,
  PYNN_FLOAT16 = 6, PYNN_BFLOAT16 = 7, PYNN_FLOAT32 = 8, PYNN_FLOAT64 = 9
} pynn_dtype;

#define PYNN_MAX_DIMS 16

typedef struct pynn_array {
  void* data;
  const int64_t* shape;   /* ndim sizes */
  const int64_t* strides; /* ndim byte strides; NULL = C-contiguous */
  int32_t ndim;
  int32_t dtype; /* pynn_dtype */
} pynn_array;

/* What a kernel applies to its result before storing it. */
typedef enum pynn_activation {
  PYNN_ACT_NONE = 0,
  PYNN_ACT_RELU = 1, /* NaN stays NaN */
  PYNN_ACT_COUNT
} pynn_activation;

/* ---- library ---- */
PYNN_API const char* pynn_version(void);
PYNN_API const char* pynn_compiler(void);
PYNN_API const char* pynn_last_error(void);
PYNN_API const char* pynn_isa(void);                  /* in use: "portable", "avx2", "avx512" */
PYNN_API const char* pynn_isa_note(void);             /* why PYNN_ISA was not followed, or "" */
PYNN_API int pynn_isa_supported(const char* name);
PYNN_API pynn_status pynn_set_isa(const char* name);
PYNN_API int pynn_get_num_threads(void);
PYNN_API pynn_status pynn_set_num_threads(int n);

/* ---- memory: 64-byte aligned blocks from the arena that the kernels use ---- */
PYNN_API void* pynn_alloc(size_t bytes); /* NULL when there is no more */
PYNN_API void pynn_free(void* block);
PYNN_API void pynn_trim(void); /* gives all cached memory back to the system */
typedef struct pynn_memory {
  uint64_t in_use_bytes, cached_bytes, peak_bytes, allocations, reused;
} pynn_memory;
PYNN_API void pynn_memory_stats(pynn_memory* out); /* peak_bytes: the most in use since the last reset */
PYNN_API void pynn_memory_reset_peak(void);
/* The most bytes kept cached. UINT64_MAX lets pynn choose: the larger of 256 MB and the most ever in use, never more
 * than half of the machine's memory. What is over a new limit goes back to the system at once. */
PYNN_API uint64_t pynn_memory_limit(void);
PYNN_API void pynn_memory_set_limit(uint64_t bytes);

/* Float32 operations a second that the threads in use reach on registers alone, under the ISA in use: what a
 * kernel's speed is a share of. Takes some tens of milliseconds. */
PYNN_API double pynn_peak_flops(void);

#ifdef __cplusplus
}
#endif

#include "pynn/attention.h"
#include "pynn/cast.h"
#include "pynn/conv.h"
#include "pynn/copy.h"
#include "pynn/elementwise.h"
#include "pynn/half.h"
#include "pynn/index.h"
#include "pynn/loss.h"
#include "pynn/matmul.h"
#include "pynn/norm.h"
#include "pynn/optim.h"
#include "pynn/pad.h"
#include "pynn/pointwise.h"
#include "pynn/pool.h"
#include "pynn/random.h"
#include "pynn/recurrent.h"
#include "pynn/reduction.h"
#include "pynn/resample.h"
#include "pynn/scan.h"
#include "pynn/softmax.h"
#include "pynn/sort.h"
#include "pynn/triangle.h"

#endif /* PYNN_PYNN_H */
