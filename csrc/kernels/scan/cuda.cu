// One scan for all operations. A line (one outer slice, one column) is scanned by a thread where its neighbours take the
// columns beside (inner large) or it is short, else by a block. Few long lines are cut into
// parts: their totals first, then what stands before each part, then the parts themselves.
#include "kernels/scan/cuda.h"

#include <cmath>

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

constexpr int kItems = 4;                // of a thread, one after the other, where a block scans
constexpr int kWarps = kThreads / 32;
constexpr int64_t kColumns = 16, kShort = 32;  // by threads: inner sizes from here on, or lines up to there
constexpr int64_t kEnoughBlocks = 256, kEnoughThreads = 1 << 15;
constexpr int64_t kBlockPart = 4096, kThreadPart = 64;  // elements of the shortest parts

// ---- operations: a state, how two follow one another, what an element gives, and what is stored ----
//
// `at` is the place of an element, `before` that of the element scanned before it, `first` that there is none.

template <class T>
struct Sum {
  typedef double State;
  const T* x;
  T* out;
  static PYNN_DEVICE State nothing() { return 0; }
  static PYNN_DEVICE State join(State a, State b) { return a + b; }
  PYNN_DEVICE State item(int64_t at, int64_t, bool) const { return double(x[at]); }
  PYNN_DEVICE void store(int64_t at, State s) const { out[at] = T(s); }
};

template <class T>
struct Product {
  typedef double State;
  const T* x;
  T* out;
  bool exclusive;  // of the elements before
  static PYNN_DEVICE State nothing() { return 1; }
  static PYNN_DEVICE State join(State a, State b) { return a * b; }
  PYNN_DEVICE State item(int64_t at, int64_t before, bool first) const {
    if (!exclusive) return double(x[at]);
    return first ? 1.0 : double(x[before]);
  }
  PYNN_DEVICE void store(int64_t at, State s) const { out[at] = T(s); }
};

PYNN_DEVICE double log_add(double a, double b) {
  const bool left = a > b || a != a;
  const double most = left ? a : b, least = left ? b : a;
  if (most == least && isinf(most)) return most;
  return most + log1p(exp(least - most));
}

template <class T>
struct LogSum {
  typedef double State;
  const T* x;
  T* out;
  static PYNN_DEVICE State nothing() { return -INFINITY; }
  static PYNN_DEVICE State join(State a, State b) { return log_add(a, b); }
  PYNN_DEVICE State item(int64_t at, int64_t, bool) const { return double(x[at]); }
  PYNN_DEVICE void store(int64_t at, State s) const { out[at] = T(s); }
};

// s -> plus + times * s. After a run of them from s = 0, s is `plus`.
struct Affine {
  double times, plus;
};
PYNN_DEVICE Affine then(Affine a, Affine b) { return {b.times * a.times, b.plus + b.times * a.plus}; }

// s[k] = dy[k] + x[k + 1] s[k + 1], dx[k] = (product of x before k) s[k]; dx has the products.
template <class T>
struct ProductBackward {
  typedef Affine State;
  const T *x, *dy;
  T* dx;
  static PYNN_DEVICE State nothing() { return {1, 0}; }
  static PYNN_DEVICE State join(State a, State b) { return then(a, b); }
  PYNN_DEVICE State item(int64_t at, int64_t before, bool first) const {
    return {first ? 0.0 : double(x[before]), double(dy[at])};
  }
  PYNN_DEVICE void store(int64_t at, State s) const { dx[at] = T(double(dx[at]) * s.plus); }
};

// t[k] = dy[k] + exp(out[k] - out[k + 1]) t[k + 1], dx[k] = exp(x[k] - out[k]) t[k]: no power above 1.
template <class T>
struct LogSumBackward {
  typedef Affine State;
  const T *x, *out, *dy;
  T* dx;
  static PYNN_DEVICE State nothing() { return {1, 0}; }
  static PYNN_DEVICE State join(State a, State b) { return then(a, b); }
  static PYNN_DEVICE double power(double a, double b) { return a == b ? 1.0 : exp(a - b); }
  PYNN_DEVICE State item(int64_t at, int64_t before, bool first) const {
    return {first ? 0.0 : power(double(out[at]), double(out[before])), double(dy[at])};
  }
  PYNN_DEVICE void store(int64_t at, State s) const {
    const double own = double(x[at]);
    dx[at] = T(own == -INFINITY ? 0.0 : s.plus * power(own, double(out[at])));
  }
};

template <class T>
struct Found {
  T value;
  int64_t place;  // of the element in the line; -1: none yet
};
template <class T, bool kSmallest>
struct Extreme {
  typedef Found<T> State;
  const T* x;
  T* values;
  int64_t* places;
  int64_t n, inner;
  static PYNN_DEVICE State nothing() { return {T(0), -1}; }
  static PYNN_DEVICE State join(State a, State b) {  // b comes later
    if (a.place < 0 || b.place < 0) return a.place < 0 ? b : a;
    return b.value != b.value || (kSmallest ? b.value <= a.value : b.value >= a.value) ? b : a;
  }
  PYNN_DEVICE State item(int64_t at, int64_t, bool) const { return {x[at], at / inner % n}; }
  PYNN_DEVICE void store(int64_t at, State s) const {
    values[at] = s.value;
    places[at] = s.place;
  }
};

