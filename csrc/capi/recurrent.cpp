// Argument checks of pynn/recurrent.h.
#include "kernels/recurrent/recurrent.h"

#include <cstring>

#include "base/status.h"
#include "pynn/recurrent.h"

namespace {

using namespace pynn;

pynn_status check_pointer(const void* pointer, const char* name) {
  return pointer != nullptr ? PYNN_OK : fail(PYNN_INVALID, "recurrent: %s is a null pointer", name);
}

pynn_status check(const pynn_recurrent* layer) {
  if (const pynn_status status = check_pointer(layer, "layer")) return status;
  if (layer->cell < 0 || layer->cell >= PYNN_CELL_COUNT) {
    return fail(PYNN_INVALID, "recurrent: cell is %d: expected one of pynn_cell", int(layer->cell));
  }
  if (layer->dtype != PYNN_FLOAT32 && layer->dtype != PYNN_FLOAT64) {
    return fail(PYNN_UNSUPPORTED, "recurrent: dtype %d has no kernel: expected float32 or float64",
                int(layer->dtype));
  }
  if (layer->steps < 1 || layer->batch < 0 || layer->input < 0 || layer->hidden < 1) {
    return fail(
        PYNN_INVALID,
        "recurrent: steps, batch, input, hidden are %lld, %lld, %lld, %lld: expected at least 1, 0, 0, 1",
        (long long)layer->steps, (long long)layer->batch, (long long)layer->input, (long long)layer->hidden);
  }
  const bool lstm = layer->cell == PYNN_CELL_LSTM;
  if (layer->projection < 0 || layer->projection > (lstm ? layer->hidden : 0)) {
    return fail(PYNN_INVALID, "recurrent: projection is %lld: expected 0%s", (long long)layer->projection,
                lstm ? ", or at most hidden" : "; only lstm has one");
  }
  if ((layer->projection != 0) != (layer->w_hr != nullptr)) {
    return fail(PYNN_INVALID, "recurrent: projection and w_hr come together: got %lld and %s",
                (long long)layer->projection, layer->w_hr ? "a pointer" : "a null pointer");
  }
  if (layer->sizes) {
    for (int64_t t = 0; t < layer->steps; ++t) {
      const int64_t most = t ? layer->sizes[t - 1] : layer->batch;
      if (layer->sizes[t] < 1 || layer->sizes[t] > most || (t == 0 && layer->sizes[0] != layer->batch)) {
        return fail(PYNN_INVALID,
                    "recurrent: sizes[%lld] is %lld: expected 1 to %lld, and sizes[0] the batch's",
                    (long long)t, (long long)layer->sizes[t], (long long)most);
      }
    }
  }
  if (layer->input > 0) {
    if (const pynn_status status = check_pointer(layer->w_ih, "w_ih")) return status;
  }
  return check_pointer(layer->w_hh, "w_hh");
}

int64_t gates(const pynn_recurrent& layer) {
  return layer.cell == PYNN_CELL_LSTM ? 4 : layer.cell == PYNN_CELL_GRU ? 3 : 1;
}

// The gradients of a batch without sequences.
void clear(const pynn_recurrent& layer, const pynn_recurrent_gradients& g) {
  const int64_t rows = gates(layer) * layer.hidden, out = layer.projection ? layer.projection : layer.hidden;
  const size_t item = layer.dtype == PYNN_FLOAT32 ? 4 : 8;
  void* const to[] = {g.dw_ih, g.dw_hh, g.db_ih, g.db_hh, g.dw_hr};
  const int64_t count[] = {rows * layer.input, rows * out, rows, rows, out * layer.hidden};
  for (int i = 0; i < 5; ++i) {
    if (to[i]) std::memset(to[i], 0, size_t(count[i]) * item);
  }
}

template <class T>
pynn_status forward(const pynn_recurrent& layer, const void* x, const void* h0, const void* c0, void* y,
                    void* h_n, void* c_n, void* held) {
  return recurrent::run_forward<T>(layer, static_cast<const T*>(x), static_cast<const T*>(h0),
                                   static_cast<const T*>(c0), static_cast<T*>(y), static_cast<T*>(h_n),
                                   static_cast<T*>(c_n), static_cast<T*>(held));
}

}  // namespace

extern "C" {

int64_t pynn_recurrent_held(const pynn_recurrent* layer) {
  if (layer == nullptr) return 0;
  return layer->cell == PYNN_CELL_LSTM  ? 5 * layer->hidden
         : layer->cell == PYNN_CELL_GRU ? 4 * layer->hidden
                                        : 0;
}

pynn_status pynn_recurrent_forward(const pynn_recurrent* layer, const void* x, const void* h0, const void* c0,
                                   void* y, void* h_n, void* c_n, void* held) {
  if (const pynn_status status = check(layer)) return status;
  if (layer->batch == 0) return PYNN_OK;
  pynn_status status = PYNN_OK;
  if (layer->input > 0 && (status = check_pointer(x, "x")) != PYNN_OK) return status;
  if ((status = check_pointer(h0, "h0")) != PYNN_OK) return status;
  if ((status = check_pointer(y, "y")) != PYNN_OK) return status;
  if ((status = check_pointer(h_n, "h_n")) != PYNN_OK) return status;
  if (layer->cell == PYNN_CELL_LSTM) {
    if ((status = check_pointer(c0, "c0")) != PYNN_OK) return status;
    if ((status = check_pointer(c_n, "c_n")) != PYNN_OK) return status;
  }
  return layer->dtype == PYNN_FLOAT32 ? forward<float>(*layer, x, h0, c0, y, h_n, c_n, held)
                                      : forward<double>(*layer, x, h0, c0, y, h_n, c_n, held);
}

pynn_status pynn_recurrent_backward(const pynn_recurrent* layer, const pynn_recurrent_gradients* g) {
  if (const pynn_status status = check(layer)) return status;
  if (const pynn_status status = check_pointer(g, "gradients")) return status;
  if (layer->batch == 0) {
    clear(*layer, *g);
    return PYNN_OK;
  }
  pynn_status status = PYNN_OK;
  if (layer->input > 0 && (status = check_pointer(g->x, "x")) != PYNN_OK) return status;
  if ((status = check_pointer(g->h0, "h0")) != PYNN_OK) return status;
  if ((status = check_pointer(g->y, "y")) != PYNN_OK) return status;
  if (layer->cell == PYNN_CELL_LSTM && (status = check_pointer(g->c0, "c0")) != PYNN_OK) return status;
  if (pynn_recurrent_held(layer) && (status = check_pointer(g->held, "held")) != PYNN_OK) return status;
  return layer->dtype == PYNN_FLOAT32 ? recurrent::run_backward<float>(*layer, *g)
                                      : recurrent::run_backward<double>(*layer, *g);
}

}  // extern "C"
