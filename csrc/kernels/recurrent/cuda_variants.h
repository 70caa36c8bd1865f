// The resident kernels there are: cells by sizes by rows at a time.
#pragma once
#include "cuda/status.h"
#include "kernels/recurrent/cuda_resident.h"

namespace pynn::cuda {

template <int cell, int lanes, int each, int rows>
struct Variant {
  static constexpr int kCell = cell, kLanes = lanes, kEach = each, kRows = rows;
};

template <int kCell, int kLanes, int kEach, class F>
Status by_rows(const ResidentPlan& plan, const F& f) {
  return plan.rows == 2 ? f(Variant<kCell, kLanes, kEach, 2>()) : f(Variant<kCell, kLanes, kEach, 8>());
}
template <int kCell, class F>
Status by_size(const ResidentPlan& plan, const F& f) {
  if (plan.lanes == 32) return by_rows<kCell, 32, 16>(plan, f);
  if (plan.lanes == 16) return by_rows<kCell, 16, 16>(plan, f);
  if (plan.each == 16) return by_rows<kCell, 8, 16>(plan, f);
  if (plan.each == 8) return by_rows<kCell, 8, 8>(plan, f);
  return by_rows<kCell, 8, 4>(plan, f);
}
// f(a Variant). Both rnn cells are PYNN_CELL_RNN_TANH: which function bends is no more than a number.
template <class F>
Status by_variant(int cell, const ResidentPlan& plan, const F& f) {
  if (cell == PYNN_CELL_LSTM) return by_size<PYNN_CELL_LSTM>(plan, f);
  if (cell == PYNN_CELL_GRU) return by_size<PYNN_CELL_GRU>(plan, f);
  return by_size<PYNN_CELL_RNN_TANH>(plan, f);
}

}  // namespace pynn::cuda
