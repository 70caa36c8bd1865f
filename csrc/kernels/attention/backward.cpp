// The gradients: a chunk takes a run of keys of one batch of keys and values and walks over the queries that
// see them, so that it alone writes their dk and dv; dq is added up in the keys' order, in parts where
// several chunks share a batch.
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/blocks.h"

namespace pynn {
namespace attention {
namespace {

constexpr int64_t kQueries = 128, kKeys = 128;
constexpr int64_t kCausal = 48;  // queries of a causal block: fewer scores that nobody sees

template <class T>
class Backward {
 public:
  Backward(const Problem<T>& p, const Gradients<T>& g) : p_(p), g_(g), kernels_(table().of<T>()) {
    own_ = shared_ = 1;
    for (int d = 0; d < p.ndim; ++d) {
      // Equal zeros of k and v: checked by the caller. A dimension of one element is nobody's.
      const bool shared = p.shape[d] > 1 && g.dk_at.batch[d] == 0;
      own_shape_[d] = shared ? 1 : p.shape[d];
      shared_shape_[d] = shared ? p.shape[d] : 1;
      own_ *= own_shape_[d];
      shared_ *= shared_shape_[d];
      step_[d] = 1;
      for (int e = d + 1; e < p.ndim; ++e) step_[d] *= p.shape[e];
    }
    key_block_ = ceil_div(p.keys, ceil_div(p.keys, kKeys));
    query_block_ = ceil_div(p.length, ceil_div(p.length, p.causal ? kCausal : kQueries));
    const int64_t blocks = ceil_div(p.keys, key_block_);
    each_ = ceil_div(blocks, least(blocks, ceil_div(8, own_)));
    parts_ = ceil_div(blocks, each_);
    sizes_[0] = tiles_.packed(key_block_, p.width);
    sizes_[1] = tiles_.packed(key_block_, p.value_width);
    sizes_[2] = p.k_at.row == p.width ? 0 : key_block_ * p.width;
    sizes_[3] = p.q_at.row == p.width ? 0 : query_block_ * p.width;
    sizes_[4] = g.g_at.row == p.value_width ? 0 : query_block_ * p.value_width;
    sizes_[5] = sizes_[6] = query_block_ * score_step(key_block_);
    sizes_[7] = Extras<T>::bias_size(p, query_block_, key_block_);
    bytes_ = 0;
    for (int64_t& size : sizes_) {
      size = round_up(size, 16);
      bytes_ += size_t(size) * sizeof(T);
    }
    bytes_ += size_t(Extras<T>::words_size(p, query_block_, key_block_)) * sizeof(uint32_t);
  }

  pynn_status run() const {
    const int64_t rows = p_.batches * p_.length;
    const int64_t part = parts_ > 1 ? rows * p_.width : 0;
    const size_t bytes = size_t(round_up(rows, 16) + part * parts_) * sizeof(T);
    const Scratch scratch(bytes);
    if (!scratch) return no_memory(bytes);
    T *const delta = scratch.as<T>(), *const partial = delta + round_up(rows, 16);
    const int64_t tasks = own_ * parts_;
    const int64_t work = 3 * shared_ * p_.length * each_ * key_block_ * (p_.width + p_.value_width);
    const int64_t all = tasks * work;
    const int64_t group = all < kSerial ? tasks : most(1, least(kChunk / most(work, 1), tasks / 8));
    const int64_t heads = all < kSerial ? p_.batches : ceil_div(p_.batches, 8);
    parallel(ceil_div(p_.batches, heads), [&](int64_t chunk) {
      for (int64_t n = chunk * heads; n < least((chunk + 1) * heads, p_.batches); ++n) find_delta(n, delta);
    });
    std::atomic<bool> failed{false};
    parallel(ceil_div(tasks, group), [&](int64_t chunk) {
      const Scratch own(bytes_);
      if (!own) {
        failed.store(true);
        return;
      }
      for (int64_t t = chunk * group; t < least((chunk + 1) * group, tasks); ++t) {
        keys(t / parts_, t % parts_, delta, partial, own.as<T>());
      }
    });
    if (failed.load()) return no_memory(bytes_);
    if (parts_ > 1) {
      parallel(ceil_div(p_.batches, heads), [&](int64_t chunk) {
        for (int64_t n = chunk * heads; n < least((chunk + 1) * heads, p_.batches); ++n)
          add_parts(n, partial);
      });
    }
    return PYNN_OK;
  }

 private:
  static pynn_status no_memory(size_t bytes) {
    return fail(PYNN_NO_MEMORY, "attention: no memory for %zu bytes of scratch space", bytes);
  }

  void find_delta(int64_t n, T* delta) const {
    T* const to = delta + n * p_.length;
    kernels_.row_dots(g_.g + offset_of(p_, g_.g_at, n), g_.g_at.row, p_.out + offset_of(p_, p_.out_at, n),
                      p_.out_at.row, p_.length, p_.value_width, to);
    if (g_.g_lse == nullptr) return;
    for (int64_t i = 0; i < p_.length; ++i) to[i] -= g_.g_lse[n * p_.length + i];
  }

  void add_parts(int64_t n, const T* partial) const {
    T* const to = g_.dq + offset_of(p_, g_.dq_at, n);
    const int64_t size = p_.batches * p_.length * p_.width;
    for (int64_t i = 0; i < p_.length; ++i) {
      const T* from = partial + (n * p_.length + i) * p_.width;
      T* const row = to + i * g_.dq_at.row;
      for (int64_t j = 0; j < p_.width; ++j) row[j] = from[j];
      for (int64_t part = 1; part < parts_; ++part) {
        from += size;
        for (int64_t j = 0; j < p_.width; ++j) row[j] += from[j];
      }
    }
  }

