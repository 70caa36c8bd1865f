// A job with filters in the lanes and pixels read one by one from frames: a chunk (an image, a group, some rows of the
// grid) copies its channels into frames, where every tap is an offset, and multiplies a row's pixels, up to 14 side by
// side, by vectors of packed weights. No patch is packed, no load crosses a cache line. Phases of a data gradient share
// the frames, and their rows lie interleaved before they are stored: sums are [pixel][filter], and turned.
#include <algorithm>
#include <atomic>
#include <limits>

#include "base/arena.h"
#include "base/isa.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/frame.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {
namespace {

constexpr int64_t kFrameBytes = 256 << 10;      // of a chunk, where rows enough can be left out
constexpr int64_t kMostFrameBytes = 512 << 10;  // with the weights of a panel: the L2 cache
constexpr int64_t kPassBytes = 20 << 10;         // of a panel's weights in a pass: half of the L1 cache, and more
constexpr int64_t kTurnedPixels = 128;          // sums that are turned at once

template <class T>
class LaneFrames {
 public:
  LaneFrames(const PhasedJob<T>& job, int64_t* phases)
      : job_(job),
        kernel_(kernels<T>()),
        gemm_(matmul::kernels<T>()),
        panel_(2 * kernel_.width),
        panels_(ceil_div(job.rows, panel_)),
        frame_(job.grid, job.taps, job.tap_count, phases) {
    const double most_elements = double(kFrameBytes) / double(sizeof(T)) / double(job.channels);
    const int64_t wanted = macs() <= kSerialMacs ? 1 : least(8, macs() / kChunkMacs);
    int64_t planes = job.grid.out[0], rows = job.grid.out[1];
    while ((frame_.estimate() > most_elements && (planes > 1 || rows > 1)) ||
           (places() < wanted && (planes > 1 || rows > 4))) {
      if (planes > 1) {
        planes = ceil_div(planes, 2);
      } else {
        rows = ceil_div(rows, 2);
      }
      frame_.cut(planes, rows);
    }
  }

  double frame_bytes() const { return frame_.estimate() * double(job_.channels) * double(sizeof(T)); }

  // Measured: a tile's ends, the weights read again for every chunk (from afar where they are many), the frames'
  // copy, 24 steps of a tile's sum to turn it, half a cycle a weight.
  double cost() const {
    const double rows = double(job_.rows), columns = double(job_.grid.out[2]);
    const int64_t vectors = ceil_div(job_.rows, kernel_.width), most_pixels = kernel_.lane_rows[2];
    const double filled = (double(vectors) + 0.15 * double(vectors % 2)) * double(kernel_.width) / rows;
    const double height = columns / double(ceil_div(job_.grid.out[2], most_pixels));
    const double pixels = double(frame_.depth() * frame_.height()) * columns * double(job_.phases());
    const double far = rows * double(job_.depth()) * double(sizeof(T)) > double(kMostFrameBytes) ? 21 : 5;
    const double copied = frame_.estimate() / (double(frame_.depth() * frame_.height()) * columns);
    // Beside two multiply-adds a cycle the other ways' loads of pixels, two cache lines each, cost more.
    const double base = kernel_.width * int64_t(sizeof(T)) < 64 ? 1.1 : halves_512_bits() ? 1.03 : 0.95;
    return base * filled * (1 + 1.5 / height - 1.5 / double(most_pixels)) *
               (1 + 24 * double(job_.phases()) / double(job_.depth())) * (1 + far / pixels) +
           6 * copied / (rows * double(job_.tap_count)) + 8 / (double(job_.images) * double(job_.pixels()));
  }

