"""GRU and LSTM over sequences of one length: a step is a product (cuBLAS) and one kernel for all its gates.

Packed sequences, projections and gradients of the kept gates are the references'.
"""

import functools
from typing import Any

from pynn import _gpu

_SIGMOID = "template <class T> __device__ inline T pynn_sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }"


@functools.cache
def _kernel(name: str) -> Any:
    ins, outs, body = {
        "gru": (
            "T xr, T xz, T xn, T hr, T hz, T hn, T h",
            "T y, T r, T z, T a, T m",
            "r = pynn_sigmoid<T>(xr + hr); z = pynn_sigmoid<T>(xz + hz); m = hn; a = tanh(xn + r * hn);"
            "y = (T(1) - z) * a + z * h;",
        ),
        "gru_backward": (
            "T now, T r, T z, T a, T m, T before",
            "T dr, T dz, T da, T dm, T rest",
            "const T ga = now * (T(1) - z) * (T(1) - a * a); da = ga; dm = ga * r; rest = now * z;"
            "dz = now * (before - a) * z * (T(1) - z); dr = ga * m * r * (T(1) - r);",
        ),
        "lstm": (
            "T xi, T xf, T xg, T xo, T hi, T hf, T hg, T ho, T before",
            "T y, T i_, T f, T g, T o, T c",
            "i_ = pynn_sigmoid<T>(xi + hi); f = pynn_sigmoid<T>(xf + hf); g = tanh(xg + hg); o = pynn_sigmoid<T>(xo + ho);"
            "c = f * before + i_ * g; y = o * tanh(c);",
        ),
        "lstm_backward": (
            "T dm, T dnext, T i_, T f, T g, T o, T c, T before",
            "T di, T df, T dg, T d_o, T rest",
            "const T u = tanh(c), dc = dnext + dm * o * (T(1) - u * u); rest = dc * f;"
            "di = dc * g * i_ * (T(1) - i_); df = dc * before * f * (T(1) - f); dg = dc * i_ * (T(1) - g * g);"
            "d_o = dm * u * o * (T(1) - o);",
        ),
    }[name]  # the names i and n are CuPy's own
    return _gpu.cupy().ElementwiseKernel(ins, outs, body, f"pynn_{name}", preamble=_SIGMOID)


def _takes(*arrays: Any) -> bool:
    first = arrays[0].dtype
    return first.name in ("float32", "float64") and all(a is None or a.dtype == first for a in arrays)


def _split(x: Any, count: int) -> list[Any]:
    size = x.shape[-1] // count
    return [x[..., k * size : (k + 1) * size] for k in range(count)]


def _projected(x: Any, weight: Any, *biases: Any) -> Any:
    """x W^T + b of all steps in one product."""
    out = x.reshape(-1, x.shape[-1]) @ weight.T
    for b in biases:
        if b is not None:
            out += b
    return out.reshape(*x.shape[:-1], -1)


def _order(count: int, reverse: bool) -> range:
    return range(count - 1, -1, -1) if reverse else range(count)


def _weights(d: Any, x: Any) -> Any:
    return d.reshape(-1, d.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def _before(y: Any, first: Any, reverse: bool) -> Any:
    """The state before each step."""
    out = _gpu.cupy().empty_like(y)
    if reverse:
        out[:-1], out[-1] = y[1:], first
    else:
        out[1:], out[0] = y[:-1], first
    return out


def gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reverse: Any, sizes: Any, keep: Any) -> Any:
    """`gru` of `pynn.ops.recurrent`; None for what it does not take."""
    if sizes is not None or x.ndim != 3 or not x.size or not _takes(x, h, w_ih, w_hh, b_ih, b_hh):
        return None
    xp = _gpu.cupy()
    above = _projected(x, w_ih, b_ih)
    y = xp.empty((*x.shape[:2], h.shape[-1]), x.dtype)
    held = xp.empty((*x.shape[:2], 4 * h.shape[-1]), x.dtype)
    step = _kernel("gru")
    for t in _order(x.shape[0], reverse):
        below = h @ w_hh.T
        if b_hh is not None:
            below += b_hh
        step(*_split(above[t], 3), *_split(below, 3), h, y[t], *_split(held[t], 4))
        h = y[t]
    return y, h.copy(), held if keep else xp.empty((0,), x.dtype)


