"""Batch and layer normalization: CuPy's reductions for the statistics, and one kernel for what is done to each element."""

import functools
from typing import Any

from pynn import _gpu


@functools.cache
def _scale(weight: bool, bias: bool) -> Any:
    body = "y = (x - mean) * rstd" + (" * w" if weight else "") + (" + b" if bias else "")
    ins = "T x, T mean, T rstd" + (", T w" if weight else "") + (", T b" if bias else "")
    return _gpu.cupy().ElementwiseKernel(ins, "T y", body, "pynn_normalize")


@functools.cache
def _slope(weight: bool) -> Any:
    return _gpu.cupy().ElementwiseKernel(
        "T g, T x, T mean, T rstd, T drift, T lean" + (", T w" if weight else ""), "T gx",
        f"gx = rstd * (g{' * w' if weight else ''} - drift - (x - mean) * rstd * lean)", "pynn_normalize_backward",
    )  # fmt: skip


def _takes(*arrays: Any) -> bool:
    first = arrays[0].dtype
    return first.name in ("float32", "float64") and all(a is None or a.dtype == first for a in arrays)


def _applied(x: Any, mean: Any, rstd: Any, weight: Any, bias: Any, shape: Any) -> Any:
    parameters = [p.reshape(shape) for p in (weight, bias) if p is not None]
    return _scale(weight is not None, bias is not None)(x, mean, rstd, *parameters)


def _statistics(x: Any, axes: Any) -> tuple[Any, Any]:
    mean = x.mean(axis=axes, keepdims=True)
    return mean, ((x - mean) ** 2).mean(axis=axes, keepdims=True)


def _gradients(needs: int, g: Any, x: Any, weight: Any, axes: Any, shape: Any, mean: Any, rstd: Any) -> Any:
    """Those of x, weight and bias; shape: the parameters', with ones before."""
    others = tuple(i for i, n in enumerate(shape) if n == 1)
    lean = g * (x - mean) * rstd
    gw = lean.sum(axis=others) if needs & 2 else None
    gb = g.sum(axis=others) if needs & 4 else None
    gx = None
    if needs & 1:
        w = None if weight is None else weight.reshape(shape)
        drift = (g if w is None else g * w).mean(axis=axes, keepdims=True)
        lean = (lean if w is None else lean * w).mean(axis=axes, keepdims=True)
        gx = _slope(w is not None)(g, x, mean, rstd, drift, lean, *([] if w is None else [w]))
    return gx, gw, gb


def batch_norm(x: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """`batch_norm` of `pynn.ops.norm`; None for dtypes that it does not take."""
    if not _takes(x, weight, bias) or x.ndim < 2 or not x.size:
        return None
    shape = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    mean, var = _statistics(x, (0, *range(2, x.ndim)))
    rstd = 1 / _gpu.cupy().sqrt(var + x.dtype.type(eps))
    return _applied(x, mean, rstd, weight, bias, shape), mean.reshape(-1), var.reshape(-1)


def batch_norm_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """Its gradient, where only the values have one."""
    (_, mean, var), x, weight, _ = saved
    if g[0] is None or g[1] is not None or g[2] is not None or not _takes(x, g[0], weight, mean) or not x.size:
        return None
    shape = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    rstd = 1 / _gpu.cupy().sqrt(var.reshape(shape) + x.dtype.type(attrs[0]))
    axes = (0, *range(2, x.ndim))
    gx, gw, gb = _gradients(needs, g[0], x, weight, axes, shape, mean.reshape(shape), rstd)
    return gx, *[None if p is None else p.reshape(x.shape[1]) for p in (gw, gb)]


def layer_norm(x: Any, weight: Any, bias: Any, count: int, eps: Any) -> Any:
    """`layer_norm` of `pynn.ops.norm`; None for dtypes that it does not take."""
    if not _takes(x, weight, bias) or not x.size:
        return None
    shape = (1,) * (x.ndim - count) + x.shape[x.ndim - count :]
    mean, var = _statistics(x, tuple(range(x.ndim - count, x.ndim)))
    rstd = 1 / _gpu.cupy().sqrt(var + x.dtype.type(eps))
    return _applied(x, mean, rstd, weight, bias, shape), mean, rstd


def layer_norm_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """Its gradient, where only the values have one."""
    (_, mean, rstd), x, weight, _ = saved
    if g[0] is None or g[1] is not None or g[2] is not None or not _takes(x, g[0], weight, mean) or not x.size:
        return None
    count = attrs[0]
    own = x.shape[x.ndim - count :]
    axes = tuple(range(x.ndim - count, x.ndim))
    gx, gw, gb = _gradients(needs, g[0], x, weight, axes, (1,) * (x.ndim - count) + own, mean, rstd)
    return gx, *[None if p is None else p.reshape(own) for p in (gw, gb)]


def kernels() -> dict[str, Any]:
    """The kernels by op, each with its backward."""
    return {
        "batch_norm": batch_norm, "batch_norm.backward": batch_norm_backward,
        "layer_norm": layer_norm, "layer_norm.backward": layer_norm_backward,
    }  # fmt: skip