  pynn_status run() {
    const int64_t depth = job_.depth(), group_weights = round_up(job_.rows, kernel_.width) * depth;
    const size_t shared_bytes = size_t(job_.groups * (group_weights + panels_ * panel_)) * sizeof(T) +
                                size_t(depth + kLaneAhead) * sizeof(int64_t);
    const Scratch shared(shared_bytes);
    if (!shared) return no_memory(shared_bytes);
    T* const weights = shared.as<T>();
    T* const biases = weights + job_.groups * group_weights;
    int64_t* const offsets = reinterpret_cast<int64_t*>(biases + job_.groups * panels_ * panel_);
    for (int64_t p = 0, first = 0; p < job_.phases(); first = job_.ends[p++]) {
      int64_t* to = offsets + first * job_.channels;
      for (int64_t t = first; t < job_.ends[p]; ++t) *to++ = frame_.offset(job_.taps[t]);
      const int64_t taps = job_.ends[p] - first;
      for (int64_t i = taps; i < taps * job_.channels; ++i, ++to) *to = to[-taps] + frame_.size();
    }
    std::fill_n(offsets + depth, kLaneAhead, 0);
    if (!pack_weights(weights, biases)) return no_memory(0);

    const int64_t parts = parts_of(), units = places() * parts;
    const int64_t unit_macs = most(1, macs() / most(1, units));
    const int64_t group = units * unit_macs <= kSerialMacs ? units : most(1, kChunkMacs / unit_macs);
    const int64_t frame_size = round_up(job_.channels * frame_.size() + frame_.slack(kernel_.width), 16);
    pass_ = kPassBytes / (panel_ * int64_t(sizeof(T)));
    batch_ = least(frame_.height(), most(1, kTurnedPixels / job_.full[2]));
    columns_ = ceil_div(job_.grid.out[2], ceil_div(job_.full[2], 2 * kTurnedPixels));
    stage_size_ = ((batch_ - 1) * job_.full[2] + columns_ * job_.steps[2]) * panel_;
    const size_t bytes = size_t(frame_size + 2 * stage_size_) * sizeof(T);
    std::atomic<bool> failed{false};
    parallel(ceil_div(units, group), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const frame = own.as<T>();
      const int64_t used = job_.channels * frame_.size();
      memset(frame + used, 0, size_t(frame_size - used) * sizeof(T));
      const int64_t in_plane = ceil_div(job_.grid.out[1], frame_.height());
      const int64_t in_image = in_plane * ceil_div(job_.grid.out[0], frame_.depth());
      int64_t ready = -1;  // the place whose frames are there
      for (int64_t u = chunk * group; u < least((chunk + 1) * group, units); ++u) {
        const int64_t part = u % parts, place = u / parts, g = place / in_image % job_.groups;
        const int64_t image = place / in_image / job_.groups;
        Chunk c;
        c.image = image;
        c.group = g;
        c.z = place % in_image / in_plane * frame_.depth();
        c.y = place % in_plane * frame_.height();
        c.frame = frame;
        c.stage = frame + frame_size;
        c.offsets = offsets;
        const T* src = job_.src + image * job_.src_image + g * job_.src_group;
        for (int64_t i = 0; i < job_.channels && ready != place; ++i) {
          frame_.copy(kernel_, src + i * job_.src_plane, c.z, c.y, frame + i * frame_.size());
        }
        ready = place;
        for (int64_t panel = part * panels_ / parts; panel < (part + 1) * panels_ / parts; ++panel) {
          c.weights = weights + g * group_weights + panel * panel_ * depth;
          c.bias = biases + (g * panels_ + panel) * panel_;
          multiply(c, panel);
        }
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

 private:
  struct Chunk {
    int64_t image, group, z, y;
    T *frame, *stage;
    const int64_t* offsets;
    const T *weights, *bias;
  };

  int64_t macs() const { return job_.images * job_.groups * job_.rows * job_.depth() * job_.pixels(); }
  int64_t places() const {
    return job_.images * job_.groups * ceil_div(job_.grid.out[0], frame_.depth()) *
           ceil_div(job_.grid.out[1], frame_.height());
  }
  // Few places: the panels are cut as well, and each part copies the planes again.
  int64_t parts_of() const {
    if (macs() <= kSerialMacs || places() >= 8) return 1;
    return most(1, least(least(ceil_div(8, places()), panels_), macs() / places() / kChunkMacs));
  }

  // [group][panel][phase][channel, tap of the phase][filter of the panel], whole vectors.
  bool pack_weights(T* weights, T* biases) const {
    const int64_t depth = job_.depth(), taps = job_.tap_count;
    const bool together = job_.phases() == 1 && job_.plain_taps();
    const bool plain = together && job_.w_channel == taps;
    std::atomic<bool> failed{false};
    const int64_t unit = most(1, (16 << 10) / most(1, depth * panel_));
    parallel_ranges(job_.groups * panels_, unit, [&](int64_t from, int64_t to) {
      const Scratch scratch(size_t(together ? 0 : taps * panel_) * sizeof(T));
      if (!scratch) {
        failed.store(true);
        return;
      }
      for (int64_t i = from; i < to; ++i) {
        const int64_t g = i / panels_, panel = i % panels_, row = panel * panel_;
        const int64_t count = least(panel_, job_.rows - row), wide = round_up(count, kernel_.width);
        const T* w = job_.w + g * job_.w_group + row * job_.w_row;
        T* const d = weights + (g * round_up(job_.rows, kernel_.width) + row) * depth;
        if (wide > count) memset(d, 0, size_t(wide * depth) * sizeof(T));
        if (plain) {
          gemm_.pack(w, job_.w_row, 1, count, depth, d, wide);
        } else {
          for (int64_t c = 0; c < job_.channels; ++c) {
            T* const all = together ? d + c * taps * wide : scratch.template as<T>();
            gemm_.pack(w + c * job_.w_channel, job_.w_row, 1, count, taps, all, wide);
            for (int64_t p = 0, first = 0; p < job_.phases() && !together; first = job_.ends[p++]) {
              const int64_t own = job_.ends[p] - first;
              T* o = d + (first * job_.channels + c * own) * wide;
              for (int64_t t = first; t < first + own; ++t, o += wide) {
                memcpy(o, all + job_.taps[t].weight * wide, size_t(count) * sizeof(T));
              }
            }
          }
        }
        T* const b = biases + i * panel_;
        for (int64_t j = 0; j < panel_; ++j) {
          b[j] = job_.bias != nullptr && j < count ? job_.bias[g * job_.rows + row + j] : T(0);
        }
      }
    });
    return !failed.load();
  }

  // Places of phase p along d, of `count` places of the grid from `first`.
  int64_t extent(int d, int64_t p, int64_t first, int64_t count) const {
    return most(0, least(count, ceil_div(job_.full[d] - p, job_.steps[d]) - first));
  }

  void multiply(const Chunk& c, int64_t panel) const {
    const int64_t* const steps = job_.steps;
    for (int64_t pz = 0; pz < steps[0]; ++pz) {
      const int64_t planes = extent(0, pz, c.z, frame_.depth());
      for (int64_t py = 0; py < steps[1]; ++py) {
        const int64_t rows = extent(1, py, c.y, frame_.height());
        for (int64_t z = 0; z < planes; ++z) {
          for (int64_t y = 0; y < rows; y += batch_) {
            for (int64_t x = 0; x < job_.grid.out[2]; x += columns_) {
              const int64_t n = least(batch_, rows - y);
              T* const out = job_.out + c.image * job_.out_image + c.group * job_.out_group +
                             panel * panel_ * job_.out_plane +
                             (((c.z + z) * steps[0] + pz) * job_.full[1] + (c.y + y) * steps[1] + py) * job_.full[2] +
                             x * steps[2];
              for (int64_t p = 0; p < steps[2]; ++p) {
                multiply_rows(c, panel, (pz * steps[1] + py) * steps[2] + p, n, extent(2, p, x, columns_),
                              c.frame + z * frame_.slab() + y * frame_.pitch() + x, c.stage + p * panel_, out);
              }
              turn(c, panel, n, least(columns_ * steps[2], job_.full[2] - x * steps[2]), out);
            }
          }
        }
      }
    }
  }

  // A phase of some rows of `pixels`, from place x of the frame, in passes over k short enough that the weights of one
  // stay in the L1 cache for all rows. out: where the sums will go.
  void multiply_rows(const Chunk& c, int64_t panel, int64_t phase, int64_t rows, int64_t pixels, const T* x, T* stage,
                     const T* out) const {
    const int64_t count = least(panel_, job_.rows - panel * panel_), wide = round_up(count, kernel_.width);
    const int vectors = int(wide / kernel_.width);
    const int64_t first = phase == 0 ? 0 : job_.ends[phase - 1], depth = (job_.ends[phase] - first) * job_.channels;
    const int64_t step = job_.steps[2], p = phase % step;
    const int64_t tiles = ceil_div(pixels, kernel_.lane_rows[vectors]), passes = most(1, ceil_div(depth, pass_));
    LaneArgs<T> a;
    a.w_step = wide;
    a.out_step = step * panel_;
    a.next_step = job_.out_plane;
    for (int64_t pass = 0; pass < passes; ++pass) {
      const int64_t begin = depth * pass / passes;
      const bool last = pass + 1 == passes;
      a.k = depth * (pass + 1) / passes - begin;
      a.w = c.weights + (first * job_.channels + begin) * wide;
      a.offsets = c.offsets + first * job_.channels + begin;
      a.bias = pass == 0 ? c.bias : nullptr;
      a.relu = last && job_.relu && job_.beta == T(0);
      a.next_count = last ? count : 0;
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t i = 0, done = 0; i < tiles; ++i) {
          const int64_t height = (pixels + i) / tiles;
          a.x = x + y * frame_.pitch() + done;
          a.out = stage + (y * job_.full[2] + done * step) * panel_;
          a.next = out + y * job_.steps[1] * job_.full[2] + done * step + (p + 1) * height - 1;
          kernel_.lanes[vectors][height](a);
          done += height;
        }
      }
    }
  }

  // Rows of sums to the planes of a panel's filters.
  void turn(const Chunk& c, int64_t panel, int64_t rows, int64_t columns, T* out) const {
    const int64_t width = job_.full[2], count = least(panel_, job_.rows - panel * panel_);
    const bool together = job_.steps[1] == 1;
    const int64_t runs = together ? 1 : rows, pixels = together ? (rows - 1) * width + columns : columns;
    for (int64_t i = 0; i < runs; ++i, out += job_.steps[1] * width) {
      const T* const sums = c.stage + i * width * panel_;
      if (job_.beta == T(0)) {
        gemm_.pack(sums, panel_, 1, pixels, count, out, job_.out_plane);
        continue;
      }
      T* const turned = c.stage + stage_size_;
      gemm_.pack(sums, panel_, 1, pixels, count, turned, pixels);
      for (int64_t j = 0; j < count; ++j) {
        T* const o = out + j * job_.out_plane;
        for (int64_t p = 0; p < pixels; ++p) {
          const T sum = turned[j * pixels + p] + job_.beta * o[p];
          o[p] = job_.relu && sum < T(0) ? T(0) : sum;
        }
      }
    }
  }

  const PhasedJob<T>& job_;
  const Kernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  int64_t panel_, panels_, batch_ = 1, columns_ = 1, stage_size_ = 0, pass_ = 1;
  Frame frame_;
};

}  // namespace

// Infinite for one tap, which would read what is copied once.
template <class T>
double lane_frames_cost(const PhasedJob<T>& job) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (job.tap_count == 1 || job.tap_count > kMostTaps) return kNever;
  const Scratch phases(size_t(job.tap_count) * sizeof(int64_t));
  if (!phases) return kNever;
  const LaneFrames<T> way(job, phases.as<int64_t>());
  if (way.frame_bytes() > double(kMostFrameBytes)) return kNever;
  return way.cost();
}

template <class T>
pynn_status by_lane_frames(const PhasedJob<T>& job) {
  const Scratch phases(size_t(job.tap_count) * sizeof(int64_t));
  if (!phases) return no_memory(size_t(job.tap_count) * sizeof(int64_t));
  return LaneFrames<T>(job, phases.as<int64_t>()).run();
}

#define PYNN_INSTANTIATE(T)                               \
  template double lane_frames_cost<T>(const PhasedJob<T>&); \
  template pynn_status by_lane_frames<T>(const PhasedJob<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
