// A reduction over any dimensions of any strides.
//
// Dimensions are sorted by the input's strides and merged where neighbours are of one kind (kept or reduced)
// and lie one after the other. The innermost one and the nearest of the other kind make a panel, which a
// kernel reduces to a vector of accumulators: rows of it where the reduced dimension is innermost, columns
// where the kept one is. What other dimensions there are is walked around the panel. How the work is cut
// follows from the shape alone.
#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"
#include "kernels/reduction/reduction.h"

namespace pynn {
namespace reduction {
namespace {

constexpr int64_t kEach = 64 * kBlock;  // elements of a task, some 10 to 20 us of work
constexpr int64_t kUnit = 16;           // rows of a column panel that are never cut
constexpr int64_t kMostSplits = 64;     // parts of a reduction
constexpr int kOnStack = 128;           // accumulators that need no scratch

struct Axis {
  int64_t size, x, out;
  bool reduced;
};

struct Plan {
  Axis kept[PYNN_MAX_DIMS], reduced[PYNN_MAX_DIMS];  // around the panel, innermost first
  int kept_count = 0, reduced_count = 0;
  int64_t panels = 1, repeats = 1;  // products of those
  bool by_columns = false;
  Axis across = {1, 0, 0, false};  // the panel's kept dimension
  Axis along = {1, 0, 0, true};    // and its reduced one
  int64_t x_offset = 0, out_offset = 0;
};

bool outer_to(const Axis& a, const Axis& b) {  // a stride of 0 repeats the same elements: outermost
  if ((a.x == 0) != (b.x == 0)) return a.x == 0;
  return a.x > b.x;
}

Plan make_plan(const Strided& layout) {
  Plan plan;
  Axis axes[PYNN_MAX_DIMS];
  int count = 0;
  for (int i = 0; i < layout.ndim; ++i) {
    if (layout.shape[i] == 1) continue;
    Axis axis = {layout.shape[i], layout.x_strides[i], layout.out_strides[i], layout.out_strides[i] == 0};
    if (axis.x < 0) {
      plan.x_offset += (axis.size - 1) * axis.x;
      plan.out_offset += (axis.size - 1) * axis.out;
      axis.x = -axis.x;
      axis.out = -axis.out;
    }
    int place = count++;
    for (; place > 0 && outer_to(axis, axes[place - 1]); --place) axes[place] = axes[place - 1];
    axes[place] = axis;
  }
  int used = 0;  // axes[0] is outermost
  for (int i = 0; i < count; ++i) {
    if (used > 0) {
      Axis& outer = axes[used - 1];
      const Axis& inner = axes[i];
      if (outer.reduced == inner.reduced && outer.x == inner.size * inner.x &&
          outer.out == inner.size * inner.out) {
        outer = {outer.size * inner.size, inner.x, inner.out, inner.reduced};
        continue;
      }
    }
    axes[used++] = axes[i];
  }
  int across = -1, along = -1;
  for (int i = 0; i < used; ++i) (axes[i].reduced ? along : across) = i;
  if (across >= 0) plan.across = axes[across];
  if (along >= 0) plan.along = axes[along];
  // Columns that do not lie side by side are read one by one either way: by the smaller stride.
  plan.by_columns = across > along;
  for (int i = used - 1; i >= 0; --i) {
    if (i == across || i == along) continue;
    if (axes[i].reduced) {
      plan.reduced[plan.reduced_count++] = axes[i];
      plan.repeats *= axes[i].size;
    } else {
      plan.kept[plan.kept_count++] = axes[i];
      plan.panels *= axes[i].size;
    }
  }
  return plan;
}

struct Offsets {
  int64_t x = 0, out = 0;
};
Offsets place_of(const Axis* axes, int count, int64_t index) {
  Offsets at;
  for (int i = 0; i < count; ++i) {
    const int64_t here = i + 1 < count ? index % axes[i].size : index;
    if (i + 1 < count) index /= axes[i].size;
    at.x += here * axes[i].x;
    at.out += here * axes[i].out;
  }
  return at;
}

template <class T>
class Reduction {
 public:
  typedef Accumulator<T> A;
  Reduction(Op op, double p, const Strided& layout, const T* x, char* out, int64_t item,
            const Finish<A>& finish)
      : plan_(make_plan(layout)),
        panel_(kernels_of(x).op[op]),
        p_(p),
        x_(x + plan_.x_offset),
        out_(out + plan_.out_offset * item),
        item_(item),
        finish_(finish) {}

  pynn_status run() {
    const int64_t width = plan_.across.size, depth = plan_.along.size * plan_.repeats;
    const int64_t total = plan_.panels * width * depth;
    if (total < 2 * kEach) return range(0, plan_.panels, 0, width);
    // Many outputs: they are cut. Few: what is added up is.
    const int64_t least_wide = plan_.by_columns ? 64 : 1;
    const int64_t wide = least(width, round_up(most(1, ceil_div(kEach, depth)), least_wide));
    const int64_t cuts = ceil_div(width, wide);
    const bool small_output = plan_.panels * width * kUnit * 4 <= total;
    const bool few = plan_.panels * cuts < 8 || (plan_.by_columns && wide < 256 && cuts > 1);
    if (few && small_output && units() > 1) return split(total);
    pynn_status failed = PYNN_OK;
    if (cuts > 1) {
      parallel(plan_.panels * cuts, [&](int64_t task) {
        const int64_t panel = task / cuts, first = task % cuts * wide;
        if (range(panel, panel + 1, first, least(width, first + wide))) failed = PYNN_NO_MEMORY;
      });
    } else {
      const int64_t each = most(1, kEach / (width * depth));
      parallel_ranges(plan_.panels, each, [&](int64_t first, int64_t last) {
        if (range(first, last, 0, width)) failed = PYNN_NO_MEMORY;
      });
    }
    return failed ? no_memory() : PYNN_OK;
  }