PYNN_DEVICE double from_left(double x, int step) { return __shfl_up_sync(0xffffffffu, x, step); }
PYNN_DEVICE Affine from_left(Affine x, int step) { return {from_left(x.times, step), from_left(x.plus, step)}; }
template <class T>
PYNN_DEVICE Found<T> from_left(Found<T> x, int step) {
  Found<T> y;
  y.value = __shfl_up_sync(0xffffffffu, x.value, step);
  y.place = int64_t(__shfl_up_sync(0xffffffffu, (long long)(x.place), step));
  return y;
}

// ---- lines and parts ----

struct Lines {
  int64_t outer, n, inner, parts, part;  // part: elements of one
  bool reverse;
  PYNN_DEVICE int64_t count() const { return outer * inner; }
  PYNN_DEVICE int64_t step() const { return reverse ? -inner : inner; }
  // Element k of the scan of a line.
  PYNN_DEVICE int64_t at(int64_t line, int64_t k) const {
    const int64_t o = line / inner, column = line - o * inner;
    return (o * n + (reverse ? n - 1 - k : k)) * inner + column;
  }
};

// Mode total: states of the parts' totals, state[line * parts + part]. Mode whole: those have become what stands before each
// part (null for one part), and elements are stored.
enum class Mode { total, whole };

template <Mode kMode, class Op>
__global__ void __launch_bounds__(kThreads)
    thread_kernel(const Lines lines, const Op op, typename Op::State* states) {
  typedef typename Op::State State;
  const int64_t all = lines.count() * lines.parts;
  for (int64_t i = first_of_thread(); i < all; i += stride_of_grid()) {
    const int64_t part = i / lines.count(), line = i - part * lines.count();
    const int64_t begin = part * lines.part, end = begin + lines.part < lines.n ? begin + lines.part : lines.n;
    State* const own = states ? &states[line * lines.parts + part] : nullptr;
    State held = kMode == Mode::whole && own ? *own : Op::nothing();
    int64_t at = lines.at(line, begin);
    for (int64_t k = begin; k < end; ++k, at += lines.step()) {
      held = Op::join(held, op.item(at, at - lines.step(), k == 0));
      if (kMode == Mode::whole) op.store(at, held);
    }
    if (kMode == Mode::total) *own = held;
  }
}

// A block a line and part.
template <Mode kMode, class Op>
__global__ void __launch_bounds__(kThreads) block_kernel(const Lines lines, const Op op, typename Op::State* states) {
  typedef typename Op::State State;
  __shared__ State totals[kWarps];
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  for (int64_t i = blockIdx.x; i < lines.count() * lines.parts; i += gridDim.x) {
    const int64_t line = i / lines.parts, part = i - line * lines.parts;
    const int64_t begin = part * lines.part, end = begin + lines.part < lines.n ? begin + lines.part : lines.n;
    State carried = kMode == Mode::whole && states ? states[i] : Op::nothing();
    for (int64_t tile = begin; tile < end; tile += kThreads * kItems) {
      const int64_t first = tile + int64_t(threadIdx.x) * kItems, start = lines.at(line, first);
      State own[kItems];
#pragma unroll
      for (int j = 0; j < kItems; ++j) {
        const int64_t at = start + j * lines.step();
        own[j] = first + j < end ? op.item(at, at - lines.step(), first + j == 0) : Op::nothing();
        if (j > 0) own[j] = Op::join(own[j - 1], own[j]);
      }
      State sum = own[kItems - 1];
#pragma unroll
      for (int step = 1; step < 32; step *= 2) {
        const State left = from_left(sum, step);
        if (lane >= step) sum = Op::join(left, sum);
      }
      State before = from_left(sum, 1);
      if (lane == 0) before = Op::nothing();
      if (lane == 31) totals[warp] = sum;
      __syncthreads();
      State earlier = carried;
      for (int w = 0; w < kWarps; ++w) {
        if (w == warp) before = Op::join(earlier, before);
        earlier = Op::join(earlier, totals[w]);
      }
      carried = earlier;
      if (kMode == Mode::whole) {
#pragma unroll
        for (int j = 0; j < kItems; ++j) {
          if (first + j < end) op.store(start + j * lines.step(), Op::join(before, own[j]));
        }
      }
      __syncthreads();  // before totals is written again
    }
    if (kMode == Mode::total && threadIdx.x == 0) states[i] = carried;
  }
}

