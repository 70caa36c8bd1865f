// A job's weights as the kernels read them: [group][block of channels][tile of rows][channel, tap][row of the
// tile].
#pragma once
#include "base/pool.h"
#include "kernels/conv/shared.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {

template <class T>
class Filters {
 public:
  // full: all tiles but the last have most_rows rows; else heights differ by one at most.
  Filters(const Job<T>& job, int64_t most_rows, int64_t block_channels, bool full = false)
      : job_(job),
        gemm_(matmul::kernels<T>()),
        block_channels_(block_channels),
        most_rows_(most_rows),
        full_(full) {
    tiles_ = ceil_div(job.rows, most_rows);
  }

  int64_t size() const { return job_.groups * job_.rows * job_.depth(); }
  int64_t tiles() const { return tiles_; }
  // Rows [start, start + height) of tile i.
  int64_t start(int64_t i) const {
    return full_ ? i * most_rows_ : i * (job_.rows / tiles_) + least(i, job_.rows % tiles_);
  }
  int64_t height(int64_t i) const {
    return full_ ? least(most_rows_, job_.rows - start(i)) : job_.rows / tiles_ + (i < job_.rows % tiles_);
  }

  // From channel c0 of a group, where a block of `channels` starts.
  int64_t offset(int64_t g, int64_t c0, int64_t channels, int64_t tile) const {
    return ((g * job_.channels + c0) * job_.rows + start(tile) * channels) * job_.tap_count;
  }

  void pack(T* to) const {
    const int64_t blocks = ceil_div(job_.channels, block_channels_);
    const int64_t pieces = job_.groups * blocks * tiles_;
    const int64_t group = most(1, (32 << 10) / (block_channels_ * job_.tap_count * most_rows_));
    const bool plain = job_.plain_weights(), taps = job_.plain_taps();
    parallel(ceil_div(pieces, group), [&](int64_t chunk) {
      for (int64_t i = chunk * group; i < least((chunk + 1) * group, pieces); ++i) {
        const int64_t tile = i % tiles_, c0 = i / tiles_ % blocks * block_channels_, g = i / tiles_ / blocks;
        pack_tile(g, c0, tile, plain, taps, to + offset(g, c0, least(block_channels_, job_.channels - c0), tile));
      }
    });
  }

  // One tile of the block of channels from c0.
  void pack_tile(int64_t g, int64_t c0, int64_t tile, T* to) const {
    pack_tile(g, c0, tile, job_.plain_weights(), job_.plain_taps(), to);
  }

 private:
  void pack_tile(int64_t g, int64_t c0, int64_t tile, bool plain, bool taps, T* d) const {
    const int64_t channels = least(block_channels_, job_.channels - c0), rows = height(tile);
    const T* w = job_.w + g * job_.w_group + start(tile) * job_.w_row + c0 * job_.w_channel;
    if (plain) {
      gemm_.pack(w, job_.w_row, 1, rows, channels * job_.tap_count, d, rows);
    } else if (taps && job_.tap_count > 1) {
      for (int64_t c = 0; c < channels; ++c) {
        gemm_.pack(w + c * job_.w_channel, job_.w_row, 1, rows, job_.tap_count, d + c * job_.tap_count * rows,
                   rows);
      }
    } else {
      for (int64_t t = 0; t < job_.tap_count; ++t) {
        gemm_.pack(w + job_.taps[t].weight, job_.w_row, job_.w_channel, rows, channels, d + t * rows,
                   job_.tap_count * rows);
      }
    }
  }

  const Job<T>& job_;
  const matmul::Kernels<T>& gemm_;
  int64_t block_channels_, most_rows_, tiles_;
  bool full_;
};

}  // namespace conv
}  // namespace pynn
