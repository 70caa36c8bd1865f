"""rnn, lstm and gru over a whole sequence, and their gradients; an lstm's projection is the reference's.

The samples are cut into tiles of as many rows as a tile of a product has. A thread takes its tiles through all steps on
its own: a step's gates are one product of [x_t | h] with both weights side by side, packed once a call. Samples of
several lengths are sorted by length, so that a step has the first of them; the others' state stays as it is.
"""

from typing import Any

import numpy

from pynn._backends.numba import recurrent_steps
from pynn._backends.numba.arrays import are_floats, dense, flat, is_float, optional
from pynn._backends.numba.gemm import multiply
from pynn._backends.numba.matmul import column_sums
from pynn._backends.numba.runtime import parallel
from pynn._backends.numba.vectors import ROWS, TILE_BYTES


class _Call:
    """The checked inputs of a layer: steps, sizes and weights; `ok` is False where the kernels do not fit."""

    def __init__(
        self, gates: int, x: Any, states: Any, w_ih: Any, w_hh: Any, biases: Any, reverse: Any, sizes: Any
    ) -> None:
        self.ok = False
        if not (is_float(x) and x.size and all(s is not None for s in (*states, w_ih, w_hh)) and type(reverse) is bool):
            return
        if not are_floats(x.dtype, *states, w_ih, w_hh, *biases) or x.ndim != (3 if sizes is None else 2):
            return
        if w_hh.ndim != 2 or w_ih.ndim != 2 or w_hh.shape[0] != gates * w_hh.shape[1]:
            return
        if sizes is None:
            sizes = (x.shape[1],) * x.shape[0]
        elif not (
            type(sizes) is tuple
            and sizes
            and sum(sizes) == x.shape[0]
            and list(sizes) == sorted(sizes)[::-1]
            and sizes[-1] > 0
        ):
            return
        rows, self.hidden = w_hh.shape
        self.features, self.batch, self.total = x.shape[-1], sizes[0], sum(sizes)
        if w_ih.shape != (rows, self.features) or any(s.shape != (self.batch, self.hidden) for s in states):
            return
        if any(b is not None and b.shape != (rows,) for b in biases):
            return
        self.sizes = numpy.array(sizes, numpy.int64)
        self.offsets = numpy.cumsum(self.sizes) - self.sizes
        self.tiles = -(-self.batch // ROWS)
        self.work = self.total * rows * (self.features + self.hidden) // 8
        self.width = TILE_BYTES // x.itemsize
        self.ok = True

    def packed(self, w: Any) -> Any:
        """The panels of w.T."""
        return recurrent_steps.packed(flat(w), 1, w.shape[1], w.shape[1], w.shape[0], self.width)


def _bias(like: Any, rows: int, *biases: Any) -> Any:
    found = [b for b in biases if b is not None]
    return dense(sum(found[1:], found[0])) if found else numpy.zeros(rows, like.dtype)


def rnn(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: Any, reverse: Any, sizes: Any) -> Any:
    """(y, the last state)."""
    call = _Call(1, x, (h,), w_ih, w_hh, (b_ih, b_hh), reverse, sizes)
    if not call.ok or activation not in ("tanh", "relu"):
        return None
    y, last = numpy.empty((*x.shape[:-1], call.hidden), x.dtype), numpy.empty_like(h, order="C")
    panels = call.packed(numpy.concatenate([w_ih, w_hh], axis=1))
    parallel(recurrent_steps.rnn_forward, call.tiles, call.work, flat(x), flat(h), panels, _bias(x, call.hidden, b_ih, b_hh), call.offsets,
             call.sizes, call.features, call.hidden, reverse, activation == "relu", y.reshape(-1), last.reshape(-1))  # fmt: skip
    return y, last


def lstm(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, reverse: Any, sizes: Any, keep: Any
) -> Any:
    """(y, the last h, the last c, what backward needs)."""
    call = _Call(4, x, (h, c), w_ih, w_hh, (b_ih, b_hh), reverse, sizes)
    if not call.ok or w_hr is not None:
        return None
    y, last, last_c = (
        numpy.empty((*x.shape[:-1], call.hidden), x.dtype),
        *(numpy.empty_like(s, order="C") for s in (h, c)),
    )
    held = numpy.empty((*x.shape[:-1], 5 * call.hidden) if keep else 0, x.dtype)
    panels = call.packed(numpy.concatenate([w_ih, w_hh], axis=1))
    parallel(recurrent_steps.lstm_forward, call.tiles, call.work, flat(x), flat(h), flat(c), panels, _bias(x, 4 * call.hidden, b_ih, b_hh),
             call.offsets, call.sizes, call.features, call.hidden, reverse, y.reshape(-1), last.reshape(-1),
             last_c.reshape(-1), held.reshape(-1))  # fmt: skip
    return y, last, last_c, held


def gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any, sizes: Any, keep: Any) -> Any:
    """(y, the last state, what backward needs)."""
    call = _Call(3, x, (h,), w_ih, w_hh, (b_ih, b_hh), reverse, sizes)
    if not call.ok:
        return None
    y, last = numpy.empty((*x.shape[:-1], call.hidden), x.dtype), numpy.empty_like(h, order="C")
    held = numpy.empty((*x.shape[:-1], 4 * call.hidden) if keep else 0, x.dtype)
    rows = 3 * call.hidden
    parallel(recurrent_steps.gru_forward, call.tiles, call.work, flat(x), flat(h), call.packed(w_ih), call.packed(w_hh), _bias(x, rows, b_ih),
             _bias(x, rows, b_hh), call.offsets, call.sizes, call.features, call.hidden, reverse, y.reshape(-1),
             last.reshape(-1), held.reshape(-1))  # fmt: skip
    return y, last, held


