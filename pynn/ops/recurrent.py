"""Recurrent layers: rnn, lstm and gru over a whole sequence, one op for each layer and direction.

Each op's forward and backward are loops over time, written over `xp`, so that the very same backward serves arrays (from
the gates that forward held) and Tensors (from gates computed anew), for gradients of higher order. Gates and weights are
ordered as torch's: lstm i, f, g, o; gru r, z, n.

Attrs: reverse, whether from the last step to the first; sizes, None or how many samples each step has, for sequences of
several lengths; keep, whether what backward needs is held (False gives an empty array in its place).
"""

from typing import Any

from pynn._core import Tensor
from pynn.ops.activation import require_floating
from pynn.ops.registry import Sample, joint, register


def _swap(xp: Any, w: Any) -> Any:
    return xp.permute_dims(w, (1, 0))


# A sequence as steps: (T, N, features), or, where sequences differ in length, (all steps, features), the steps one after
# the other, of sizes[t] samples each. Samples are sorted by length, so that step t has the first sizes[t] of them.


def _steps(x: Any, sizes: Any) -> Any:
    """The steps of a sequence, each (n, features)."""
    if sizes is None:
        return [x[t] for t in range(x.shape[0])]
    steps, start = [], 0
    for size in sizes:
        steps.append(x[start : start + size])
        start += size
    return steps


def _joined(xp: Any, steps: Any, sizes: Any) -> Any:
    """The inverse of _steps."""
    return xp.stack(steps, axis=0) if sizes is None else xp.concat(steps, axis=0)


def _order(steps: Any, reverse: Any) -> Any:
    return range(len(steps) - 1, -1, -1) if reverse else range(len(steps))


def _first(state: Any, n: Any) -> Any:
    """The state of the samples that have a step; the others' stays as it is."""
    return state if state.shape[0] == n else state[:n]


def _replaced(xp: Any, state: Any, new: Any) -> Any:
    """The state with its first samples' replaced."""
    n = new.shape[0]
    return new if state.shape[0] == n else xp.concat([new, state[n:]], axis=0)


def _before(xp: Any, steps: Any, first: Any, reverse: Any) -> Any:
    """The state that each step started from."""
    before, state = [None] * len(steps), first
    for t in _order(steps, reverse):
        before[t] = _first(state, steps[t].shape[0])
        state = _replaced(xp, state, steps[t])
    return before


def _projected(xp: Any, x: Any, w: Any, *biases: Any) -> Any:
    """x @ w.T plus the biases that are there, for all times at once."""
    out = xp.matmul(x, _swap(xp, w))
    for b in biases:
        out = out if b is None else out + b
    return out


def _parts(x: Any, count: Any) -> Any:
    """x cut along its last dimension into equal parts."""
    size = x.shape[-1] // count
    return [x[..., i * size : (i + 1) * size] for i in range(count)]


def _rows(xp: Any, x: Any) -> Any:
    return x if x.ndim == 2 else xp.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def _weight_gradient(xp: Any, g: Any, x: Any) -> Any:
    """The gradient of w in x @ w.T, summed over times and samples."""
    return xp.matmul(_swap(xp, _rows(xp, g)), _rows(xp, x))


def _sum(xp: Any, g: Any) -> Any:
    return xp.sum(g, axis=tuple(range(g.ndim - 1)))


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _steps_or_none(g: Any, x: Any, sizes: Any) -> Any:
    return [None] * (x.shape[0] if sizes is None else len(sizes)) if g is None else _steps(g, sizes)


def _nothing(xp: Any, x: Any) -> Any:
    """What is held where no backward follows."""
    return xp.reshape(x, (-1,))[:0]


# ---- rnn ----


def _rnn(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: Any, reverse: Any, sizes: Any
) -> Any:
    """h_t = act(x_t W_ih' + b_ih + h_t-1 W_hh' + b_hh): all h_t, and the last."""
    steps = _steps(_projected(xp, x, w_ih, b_ih, b_hh), sizes)
    turned = _swap(xp, w_hh)
    for t in _order(steps, reverse):
        z = steps[t] + xp.matmul(_first(h, steps[t].shape[0]), turned)
        steps[t] = xp.tanh(z) if activation == "tanh" else xp.maximum(z, 0)
        h = _replaced(xp, h, steps[t])
    return _joined(xp, steps, sizes), h


