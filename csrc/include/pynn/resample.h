/* Resizing over the last dims (1 to 3) dimensions, and its gradient. float32 and float64, contiguous arrays; the leading
 * dimensions, equal in both arrays, count planes. */
#ifndef PYNN_RESAMPLE_H
#define PYNN_RESAMPLE_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_resample_mode {
  PYNN_RESAMPLE_NEAREST = 0,       /* floor(i * scale) */
  PYNN_RESAMPLE_NEAREST_EXACT = 1, /* floor((i + 1/2) * scale) */
  PYNN_RESAMPLE_LINEAR = 2,        /* between 2 neighbours a dimension */
  PYNN_RESAMPLE_CUBIC = 3          /* Keys' kernel (a = -0.75) over 4 neighbours a dimension */
} pynn_resample_mode;

typedef struct pynn_resample {
  int32_t dims;
  int32_t mode;          /* pynn_resample_mode */
  int32_t align_corners; /* linear and cubic: the corners' centres stay, else the corners */
  double scale[3];       /* input elements an output element, by dimension; 0: input size / output size */
} pynn_resample;

/* What each output element is made of: linear and cubic at i * (in - 1) / (out - 1) or, without align_corners, at
 * (i + 1/2) * scale - 1/2 (linear: at least 0). Neighbours beyond the edge are the edge's. */
PYNN_API pynn_status pynn_resample_forward(const pynn_resample* how, const pynn_array* x, pynn_array* out);
PYNN_API pynn_status pynn_resample_backward(const pynn_resample* how, const pynn_array* dy, pynn_array* dx);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_RESAMPLE_H */