# ---- gradients ----


class _Gradients:
    """A backward call: the incoming gradients, and what they become. `ok` as of _Call."""

    def __init__(self, call: _Call, grads: Any, y: Any, states: int, held: Any, columns: int) -> None:
        self.ok = False
        if not call.ok or not is_float(y) or y.shape[-1] != call.hidden or y.size != call.total * call.hidden:
            return
        gy, *lasts = grads[: 1 + states]
        if not are_floats(y.dtype, gy, *lasts) or (gy is not None and gy.shape != y.shape):
            return
        if columns and not (is_float(held) and held.dtype == y.dtype and held.shape == (*y.shape[:-1], columns)):
            return
        gheld = grads[1 + states] if columns else None
        if not are_floats(y.dtype, gheld) or (gheld is not None and gheld.shape != held.shape):
            return
        self.gy, self.gheld = optional(gy, y), optional(gheld, y)
        self.states = [
            numpy.zeros((call.batch, call.hidden), y.dtype) if g is None else numpy.array(g, order="C") for g in lasts
        ]
        self.before = numpy.empty((call.total, call.hidden), y.dtype)
        self.ok = True


def _weighted(d: Any, w: Any, like: Any) -> Any:
    out = numpy.empty((d.shape[0], w.shape[1]), d.dtype)
    multiply(d, w, out)
    return out.reshape(like.shape)


def _weight_gradient(d: Any, x: Any) -> Any:
    rows = dense(x).reshape(-1, x.shape[-1])
    out = numpy.empty((d.shape[1], rows.shape[1]), d.dtype)
    multiply(d.T, rows, out)
    return out


