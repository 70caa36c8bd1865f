// Matrix products by tiles on the tensor cores (sm_80): the loop over K that the products of matrices and the
// convolutions share, and how sums become results. A block computes a tile of C; panels of A and B, 64 bytes
// deep along K, come to shared memory by asynchronous copies some steps ahead; warps read them as fragments
// (cuda/mma.h).
#pragma once
#include "cuda/async_copy.h"
#include "cuda/mma.h"

namespace pynn::cuda {

constexpr int kPanelBytes = 64;  // of a row or column of a panel, along K
template <class T>
constexpr int kPanelDepth = kPanelBytes / int(sizeof(T));
template <class T>
constexpr int kChunk = 16 / int(sizeof(T));  // elements of one copy

// A block's tile: kM x kN of C by kWarpsM x kWarpsN warps. kPasses: 1, or 3 for float32 as sums of two TF32
// numbers.
template <class T, int kPasses_, int kM_, int kN_, int kWarpsM_, int kWarpsN_, int kStages_>
struct Tile {
  using Element = T;
  static constexpr int kPasses = kPasses_, kM = kM_, kN = kN_, kWarpsM = kWarpsM_, kWarpsN = kWarpsN_;
  static constexpr int kStages = kStages_, kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr int kI = kM / kWarpsM / 16, kJ = kN / kWarpsN / 8;  // fragments of a warp
  static constexpr int kStageBytes = (kM + kN) * kPanelBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;
};

// A panel in shared memory, kExtent (of M or N) x kPanelDepth. Its lines run along K, or along the extent;
// their 16-byte chunks change places line by line, so that neither the copies nor the fragments' loads meet
// in a bank.
template <class T, int kExtent, bool kAlongK>
struct Panel {
  static constexpr int kLineChunks = kAlongK ? kPanelBytes / 16 : kExtent / kChunk<T>;
  static constexpr int kLines = kAlongK ? kExtent : kPanelDepth<T>;
  static PYNN_DEVICE int place(int line, int chunk) {
    const int turn = kAlongK ? line >> 1 & 3 : sizeof(T) == 2 ? line & 7 : (line & 3) * 2;
    return (line * kLineChunks + (chunk ^ turn)) * 16;
  }
};

// Which chunks a thread copies of a panel: chunk() of the lines line(0), line(1), ... line(kCopies - 1).
template <class T, int kExtent, bool kAlongK, int kThreads>
struct Share {
  using Lines = Panel<T, kExtent, kAlongK>;
  static constexpr int kApart = kThreads / Lines::kLineChunks;
  static constexpr int kCopies = Lines::kLines / kApart;
  static_assert(kCopies * kApart == Lines::kLines, "every thread copies as many chunks");
  static PYNN_DEVICE int chunk() { return int(threadIdx.x) % Lines::kLineChunks; }
  static PYNN_DEVICE int line(int i) { return int(threadIdx.x) / Lines::kLineChunks + i * kApart; }
  static PYNN_DEVICE int place(int i) { return Lines::place(line(i), chunk()); }
};

// Panel by panel along K of a matrix whose lines are contiguous, `step` elements apart; 16-byte chunks are
// aligned.
template <class T, int kExtent, bool kAlongK, int kThreads>
class MatrixCursor {
  using Own = Share<T, kExtent, kAlongK, kThreads>;

 public:
  // The lines [start, start + kExtent) of `extent`, from k to end along K.
  PYNN_DEVICE MatrixCursor(const T* data, int64_t step, int extent, int start, int k, int end)
      : data_(data), step_(step), along_(end - k), across_(extent - start) {
    from_ = kAlongK ? data + int64_t(start + Own::line(0)) * step + k + Own::chunk() * kChunk<T>
                    : data + int64_t(k + Own::line(0)) * step + start + Own::chunk() * kChunk<T>;
  }
  PYNN_DEVICE void load(unsigned char* panel) {
    const int lines = kAlongK ? across_ : along_;
    const int left = (kAlongK ? along_ : across_) - Own::chunk() * kChunk<T>;
    const int bytes = left >= kChunk<T> ? 16 : left > 0 ? left * int(sizeof(T)) : 0;
#pragma unroll
    for (int i = 0; i < Own::kCopies; ++i) {
      const bool there = bytes > 0 && Own::line(i) < lines;
      const T* from = from_ + int64_t(i * Own::kApart) * step_;
      async_copy16(panel + Own::place(i), there ? from : data_, there ? bytes : 0);
    }
    from_ += kAlongK ? int64_t(kPanelDepth<T>) : kPanelDepth<T> * step_;
    along_ -= kPanelDepth<T>;
  }