@joint
def _rnn_vjp(
    xp: Any,
    needs: Any,
    grads: Any,
    out: Any,
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    activation: Any,
    reverse: Any,
    sizes: Any,
) -> Any:
    gy, dh = grads
    y = out[0]
    slope = _steps(1.0 - y * y if activation == "tanh" else xp.astype(y > 0, y.dtype), sizes)
    steps, gy = [None] * len(slope), _steps_or_none(gy, x, sizes)
    dh = xp.zeros_like(h0) if dh is None else dh
    for t in _order(steps, not reverse):
        steps[t] = _plus(gy[t], _first(dh, slope[t].shape[0])) * slope[t]
        dh = _replaced(xp, dh, xp.matmul(steps[t], w_hh))
    d = _joined(xp, steps, sizes)
    before = _joined(xp, _before(xp, _steps(y, sizes), h0, reverse), sizes) if needs & 8 else None
    return (
        xp.matmul(d, w_ih) if needs & 1 else None,
        dh if needs & 2 else None,
        _weight_gradient(xp, d, x) if needs & 4 else None,
        _weight_gradient(xp, d, before) if needs & 8 else None,
        _sum(xp, d) if needs & 16 else None,
        _sum(xp, d) if needs & 32 else None,
    )


# ---- lstm ----


def _lstm(
    xp: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    reverse: Any,
    sizes: Any,
    keep: Any,
) -> Any:
    """All h_t, the last h and c, and what backward needs: the gates i, f, g, o and c of each step, side by side."""
    steps = _steps(_projected(xp, x, w_ih, b_ih, b_hh), sizes)
    held = [None] * len(steps)
    turned = _swap(xp, w_hh)
    for t in _order(steps, reverse):
        n = steps[t].shape[0]
        i, f, g, o = _parts(steps[t] + xp.matmul(_first(h, n), turned), 4)
        i, f, g, o = xp.sigmoid(i), xp.sigmoid(f), xp.tanh(g), xp.sigmoid(o)
        cell = f * _first(c, n) + i * g
        out = o * xp.tanh(cell)
        steps[t] = out if w_hr is None else xp.matmul(out, _swap(xp, w_hr))
        held[t] = xp.concat([i, f, g, o, cell], axis=-1)
        h, c = _replaced(xp, h, steps[t]), _replaced(xp, c, cell)
    return _joined(xp, steps, sizes), h, c, _joined(xp, held, sizes) if keep else _nothing(xp, x)


@joint
def _lstm_vjp(
    xp: Any,
    needs: Any,
    grads: Any,
    out: Any,
    x: Any,
    h0: Any,
    c0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    reverse: Any,
    sizes: Any,
    keep: Any,
) -> Any:
    if xp.name == "pynn" or not keep:
        out = _lstm(xp, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, sizes, True)
    gy, dh, dc, gheld = grads
    hidden, held = out[0], _steps(out[3], sizes)
    gheld = None if gheld is None or gheld.ndim == 1 else gheld
    before = _before(xp, [_parts(step, 5)[4] for step in held], c0, reverse)
    steps, projected, bent = ([None] * len(held) for _ in range(3))
    gy, gheld = _steps_or_none(gy, x, sizes), _steps_or_none(gheld, x, sizes)
    dh = xp.zeros_like(h0) if dh is None else dh
    dc = xp.zeros_like(c0) if dc is None else dc
    for t in _order(steps, not reverse):
        i, f, g, o, c = _parts(held[t], 5)
        tanh_c = xp.tanh(c)
        bent[t] = o * tanh_c
        projected[t] = _plus(gy[t], _first(dh, c.shape[0]))
        dm = projected[t] if w_hr is None else xp.matmul(projected[t], w_hr)
        extra = _parts(gheld[t], 5) if gheld[t] is not None else (None,) * 5
        dcell = _plus(extra[4], _first(dc, c.shape[0])) + dm * o * (1.0 - tanh_c * tanh_c)
        slopes = (dcell * g, dcell * before[t], dcell * i, dm * tanh_c)
        di, df, dg, do = (_plus(b, a) for a, b in zip(slopes, extra))
        steps[t] = xp.concat([di * i * (1.0 - i), df * f * (1.0 - f), dg * (1.0 - g * g), do * o * (1.0 - o)], axis=-1)
        dc = _replaced(xp, dc, dcell * f)
        dh = _replaced(xp, dh, xp.matmul(steps[t], w_hh))
    d = _joined(xp, steps, sizes)
    gw_hh = gw_hr = None
    if needs & 16:
        gw_hh = _weight_gradient(xp, d, _joined(xp, _before(xp, _steps(hidden, sizes), h0, reverse), sizes))
    if needs & 128:
        gw_hr = _weight_gradient(xp, _joined(xp, projected, sizes), _joined(xp, bent, sizes))
    return (
        xp.matmul(d, w_ih) if needs & 1 else None,
        dh if needs & 2 else None,
        dc if needs & 4 else None,
        _weight_gradient(xp, d, x) if needs & 8 else None,
        gw_hh,
        _sum(xp, d) if needs & 32 else None,
        _sum(xp, d) if needs & 64 else None,
        gw_hr,
    )