def gru_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """Its gradient."""
    out, x, h0, w_ih, w_hh, *_ = saved
    gy, dh, gheld = grads
    reverse, sizes, keep = attrs
    if sizes is not None or not keep or (gheld is not None and gheld.ndim > 1) or not _takes(x, gy, dh, h0):
        return None
    xp = _gpu.cupy()
    y, held = out[0], out[2]
    before = _before(y, h0, reverse)
    above, below = (xp.empty((*y.shape[:2], 3 * y.shape[-1]), y.dtype) for _ in range(2))
    dh = xp.zeros_like(h0) if dh is None else dh
    step, rest = _kernel("gru_backward"), xp.empty_like(h0)
    for t in _order(y.shape[0], not reverse):
        now = dh if gy is None else dh + gy[t]
        dr, dz, dn = _split(above[t], 3)
        step(now, *_split(held[t], 4), before[t], dr, dz, dn, _split(below[t], 3)[2], rest)
        size = y.shape[-1]
        below[t][..., : 2 * size] = above[t][..., : 2 * size]
        dh = rest + below[t] @ w_hh
    return (
        (above.reshape(-1, above.shape[-1]) @ w_ih).reshape(x.shape) if needs & 1 else None,
        dh if needs & 2 else None,
        _weights(above, x) if needs & 4 else None,
        _weights(below, before) if needs & 8 else None,
        above.sum(axis=(0, 1)) if needs & 16 else None,
        below.sum(axis=(0, 1)) if needs & 32 else None,
    )


def lstm(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, reverse: Any, sizes: Any, keep: Any
) -> Any:
    """`lstm` of `pynn.ops.recurrent`; None for what it does not take."""
    if sizes is not None or w_hr is not None or x.ndim != 3 or not x.size:
        return None
    if not _takes(x, h, c, w_ih, w_hh, b_ih, b_hh):
        return None
    xp = _gpu.cupy()
    above = _projected(x, w_ih, b_ih, b_hh)
    y = xp.empty((*x.shape[:2], h.shape[-1]), x.dtype)
    held = xp.empty((*x.shape[:2], 5 * c.shape[-1]), x.dtype)
    step = _kernel("lstm")
    for t in _order(x.shape[0], reverse):
        parts = _split(held[t], 5)
        step(*_split(above[t], 4), *_split(h @ w_hh.T, 4), c, y[t], *parts)
        h, c = y[t], parts[4]
    return y, h.copy(), c.copy(), held if keep else xp.empty((0,), x.dtype)


def lstm_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """Its gradient."""
    out, x, h0, c0, w_ih, w_hh, *_, w_hr = saved
    gy, dh, dc, gheld = grads
    reverse, sizes, keep = attrs
    if sizes is not None or not keep or w_hr is not None or (gheld is not None and gheld.ndim > 1):
        return None
    if not _takes(x, gy, dh, dc, h0):
        return None
    xp = _gpu.cupy()
    y, held = out[0], out[3]
    cells = _before(_split(held, 5)[4], c0, reverse)
    d = xp.empty((*y.shape[:2], 4 * y.shape[-1]), y.dtype)
    dh = xp.zeros_like(h0) if dh is None else dh
    dc = xp.zeros_like(c0) if dc is None else dc.copy()
    step = _kernel("lstm_backward")
    for t in _order(y.shape[0], not reverse):
        now = dh if gy is None else dh + gy[t]
        rest = xp.empty_like(c0)
        step(now, dc, *_split(held[t], 5), cells[t], *_split(d[t], 4), rest)
        dc = rest
        dh = d[t] @ w_hh
    bias = d.sum(axis=(0, 1)) if needs & 96 else None
    return (
        (d.reshape(-1, d.shape[-1]) @ w_ih).reshape(x.shape) if needs & 1 else None,
        dh if needs & 2 else None,
        dc if needs & 4 else None,
        _weights(d, x) if needs & 8 else None,
        _weights(d, _before(y, h0, reverse)) if needs & 16 else None,
        bias if needs & 32 else None,
        bias if needs & 64 else None,
        None,
    )


def kernels() -> dict[str, Any]:
    """The kernels by op, each with its backward."""
    return {"gru": gru, "gru.backward": gru_backward, "lstm": lstm, "lstm.backward": lstm_backward}
