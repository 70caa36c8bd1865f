"""Recurrent layers: rnn, lstm and gru over a whole sequence, one op for each layer and direction.

Sequences are (T, N, features). Each op's forward and backward are loops over time, written over `xp`, so that the very
same backward serves arrays (from the gates that forward kept) and Tensors (from gates computed anew), for gradients of
higher order. Gates and weights are ordered as torch's: lstm i, f, g, o; gru r, z, n.
"""

from pynn._core import Tensor
from pynn.ops.activation import require_floating
from pynn.ops.registry import Sample, joint, register


def _swap(xp, w):
    return xp.permute_dims(w, (1, 0))


def _times(x, reverse):
    return range(x.shape[0] - 1, -1, -1) if reverse else range(x.shape[0])


def _projected(xp, x, w, *biases):
    """x @ w.T plus the biases that are there, for all times at once."""
    out = xp.matmul(x, _swap(xp, w))
    for b in biases:
        out = out if b is None else out + b
    return out


def _parts(x, count):
    """x cut along its last dimension into equal parts."""
    size = x.shape[-1] // count
    return [x[..., i * size : (i + 1) * size] for i in range(count)]


def _in_order(xp, steps, reverse):
    """What the loop computed at each time, as one array in the order of the sequence."""
    return xp.stack(steps[::-1] if reverse else steps, axis=0)


def _before(xp, states, first, reverse):
    """The state that each time started from: (T, N, H)."""
    first = xp.expand_dims(first, 0)
    return xp.concat([states[1:], first] if reverse else [first, states[:-1]], axis=0)


def _rows(xp, x):
    return xp.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def _weight_gradient(xp, g, x):
    """The gradient of w in x @ w.T, summed over times and samples."""
    return xp.matmul(_swap(xp, _rows(xp, g)), _rows(xp, x))


def _sum(xp, g):
    return xp.sum(g, axis=(0, 1))


def _plus(a, b):
    return b if a is None else a if b is None else a + b


def _at(g, t):
    return None if g is None else g[t]


# ---- rnn ----


def _rnn(xp, x, h, w_ih, w_hh, b_ih, b_hh, activation, reverse):
    """h_t = act(x_t W_ih' + b_ih + h_t-1 W_hh' + b_hh): (T, N, H)."""
    pre = _projected(xp, x, w_ih, b_ih, b_hh)
    turned = _swap(xp, w_hh)
    steps = []
    for t in _times(x, reverse):
        z = pre[t] + xp.matmul(h, turned)
        h = xp.tanh(z) if activation == "tanh" else xp.maximum(z, 0)
        steps.append(h)
    return _in_order(xp, steps, reverse)


@joint
def _rnn_vjp(xp, needs, g, out, x, h0, w_ih, w_hh, b_ih, b_hh, activation, reverse):
    slope = 1.0 - out * out if activation == "tanh" else xp.astype(out > 0, out.dtype)
    steps, later = [], None
    for t in _times(x, not reverse):
        d = _plus(g[t], later) * slope[t]
        steps.append(d)
        later = xp.matmul(d, w_hh)
    d = _in_order(xp, steps, not reverse)
    return (
        xp.matmul(d, w_ih) if needs & 1 else None,
        later if needs & 2 else None,
        _weight_gradient(xp, d, x) if needs & 4 else None,
        _weight_gradient(xp, d, _before(xp, out, h0, reverse)) if needs & 8 else None,
        _sum(xp, d) if needs & 16 else None,
        _sum(xp, d) if needs & 32 else None,
    )


# ---- lstm ----


def _lstm_steps(xp, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse):
    pre = _projected(xp, x, w_ih, b_ih, b_hh)
    turned = _swap(xp, w_hh)
    hidden, cells, gates = [], [], []
    for t in _times(x, reverse):
        i, f, g, o = _parts(pre[t] + xp.matmul(h, turned), 4)
        i, f, g, o = xp.sigmoid(i), xp.sigmoid(f), xp.tanh(g), xp.sigmoid(o)
        c = f * c + i * g
        h = o * xp.tanh(c)
        h = h if w_hr is None else xp.matmul(h, _swap(xp, w_hr))
        hidden.append(h)
        cells.append(c)
        gates.append(xp.concat([i, f, g, o], axis=-1))
    return tuple(_in_order(xp, steps, reverse) for steps in (hidden, cells, gates))


