// Sums of rows by index, the same bits every time: indices are sorted, stably, so that rows which meet in one place lie in
// a run, in their order. Pieces of kPiece sorted places are summed apart; where a run goes on into the next piece, its
// parts wait in scratch memory and a second kernel adds them up, in order.
#include "cuda/grid.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "kernels/index/cuda.h"
#include "kernels/sort/cuda.h"

namespace pynn::cuda {
namespace {

constexpr int kPiece = 32;

// keys: the place of each index, rows.count for those that are left out.
__global__ void __launch_bounds__(kThreads)
    keys_kernel(pynn_rows rows, int64_t skip, const int64_t* index, uint32_t* keys, uint32_t* places, Fault* fault) {
  for (int64_t j = first_of_thread(); j < rows.indices; j += stride_of_grid()) {
    const int64_t place = place_of(index[j], rows.count, rows.wrap, fault);
    keys[j] = uint32_t(place < 0 || place == skip ? rows.count : place);
    places[j] = uint32_t(j);
  }
}

struct Sorted {
  int64_t outer, count, n, width;  // n indices; rows of `width` elements
  const uint32_t *keys, *places;
};

// The first sorted place whose key is not below `key`.
PYNN_DEVICE int64_t first_not_below(const Sorted& s, uint64_t key) {
  int64_t low = 0, high = s.n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (s.keys[middle] < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// What row j of key `key` is multiplied by.
template <class T>
PYNN_DEVICE T share(const Sorted& s, uint32_t key, bool by_frequency) {
  if (!by_frequency) return T(1);
  return T(1) / T(first_not_below(s, uint64_t(key) + 1) - first_not_below(s, key));
}

// Parts: of each piece, the sum of its first run where that began before the piece, and of its last where that goes on
// behind it: (outer, pieces, 2, width).
template <class T>
PYNN_DEVICE T* part(const Sorted& s, T* parts, int64_t o, int64_t piece, int which) {
  return parts + ((o * ((s.n + kPiece - 1) / kPiece) + piece) * 2 + which) * s.width;
}

// A block is (lanes of a row, pieces); blockIdx.y counts the outer slices.
template <class T>
__global__ void pieces_kernel(Sorted s, bool by_frequency, const T* source, T* parts, T* x) {
  const int64_t pieces = (s.n + kPiece - 1) / kPiece;
  const int64_t piece = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (piece >= pieces) return;
  const int64_t begin = piece * kPiece, end = begin + kPiece < s.n ? begin + kPiece : s.n;
  for (int64_t o = blockIdx.y; o < s.outer; o += gridDim.y) {
    for (int64_t from = begin; from < end;) {
      const uint32_t key = s.keys[from];
      int64_t to = from + 1;
      while (to < end && s.keys[to] == key) ++to;
      if (int64_t(key) >= s.count) break;
      const bool earlier = from == begin && begin > 0 && s.keys[begin - 1] == key;
      const bool later = to == end && end < s.n && s.keys[end] == key;
      const T scale = share<T>(s, key, by_frequency);
      T* const row = x + (o * s.count + key) * s.width;
      T* const partial = part(s, parts, o, piece, earlier ? 0 : 1);
      for (int64_t i = threadIdx.x; i < s.width; i += blockDim.x) {
        T sum = source[(o * s.n + s.places[from]) * s.width + i] * scale;
        for (int64_t p = from + 1; p < to; ++p) sum += source[(o * s.n + s.places[p]) * s.width + i] * scale;
        if (earlier || later) {
          partial[i] = sum;
        } else {
          row[i] += sum;
        }
      }
      from = to;
    }
  }
}

// Runs over several pieces: the piece where one begins adds up all its parts.
template <class T>
__global__ void parts_kernel(Sorted s, T* parts, T* x) {
  const int64_t pieces = (s.n + kPiece - 1) / kPiece;
  const int64_t piece = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  const int64_t end = (piece + 1) * kPiece;
  if (end >= s.n) return;
  const uint32_t key = s.keys[end - 1];
  if (int64_t(key) >= s.count || s.keys[end] != key) return;
  const int64_t begin = piece * kPiece;
  if (begin > 0 && s.keys[begin - 1] == key && s.keys[begin] == key) return;  // it began before
  int64_t last = piece + 1;  // the last piece it reaches
  while (last + 1 < pieces && s.keys[last * kPiece + kPiece - 1] == key && s.keys[(last + 1) * kPiece] == key) ++last;
  for (int64_t o = blockIdx.y; o < s.outer; o += gridDim.y) {
    T* const row = x + (o * s.count + key) * s.width;
    for (int64_t i = threadIdx.x; i < s.width; i += blockDim.x) {
      T sum = part(s, parts, o, piece, 1)[i];
      for (int64_t p = piece + 1; p <= last; ++p) sum += part(s, parts, o, p, 0)[i];
      row[i] += sum;
    }
  }
}

// Scratch memory: keys and places, what sorting them takes, and parts.
template <class T>
int64_t parts_bytes(const pynn_rows& rows) {
  return rows.outer * ceil_div(rows.indices, kPiece) * 2 * rows.bytes;
}
int64_t pairs_bytes(const pynn_rows& rows) {
  return ceil_div(2 * rows.indices * int64_t(sizeof(uint32_t)) + sort_pairs_bytes(rows.indices), 256) * 256;
}

int bits_of(int64_t count) {
  int bits = 0;
  while (bits < 32 && count >> bits != 0) ++bits;
  return bits;
}

}  // namespace

template <class T>
int64_t index_add_bytes(const pynn_rows& rows) {
  return pairs_bytes(rows) + parts_bytes<T>(rows);
}

template <class T>
Status index_add(const pynn_rows& rows, const int64_t* index, const T* source, const AddOptions& options, T* x,
                 void* scratch, Fault* fault, cudaStream_t stream) {
  if (rows.count >= int64_t(1) << 31 || rows.indices >= int64_t(1) << 31) {
    return Status(PYNN_UNSUPPORTED, "index_add: %lld indices into %lld rows: expected less than 2^31",
                  (long long)rows.indices, (long long)rows.count);
  }
  if (options.clear) PYNN_TRY(fill_bytes(x, 0, rows.outer * rows.count * rows.bytes, stream));
  if (rows.outer == 0 || rows.indices == 0 || rows.bytes == 0 || rows.count == 0) return Status();
  uint32_t *keys = static_cast<uint32_t*>(scratch), *places = keys + rows.indices;
  T* const parts = reinterpret_cast<T*>(static_cast<char*>(scratch) + pairs_bytes(rows));
  PYNN_TRY(launch(keys_kernel, blocks_for(rows.indices), dim3(kThreads), 0, stream, rows, options.skip, index, keys,
                  places, fault));
  PYNN_TRY(sort_pairs(rows.indices, bits_of(rows.count), keys, places, places + rows.indices, stream));
  const Sorted sorted = {rows.outer, rows.count, rows.indices, rows.bytes / int64_t(sizeof(T)), keys, places};
  const unsigned lanes = power_of_two(sorted.width, kThreads);
  const dim3 block(lanes, unsigned(kThreads) / lanes);
  const dim3 grid(unsigned(ceil_div(ceil_div(rows.indices, kPiece), block.y)), unsigned(rows.outer < 65535 ? rows.outer : 65535));
  PYNN_TRY(launch(pieces_kernel<T>, grid, block, 0, stream, sorted, options.by_frequency, source, parts, x));
  return launch(parts_kernel<T>, grid, block, 0, stream, sorted, parts, x);
}

#define PYNN_INSTANTIATE(T)                                                                                      \
  template int64_t index_add_bytes<T>(const pynn_rows&);                                                         \
  template Status index_add<T>(const pynn_rows&, const int64_t*, const T*, const AddOptions&, T*, void*, Fault*, \
                               cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace pynn::cuda
