// How the normalizations cut their work: by shape alone, combined in order.
#pragma once
#include <cmath>

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "kernels/norm/norm.h"

namespace pynn {
namespace norm {

// Lines a thread takes at a time.
inline int64_t rows_of(int64_t length) { return most(1, kChunk / most(length, 1)); }

// Part of a channel: `runs` runs from `run` on, of each `length` elements from `offset` on.
struct Block {
  int64_t run, runs, offset, length;
};

// A channel of `runs` runs of `length` elements as blocks of at most kBlock elements (or one run's worth).
class Blocks {
 public:
  Blocks(int64_t runs, int64_t length) : runs_(runs), length_(length) {
    if (length > kBlock) {
      piece_ = round_up(ceil_div(length, ceil_div(length, kBlock)), 64);
      pieces_ = ceil_div(length, piece_);
    } else {
      piece_ = length;
      runs_each_ = most(1, kBlock / most(length, 1));
    }
    count_ = ceil_div(runs, runs_each_) * pieces_;
  }
  int64_t count() const { return count_; }
  int64_t elements() const { return runs_ * length_; }
  Block whole() const { return {0, runs_, 0, length_}; }
  Block operator[](int64_t i) const {
    const int64_t run = i / pieces_ * runs_each_, offset = i % pieces_ * piece_;
    return {run, least(runs_each_, runs_ - run), offset, least(piece_, length_ - offset)};
  }

 private:
  int64_t runs_, length_, runs_each_ = 1, pieces_ = 1, piece_, count_;
};

// For every channel c: reduce(c, block) over its blocks, added in order; finish(c, sum) makes of that a Result;
// apply(c, block, result). With channels enough, a thread does all of a channel, whose elements then still lie in
// its cache for `apply`; with few large ones, threads share each. False where memory ran out.
template <class Sum, class Result, class Reduce, class Finish, class Apply>
bool over_channels(const Blocks& blocks, int64_t channels, const Reduce& reduce, const Finish& finish,
                   const Apply& apply) {
  constexpr int64_t kFew = 8;
  const auto sum = [&](int64_t c, int64_t first, int64_t last) {
    Sum all = reduce(c, blocks[first]);
    for (int64_t i = first + 1; i < last; ++i) all.add(reduce(c, blocks[i]));
    return all;
  };
  const int64_t elements = blocks.elements();
  if (channels >= kFew || channels * elements < 2 * kChunk) {
    parallel_ranges(channels, rows_of(elements), [&](int64_t first, int64_t last) {
      for (int64_t c = first; c < last; ++c) {
        apply(c, blocks.whole(), finish(c, sum(c, 0, blocks.count())));
      }
    });
    return true;
  }
  const int64_t each = most(1, kChunk / most(1, elements / blocks.count()));
  const int64_t parts = ceil_div(blocks.count(), each);
  Scratch sums(size_t(channels * parts) * sizeof(Sum)), results(size_t(channels) * sizeof(Result));
  if (!sums || !results) return false;
  const auto last_of = [&](int64_t part) { return least((part + 1) * each, blocks.count()); };
  parallel(channels * parts, [&](int64_t i) {
    sums.as<Sum>()[i] = sum(i / parts, i % parts * each, last_of(i % parts));
  });
  for (int64_t c = 0; c < channels; ++c) {
    Sum all = sums.as<Sum>()[c * parts];
    for (int64_t part = 1; part < parts; ++part) all.add(sums.as<Sum>()[c * parts + part]);
    results.as<Result>()[c] = finish(c, all);
  }
  parallel(channels * parts, [&](int64_t i) {
    for (int64_t k = i % parts * each; k < last_of(i % parts); ++k) {
      apply(i / parts, blocks[k], results.as<Result>()[i / parts]);
    }
  });
  return true;
}

// A matrix cut into parts of rows and of columns.
struct Grid {
  int64_t rows, cols, cols_each, col_parts, rows_each, row_parts;
  Grid(int64_t rows, int64_t cols) : rows(rows), cols(cols) {
    constexpr int64_t kParts = 32;
    cols_each = cols > 512 ? 256 : cols;
    col_parts = ceil_div(cols, cols_each);
    rows_each = most(round_up(kChunk / cols_each, kBlockRows),
                     round_up(ceil_div(rows, most(1, kParts / col_parts)), kBlockRows));
    row_parts = ceil_div(rows, rows_each);
  }
  // f(row part, first row, last row, first column, columns)
  template <class F>
  void each(const F& f) const {
    const auto part = [&](int64_t i) {
      const int64_t row = i / col_parts, col = i % col_parts * cols_each;
      f(row, row * rows_each, least(rows, (row + 1) * rows_each), col, least(cols_each, cols - col));
    };
    if (rows * cols < 2 * kChunk) {
      for (int64_t i = 0; i < row_parts * col_parts; ++i) part(i);
    } else {
      parallel(row_parts * col_parts, part);
    }
  }
};

}  // namespace norm
}  // namespace pynn