@joint
def _lstm_vjp(xp, needs, grads, out, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse):
    if xp.name == "pynn":
        out = _lstm_steps(xp, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, reverse)
    hidden, cells, gates = out
    gh, gc, gg = grads
    before = _before(xp, cells, c0, reverse)
    bent = xp.tanh(cells)
    steps, projected = [], []
    dh = dc = None
    for t in _times(x, not reverse):
        i, f, g, o = _parts(gates[t], 4)
        dh = _plus(_at(gh, t), dh)
        dh = xp.zeros_like(h0) if dh is None else dh
        projected.append(dh)
        dm = dh if w_hr is None else xp.matmul(dh, w_hr)
        dc = _plus(_plus(_at(gc, t), dc), dm * o * (1.0 - bent[t] * bent[t]))
        slopes = [dc * g, dc * before[t], dc * i, dm * bent[t]]
        if gg is not None:
            slopes = [a + b for a, b in zip(slopes, _parts(gg[t], 4))]
        di, df, dg, do = slopes
        d = xp.concat([di * i * (1.0 - i), df * f * (1.0 - f), dg * (1.0 - g * g), do * o * (1.0 - o)], axis=-1)
        steps.append(d)
        dc = dc * f
        dh = xp.matmul(d, w_hh)
    d = _in_order(xp, steps, not reverse)
    gw_hr = None
    if needs & 128:
        gw_hr = _weight_gradient(xp, _in_order(xp, projected, not reverse), _parts(gates, 4)[3] * bent)
    return (
        xp.matmul(d, w_ih) if needs & 1 else None,
        dh if needs & 2 else None,
        dc if needs & 4 else None,
        _weight_gradient(xp, d, x) if needs & 8 else None,
        _weight_gradient(xp, d, _before(xp, hidden, h0, reverse)) if needs & 16 else None,
        _sum(xp, d) if needs & 32 else None,
        _sum(xp, d) if needs & 64 else None,
        gw_hr,
    )


# ---- gru ----


def _gru_steps(xp, x, h, w_ih, w_hh, b_ih, b_hh, reverse):
    pre = _projected(xp, x, w_ih, b_ih)
    turned = _swap(xp, w_hh)
    hidden, gates = [], []
    for t in _times(x, reverse):
        below = xp.matmul(h, turned)
        below = below if b_hh is None else below + b_hh
        xr, xz, xn = _parts(pre[t], 3)
        hr, hz, hn = _parts(below, 3)
        r, z = xp.sigmoid(xr + hr), xp.sigmoid(xz + hz)
        n = xp.tanh(xn + r * hn)
        h = (1.0 - z) * n + z * h
        hidden.append(h)
        gates.append(xp.concat([r, z, n, hn], axis=-1))
    return tuple(_in_order(xp, steps, reverse) for steps in (hidden, gates))


@joint
def _gru_vjp(xp, needs, grads, out, x, h0, w_ih, w_hh, b_ih, b_hh, reverse):
    if xp.name == "pynn":
        out = _gru_steps(xp, x, h0, w_ih, w_hh, b_ih, b_hh, reverse)
    hidden, gates = out
    gh, gg = grads
    before = _before(xp, hidden, h0, reverse)
    above, below = [], []
    dh = None
    for t in _times(x, not reverse):
        r, z, n, hn = _parts(gates[t], 4)
        dh = _plus(_at(gh, t), dh)
        dh = xp.zeros_like(h0) if dh is None else dh
        dz, dn = dh * (before[t] - n), dh * (1.0 - z)
        extra = _parts(gg[t], 4) if gg is not None else (None,) * 4
        dn = _plus(extra[2], dn) * (1.0 - n * n)
        dr = _plus(extra[0], dn * hn) * r * (1.0 - r)
        dz = _plus(extra[1], dz) * z * (1.0 - z)
        above.append(xp.concat([dr, dz, dn], axis=-1))
        below.append(xp.concat([dr, dz, _plus(extra[3], dn * r)], axis=-1))
        dh = dh * z + xp.matmul(below[-1], w_hh)
    above, below = _in_order(xp, above, not reverse), _in_order(xp, below, not reverse)
    return (
        xp.matmul(above, w_ih) if needs & 1 else None,
        dh if needs & 2 else None,
        _weight_gradient(xp, above, x) if needs & 4 else None,
        _weight_gradient(xp, below, before) if needs & 8 else None,
        _sum(xp, above) if needs & 16 else None,
        _sum(xp, below) if needs & 32 else None,
    )


# ---- checks ----


def _expect(name, what, x, shape):
    if x is None:
        return
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): {what} must be a Tensor, not {type(x).__name__}.")
    if x._array.shape != shape:
        raise RuntimeError(f"{name}: Expected {what} size {list(shape)}, got {list(x._array.shape)}.")