# ---- gru ----


def _gru(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any, sizes: Any, keep: Any
) -> Any:
    """All h_t, the last, and what backward needs: r, z, n and W_hn h + b_hn of each step, side by side."""
    steps = _steps(_projected(xp, x, w_ih, b_ih), sizes)
    held = [None] * len(steps)
    turned = _swap(xp, w_hh)
    for t in _order(steps, reverse):
        state = _first(h, steps[t].shape[0])
        below = xp.matmul(state, turned)
        below = below if b_hh is None else below + b_hh
        xr, xz, xn = _parts(steps[t], 3)
        hr, hz, hn = _parts(below, 3)
        r, z = xp.sigmoid(xr + hr), xp.sigmoid(xz + hz)
        n = xp.tanh(xn + r * hn)
        steps[t] = (1.0 - z) * n + z * state
        held[t] = xp.concat([r, z, n, hn], axis=-1)
        h = _replaced(xp, h, steps[t])
    return _joined(xp, steps, sizes), h, _joined(xp, held, sizes) if keep else _nothing(xp, x)


@joint
def _gru_vjp(
    xp: Any,
    needs: Any,
    grads: Any,
    out: Any,
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    reverse: Any,
    sizes: Any,
    keep: Any,
) -> Any:
    if xp.name == "pynn" or not keep:
        out = _gru(xp, x, h0, w_ih, w_hh, b_ih, b_hh, reverse, sizes, True)
    gy, dh, gheld = grads
    gheld = None if gheld is None or gheld.ndim == 1 else gheld
    held = _steps(out[2], sizes)
    before = _before(xp, _steps(out[0], sizes), h0, reverse)
    above, below = [None] * len(held), [None] * len(held)
    gy, gheld = _steps_or_none(gy, x, sizes), _steps_or_none(gheld, x, sizes)
    dh = xp.zeros_like(h0) if dh is None else dh
    for t in _order(held, not reverse):
        r, z, n, hn = _parts(held[t], 4)
        now = _plus(gy[t], _first(dh, n.shape[0]))
        extra = _parts(gheld[t], 4) if gheld[t] is not None else (None,) * 4
        dz, dn = now * (before[t] - n), _plus(extra[2], now * (1.0 - z)) * (1.0 - n * n)
        dr = _plus(extra[0], dn * hn) * r * (1.0 - r)
        dz = _plus(extra[1], dz) * z * (1.0 - z)
        above[t] = xp.concat([dr, dz, dn], axis=-1)
        below[t] = xp.concat([dr, dz, _plus(extra[3], dn * r)], axis=-1)
        dh = _replaced(xp, dh, now * z + xp.matmul(below[t], w_hh))
    above, below = _joined(xp, above, sizes), _joined(xp, below, sizes)
    return (
        xp.matmul(above, w_ih) if needs & 1 else None,
        dh if needs & 2 else None,
        _weight_gradient(xp, above, x) if needs & 4 else None,
        _weight_gradient(xp, below, _joined(xp, before, sizes)) if needs & 8 else None,
        _sum(xp, above) if needs & 16 else None,
        _sum(xp, below) if needs & 32 else None,
    )


# ---- checks ----


def _expect(name: str, what: Any, x: Any, shape: Any) -> None:
    if x is None:
        return
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): {what} must be a Tensor, not {type(x).__name__}.")
    if x._array.shape != shape:
        raise RuntimeError(f"{name}: Expected {what} size {list(shape)}, got {list(x._array.shape)}.")


def _check_sizes(name: str, x: Any, sizes: Any) -> Any:
    """The number of samples."""
    shape = list(x._array.shape)
    if sizes is None:
        if len(shape) != 3 or shape[0] == 0:
            raise RuntimeError(f"{name}: Expected a sequence (T, N, features) with T > 0, got {shape}.")
        return shape[1]
    if any(n < 1 for n in sizes) or any(n > before for n, before in zip(sizes[1:], sizes)):
        raise RuntimeError(f"{name}: Expected batch sizes of at least 1 that never grow, got {list(sizes)}.")
    if len(shape) != 2 or shape[0] != sum(sizes) or not sizes:
        raise RuntimeError(f"{name}: Expected all steps' samples ({sum(sizes)}, features) with T > 0, got {shape}.")
    return sizes[0]


