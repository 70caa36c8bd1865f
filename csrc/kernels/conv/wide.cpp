// A job by frames: a chunk (an image, a group, some rows of the grid) copies the planes of a block of
// channels into frames, and the kernels read every tap from there. Nothing is packed for each tap, and groups
// of few rows, down to one (depthwise), are as fast as their loads.
#include <atomic>
#include <limits>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/filters.h"
#include "kernels/conv/frame.h"

namespace pynn {
namespace conv {
namespace {

constexpr int64_t kFrameBytes = 256 << 10;  // of a chunk: stay in the L2 cache
constexpr int64_t kFewPixels = 512;         // up to here weights are used where they lie

template <class T>
class Wide {
 public:
  Wide(const Job<T>& job, int64_t* phases)
      : job_(job), kernel_(kernels<T>()), frame_(job.grid, job.taps, job.tap_count, phases) {
    width_ = kernel_.width;
    vectors_ = job.rows <= kernel_.wide_rows[4] ? 4 : 2;
    const int64_t depth = matmul::depth_block<T>(job.depth());
    const int64_t blocks = ceil_div(job.channels, most(1, depth / job.tap_count));
    block_channels_ = ceil_div(job.channels, blocks);
    out_planes_ = job.grid.out[0];
    out_rows_ = job.grid.out[1];
    const double most_elements = double(kFrameBytes) / double(sizeof(T)) / double(block_channels_);
    int64_t planes = out_planes_, rows = out_rows_;
    while (frame_.estimate() > most_elements && (planes > 1 || rows > 4)) {
      if (planes > 1) {
        planes = ceil_div(planes, 2);
      } else {
        rows = ceil_div(rows, 2);
      }
      frame_.cut(planes, rows);
    }
    const int64_t macs = job.images * job.groups * job.rows * job.depth() * job.pixels();
    // Too few places for several threads: smaller ones.
    const int64_t wanted = macs <= kSerialMacs ? 1 : least(8, macs / kChunkMacs);
    while (places() < wanted && (planes > 1 || rows > 8)) {
      if (planes > 1) {
        planes = ceil_div(planes, 2);
      } else {
        rows = ceil_div(rows, 2);
      }
      frame_.cut(planes, rows);
    }
  }

  double waste() const {
    const int64_t computed = round_up(frame_.places(frame_.height()), width_);
    return double(computed) / double(frame_.height() * job_.grid.out[2]);
  }
  bool loose_weights() const { return job_.rows == 1 || job_.images * job_.pixels() <= kFewPixels; }
  double frame_bytes() const { return frame_.estimate() * double(block_channels_) * double(sizeof(T)); }