 private:
  const T* data_;
  const T* from_;
  int64_t step_;
  int along_, across_;  // what is left of K, and of the extent from the panel's start
};

// A fragment (16 x 32 bytes of K) of A's panel from `row` on; `half` of the panel's depth: 0 or 1.
template <class T, int kExtent, bool kAlongK>
PYNN_DEVICE void load_a(uint32_t (&out)[4], const unsigned char* panel, int row, int half) {
  using Lines = Panel<T, kExtent, kAlongK>;
  const int lane = int(threadIdx.x) & 31;
  if constexpr (kAlongK) {
    load_matrices(out, panel + Lines::place(row + (lane & 15), half * 2 + (lane >> 4)));
  } else if constexpr (sizeof(T) == 2) {
    const int k = half * 16 + (lane >> 4) * 8 + (lane & 7);
    load_matrices_transposed(out, panel + Lines::place(k, row / 8 + (lane >> 3 & 1)));
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int k = half * 8 + (lane & 3) + (i >> 1) * 4, at = row + (lane >> 2) + (i & 1) * 8;
      out[i] = *reinterpret_cast<const uint32_t*>(panel + Lines::place(k, at >> 2) + (at & 3) * 4);
    }
  }
}

// Two fragments (8 columns each) of B's panel from `column` on: out[0], out[1] and out[2], out[3].
template <class T, int kExtent, bool kAlongK>
PYNN_DEVICE void load_b(uint32_t (&out)[4], const unsigned char* panel, int column, int half) {
  using Lines = Panel<T, kExtent, kAlongK>;
  const int lane = int(threadIdx.x) & 31;
  if constexpr (kAlongK) {
    load_matrices(out,
                  panel + Lines::place(column + (lane >> 4) * 8 + (lane & 7), half * 2 + (lane >> 3 & 1)));
  } else if constexpr (sizeof(T) == 2) {
    load_matrices_transposed(out, panel + Lines::place(half * 16 + (lane & 15), column / 8 + (lane >> 4)));
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int k = half * 8 + (lane & 3) + (i & 1) * 4, at = column + (lane >> 2) + (i >> 1) * 8;
      out[i] = *reinterpret_cast<const uint32_t*>(panel + Lines::place(k, at >> 2) + (at & 3) * 4);
    }
  }
}

template <class Tile>
using Sums = float[Tile::kI][Tile::kJ][4];

// sums += A B of one panel, float32 rounded to TF32.
template <class Tile, bool kA, bool kB>
PYNN_DEVICE void multiply_panel(const unsigned char* a, const unsigned char* b, int row, int column,
                                Sums<Tile>& sums) {
  using T = typename Tile::Element;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    uint32_t left[Tile::kI][4];
#pragma unroll
    for (int i = 0; i < Tile::kI; ++i) {
      load_a<T, Tile::kM, kA>(left[i], a, row + i * 16, half);
      if constexpr (sizeof(T) == 4) {
        for (uint32_t& word : left[i]) word = round_tf32(word);
      }
    }
#pragma unroll
    for (int j = 0; j < Tile::kJ; j += 2) {
      uint32_t right[4];
      load_b<T, Tile::kN, kB>(right, b, column + j * 8, half);
      if constexpr (sizeof(T) == 4) {
        for (uint32_t& word : right) word = round_tf32(word);
      }
      const uint32_t first[2] = {right[0], right[1]}, second[2] = {right[2], right[3]};
#pragma unroll
      for (int i = 0; i < Tile::kI; ++i) {
        mma<T>(sums[i][j], left[i], first);
        mma<T>(sums[i][j + 1], left[i], second);
      }
    }
  }
}