def _check(name: str, gates: Any, cell: bool = False) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        x, h, *rest = inputs
        w_ih, w_hh, b_ih, b_hh = rest[1:5] if cell else rest[:4]
        w_hr = rest[5] if cell else None
        require_floating(name, x, h, w_ih, w_hh)
        batch, features = _check_sizes(name, x, attrs[2 if gates == 1 else 1]), x._array.shape[-1]
        rows = w_hh._array.shape[0]
        out = h._array.shape[-1]
        hidden = rows // gates
        if w_ih._array.shape[1:] != (features,):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {w_ih._array.shape[-1]}, got {features} in "
                f"{name}."
            )
        _expect(name, "hidden[0]" if cell else "hidden", h, (batch, w_hh._array.shape[1]))
        _expect(name, "weight_ih", w_ih, (rows, features))
        _expect(name, "weight_hh", w_hh, (gates * hidden, out))
        _expect(name, "bias_ih", b_ih, (rows,))
        _expect(name, "bias_hh", b_hh, (rows,))
        _expect(name, "weight_hr", w_hr, (out, hidden))
        if cell:
            _expect(name, "hidden[1]", rest[0], (batch, hidden))
        for p in inputs[1:]:
            if p is not None and p._array.dtype != x._array.dtype:
                raise RuntimeError(
                    f"{name}: input and parameters must have one dtype, got {x._array.dtype} and {p._array.dtype}. "
                    "Cast the input with .to(), or the layer."
                )
        return inputs

    return check


# ---- records ----

_SIZES = (3, 2, 2, 1)


def _samples(gates: Any, choices: Any, cell: bool = False) -> Any:
    """choices: (T, N, hidden size, size of h, bias, attrs); T and N as attrs' sizes say where they are given."""

    def samples(rng: Any) -> Any:
        out = []
        for steps, batch, hidden, size, bias, attrs in choices:
            sizes, features = attrs[2 if gates == 1 else 1], 4
            batch = batch if sizes is None else sizes[0]
            state = [rng.normal(size=(batch, size))] + ([rng.normal(size=(batch, hidden))] if cell else [])
            weights = [rng.normal(size=(gates * hidden, n)) * 0.5 for n in (features, size)]
            biases = [rng.normal(size=gates * hidden) * 0.5 if bias else None for _ in range(2)]
            last = ([rng.normal(size=(size, hidden)) if size != hidden else None]) if cell else []
            x = rng.normal(size=(batch, steps, features)).transpose(1, 0, 2)
            x = x if sizes is None else rng.normal(size=(sum(sizes), features))
            out.append(Sample((x, *state, *weights, *biases, *last), attrs))
        return out

    return samples


def _hidden(x: Any, h: Any) -> Any:
    return (*x[:-1], h[-1])


def _torch_steps(t: Any, x: Any, reverse: Any, sizes: Any) -> Any:
    """(place, samples, step) in the order of processing."""
    steps = list(x.unbind(0) if sizes is None else x.split(list(sizes)))
    return [(i, len(steps[i]), steps[i]) for i in _order(steps, reverse)]


def _torch_joined(t: Any, rows: Any, sizes: Any) -> Any:
    """Columns of the rows (place, value, ...) in the order of places, each as one tensor."""
    columns = list(zip(*sorted(rows, key=lambda row: row[0])))[1:]
    return tuple(t.stack(column) if sizes is None else t.cat(column) for column in columns)


def _torch_rnn(
    t: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: Any, reverse: Any, sizes: Any
) -> Any:
    linear, rows = t.nn.functional.linear, []
    for place, n, now in _torch_steps(t, x, reverse, sizes):
        new = getattr(t, activation)(linear(now, w_ih, b_ih) + linear(h[:n], w_hh, b_hh))
        h = t.cat([new, h[n:]])
        rows.append((place, new))
    return *_torch_joined(t, rows, sizes), h