  pynn_status run() {
    const Filters<T> filters(job_, kernel_.wide_rows[vectors_], block_channels_);
    const int64_t tiles = filters.tiles(), depth = block_channels_ * job_.tap_count;
    const bool loose = loose_weights();
    const size_t shared_bytes =
        size_t(loose ? 0 : filters.size()) * sizeof(T) + size_t(2 * depth) * sizeof(int64_t);
    const Scratch shared(shared_bytes);
    if (!shared) return no_memory(shared_bytes);
    int64_t* const offsets = shared.as<int64_t>();
    int64_t* const a_offsets = offsets + depth;
    T* const packed = reinterpret_cast<T*>(a_offsets + depth);
    for (int64_t t = 0; t < job_.tap_count; ++t) {
      offsets[t] = frame_.offset(job_.taps[t]);
      a_offsets[t] = job_.taps[t].weight;
    }
    for (int64_t i = job_.tap_count; i < depth; ++i) {
      offsets[i] = offsets[i - job_.tap_count] + frame_.size();
      a_offsets[i] = a_offsets[i - job_.tap_count] + job_.w_channel;
    }
    if (!loose) filters.pack(packed);

    const int64_t most_places = frame_.places(frame_.height());
    const int64_t most_vectors = ceil_div(most_places, width_);
    const int64_t most_segments = most_vectors + frame_.height();
    const int64_t frame_size = round_up(block_channels_ * frame_.size() + frame_.slack(width_), 16);
    const size_t bytes = size_t(frame_size) * sizeof(T) + size_t(most_segments) * sizeof(Segment) +
                         size_t(most_vectors + 1) * sizeof(int32_t);
    const int64_t parts = parts_of(tiles), units = places() * parts;
    const int64_t macs =
        most(1, job_.images * job_.groups * job_.rows * job_.depth() * job_.pixels() / units);
    // What does little with each element is bound by the copies: 32 steps an element more.
    const int64_t work = macs + 16 * job_.channels * job_.pixels() * job_.images * job_.groups / units;
    const int64_t group = units * work <= kSerialMacs ? units : most(1, kChunkMacs / work);
    std::atomic<bool> failed{false};
    parallel(ceil_div(units, group), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const frame = own.as<T>();
      const int64_t used = block_channels_ * frame_.size();
      memset(frame + used, 0, size_t(frame_size - used) * sizeof(T));
      Segment* const segments = reinterpret_cast<Segment*>(frame + frame_size);
      int32_t* const first = reinterpret_cast<int32_t*>(segments + most_segments);
      const int64_t in_plane = ceil_div(out_rows_, frame_.height());
      const int64_t in_image = in_plane * ceil_div(out_planes_, frame_.depth());
      int64_t ready = -1;  // rows that the segments describe
      for (int64_t u = chunk * group; u < least((chunk + 1) * group, units); ++u) {
        const int64_t part = u % parts, place = u / parts % in_image, g = u / parts / in_image % job_.groups;
        const int64_t image = u / parts / in_image / job_.groups;
        const int64_t z0 = place / in_plane * frame_.depth(), y0 = place % in_plane * frame_.height();
        const int64_t planes = least(frame_.depth(), out_planes_ - z0),
                      rows = least(frame_.height(), out_rows_ - y0);
        if (rows != ready) cut_segments(rows, segments, first);
        ready = rows;
        const T* src = job_.src + image * job_.src_image + g * job_.src_group;
        T* out = job_.out + image * job_.out_image + g * job_.out_group + z0 * job_.out_at[0] +
                 y0 * job_.out_at[1];
        for (int64_t c0 = 0; c0 < job_.channels; c0 += block_channels_) {
          const int64_t channels = least(block_channels_, job_.channels - c0);
          for (int64_t c = 0; c < channels; ++c) {
            frame_.copy(kernel_, src + (c0 + c) * job_.src_plane, z0, y0, frame + c * frame_.size());
          }
          const bool last = c0 + channels == job_.channels;
          for (int64_t tile = part * tiles / parts; tile < (part + 1) * tiles / parts; ++tile) {
            const int64_t start = filters.start(tile), height = filters.height(tile);
            WideArgs<T> a;
            a.a = loose ? job_.w + g * job_.w_group + start * job_.w_row + c0 * job_.w_channel
                        : packed + filters.offset(g, c0, channels, tile);
            a.a_offsets = a_offsets;
            a.a_row = job_.w_row;
            a.offsets = offsets;
            a.k = channels * job_.tap_count;
            a.out_step = job_.out_plane;
            a.out_col = job_.out_at[2];
            a.segments = segments;
            a.bias = last && job_.bias != nullptr ? job_.bias + g * job_.rows + start : nullptr;
            a.beta = c0 == 0 ? job_.beta : T(1);
            a.relu = last && job_.relu;
            for (int64_t z = 0; z < planes; ++z) {
              a.out = out + start * job_.out_plane + z * job_.out_at[0];
              multiply(a, loose, height, frame + z * frame_.slab(), first,
                       ceil_div(frame_.places(rows), width_));
            }
          }
        }
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

 private:
  int64_t places() const {
    return job_.images * job_.groups * ceil_div(out_planes_, frame_.depth()) *
           ceil_div(out_rows_, frame_.height());
  }

  // Few places: the tiles of rows are cut as well, and each part copies the planes again.
  int64_t parts_of(int64_t tiles) const {
    const int64_t macs = job_.images * job_.groups * job_.rows * job_.depth() * job_.pixels();
    if (macs <= kSerialMacs || places() >= 8) return 1;
    return most(1, least(least(ceil_div(8, places()), tiles / 2), macs / places() / kChunkMacs));
  }

  // Which lanes of each vector are pixels, and where they go.
  void cut_segments(int64_t rows, Segment* segments, int32_t* first) const {
    const int64_t places = frame_.places(rows), wide = job_.grid.out[2], pitch = frame_.pitch(),
                  col = job_.out_at[2];
    int32_t n = 0;
    int64_t vector = 0, y = 0;
    for (int64_t p = 0; p < places; p += width_, ++vector) {
      first[vector] = n;
      while (y * pitch + wide <= p) ++y;
      for (int64_t r = y; r < rows && r * pitch < p + width_; ++r) {
        const int64_t low = most(0, r * pitch - p), high = least(width_, r * pitch + wide - p);
        segments[n++] = {r * job_.out_at[1] + (p - r * pitch) * col, int32_t(low), int32_t(high)};
      }
    }
    first[vector] = n;
  }

  void multiply(WideArgs<T>& a, bool loose, int64_t height, const T* frame, const int32_t* first,
                int64_t vectors) const {
    for (int64_t v = 0; v < vectors;) {
      const int64_t left = vectors - v;
      const int wide = vectors_ == 4 && left >= 3 ? 4 : left >= 2 ? 2 : 1;
      a.x = frame + v * width_;
      // A fourth vector may lie behind the last one: its segments are none.
      int32_t ends[5];
      for (int i = 0; i <= wide; ++i) ends[i] = first[least(v + i, vectors)];
      a.first = ends;
      (loose ? kernel_.loose : kernel_.wide)[wide][height](a);
      v += wide;
    }
  }

  const Job<T>& job_;
  const Kernels<T>& kernel_;
  Frame frame_;
  int width_, vectors_;
  int64_t block_channels_, out_planes_, out_rows_;
};

}  // namespace

// Measured, as lanes_cost. Infinite where stride and padding are so large that the frames would be mostly zeros, and
// where many places of a frame are no pixels and there are rows enough to pay for packing patches.
template <class T>
double frames_cost(const Job<T>& job) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (job.tap_count > kMostTaps) return kNever;
  const Scratch phases(size_t(job.tap_count) * sizeof(int64_t));
  if (!phases) return kNever;
  const Wide<T> wide(job, phases.as<int64_t>());
  const bool loose = wide.loose_weights();
  if (wide.frame_bytes() > 4 * double(kFrameBytes)) return kNever;
  if (job.rows > 16 && wide.waste() >= (loose && job.images == 1 ? 1.5 : 1.2)) return kNever;
  return loose ? 1.25 * wide.waste() : 1.07 * wide.waste() + 8 / double(job.images * job.pixels());
}

template <class T>
pynn_status by_frames(const Job<T>& job) {
  const Scratch phases(size_t(job.tap_count) * sizeof(int64_t));
  if (!phases) return no_memory(size_t(job.tap_count) * sizeof(int64_t));
  return Wide<T>(job, phases.as<int64_t>()).run();
}

#define PYNN_INSTANTIATE(T)                    \
  template double frames_cost<T>(const Job<T>&); \
  template pynn_status by_frames<T>(const Job<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