def _sums(d: Any) -> Any:
    out = numpy.empty(d.shape[1], d.dtype)
    parallel(column_sums, d.shape[1], d.size // 4, d.reshape(-1), d.shape[0], d.shape[1], out)
    return out


def rnn_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: ((y,), x, h0, w_ih, w_hh, ...)."""
    (y, *_), x, h, w_ih, w_hh = saved[:5]
    activation, reverse, sizes = attrs
    call = _Call(1, x, (h,), w_ih, w_hh, (), reverse, sizes)
    given = _Gradients(call, grads, y, 1, None, 0)
    if not given.ok:
        return None
    d = numpy.empty((call.total, call.hidden), x.dtype)
    parallel(recurrent_steps.rnn_backward, call.tiles, call.work, flat(h), flat(y), call.packed(w_hh.T), call.offsets, call.sizes,
             call.hidden, reverse, activation == "relu", given.gy, given.states[0].reshape(-1), d.reshape(-1),
             given.before.reshape(-1))  # fmt: skip
    gb = _sums(d) if needs & 48 else None
    return (
        _weighted(d, w_ih, x) if needs & 1 else None,
        given.states[0] if needs & 2 else None,
        _weight_gradient(d, x) if needs & 4 else None,
        _weight_gradient(d, given.before) if needs & 8 else None,
        gb if needs & 16 else None,
        gb.copy() if gb is not None and needs & 32 else None,
    )


def lstm_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: ((y, None, None, held), x, h0, c0, w_ih, w_hh, ...)."""
    (y, _, _, held), x, h, c, w_ih, w_hh = saved[:6]
    reverse, sizes, keep = attrs
    if not keep or (len(saved) > 8 and saved[8] is not None):
        return None
    call = _Call(4, x, (h, c), w_ih, w_hh, (), reverse, sizes)
    given = _Gradients(call, grads, y, 2, held, 5 * w_hh.shape[1])
    if not given.ok:
        return None
    d = numpy.empty((call.total, 4 * call.hidden), x.dtype)
    parallel(recurrent_steps.lstm_backward, call.tiles, call.work, flat(h), flat(c), flat(y), flat(held), call.packed(w_hh.T), call.offsets,
             call.sizes, call.hidden, reverse, given.gy, given.gheld, given.states[0].reshape(-1), given.states[1].reshape(-1),
             d.reshape(-1), given.before.reshape(-1))  # fmt: skip
    gb = _sums(d) if needs & 96 else None
    return (
        _weighted(d, w_ih, x) if needs & 1 else None,
        given.states[0] if needs & 2 else None,
        given.states[1] if needs & 4 else None,
        _weight_gradient(d, x) if needs & 8 else None,
        _weight_gradient(d, given.before) if needs & 16 else None,
        gb if needs & 32 else None,
        gb.copy() if gb is not None and needs & 64 else None,
        None,
    )


def gru_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: ((y, None, held), x, h0, w_ih, w_hh, ...)."""
    (y, _, held), x, h, w_ih, w_hh = saved[:5]
    reverse, sizes, keep = attrs
    if not keep:
        return None
    call = _Call(3, x, (h,), w_ih, w_hh, (), reverse, sizes)
    given = _Gradients(call, grads, y, 1, held, 4 * w_hh.shape[1])
    if not given.ok:
        return None
    above, below = (numpy.empty((call.total, 3 * call.hidden), x.dtype) for _ in range(2))
    parallel(recurrent_steps.gru_backward, call.tiles, call.work, flat(h), flat(y), flat(held), call.packed(w_hh.T), call.offsets, call.sizes,
             call.hidden, reverse, given.gy, given.gheld, given.states[0].reshape(-1), above.reshape(-1), below.reshape(-1),
             given.before.reshape(-1))  # fmt: skip
    return (
        _weighted(above, w_ih, x) if needs & 1 else None,
        given.states[0] if needs & 2 else None,
        _weight_gradient(above, x) if needs & 4 else None,
        _weight_gradient(below, given.before) if needs & 8 else None,
        _sums(above) if needs & 16 else None,
        _sums(below) if needs & 32 else None,
    )


KERNELS = {
    "rnn": rnn,
    "rnn.backward": rnn_backward,
    "lstm": lstm,
    "lstm.backward": lstm_backward,
    "gru": gru,
    "gru.backward": gru_backward,
}
