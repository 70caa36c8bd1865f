/* Random numbers by element index: Philox 4x32-10 (Salmon and others, SC 2011).
 *
 * Word i of a draw is word i % 4 of counter offset + i / 4 under the seed as key. A draw of n words takes
 * ceil(n / 4) counters: the caller moves its offset on by that. The bits depend on seed, offset and element
 * alone, not on the instruction set or the number of threads. Outputs are contiguous float32 or float64 arrays
 * unless said otherwise; elements count in row-major order.
 */
#ifndef PYNN_RANDOM_H
#define PYNN_RANDOM_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out[i] = word i */
PYNN_API pynn_status pynn_random_words(uint64_t seed, uint64_t offset, int64_t n, uint32_t* out);

/* low + (high - low) * u: u in [0, 1) from the top 24 bits of a word, of two words 53 bits for float64.
 * Takes n words, or 2 n for float64. */
PYNN_API pynn_status pynn_uniform(uint64_t seed, uint64_t offset, double low, double high, pynn_array* out);

/* mean + std * z: z = sqrt(-2 log u1) cos(2 pi u2) of two words (Box and Muller), within 4 ulp. Takes 2 n. */
PYNN_API pynn_status pynn_normal(uint64_t seed, uint64_t offset, double mean, double std, pynn_array* out);

/* 1 with probability p, else 0, where the float32 uniform number is below p; bool and uint8 outputs as well.
 * Takes n words. */
PYNN_API pynn_status pynn_bernoulli(uint64_t seed, uint64_t offset, double p, pynn_array* out);

/* low + (64 bits modulo high - low), low < high; takes 2 n words. */
PYNN_API pynn_status pynn_random_integers(uint64_t seed, uint64_t offset, int64_t low, int64_t high, int64_t n,
                                          int64_t* out);

/* 0 .. n-1 in the order that sorts n words, n <= 2^32; takes n words. */
PYNN_API pynn_status pynn_permutation(uint64_t seed, uint64_t offset, int64_t n, int64_t* out);

/* out = x / (1 - p) where the float32 uniform number is at least p, else x * 0; 0 <= p < 1. Of the gradient of
 * the result it makes that of x: the numbers are drawn again, none are kept. x contiguous, of out's shape; out may
 * be x. Takes n words. */
PYNN_API pynn_status pynn_dropout(uint64_t seed, uint64_t offset, double p, const pynn_array* x, pynn_array* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_RANDOM_H */