 private:
  static pynn_status no_memory() { return fail(PYNN_NO_MEMORY, "reduce: no memory for partial results"); }

  // What a split reduction is cut between: blocks of a panel's reduced dimension, times the repeats.
  int64_t unit() const { return plan_.by_columns ? kUnit : kBlock; }
  int64_t blocks() const { return ceil_div(plan_.along.size, unit()); }
  int64_t units() const { return blocks() * plan_.repeats; }

  // acc[0..wide) of columns or rows `first` on of the panel at x, over units `from` to `to`.
  void accumulate(const T* x, int64_t first, int64_t wide, int64_t from, int64_t to, A* acc, A* more) const {
    const Axis &across = plan_.across, &along = plan_.along;
    const int64_t each = blocks();
    for (int64_t j = 0; j < wide; ++j) acc[j] = panel_.first;
    bool fresh = true;
    for (int64_t u = from; u < to;) {
      const int64_t repeat = u / each, start = u % each, stop = least(each, start + to - u);
      const int64_t at = start * unit(), count = least(along.size, stop * unit()) - at;
      const T* from_x = x + place_of(plan_.reduced, plan_.reduced_count, repeat).x + first * across.x;
      if (plan_.by_columns) {
        panel_.columns(count, along.x, wide, across.x, from_x + at * along.x, p_, acc);
      } else if (fresh) {
        panel_.rows(wide, across.x, count, along.x, from_x + at * along.x, p_, acc);
      } else {
        panel_.rows(wide, across.x, count, along.x, from_x + at * along.x, p_, more);
        for (int64_t j = 0; j < wide; ++j) acc[j] = panel_.join(acc[j], more[j]);
      }
      fresh = false;
      u += stop - start;
    }
  }

  void store(int64_t panel, int64_t first, int64_t wide, const A* acc) const {
    const int64_t at = place_of(plan_.kept, plan_.kept_count, panel).out + first * plan_.across.out;
    finish_.store(finish_, wide, acc, out_ + at * item_, plan_.across.out * item_);
  }

  // Panels `first` to `last`, columns or rows `from` to `to` of each, in bites that stay in the cache.
  pynn_status range(int64_t first, int64_t last, int64_t from, int64_t to) const {
    const int64_t bite = least(to - from, 4096);
    A few[2 * kOnStack];
    const Scratch scratch(bite > kOnStack ? size_t(2 * bite) * sizeof(A) : 0);
    if (bite > kOnStack && !scratch) return no_memory();
    A* const acc = bite > kOnStack ? scratch.as<A>() : few;
    A* const more = acc + bite;
    for (int64_t panel = first; panel < last; ++panel) {
      const T* x = x_ + place_of(plan_.kept, plan_.kept_count, panel).x;
      for (int64_t at = from; at < to; at += bite) {
        const int64_t wide = least(bite, to - at);
        accumulate(x, at, wide, 0, units(), acc, more);
        store(panel, at, wide, acc);
      }
    }
    return PYNN_OK;
  }

  // Each output's reduction in parts, which are joined in their order.
  pynn_status split(int64_t total) const {
    const int64_t width = plan_.across.size, all = units();
    const int64_t parts = least(least(all, kMostSplits), most(2, ceil_div(total / plan_.panels, kEach)));
    const int64_t each = ceil_div(all, parts), count = ceil_div(all, each);
    const int64_t outputs = plan_.panels * width;
    const Scratch scratch(size_t(count * 2 * outputs) * sizeof(A));
    if (!scratch) return no_memory();
    A* const acc = scratch.as<A>();
    A* const more = acc + count * outputs;
    parallel(plan_.panels * count, [&](int64_t task) {
      const int64_t panel = task / count, part = task % count;
      const T* x = x_ + place_of(plan_.kept, plan_.kept_count, panel).x;
      accumulate(x, 0, width, part * each, least(all, (part + 1) * each), acc + task * width,
                 more + task * width);
    });
    for (int64_t panel = 0; panel < plan_.panels; ++panel) {
      A* const sum = acc + panel * count * width;
      for (int64_t part = 1; part < count; ++part) {
        for (int64_t j = 0; j < width; ++j) sum[j] = panel_.join(sum[j], sum[part * width + j]);
      }
      store(panel, 0, width, sum);
    }
    return PYNN_OK;
  }

  const Plan plan_;
  const Panel<T>& panel_;
  const double p_;
  const T* const x_;
  char* const out_;
  const int64_t item_;
  const Finish<A>& finish_;
};

}  // namespace

template <class T>
pynn_status reduce(Op op, double p, const Strided& layout, const T* x, char* out, int64_t out_item,
                   const Finish<Accumulator<T>>& finish) {
  return Reduction<T>(op, p, layout, x, out, out_item, finish).run();
}

#define PYNN_INSTANTIATE(T)                                                            \
  template pynn_status reduce<T>(Op, double, const Strided&, const T*, char*, int64_t, \
                                 const Finish<Accumulator<T>>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
PYNN_INSTANTIATE(uint8_t)
PYNN_INSTANTIATE(int8_t)
PYNN_INSTANTIATE(int16_t)
PYNN_INSTANTIATE(int32_t)
PYNN_INSTANTIATE(int64_t)
#undef PYNN_INSTANTIATE

}  // namespace reduction
}  // namespace pynn