def _torch_lstm(
    t: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    reverse: Any,
    sizes: Any,
    keep: Any,
) -> Any:
    linear, rows = t.nn.functional.linear, []
    for place, n, now in _torch_steps(t, x, reverse, sizes):
        i, f, g, o = (linear(now, w_ih, b_ih) + linear(h[:n], w_hh, b_hh)).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        cell = f * c[:n] + i * g
        new = o * cell.tanh() if w_hr is None else linear(o * cell.tanh(), w_hr)
        h, c = t.cat([new, h[n:]]), t.cat([cell, c[n:]])
        rows.append((place, new, t.cat([i, f, g, o, cell], 1)))
    y, held = _torch_joined(t, rows, sizes)
    return y, h, c, held if keep else held.detach().reshape(-1)[:0]


def _torch_gru(
    t: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any, sizes: Any, keep: Any
) -> Any:
    linear, rows = t.nn.functional.linear, []
    for place, count, now in _torch_steps(t, x, reverse, sizes):
        above, below = linear(now, w_ih, b_ih).chunk(3, 1), linear(h[:count], w_hh, b_hh).chunk(3, 1)
        r, z = ((a + b).sigmoid() for a, b in zip(above[:2], below[:2]))
        n = (above[2] + r * below[2]).tanh()
        new = n + z * (h[:count] - n)
        h = t.cat([new, h[count:]])
        rows.append((place, new, t.cat([r, z, n, below[2]], 1)))
    y, held = _torch_joined(t, rows, sizes)
    return y, h, held if keep else held.detach().reshape(-1)[:0]


RNN = register(
    "rnn",  # Elman, Cognitive Science 14 (1990)
    vjp=_rnn_vjp,
    saves=("out0", 0, 1, 2, 3),
    outputs=2,
    check=_check("rnn", 1),
    shape=lambda x, h, *rest: (_hidden(x, h), h),
    attrs=("activation", "reverse", "sizes"),
    samples=_samples(
        1,
        [
            (3, 2, 3, 3, True, ("tanh", False, None)),
            (3, 2, 3, 3, False, ("tanh", True, None)),
            (3, 2, 3, 3, True, ("relu", False, None)),
            (1, 3, 5, 5, True, ("tanh", False, None)),
            (4, 1, 2, 2, True, ("relu", True, None)),
            (4, 3, 3, 3, True, ("tanh", False, _SIZES)),
            (4, 3, 3, 3, True, ("tanh", True, _SIZES)),
        ],
    ),
    torch=_torch_rnn,
    tolerance={"float32": 1e-5},
)(_rnn)

LSTM = register(
    "lstm",  # Hochreiter, Schmidhuber, Neural Computation 9 (1997); projection: arXiv:1402.1128
    vjp=_lstm_vjp,
    saves=("out0", "out3", 0, 1, 2, 3, 4, 5, 6, 7),
    outputs=4,
    check=_check("lstm", 4, cell=True),
    shape=lambda x, h, c, *rest: (_hidden(x, h), h, c, (*x[:-1], 5 * c[-1]) if rest[-1] else (0,)),
    attrs=("reverse", "sizes", "keep"),
    samples=_samples(
        4,
        [
            (3, 2, 3, 3, True, (False, None, True)),
            (3, 2, 3, 3, False, (True, None, True)),
            (3, 2, 3, 2, True, (False, None, True)),
            (1, 3, 3, 3, True, (False, None, True)),
            (3, 1, 3, 2, True, (True, None, True)),
            (4, 3, 3, 3, True, (False, _SIZES, True)),
            (4, 3, 3, 2, True, (True, _SIZES, True)),
            (3, 2, 3, 2, True, (True, None, False)),
        ],
        cell=True,
    ),
    torch=_torch_lstm,
    tolerance={"float32": 1e-5},
)(_lstm)

GRU = register(
    "gru",  # Cho and others: arXiv:1406.1078
    vjp=_gru_vjp,
    saves=("out0", "out2", 0, 1, 2, 3, 4, 5),
    outputs=3,
    check=_check("gru", 3),
    shape=lambda x, h, *rest: (_hidden(x, h), h, (*x[:-1], 4 * h[-1]) if rest[-1] else (0,)),
    attrs=("reverse", "sizes", "keep"),
    samples=_samples(
        3,
        [
            (3, 2, 3, 3, True, (False, None, True)),
            (3, 2, 3, 3, False, (True, None, True)),
            (1, 3, 3, 3, True, (False, None, True)),
            (3, 1, 3, 3, True, (True, None, True)),
            (4, 3, 3, 3, True, (False, _SIZES, True)),
            (4, 3, 3, 3, True, (True, _SIZES, True)),
            (3, 2, 3, 3, True, (True, None, False)),
        ],
    ),
    torch=_torch_gru,
    tolerance={"float32": 1e-5},
)(_gru)