// The same in three passes, (big + small) (big + small) without small small: float32's accuracy. The tensor
// cores cut what does not fit where they add, so that long sums drift; each panel has sums of its own, added
// in float32.
template <class Tile, bool kA, bool kB>
PYNN_DEVICE void multiply_panel_split(const unsigned char* a, const unsigned char* b, int row, int column,
                                      Sums<Tile>& sums) {
  using T = typename Tile::Element;
  Sums<Tile> own = {};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    uint32_t big[Tile::kI][4], small[Tile::kI][4];
#pragma unroll
    for (int i = 0; i < Tile::kI; ++i) {
      uint32_t word[4];
      load_a<T, Tile::kM, kA>(word, a, row + i * 16, half);
#pragma unroll
      for (int r = 0; r < 4; ++r) split_tf32(word[r], big[i][r], small[i][r]);
    }
#pragma unroll
    for (int j = 0; j < Tile::kJ; j += 2) {
      uint32_t word[4], high[2][2], low[2][2];
      load_b<T, Tile::kN, kB>(word, b, column + j * 8, half);
#pragma unroll
      for (int r = 0; r < 4; ++r) split_tf32(word[r], high[r >> 1][r & 1], low[r >> 1][r & 1]);
#pragma unroll
      for (int i = 0; i < Tile::kI; ++i) {
#pragma unroll
        for (int s = 0; s < 2; ++s) {
          mma<T>(own[i][j + s], small[i], high[s]);
          mma<T>(own[i][j + s], big[i], low[s]);
          mma<T>(own[i][j + s], big[i], high[s]);
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < Tile::kI; ++i) {
#pragma unroll
    for (int j = 0; j < Tile::kJ; ++j) {
#pragma unroll
      for (int r = 0; r < 4; ++r) sums[i][j][r] += own[i][j][r];
    }
  }
}

// sums += A B over `steps` panels that the cursors load; the lines of the panels run along K or not as kA, kB
// say.
template <class Tile, bool kA, bool kB, class CursorA, class CursorB>
PYNN_DEVICE void multiply(unsigned char* shared, CursorA& a, CursorB& b, int steps, Sums<Tile>& sums) {
  constexpr int kAhead = Tile::kStages - 1, kB0 = Tile::kM * kPanelBytes;
  const int warp = int(threadIdx.x) / 32;
  const int row = warp % Tile::kWarpsM * (Tile::kI * 16), column = warp / Tile::kWarpsM * (Tile::kJ * 8);
  for (int s = 0; s < kAhead; ++s) {
    if (s < steps) {
      a.load(shared + s * Tile::kStageBytes);
      b.load(shared + s * Tile::kStageBytes + kB0);
    }
    async_commit();
  }
  int stage = 0, fill = kAhead;
  for (int step = 0; step < steps; ++step) {
    async_wait<kAhead - 1>();
    __syncthreads();  // this stage is there, and everyone has read the one that is filled next
    if (step + kAhead < steps) {
      a.load(shared + fill * Tile::kStageBytes);
      b.load(shared + fill * Tile::kStageBytes + kB0);
    }
    async_commit();
    const unsigned char* panel = shared + stage * Tile::kStageBytes;
    if constexpr (Tile::kPasses == 3) {
      multiply_panel_split<Tile, kA, kB>(panel, panel + kB0, row, column, sums);
    } else {
      multiply_panel<Tile, kA, kB>(panel, panel + kB0, row, column, sums);
    }
    stage = stage + 1 == Tile::kStages ? 0 : stage + 1;
    fill = fill + 1 == Tile::kStages ? 0 : fill + 1;
  }
  async_wait<0>();
}

}  // namespace pynn::cuda
