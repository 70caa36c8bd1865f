"""The steps of rnn, lstm and gru: a thread takes tiles of samples through a whole sequence, forward or backward.

Arrays are one-dimensional. offsets and sizes say where a step's samples start and how many it has; panels are packed
weights; `left` holds a tile's rows of a product's left matrix, whose rows beyond the samples are computed for nothing.
"""

# mypy: disable-error-code="no-untyped-def"

import numpy

from pynn._backends.numba.elementary import sigmoid, tanh
from pynn._backends.numba.gemm import pack_b, tile_rows
from pynn._backends.numba.runtime import jit
from pynn._backends.numba.vectors import ROWS, TILE_BYTES

FULL_FROM = 3  # rows from which a whole tile, some of it for nothing, is quicker than row by row


@jit
def _multiply_tile(rows, a, a_row, panels, depth, width, columns, steps, c, c_row):
    """c (rows, columns) = a @ panels; a and c have room for a whole tile of rows and of columns."""
    rows = ROWS if rows >= FULL_FROM else rows
    for j in range(0, columns, width):
        tile_rows(rows, a, 0, a_row, 1, panels, j * depth, steps, 0, c, j, c_row, depth, False)


@jit
def packed(b, row, column, depth, columns, width):
    panels = numpy.empty((columns + width - 1) // width * width * depth, b.dtype)
    pack_b(panels, b, 0, row, column, depth, columns, width)
    return panels


@jit
def _copy(to, to_at, source, source_at, count):
    a, b = to[to_at : to_at + count], source[source_at : source_at + count]
    for i in range(count):
        a[i] = b[i]


@jit
def _previous(t, sample, reverse, offsets, sizes):
    """The row of the step that a sample came from, or -1 where it began here."""
    if reverse:
        return offsets[t + 1] + sample if t + 1 < sizes.size and sample < sizes[t + 1] else -1
    return offsets[t - 1] + sample if t else -1


@jit
def rnn_forward(start, stop, x, h0, panels, bias, offsets, sizes, features, hidden, reverse, relu, y, last):
    width = TILE_BYTES // x.itemsize
    pitch = (hidden + width - 1) // width * width
    depth, batch = features + hidden, sizes[0]
    steps = numpy.arange(0, depth * width, width)
    left, z = numpy.zeros(ROWS * depth, x.dtype), numpy.empty(ROWS * pitch, x.dtype)
    for tile in range(start, stop):
        first = tile * ROWS
        for r in range(min(ROWS, batch - first)):
            _copy(left, r * depth + features, h0, (first + r) * hidden, hidden)
        for step in range(sizes.size):
            t = sizes.size - 1 - step if reverse else step
            rows = min(ROWS, sizes[t] - first)
            if rows <= 0:
                continue
            for r in range(rows):
                _copy(left, r * depth, x, (offsets[t] + first + r) * features, features)
            _multiply_tile(rows, left, depth, panels, depth, width, hidden, steps, z, pitch)
            for r in range(rows):
                gates, to = z[r * pitch : r * pitch + hidden], left[r * depth + features : (r + 1) * depth]
                if relu:
                    for j in range(hidden):
                        value = gates[j] + bias[j]
                        to[j] = value if not value <= 0 else 0
                else:
                    for j in range(hidden):
                        to[j] = tanh(gates[j] + bias[j])
                _copy(y, (offsets[t] + first + r) * hidden, to, 0, hidden)
        for r in range(min(ROWS, batch - first)):
            _copy(last, (first + r) * hidden, left, r * depth + features, hidden)


@jit
def lstm_forward(
    start, stop, x, h0, c0, panels, bias, offsets, sizes, features, hidden, reverse, y, last, last_c, held
):
    width = TILE_BYTES // x.itemsize
    pitch = (4 * hidden + width - 1) // width * width
    depth, batch = features + hidden, sizes[0]
    steps = numpy.arange(0, depth * width, width)
    left, z = numpy.zeros(ROWS * depth, x.dtype), numpy.empty(ROWS * pitch, x.dtype)
    cells = numpy.zeros(ROWS * hidden, x.dtype)
    for tile in range(start, stop):
        first = tile * ROWS
        for r in range(min(ROWS, batch - first)):
            _copy(left, r * depth + features, h0, (first + r) * hidden, hidden)
            _copy(cells, r * hidden, c0, (first + r) * hidden, hidden)
        for step in range(sizes.size):
            t = sizes.size - 1 - step if reverse else step
            rows = min(ROWS, sizes[t] - first)
            if rows <= 0:
                continue
            for r in range(rows):
                _copy(left, r * depth, x, (offsets[t] + first + r) * features, features)
            _multiply_tile(rows, left, depth, panels, depth, width, 4 * hidden, steps, z, pitch)
            for r in range(rows):
                at = offsets[t] + first + r
                gates = z[r * pitch : r * pitch + 4 * hidden]
                for j in range(hidden):
                    gates[j] = sigmoid(gates[j] + bias[j])
                forget, update, out = gates[hidden : 2 * hidden], gates[2 * hidden : 3 * hidden], gates[3 * hidden :]
                more = bias[hidden:]
                for j in range(hidden):
                    forget[j] = sigmoid(forget[j] + more[j])
                more = bias[2 * hidden :]
                for j in range(hidden):
                    update[j] = tanh(update[j] + more[j])
                more = bias[3 * hidden :]
                for j in range(hidden):
                    out[j] = sigmoid(out[j] + more[j])
                cell = cells[r * hidden : (r + 1) * hidden]
                to = left[r * depth + features : (r + 1) * depth]
                for j in range(hidden):
                    cell[j] = forget[j] * cell[j] + gates[j] * update[j]
                for j in range(hidden):
                    to[j] = out[j] * tanh(cell[j])
                _copy(y, at * hidden, to, 0, hidden)
                if held.size:
                    _copy(held, at * 5 * hidden, gates, 0, 4 * hidden)
                    _copy(held, at * 5 * hidden + 4 * hidden, cell, 0, hidden)
        for r in range(min(ROWS, batch - first)):
            _copy(last, (first + r) * hidden, left, r * depth + features, hidden)
            _copy(last_c, (first + r) * hidden, cells, r * hidden, hidden)


@jit
def gru_forward(
    start, stop, x, h0, above, below, bias, bias_below, offsets, sizes, features, hidden, reverse, y, last, held
):
    width = TILE_BYTES // x.itemsize
    pitch = (3 * hidden + width - 1) // width * width
    batch = sizes[0]
    steps = numpy.arange(0, max(features, hidden) * width, width)
    left, state = numpy.zeros(ROWS * features, x.dtype), numpy.zeros(ROWS * hidden, x.dtype)
    z, u = numpy.empty(ROWS * pitch, x.dtype), numpy.empty(ROWS * pitch, x.dtype)
    for tile in range(start, stop):
        first = tile * ROWS
        for r in range(min(ROWS, batch - first)):
            _copy(state, r * hidden, h0, (first + r) * hidden, hidden)
        for step in range(sizes.size):
            t = sizes.size - 1 - step if reverse else step
            rows = min(ROWS, sizes[t] - first)
            if rows <= 0:
                continue
            for r in range(rows):
                _copy(left, r * features, x, (offsets[t] + first + r) * features, features)
            _multiply_tile(rows, left, features, above, features, width, 3 * hidden, steps, z, pitch)
            _multiply_tile(rows, state, hidden, below, hidden, width, 3 * hidden, steps, u, pitch)
            for r in range(rows):
                at = offsets[t] + first + r
                gates, under = z[r * pitch : r * pitch + 3 * hidden], u[r * pitch : r * pitch + 3 * hidden]
                for j in range(2 * hidden):
                    gates[j] = sigmoid(gates[j] + bias[j] + under[j] + bias_below[j])
                keep, new, part = gates[hidden : 2 * hidden], gates[2 * hidden :], under[2 * hidden :]
                more, more_below = bias[2 * hidden :], bias_below[2 * hidden :]
                for j in range(hidden):
                    part[j] += more_below[j]
                for j in range(hidden):
                    new[j] = tanh(new[j] + more[j] + gates[j] * part[j])
                to = state[r * hidden : (r + 1) * hidden]
                for j in range(hidden):
                    to[j] = (1 - keep[j]) * new[j] + keep[j] * to[j]
                _copy(y, at * hidden, to, 0, hidden)
                if held.size:
                    _copy(held, at * 4 * hidden, gates, 0, 3 * hidden)
                    _copy(held, at * 4 * hidden + 3 * hidden, part, 0, hidden)
        for r in range(min(ROWS, batch - first)):
            _copy(last, (first + r) * hidden, state, r * hidden, hidden)


@jit
def _before(h0, y, t, sample, reverse, offsets, sizes, hidden, to, at):
    """The state that a sample's step began with, to row `at` of `to`."""
    row = _previous(t, sample, reverse, offsets, sizes)
    if row < 0:
        _copy(to, at * hidden, h0, sample * hidden, hidden)
    else:
        _copy(to, at * hidden, y, row * hidden, hidden)


@jit
def rnn_backward(start, stop, h0, y, panels, offsets, sizes, hidden, reverse, relu, gy, dh, d, before):
    """dh (batch, hidden): the last state's gradient, and then the first's; d: the gates' gradients."""
    width = TILE_BYTES // y.itemsize
    pitch = (hidden + width - 1) // width * width
    steps = numpy.arange(0, hidden * width, width)
    left, back = numpy.zeros(ROWS * hidden, y.dtype), numpy.empty(ROWS * pitch, y.dtype)
    for tile in range(start, stop):
        first = tile * ROWS
        for step in range(sizes.size):
            t = step if reverse else sizes.size - 1 - step
            rows = min(ROWS, sizes[t] - first)
            if rows <= 0:
                continue
            for r in range(rows):
                at = offsets[t] + first + r
                now = dh[(first + r) * hidden : (first + r + 1) * hidden]
                out, to = y[at * hidden : (at + 1) * hidden], left[r * hidden : (r + 1) * hidden]
                if gy.size:
                    more = gy[at * hidden : (at + 1) * hidden]
                    for j in range(hidden):
                        now[j] += more[j]
                if relu:
                    for j in range(hidden):
                        to[j] = now[j] if out[j] > 0 else 0
                else:
                    for j in range(hidden):
                        to[j] = now[j] * (1 - out[j] * out[j])
                _copy(d, at * hidden, to, 0, hidden)
                _before(h0, y, t, first + r, reverse, offsets, sizes, hidden, before, at)
            _multiply_tile(rows, left, hidden, panels, hidden, width, hidden, steps, back, pitch)
            for r in range(rows):
                _copy(dh, (first + r) * hidden, back, r * pitch, hidden)


@jit
def lstm_backward(start, stop, h0, c0, y, held, panels, offsets, sizes, hidden, reverse, gy, gheld, dh, dc, d, before):
    """dh, dc (batch, hidden): the last states' gradients, and then the first's; d: the gates' gradients."""
    width = TILE_BYTES // y.itemsize
    pitch = (hidden + width - 1) // width * width
    steps = numpy.arange(0, 4 * hidden * width, width)
    left, back = numpy.zeros(ROWS * 4 * hidden, y.dtype), numpy.empty(ROWS * pitch, y.dtype)
    nothing = numpy.zeros(5 * hidden, y.dtype)
    for tile in range(start, stop):
        first = tile * ROWS
        for step in range(sizes.size):
            t = step if reverse else sizes.size - 1 - step
            rows = min(ROWS, sizes[t] - first)
            if rows <= 0:
                continue
            for r in range(rows):
                at = offsets[t] + first + r
                now = dh[(first + r) * hidden : (first + r + 1) * hidden]
                cell = dc[(first + r) * hidden : (first + r + 1) * hidden]
                gates = held[at * 5 * hidden : (at + 1) * 5 * hidden]
                forget, update, out = gates[hidden : 2 * hidden], gates[2 * hidden :], gates[3 * hidden :]
                reached = gates[4 * hidden :]
                row = _previous(t, first + r, reverse, offsets, sizes)
                came = c0[(first + r) * hidden :] if row < 0 else held[(row * 5 + 4) * hidden :]
                to = left[r * 4 * hidden : (r + 1) * 4 * hidden]
                to_forget, to_update, to_out = to[hidden : 2 * hidden], to[2 * hidden : 3 * hidden], to[3 * hidden :]
                if gy.size:
                    more = gy[at * hidden : (at + 1) * hidden]
                    for j in range(hidden):
                        now[j] += more[j]
                e = gheld[at * 5 * hidden : (at + 1) * 5 * hidden] if gheld.size else nothing
                e_forget, e_update, e_out, e_cell = e[hidden:], e[2 * hidden :], e[3 * hidden :], e[4 * hidden :]
                for j in range(hidden):
                    curve = tanh(reached[j])
                    slope = cell[j] + now[j] * out[j] * (1 - curve * curve) + e_cell[j]
                    to[j] = (slope * update[j] + e[j]) * gates[j] * (1 - gates[j])
                    to_forget[j] = (slope * came[j] + e_forget[j]) * forget[j] * (1 - forget[j])
                    to_update[j] = (slope * gates[j] + e_update[j]) * (1 - update[j] * update[j])
                    to_out[j] = (now[j] * curve + e_out[j]) * out[j] * (1 - out[j])
                    cell[j] = slope * forget[j]
                _copy(d, at * 4 * hidden, to, 0, 4 * hidden)
                _before(h0, y, t, first + r, reverse, offsets, sizes, hidden, before, at)
            _multiply_tile(rows, left, 4 * hidden, panels, 4 * hidden, width, hidden, steps, back, pitch)
            for r in range(rows):
                _copy(dh, (first + r) * hidden, back, r * pitch, hidden)


@jit
def gru_backward(
    start, stop, h0, y, held, panels, offsets, sizes, hidden, reverse, gy, gheld, dh, above, below, before
):
    """dh (batch, hidden): the last state's gradient, and then the first's; above, below: the gates' as x and h see them."""
    width = TILE_BYTES // y.itemsize
    pitch = (hidden + width - 1) // width * width
    steps = numpy.arange(0, 3 * hidden * width, width)
    left, back = numpy.zeros(ROWS * 3 * hidden, y.dtype), numpy.empty(ROWS * pitch, y.dtype)
    nothing = numpy.zeros(4 * hidden, y.dtype)
    for tile in range(start, stop):
        first = tile * ROWS
        for step in range(sizes.size):
            t = step if reverse else sizes.size - 1 - step
            rows = min(ROWS, sizes[t] - first)
            if rows <= 0:
                continue
            for r in range(rows):
                at = offsets[t] + first + r
                now = dh[(first + r) * hidden : (first + r + 1) * hidden]
                gates = held[at * 4 * hidden : (at + 1) * 4 * hidden]
                keep, new, part = gates[hidden : 2 * hidden], gates[2 * hidden :], gates[3 * hidden :]
                row = _previous(t, first + r, reverse, offsets, sizes)
                came = h0[(first + r) * hidden :] if row < 0 else y[row * hidden :]
                to = left[r * 3 * hidden : (r + 1) * 3 * hidden]
                to_keep, to_new = to[hidden : 2 * hidden], to[2 * hidden :]
                new_above = above[(at * 3 + 2) * hidden : (at * 3 + 3) * hidden]
                if gy.size:
                    more = gy[at * hidden : (at + 1) * hidden]
                    for j in range(hidden):
                        now[j] += more[j]
                e = gheld[at * 4 * hidden : (at + 1) * 4 * hidden] if gheld.size else nothing
                e_keep, e_new, e_part = e[hidden:], e[2 * hidden :], e[3 * hidden :]
                for j in range(hidden):
                    dn = (now[j] * (1 - keep[j]) + e_new[j]) * (1 - new[j] * new[j])
                    to[j] = (dn * part[j] + e[j]) * gates[j] * (1 - gates[j])
                    to_keep[j] = (now[j] * (came[j] - new[j]) + e_keep[j]) * keep[j] * (1 - keep[j])
                    to_new[j] = dn * gates[j] + e_part[j]
                    new_above[j] = dn
                _copy(above, at * 3 * hidden, to, 0, 2 * hidden)
                _copy(below, at * 3 * hidden, to, 0, 3 * hidden)
                _before(h0, y, t, first + r, reverse, offsets, sizes, hidden, before, at)
            _multiply_tile(rows, left, 3 * hidden, panels, 3 * hidden, width, hidden, steps, back, pitch)
            for r in range(rows):
                at = offsets[t] + first + r
                now, more = dh[(first + r) * hidden : (first + r + 1) * hidden], back[r * pitch : r * pitch + hidden]
                keep = held[(at * 4 + 1) * hidden : (at * 4 + 2) * hidden]
                for j in range(hidden):
                    now[j] = now[j] * keep[j] + more[j]