// The parts' totals become what stands before each. A thread a line.
template <class Op>
__global__ void __launch_bounds__(kThreads) before_kernel(int64_t lines, int64_t parts, typename Op::State* states) {
  typedef typename Op::State State;
  for (int64_t line = first_of_thread(); line < lines; line += stride_of_grid()) {
    State held = Op::nothing();
    for (int64_t p = 0; p < parts; ++p) {
      const State own = states[line * parts + p];
      states[line * parts + p] = held;
      held = Op::join(held, own);
    }
  }
}

bool by_threads(const ScanShape& s) { return s.inner >= kColumns || s.n <= kShort; }

Lines cut(const ScanShape& s, bool reverse) {
  const int64_t lines = s.outer * s.inner;
  const bool columns = by_threads(s);
  const int64_t enough = columns ? kEnoughThreads : kEnoughBlocks, shortest = columns ? kThreadPart : kBlockPart;
  int64_t parts = ceil_div(enough, lines < 1 ? 1 : lines);
  if (parts > ceil_div(s.n, shortest)) parts = ceil_div(s.n, shortest);
  if (parts < 1) parts = 1;
  const int64_t part = ceil_div(s.n, parts);
  return {s.outer, s.n, s.inner, ceil_div(s.n, part < 1 ? 1 : part), part, reverse};
}

template <class Op>
Status run(const ScanShape& s, bool reverse, const Op& op, void* scratch, cudaStream_t stream) {
  if (s.outer == 0 || s.n == 0 || s.inner == 0) return Status();
  const Lines lines = cut(s, reverse);
  const int64_t count = s.outer * s.inner, all = count * lines.parts;
  auto* const states = lines.parts > 1 ? static_cast<typename Op::State*>(scratch) : nullptr;
  const bool columns = by_threads(s);
  const dim3 grid = columns ? blocks_for(all) : blocks_for(all, 1), block(kThreads);
  if (states) {
    if (columns) {
      PYNN_TRY(launch(thread_kernel<Mode::total, Op>, grid, block, 0, stream, lines, op, states));
    } else {
      PYNN_TRY(launch(block_kernel<Mode::total, Op>, grid, block, 0, stream, lines, op, states));
    }
    PYNN_TRY(launch(before_kernel<Op>, blocks_for(count), block, 0, stream, count, lines.parts, states));
  }
  if (columns) return launch(thread_kernel<Mode::whole, Op>, grid, block, 0, stream, lines, op, states);
  return launch(block_kernel<Mode::whole, Op>, grid, block, 0, stream, lines, op, states);
}

}  // namespace

int64_t scan_bytes(const ScanShape& s) {
  if (s.outer == 0 || s.n == 0 || s.inner == 0) return 0;
  const Lines lines = cut(s, false);
  return lines.parts > 1 ? s.outer * s.inner * lines.parts * 16 : 0;  // bytes of the largest state
}

template <class T>
Status scan(pynn_scan_op op, bool reverse, const ScanShape& shape, const T* x, T* out, void* scratch,
            cudaStream_t stream) {
  if (op == PYNN_SCAN_SUM) return run(shape, reverse, Sum<T>{x, out}, scratch, stream);
  if (op == PYNN_SCAN_PROD) return run(shape, reverse, Product<T>{x, out, false}, scratch, stream);
  return run(shape, reverse, LogSum<T>{x, out}, scratch, stream);
}

template <class T>
Status scan_product_backward(const ScanShape& shape, const T* x, const T* dy, T* dx, void* scratch,
                             cudaStream_t stream) {
  PYNN_TRY(run(shape, false, Product<T>{x, dx, true}, scratch, stream));
  return run(shape, true, ProductBackward<T>{x, dy, dx}, scratch, stream);
}

template <class T>
Status scan_logsumexp_backward(const ScanShape& shape, const T* x, const T* out, const T* dy, T* dx, void* scratch,
                               cudaStream_t stream) {
  return run(shape, true, LogSumBackward<T>{x, out, dy, dx}, scratch, stream);
}

template <class T>
Status scan_extreme(bool smallest, const ScanShape& shape, const T* x, T* values, int64_t* places, void* scratch,
                    cudaStream_t stream) {
  if (smallest) return run(shape, false, Extreme<T, true>{x, values, places, shape.n, shape.inner}, scratch, stream);
  return run(shape, false, Extreme<T, false>{x, values, places, shape.n, shape.inner}, scratch, stream);
}

#define PYNN_INSTANTIATE(T)                                                                                            \
  static_assert(sizeof(Affine) == 16 && sizeof(Found<T>) == 16, "scan_bytes");                                         \
  template Status scan<T>(pynn_scan_op, bool, const ScanShape&, const T*, T*, void*, cudaStream_t);                    \
  template Status scan_product_backward<T>(const ScanShape&, const T*, const T*, T*, void*, cudaStream_t);             \
  template Status scan_logsumexp_backward<T>(const ScanShape&, const T*, const T*, const T*, T*, void*, cudaStream_t); \
  template Status scan_extreme<T>(bool, const ScanShape&, const T*, T*, int64_t*, void*, cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace pynn::cuda
