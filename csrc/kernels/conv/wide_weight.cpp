// The weight gradient by frames, for groups of few filters or channels: the frames of x and of dy are
// multiplied lane by lane for every (filter, channel, tap), so that nothing is packed or transposed; lanes
// are added up at the end. dy's frame has zeros in the places that are no pixels.
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/frame.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {
namespace {

constexpr int64_t kFrameBytes = 256 << 10;  // of a chunk's x: stays in the L2 cache
constexpr int64_t kSumsBytes = 1 << 20;     // of a group
constexpr int64_t kWantedChunks = 8;
constexpr int64_t kFewChannels = 16;

template <class T>
class WideGradient {
 public:
  WideGradient(const WeightJob<T>& job, int64_t* phases)
      : job_(job), kernel_(kernels<T>()), frame_(job.grid, job.taps, job.tap_count, phases) {
    width_ = kernel_.width;
    planes_ = job.grid.out[0];
    rows_ = job.grid.out[1];
    const double most_elements = double(kFrameBytes) / double(sizeof(T)) / double(job.channels);
    int64_t planes = planes_, rows = rows_;
    while (frame_.estimate() > most_elements && (planes > 1 || rows > 4)) {
      if (planes > 1) {
        planes = ceil_div(planes, 2);
      } else {
        rows = ceil_div(rows, 2);
      }
      frame_.cut(planes, rows);
    }
    sums_ = job.filters * job.depth();
  }

  // Many filters of many channels: sums of patches, kept in registers over longer runs, and nothing added lane by lane.
  bool suits() const {
    if (job_.filters >= 2 * width_ && job_.channels >= kFewChannels) return false;
    return double(sums_) * width_ * double(sizeof(T)) <= double(kSumsBytes) &&
           frame_.estimate() * double(job_.channels) * double(sizeof(T)) <= 4 * double(kFrameBytes);
  }

  pynn_status run() {
    in_plane_ = ceil_div(rows_, frame_.height());
    in_image_ = in_plane_ * ceil_div(planes_, frame_.depth());
    const int64_t steps = job_.images * in_image_;
    const int64_t macs = most(1, job_.groups * sums_ * job_.pixels() * job_.images);
    int64_t parts = macs <= kSerialMacs ? 1 : most(1, least(steps, ceil_div(kWantedChunks, job_.groups)));
    parts = most(1, least(parts, macs / kChunkMacs));
    const int64_t units = job_.groups * parts, all = job_.groups * sums_;
    const int64_t group = macs <= kSerialMacs / 2 ? units : most(1, kChunkMacs / 2 / most(1, macs / units));

    vectors_ = ceil_div(frame_.places(frame_.height()), width_);
    x_size_ = round_up(job_.channels * frame_.size() + frame_.slack(width_), 16);
    dy_step_ = round_up(vectors_ * width_ + frame_.pitch(), 16) + 2 * width_;
    const int64_t own_size = x_size_ + job_.filters * dy_step_ + sums_ * width_;
    const size_t bytes = size_t(own_size) * sizeof(T);
    const size_t shared_bytes = size_t(job_.depth()) * sizeof(int64_t) + size_t(parts * all) * sizeof(T);
    const Scratch shared(shared_bytes);
    if (!shared) return no_memory(shared_bytes);
    offsets_ = shared.as<int64_t>();
    for (int64_t t = 0; t < job_.tap_count; ++t) offsets_[t] = frame_.offset(job_.taps[t]);
    for (int64_t i = job_.tap_count; i < job_.depth(); ++i)
      offsets_[i] = offsets_[i - job_.tap_count] + frame_.size();
    T* const results = reinterpret_cast<T*>(offsets_ + job_.depth());
    std::atomic<bool> failed{false};
    parallel(ceil_div(units, group), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      const int64_t used = job_.channels * frame_.size();
      memset(own.as<T>() + used, 0, size_t(x_size_ - used) * sizeof(T));
      for (int64_t u = chunk * group; u < least((chunk + 1) * group, units); ++u) {
        const int64_t g = u % job_.groups, part = u / job_.groups;
        part_of(g, part * steps / parts, (part + 1) * steps / parts, own.as<T>(),
                results + part * all + g * sums_);
      }
    });
    if (failed.load()) return no_memory(bytes);
    finish(results, parts, all);
    return PYNN_OK;
  }

 private:
  void part_of(int64_t g, int64_t first, int64_t last, T* own, T* results) const {
    T* const dy = own + x_size_;
    T* const sums = dy + job_.filters * dy_step_;
    memset(sums, 0, size_t(sums_ * width_) * sizeof(T));
    for (int64_t step = first; step < last; ++step) {
      const int64_t image = step / in_image_, place = step % in_image_;
      const int64_t z0 = place / in_plane_ * frame_.depth(), y0 = place % in_plane_ * frame_.height();
      const int64_t planes = least(frame_.depth(), planes_ - z0), rows = least(frame_.height(), rows_ - y0);
      for (int64_t c = 0; c < job_.channels; ++c) {
        frame_.copy(kernel_, job_.x + image * job_.x_image + (g * job_.channels + c) * job_.x_plane, z0, y0,
                    own + c * frame_.size());
      }
      const int64_t used = (rows - 1) * frame_.pitch() + job_.grid.out[2], vectors = ceil_div(used, width_);
      for (int64_t z = 0; z < planes; ++z) {
        const T* from = job_.dy + image * job_.dy_image + g * job_.filters * job_.dy_plane +
                        (z0 + z) * job_.dy_grid.slab + y0 * job_.dy_grid.row;
        for (int64_t o = 0; o < job_.filters; ++o) {
          T* to = dy + o * dy_step_;
          kernel_.rows(from + o * job_.dy_plane, job_.dy_grid.row, 1, rows, 0, job_.grid.out[2],
                       frame_.pitch(), to, frame_.pitch());
          for (int64_t i = rows * frame_.pitch(); i < vectors * width_; ++i) to[i] = T(0);
        }
        multiply(dy, own + z * frame_.slab(), vectors, sums);
      }
    }
    kernel_.reduce(sums, sums_, results);
  }

  void multiply(const T* dy, const T* x, int64_t vectors, T* sums) const {
    const int64_t depth = job_.depth(), tall = job_.filters >= 4 ? 4 : job_.filters;
    const int64_t tiles = ceil_div(job_.filters, tall);
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t row = i * (job_.filters / tiles) + least(i, job_.filters % tiles);
      const int64_t height = job_.filters / tiles + (i < job_.filters % tiles);
      const int64_t columns = ceil_div(depth, kernel_.grad_columns[height]);
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t column = j * (depth / columns) + least(j, depth % columns);
        GradArgs<T> a;
        a.dy = dy + row * dy_step_;
        a.dy_step = dy_step_;
        a.x = x;
        a.offsets = offsets_ + column;
        a.n = vectors;
        a.sums = sums + (row * depth + column) * width_;
        a.sums_row = depth * width_;
        kernel_.grad[height][depth / columns + (j < depth % columns)](a);
      }
    }
  }

  void finish(T* results, int64_t parts, int64_t all) const {
    if (parts > 1) matmul::kernels<T>().add_rows(results, all, parts, all, results);
    for (int64_t i = 0; i < all; ++i) {
      job_.dw[i] = job_.beta == T(0) ? results[i] : results[i] + job_.beta * job_.dw[i];
    }
  }

  const WeightJob<T>& job_;
  const Kernels<T>& kernel_;
  Frame frame_;
  int width_;
  int64_t planes_, rows_, sums_, in_plane_ = 0, in_image_ = 0, vectors_ = 0, x_size_ = 0, dy_step_ = 0;
  int64_t* offsets_ = nullptr;
};

}  // namespace

template <class T>
bool frames_suit(const WeightJob<T>& job) {
  if (job.tap_count > kMostTaps) return false;
  const Scratch phases(size_t(job.tap_count) * sizeof(int64_t));
  return phases && WideGradient<T>(job, phases.as<int64_t>()).suits();
}

template <class T>
pynn_status weight_by_frames(const WeightJob<T>& job) {
  const Scratch phases(size_t(job.tap_count) * sizeof(int64_t));
  if (!phases) return no_memory(size_t(job.tap_count) * sizeof(int64_t));
  return WideGradient<T>(job, phases.as<int64_t>()).run();
}

#define PYNN_INSTANTIATE(T)                          \
  template bool frames_suit<T>(const WeightJob<T>&); \
  template pynn_status weight_by_frames<T>(const WeightJob<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
