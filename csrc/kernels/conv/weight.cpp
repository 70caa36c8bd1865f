// Gradients of weight and bias. Transposed, the weight gradient of a group is
//   dw^T (channels * taps, filters) = sum over images and runs of pixels of patches (channels * taps, pixels)
//   times dy^T (pixels, filters),
// so patches are rows that the micro-kernel reads as they are written, and only dy is transposed.
// The sum over (image, run) steps is cut into parts by shape; parts are added in order at the end.
// One image of fewer pixels than filters: the patches are transposed instead, and dw is written once, where it lies.
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {
namespace {

using matmul::TileArgs;

constexpr int64_t kPatchBytes = 256 << 10;   // patches of a chunk: stay in the L2 cache
constexpr int64_t kPartsBytes = 4 << 20;     // all parts together: stay in the L3 cache
constexpr int64_t kWantedChunks = 8;
constexpr int64_t kTogether = 16;            // channels that are read side by side: streams that a core prefetches
constexpr int64_t kOncePanels = 8;           // of a chunk that is written once
constexpr int64_t kKeptTaps = 128;           // whose pieces are kept for all blocks

template <class T>
class WeightGradient {
 public:
  explicit WeightGradient(const WeightJob<T>& job)
      : job_(job), kernel_(kernels<T>()), gemm_(matmul::kernels<T>()) {
    filters_ = job.filters;
    depth_ = job.depth();
    pixels_ = job.pixels();
    panel_ = 2 * kernel_.width;
    max_rows_ = gemm_.max_rows[2];
    const int64_t runs = ceil_div(pixels_, matmul::depth_block<T>(pixels_));
    run_ = ceil_div(pixels_, runs);
    // Small images: several in one step, for a sum worth its loads and stores.
    together_ = most(1, least(job.images, matmul::depth_block<T>(1 << 20) / pixels_));
    if (together_ > 1) run_ = pixels_ * together_;
    steps_ = together_ > 1 ? ceil_div(job.images, together_) : job.images * ceil_div(pixels_, run_);
    // Rows of patches a multiple of 1 KB apart would share few sets of the L1 cache.
    pitch_ = round_up(run_, 16);
    if (pitch_ * int64_t(sizeof(T)) % 1024 == 0) pitch_ += 16;
    const int64_t largest =
        most(max_rows_, kPatchBytes / (pitch_ * int64_t(sizeof(T))) / max_rows_ * max_rows_);
    blocks_ = ceil_div(depth_, largest);
    const int64_t macs = job.groups * depth_ * filters_ * pixels_ * job.images;
    // Parts of the sum turn dy once for all blocks, and take memory; where there are few, blocks are shared out too.
    parts_ = macs <= kSerialMacs ? 1 : most(1, least(steps_, ceil_div(kWantedChunks, job.groups)));
    parts_ = most(1, least(parts_, macs / kChunkMacs));
    parts_ = most(1, least(parts_, kPartsBytes / most(1, size() * int64_t(sizeof(T)))));
    cuts_ = least(blocks_, ceil_div(kWantedChunks, job.groups * parts_));
    serial_ = macs <= kSerialMacs;
    kept_ = job.tap_count <= kKeptTaps;
  }

  pynn_status run(T beta, T* dw) {
    if (job_.images == 1 && steps_ == 1 && pixels_ < filters_) return run_once(beta, dw);
    const int64_t total = size();
    const Scratch parts(size_t((parts_ + 1) * total) * sizeof(T));
    if (!parts) return no_memory(size_t((parts_ + 1) * total) * sizeof(T));
    T* const sums = parts.as<T>();
    const int64_t chunks = job_.groups * cuts_ * parts_;
    std::atomic<bool> failed{false};
    const int64_t group = serial_ ? chunks : 1;
    parallel(ceil_div(chunks, group), [&](int64_t chunk) {
      const Scratch own(own_bytes());
      if (!own) {
        failed.store(true);
        return;
      }
      for (int64_t i = chunk * group; i < least((chunk + 1) * group, chunks); ++i) {
        const int64_t part = i % parts_, cut = i / parts_ % cuts_, g = i / parts_ / cuts_;
        part_of(part, cut, g, own.as<T>(), sums + (part * job_.groups + g) * depth_ * filters_);
      }
    });
    if (failed.load()) return no_memory(own_bytes());
    finish(beta, sums, dw);
    return PYNN_OK;
  }

 private:
  int64_t size() const { return job_.groups * depth_ * filters_; }
  int64_t block_start(int64_t i) const { return i * (depth_ / blocks_) + least(i, depth_ % blocks_); }
  int64_t block_rows() const { return ceil_div(depth_, blocks_); }
  int64_t patch_size() const { return block_rows() * pitch_; }
  int64_t dy_size() const { return run_ * round_up(filters_, panel_); }
  size_t own_bytes() const { return size_t(patch_size() + dy_size()) * sizeof(T) + pieces_bytes(); }
  size_t pieces_bytes() const {
    const int64_t taps = kept_ ? job_.tap_count : 1;
    return size_t(taps * run_) * sizeof(Piece) + size_t(taps) * sizeof(int64_t);
  }

  // What the taps read of a run of pixels. Kept for all blocks (and images), but for kernels of very many taps.
  class Pieces {
   public:
    Pieces(const WeightGradient& of, void* room)
        : of_(of), pieces_(static_cast<Piece*>(room)), counts_(reinterpret_cast<int64_t*>(pieces_ + slots() * of.run_)) {}

    void move(int64_t p0, int64_t count) {
      if (p0 == p0_) return;
      p0_ = p0, count_ = count;
      for (int64_t t = 0; of_.kept_ && t < of_.job_.tap_count; ++t) counts_[t] = cut(t);
    }
    int count(int64_t t) const { return of_.kept_ ? int(counts_[t]) : cut(t); }
    const Piece* of(int64_t t) const { return at(t); }

   private:
    int64_t slots() const { return of_.kept_ ? of_.job_.tap_count : 1; }
    Piece* at(int64_t t) const { return pieces_ + (of_.kept_ ? t * of_.run_ : 0); }
    int cut(int64_t t) const {
      return cut_pieces(of_.job_.grid, of_.job_.taps[t], p0_, count_, of_.kernel_.width, at(t));
    }

    const WeightGradient& of_;
    Piece* pieces_;
    int64_t* counts_;
    int64_t p0_ = -1, count_ = 0;
  };

  void part_of(int64_t part, int64_t cut, int64_t g, T* own, T* sums) const {
    T* const patches = own;
    T* const turned = own + patch_size();
    Pieces pieces(*this, turned + dy_size());
    const int64_t runs = ceil_div(pixels_, run_);
    const int64_t first = part * steps_ / parts_, last = (part + 1) * steps_ / parts_;
    for (int64_t step = first; step < last; ++step) {
      const int64_t image = together_ > 1 ? step * together_ : step / runs,
                    p0 = together_ > 1 ? 0 : step % runs * run_;
      const int64_t images = together_ > 1 ? least(together_, job_.images - image) : 1;
      const int64_t each = together_ > 1 ? pixels_ : least(run_, pixels_ - p0), count = images * each;
      pieces.move(p0, each);
      for (int64_t i = 0; i < images; ++i) {
        const T* dy = job_.dy + (image + i) * job_.dy_image + g * filters_ * job_.dy_plane + p0;
        for (int64_t j = 0; j < filters_; j += panel_) {
          gemm_.pack(dy + j * job_.dy_plane, job_.dy_plane, 1, least(panel_, filters_ - j), each,
                     turned + j * count + i * each * panel_, panel_);
        }
      }
      for (int64_t block = cut * blocks_ / cuts_; block < (cut + 1) * blocks_ / cuts_; ++block) {
        const int64_t row0 = block_start(block), row1 = block_start(block + 1);
        for (int64_t i = 0; i < images; ++i) {
          const T* x = job_.x + (image + i) * job_.x_image + g * job_.channels * job_.x_plane;
          pack_patches(x, row0, row1, pieces, patches + i * each);
        }
        multiply(patches, pitch_, row1 - row0, turned, filters_, count, step > first ? T(1) : T(0),
                 sums + row0 * filters_, filters_);
      }
    }
  }

  void pack_patches(const T* x, int64_t row0, int64_t row1, const Pieces& pieces, T* to) const {
    const int64_t taps = job_.tap_count;
    for (int64_t c = row0 / taps; c * taps < row1; c += kTogether) {
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t c0 = most(c, row0 > t ? ceil_div(row0 - t, taps) : 0);
        const int64_t c1 = least(c + kTogether, row1 > t ? ceil_div(row1 - t, taps) : 0);
        if (c1 <= c0) continue;
        const int n = pieces.count(t);
        kernel_.pack(x + c0 * job_.x_plane, job_.x_plane, job_.grid.step[2], c1 - c0, pieces.of(t), n,
                     to + (c0 * taps + t - row0) * pitch_, taps * pitch_);
      }
    }
  }

  pynn_status run_once(T beta, T* dw) const {
    const int64_t columns = kOncePanels * panel_, blocks = ceil_div(depth_, columns), chunks = job_.groups * blocks;
    const int64_t panels_size = columns * (pitch_ + pixels_);
    const size_t bytes = size_t(panels_size) * sizeof(T) + pieces_bytes();
    std::atomic<bool> failed{false};
    const int64_t group = serial_ ? chunks : 1;
    parallel(ceil_div(chunks, group), [&](int64_t unit) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const patches = own.as<T>();
      T* const turned = patches + columns * pitch_;
      Pieces pieces(*this, patches + panels_size);
      pieces.move(0, pixels_);
      for (int64_t i = unit * group; i < least((unit + 1) * group, chunks); ++i) {
        const int64_t g = i / blocks, row0 = i % blocks * columns, n = least(columns, depth_ - row0);
        pack_patches(job_.x + g * job_.channels * job_.x_plane, row0, row0 + n, pieces, patches);
        for (int64_t j = 0; j < n; j += panel_) {
          gemm_.pack(patches + j * pitch_, pitch_, 1, least(panel_, n - j), pixels_, turned + j * pixels_, panel_);
        }
        multiply(job_.dy + g * filters_ * job_.dy_plane, job_.dy_plane, filters_, turned, n, pixels_, beta,
                 dw + g * filters_ * depth_ + row0, depth_);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  // c = a b + beta c: of a's rows, and of panels of `columns` columns.
  void multiply(const T* a, int64_t a_step, int64_t rows, const T* b, int64_t columns, int64_t count, T beta, T* c,
                int64_t c_step) const {
    TileArgs<T> t;
    t.k = count;
    t.alpha = T(1);
    t.beta = beta;
    t.bias_row = nullptr;
    t.bias_col = nullptr;
    t.relu = false;
    t.a_rows = true;
    t.a_step = a_step;
    t.b_step = panel_;
    t.c_step = c_step;
    const int64_t tiles = ceil_div(rows, max_rows_);
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t start = i * (rows / tiles) + least(i, rows % tiles),
                    height = rows / tiles + (i < rows % tiles);
      t.a = a + start * a_step;
      for (int64_t j = 0; j < columns; j += panel_) {
        t.b = b + j * count;
        t.cols = int(least(panel_, columns - j));
        t.c = c + start * c_step + j;
        gemm_.tile[t.cols > kernel_.width ? 2 : 1][height](t);
      }
    }
  }

  // Adds the parts in order and turns each group's sums into dw's layout.
  void finish(T beta, T* sums, T* dw) const {
    const int64_t total = size();
    const int64_t step = 16 << 10;
    if (parts_ > 1) {
      parallel(ceil_div(total, step), [&](int64_t chunk) {
        const int64_t first = chunk * step, n = least(step, total - first);
        gemm_.add_rows(sums + first, total, parts_, n, sums + first);
      });
    }
    T* const turned = beta == T(0) ? dw : sums + parts_ * total;
    const int64_t rows = most(16, (16 << 10) / filters_ / 16 * 16), row_chunks = ceil_div(depth_, rows);
    parallel(job_.groups * row_chunks, [&](int64_t chunk) {
      const int64_t g = chunk / row_chunks, first = chunk % row_chunks * rows,
                    n = least(rows, depth_ - first);
      const int64_t base = g * depth_ * filters_;
      gemm_.pack(sums + base + first * filters_, filters_, 1, n, filters_, turned + base + first, depth_);
      if (beta == T(0)) return;
      for (int64_t o = 0; o < filters_; ++o) {
        for (int64_t i = 0; i < n; ++i) {
          T* to = dw + base + o * depth_ + first + i;
          *to = turned[base + o * depth_ + first + i] + beta * *to;
        }
      }
    });
  }

  const WeightJob<T> job_;
  const Kernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  int64_t filters_, depth_, pixels_, panel_, max_rows_, run_, together_, steps_, pitch_, blocks_, parts_, cuts_;
  bool serial_, kept_;
};

}  // namespace

template <class T>
pynn_status weight_by_patches(const WeightJob<T>& job) {
  return WeightGradient<T>(job).run(job.beta, job.dw);
}

template <class T>
pynn_status backward_bias(int64_t images, int64_t filters, int64_t pixels, const T* dy, T beta, T* db) {
  if (filters == 0) return PYNN_OK;
  const matmul::Kernels<T>& kernel = matmul::kernels<T>();
  const int64_t run = least(most(pixels, 1), 4096), runs = ceil_div(pixels, run), rows = images * runs;
  const size_t bytes = size_t(run + rows * filters) * sizeof(T);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  T* const ones = scratch.as<T>();
  T* const partial = ones + run;
  for (int64_t i = 0; i < run; ++i) ones[i] = T(1);
  // A sum is a dot product with ones: exact products, several sums side by side.
  const int64_t group =
      rows * filters * run <= kSerialMacs / 8 ? rows : most(1, (kChunkMacs / 8) / (filters * run));
  parallel(ceil_div(rows, most(1, group)), [&](int64_t chunk) {
    for (int64_t i = chunk * group; i < least((chunk + 1) * group, rows); ++i) {
      const int64_t image = i / runs, first = i % runs * run;
      kernel.dot(dy + image * filters * pixels + first, pixels, filters, least(run, pixels - first), ones,
                 partial + i * filters);
    }
  });
  return matmul::column_sum<T>(rows, filters, partial, filters, 1, beta, db, 1);
}

#define PYNN_INSTANTIATE(T)                                       \
  template pynn_status weight_by_patches<T>(const WeightJob<T>&); \
  template pynn_status backward_bias<T>(int64_t, int64_t, int64_t, const T*, T, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
