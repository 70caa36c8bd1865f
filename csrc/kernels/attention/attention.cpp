// Forward: FlashAttention's order (Dao, arXiv:2307.08691). A chunk takes a run of queries of one batch, walks
// over blocks of keys, and holds no more of the weights than one block.
#include "kernels/attention/attention.h"

#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/attention/blocks.h"

#define PYNN_FAMILY attention
#define PYNN_KERNELS "kernels/attention/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace attention {
namespace {

constexpr int64_t kQueries = 64, kKeys = 256;  // a block of scores: 64 KB, in the L2 cache
constexpr int64_t kCausal = 48;                // queries of a causal block: fewer scores that nobody sees
constexpr int64_t kRun = 512;                  // queries of a chunk

template <class T>
class Forward {
 public:
  explicit Forward(const Problem<T>& p) : p_(p), kernels_(table().of<T>()) {
    key_block_ = p.keys == 0 ? 1 : ceil_div(p.keys, ceil_div(p.keys, kKeys));
    splits_ =
        most(ceil_div(p.length, kRun), least(ceil_div(8, most(p.batches, 1)), ceil_div(p.length, kQueries)));
    run_ = ceil_div(p.length, splits_);
    query_block_ = ceil_div(run_, ceil_div(run_, p.causal ? kCausal : kQueries));
    copy_values_ = p.v_at.row != p.value_width && run_ > 16;
    sizes_[0] = tiles_.packed(key_block_, p.width);
    sizes_[1] = copy_values_ ? key_block_ * p.value_width : 0;
    sizes_[2] = query_block_ * score_step(key_block_);
    sizes_[3] = 3 * run_;
    sizes_[4] = Extras<T>::bias_size(p, query_block_, key_block_);
    for (int64_t& size : sizes_) size = round_up(size, 16);
    bytes_ = 0;
    for (int64_t size : sizes_) bytes_ += size_t(size) * sizeof(T);
    bytes_ += size_t(Extras<T>::words_size(p, query_block_, key_block_)) * sizeof(uint32_t);
  }

  pynn_status run() const {
    const int64_t tasks = p_.batches * splits_;
    const int64_t work = run_ * most(p_.keys, 1) * (p_.width + p_.value_width);
    const int64_t group = tasks * work < kSerial ? tasks : most(1, least(kChunk / most(work, 1), tasks / 8));
    std::atomic<bool> failed{false};
    parallel(ceil_div(tasks, group), [&](int64_t chunk) {
      const Scratch scratch(bytes_);
      if (!scratch) {
        failed.store(true);
        return;
      }
      for (int64_t task = chunk * group; task < least((chunk + 1) * group, tasks); ++task) {
        const int64_t first = task % splits_ * run_;
        queries(task / splits_, first, least(run_, p_.length - first), scratch.as<T>());
      }
    });
    return failed.load() ? fail(PYNN_NO_MEMORY, "attention: no memory for %zu bytes of scratch space", bytes_)
                         : PYNN_OK;
  }

 private:
  void queries(int64_t batch, int64_t start, int64_t count, T* scratch) const {
    if (count <= 0) return;
    T *const packed = scratch, *const values = packed + sizes_[0], *const scores = values + sizes_[1];
    T *const most = scores + sizes_[2], *const sum = most + run_, *const factor = sum + run_;
    T* const bias = most + sizes_[3];
    const Extras<T> extras(p_, bias, reinterpret_cast<uint32_t*>(bias + sizes_[4]));
    const T* const q = p_.q + offset_of(p_, p_.q_at, batch) + start * p_.q_at.row;
    const T* const k = p_.k + offset_of(p_, p_.k_at, batch);
    const T* const v = p_.v + offset_of(p_, p_.v_at, batch);
    T* const out = p_.out + offset_of(p_, p_.out_at, batch) + start * p_.out_at.row;
    for (int64_t i = 0; i < count; ++i) {
      most[i] = -T(__builtin_inf());
      sum[i] = T(0);
    }
    const int64_t keys = p_.causal ? least(p_.keys, start + count) : p_.keys;
    if (keys == 0) {
      for (int64_t i = 0; i < count; ++i)
        std::memset(out + i * p_.out_at.row, 0, size_t(p_.value_width) * sizeof(T));
    }
    for (int64_t j = 0; j < keys; j += key_block_) {
      const int64_t cols = least(key_block_, keys - j);
      tiles_.pack(k + j * p_.k_at.row, p_.k_at.row, cols, p_.width, packed);
      const T* value = v + j * p_.v_at.row;
      int64_t value_step = p_.v_at.row;
      if (copy_values_) {
        copy_rows(value, value_step, cols, p_.value_width, values);
        value = values;
        value_step = p_.value_width;
      }
      for (int64_t i = 0; i < count; i += query_block_) {
        const int64_t row = start + i;
        Block<T> b = {};
        b.scores = scores;
        b.rows = least(query_block_, count - i);
        b.visible = p_.causal ? row - j + 1 : cols;
        if (b.visible + b.rows - 1 <= 0) continue;
        b.cols = least(cols, b.visible + b.rows - 1);
        b.step = score_step(b.cols);
        tiles_.by_panels(b.rows, b.cols, p_.width, q + i * p_.q_at.row, p_.q_at.row, packed, p_.scale, scores,
                         b.step);
        extras.set(b, batch, row, j);
        const bool changed = kernels_.soften(b, most + i, sum + i, factor + i);
        T* const to = out + i * p_.out_at.row;
        if (j > 0 && changed) kernels_.rescale(to, p_.out_at.row, b.rows, p_.value_width, factor + i);
        tiles_.direct(b.rows, p_.value_width, b.cols, scores, b.step, true, value, value_step, T(j > 0), to,
                      p_.out_at.row);
      }
    }
    kernels_.finish(out, p_.out_at.row, count, p_.value_width, most, sum, p_.lse + batch * p_.length + start);
  }

  const Problem<T> p_;
  const Kernels<T>& kernels_;
  const Tiles<T> tiles_;
  int64_t key_block_, splits_, run_, query_block_;
  bool copy_values_;
  int64_t sizes_[5];
  size_t bytes_;
};

}  // namespace

template <class T>
pynn_status forward(const Problem<T>& p) {
  return p.batches == 0 || p.length == 0 ? PYNN_OK : Forward<T>(p).run();
}
template pynn_status forward<float>(const Problem<float>&);
template pynn_status forward<double>(const Problem<double>&);

}  // namespace attention
}  // namespace pynn
