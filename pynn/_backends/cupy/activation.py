"""Activations as single kernels: each its value, and its gradient, in one pass over memory.

The formulas are the records' (`pynn.ops.activation`), in CUDA C++ over a type T that is float or double; other dtypes are
the references'. Attrs become parameters of type T.
"""

import functools
from typing import Any

from pynn import _gpu
from pynn.ops.activation import SELU_ALPHA, SELU_SCALE

_PREAMBLE = """
template <class T> __device__ inline T pynn_sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }
template <class T> __device__ inline T pynn_softplus(T x, T beta, T threshold) {
  return x * beta > threshold ? x : log1p(exp(x * beta)) / beta;
}
"""
_SQRT_HALF, _DENSITY = 0.7071067811865476, 0.3989422804014327  # of erf's argument; of the normal density at 0
_GELU_K, _GELU_C = 0.7978845608028654, 0.044715
_TANH_GELU = f"const T u = tanh(T({_GELU_K}) * (x + T({_GELU_C}) * x * x * x));"

# name: (attrs, the value from x, the gradient from g and x). relu, sigmoid and tanh keep their output: y.
_FORMULAS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "relu": ((), "y = x > 0 || x != x ? x : T(0)", "gx = y > 0 ? g : T(0)"),
    "sigmoid": ((), "y = pynn_sigmoid<T>(x)", "gx = g * y * (T(1) - y)"),
    "tanh": ((), "y = tanh(x)", "gx = g * (T(1) - y * y)"),
    "erf": ((), "y = erf(x)", "gx = g * exp(-x * x) * T(1.1283791670955126)"),
    "leaky_relu": (("slope",), "y = x > 0 ? x : x * slope", "gx = x > 0 ? g : g * slope"),
    "hardsigmoid": (
        (),
        "const T z = x + T(3); y = (z < 0 ? T(0) : z > 6 ? T(6) : z) / T(6)",
        "gx = x > T(-3) && x < T(3) ? g / T(6) : T(0)",
    ),
    "hardswish": (
        (),
        "const T z = x + T(3); y = x * (z < 0 ? T(0) : z > 6 ? T(6) : z) / T(6)",
        "gx = x <= T(-3) ? T(0) : x < T(3) ? g * (x / T(3) + T(0.5)) : g",
    ),
    "elu": (("alpha",), "y = x > 0 ? x : alpha * expm1(x)", "gx = x > 0 ? g : g * alpha * exp(x)"),
    "selu": (
        (),
        f"y = T({SELU_SCALE}) * (x > 0 ? x : T({SELU_ALPHA}) * expm1(x))",
        f"gx = T({SELU_SCALE}) * (x > 0 ? g : g * T({SELU_ALPHA}) * exp(x))",
    ),
    "celu": (("alpha",), "y = x > 0 ? x : alpha * expm1(x / alpha)", "gx = x > 0 ? g : g * exp(x / alpha)"),
    "softplus": (
        ("beta", "threshold"),
        "y = pynn_softplus<T>(x, beta, threshold)",
        "gx = x * beta > threshold ? g : g * pynn_sigmoid<T>(x * beta)",
    ),
    "logsigmoid": (
        (),
        "y = (x < 0 ? x : x != x ? x : T(0)) - log1p(exp(x < 0 ? x : -x))",
        "gx = g * pynn_sigmoid<T>(-x)",
    ),
    "silu": (
        ("beta",),
        "y = x * pynn_sigmoid<T>(x * beta)",
        "const T s = pynn_sigmoid<T>(x * beta); gx = g * (s * (T(1) + beta * x * (T(1) - s)))",
    ),
    "gelu": (
        (),
        f"y = x * (T(0.5) + T(0.5) * erf(x * T({_SQRT_HALF})))",
        f"gx = g * (T(0.5) + T(0.5) * erf(x * T({_SQRT_HALF})) + x * exp(x * x * T(-0.5)) * T({_DENSITY}))",
    ),
    "gelu_tanh": (
        (),
        _TANH_GELU + "y = x * (T(0.5) + T(0.5) * u)",
        _TANH_GELU + f"gx = g * (T(0.5) + T(0.5) * u + T(0.5) * x * (T(1) - u * u) * T({_GELU_K}) * "
        f"(T(1) + T({3 * _GELU_C}) * x * x))",
    ),
    "mish": (
        (),
        "y = x * tanh(pynn_softplus<T>(x, T(1), T(20)))",
        "const T u = tanh(pynn_softplus<T>(x, T(1), T(20))); gx = g * (u + x * pynn_sigmoid<T>(x) * (T(1) - u * u))",
    ),
}
_FROM_OUTPUT = ("relu", "sigmoid", "tanh")


@functools.cache
def _kernel(name: str, backward: bool) -> Any:
    attrs, value, gradient = _FORMULAS[name]
    given = "".join(f", T {a}" for a in attrs)
    held = "y" if name in _FROM_OUTPUT else "x"
    ins, out, body = (f"T g, T {held}{given}", "T gx", gradient) if backward else (f"T x{given}", "T y", value)
    return _gpu.cupy().ElementwiseKernel(
        ins, out, body, f"pynn_{name}{'_backward' if backward else ''}", preamble=_PREAMBLE
    )


def _takes(*arrays: Any) -> bool:
    return all(getattr(a, "dtype", None) == arrays[0].dtype and a.dtype.name in ("float32", "float64") for a in arrays)


def _variant(name: str, attrs: Any) -> tuple[str, Any]:
    """The formula's name and its numbers."""
    if name == "gelu":
        return ("gelu_tanh" if attrs[0] == "tanh" else "gelu"), ()
    return name, attrs


def _forward(name: str) -> Any:
    def kernel(x: Any, *attrs: Any) -> Any:
        if not _takes(x):
            return None
        chosen, numbers = _variant(name, attrs)
        return _kernel(chosen, False)(x, *[x.dtype.type(a) for a in numbers])

    return kernel


def _backward(name: str) -> Any:
    def kernel(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
        held = saved[0] if name in _FROM_OUTPUT else saved[1]
        if not _takes(g, held):
            return None
        chosen, numbers = _variant(name, attrs)
        return _kernel(chosen, True)(g, held, *[g.dtype.type(a) for a in numbers])

    return kernel


def kernels() -> dict[str, Any]:
    """The kernels by op, each with its backward."""
    names = [n for n in _FORMULAS if n != "gelu_tanh"]
    return {n: _forward(n) for n in names} | {f"{n}.backward": _backward(n) for n in names}