def _check(name, gates, cell=False):
    def check(inputs, attrs):
        x, h, *rest = inputs
        w_ih, w_hh, b_ih, b_hh = rest[1:5] if cell else rest[:4]
        w_hr = rest[5] if cell else None
        require_floating(name, x, h, w_ih, w_hh)
        if x._array.ndim != 3 or x._array.shape[0] == 0:
            raise RuntimeError(f"{name}: Expected a sequence (T, N, features) with T > 0, got {list(x.shape)}.")
        batch, features = x._array.shape[1:]
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


def _samples(gates, choices, cell=False):
    def samples(rng):
        out = []
        steps, batch, features, hidden = 3, 2, 4, 3
        for bias, size, attrs in choices:
            state = [rng.normal(size=(batch, size))] + ([rng.normal(size=(batch, hidden))] if cell else [])
            weights = [rng.normal(size=(gates * hidden, n)) * 0.5 for n in (features, size)]
            biases = [rng.normal(size=gates * hidden) * 0.5 if bias else None for _ in range(2)]
            last = ([rng.normal(size=(size, hidden)) if size != hidden else None]) if cell else []
            x = rng.normal(size=(steps, batch, features))
            out.append(Sample((x, *state, *weights, *biases, *last), attrs))
        return out

    return samples


def _hidden(x, h, *rest):
    return (*x[:2], h[-1])


def _torch_rnn(t, x, h, w_ih, w_hh, b_ih, b_hh, activation, reverse):
    """torch's own layer, which runs backwards only as half of a bidirectional one: the sequence is turned instead."""
    x = t.flip(x, (0,)) if reverse else x
    held = [p for p in (w_ih, w_hh, b_ih, b_hh) if p is not None]
    layer = getattr(t, f"rnn_{activation}")
    y, _ = layer(x, h[None], held, len(held) > 2, 1, 0.0, False, False, False)
    return t.flip(y, (0,)) if reverse else y


def _torch_stack(t, rows, reverse):
    return tuple(t.stack(column[::-1] if reverse else column) for column in zip(*rows))


def _torch_lstm(t, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse):
    linear, rows = t.nn.functional.linear, []
    for now in x.flip(0) if reverse else x:
        i, f, g, o = (linear(now, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh() if w_hr is None else linear(o * c.tanh(), w_hr)
        rows.append((h, c, t.cat([i, f, g, o], 1)))
    return _torch_stack(t, rows, reverse)


def _torch_gru(t, x, h, w_ih, w_hh, b_ih, b_hh, reverse):
    linear, rows = t.nn.functional.linear, []
    for now in x.flip(0) if reverse else x:
        above, below = linear(now, w_ih, b_ih).chunk(3, 1), linear(h, w_hh, b_hh).chunk(3, 1)
        r, z = ((a + b).sigmoid() for a, b in zip(above[:2], below[:2]))
        n = (above[2] + r * below[2]).tanh()
        h = n + z * (h - n)
        rows.append((h, t.cat([r, z, n, below[2]], 1)))
    return _torch_stack(t, rows, reverse)


RNN = register(
    "rnn",  # Elman, Cognitive Science 14 (1990)
    vjp=_rnn_vjp,
    saves=("out", 0, 1, 2, 3),
    check=_check("rnn", 1),
    shape=_hidden,
    attrs=("activation", "reverse"),
    samples=_samples(1, [(True, 3, ("tanh", False)), (False, 3, ("tanh", True)), (True, 3, ("relu", False))]),
    torch=_torch_rnn,
    tolerance={"float32": 1e-5},
)(_rnn)

LSTM = register(
    "lstm",  # Hochreiter, Schmidhuber, Neural Computation 9 (1997); projection: arXiv:1402.1128
    vjp=_lstm_vjp,
    saves=("out0", "out1", "out2", 0, 1, 2, 3, 4, 5, 6, 7),
    outputs=3,
    check=_check("lstm", 4, cell=True),
    shape=lambda x, h, c, w_ih, *rest: (_hidden(x, h), _hidden(x, c), (*x[:2], w_ih[0])),
    attrs=("reverse",),
    samples=_samples(4, [(True, 3, (False,)), (False, 3, (True,)), (True, 2, (False,))], cell=True),
    torch=_torch_lstm,
    tolerance={"float32": 1e-5},
)(_lstm_steps)

GRU = register(
    "gru",  # Cho and others: arXiv:1406.1078
    vjp=_gru_vjp,
    saves=("out0", "out1", 0, 1, 2, 3, 4, 5),
    outputs=2,
    check=_check("gru", 3),
    shape=lambda x, h, *rest: (_hidden(x, h), (*x[:2], 4 * h[-1])),
    attrs=("reverse",),
    samples=_samples(3, [(True, 3, (False,)), (False, 3, (True,))]),
    torch=_torch_gru,
    tolerance={"float32": 1e-5},
)(_gru_steps)