  // The s-th batch of queries that reads own-th keys and values.
  int64_t batch_of(int64_t own, int64_t s) const {
    int64_t batch = 0;
    for (int d = p_.ndim - 1; d >= 0; --d) {
      batch += (own % own_shape_[d] + s % shared_shape_[d]) * step_[d];
      own /= own_shape_[d];
      s /= shared_shape_[d];
    }
    return batch;
  }

  static void clear(T* x, int64_t row, int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows; ++i) std::memset(x + i * row, 0, size_t(cols) * sizeof(T));
  }

  // A part of the keys against all queries of all batches that read them.
  void keys(int64_t own, int64_t part, const T* delta, T* partial, T* scratch) const {
    T* at[9];
    at[0] = scratch;
    for (int i = 0; i < 8; ++i) at[i + 1] = at[i] + sizes_[i];
    const Extras<T> extras(p_, at[7], reinterpret_cast<uint32_t*>(at[8]));
    const int64_t some = batch_of(own, 0);
    const T* const k = p_.k + offset_of(p_, p_.k_at, some);
    const T* const v = p_.v + offset_of(p_, p_.v_at, some);
    T* const dk = g_.dk + offset_of(p_, g_.dk_at, some);
    T* const dv = g_.dv + offset_of(p_, g_.dv_at, some);
    const int64_t from = part * each_ * key_block_, to = least(p_.keys, from + each_ * key_block_);
    for (int64_t s = 0; s < shared_; ++s) {
      int64_t row;
      T* const dq = gradient_of_queries(batch_of(own, s), part, partial, &row);
      clear(dq, row, p_.length, p_.width);
    }
    for (int64_t j = from; j < to; j += key_block_) {
      const int64_t cols = least(key_block_, to - j);
      const T* key = k + j * p_.k_at.row;
      int64_t key_step = p_.k_at.row;
      tiles_.pack(key, key_step, cols, p_.width, at[0]);
      tiles_.pack(v + j * p_.v_at.row, p_.v_at.row, cols, p_.value_width, at[1]);
      if (key_step != p_.width) {
        copy_rows(key, key_step, cols, p_.width, at[2]);
        key = at[2];
        key_step = p_.width;
      }
      clear(dk + j * g_.dk_at.row, g_.dk_at.row, cols, p_.width);
      clear(dv + j * g_.dv_at.row, g_.dv_at.row, cols, p_.value_width);
      for (int64_t s = 0; s < shared_; ++s) {
        const int64_t batch = batch_of(own, s);
        int64_t dq_step;
        T* const dq = gradient_of_queries(batch, part, partial, &dq_step);
        for (int64_t i = 0; i < p_.length; i += query_block_) {
          Block<T> b = {};
          b.scores = at[5];
          b.rows = least(query_block_, p_.length - i);
          b.visible = p_.causal ? i - j + 1 : cols;
          if (b.visible + b.rows - 1 <= 0) continue;
          b.cols = least(cols, b.visible + b.rows - 1);
          b.step = score_step(b.cols);
          int64_t q_step = p_.q_at.row, g_step = g_.g_at.row;
          const T* q = p_.q + offset_of(p_, p_.q_at, batch) + i * q_step;
          const T* g = g_.g + offset_of(p_, g_.g_at, batch) + i * g_step;
          if (q_step != p_.width) {
            copy_rows(q, q_step, b.rows, p_.width, at[3]);
            q = at[3];
            q_step = p_.width;
          }
          if (g_step != p_.value_width) {
            copy_rows(g, g_step, b.rows, p_.value_width, at[4]);
            g = at[4];
            g_step = p_.value_width;
          }
          T* const slopes = at[6];
          tiles_.by_panels(b.rows, b.cols, p_.width, q, q_step, at[0], p_.scale, b.scores, b.step);
          tiles_.by_panels(b.rows, b.cols, p_.value_width, g, g_step, at[1], T(1), slopes, b.step);
          extras.set(b, batch, i, j);
          const int64_t row = batch * p_.length + i;
          kernels_.recover(b, slopes, p_.lse + row, delta + row, p_.scale);
          tiles_.direct(b.cols, p_.value_width, b.rows, b.scores, b.step, false, g, g_step, T(1),
                        dv + j * g_.dv_at.row, g_.dv_at.row);
          tiles_.direct(b.cols, p_.width, b.rows, slopes, b.step, false, q, q_step, T(1),
                        dk + j * g_.dk_at.row, g_.dk_at.row);
          tiles_.direct(b.rows, p_.width, b.cols, slopes, b.step, true, key, key_step, T(1), dq + i * dq_step,
                        dq_step);
        }
      }
    }
  }

  // Where a part adds a batch's dq.
  T* gradient_of_queries(int64_t batch, int64_t part, T* partial, int64_t* step) const {
    if (parts_ > 1) {
      *step = p_.width;
      return partial + (part * p_.batches + batch) * p_.length * p_.width;
    }
    *step = g_.dq_at.row;
    return g_.dq + offset_of(p_, g_.dq_at, batch);
  }

  const Problem<T> p_;
  const Gradients<T> g_;
  const Kernels<T>& kernels_;
  const Tiles<T> tiles_;
  int64_t own_, shared_, own_shape_[PYNN_MAX_DIMS], shared_shape_[PYNN_MAX_DIMS], step_[PYNN_MAX_DIMS];
  int64_t key_block_, query_block_, each_, parts_, sizes_[8];
  size_t bytes_;
};

}  // namespace

template <class T>
pynn_status backward(const Problem<T>& p, const Gradients<T>& g) {
  return Backward<T>(p, g).run();
}
template pynn_status backward<float>(const Problem<float>&, const Gradients<float>&);
template pynn_status backward<double>(const Problem<double>&, const Gradients<double>&);

}  // namespace attention
}  // namespace pynn
