"""Steps of SGD and Adam, one kernel a parameter: parameter, gradient and state are each read and written once."""

import functools
from typing import Any

from pynn import _gpu

_ADAM = """
const T d = (maximize ? -g : g) + (decoupled ? T(0) : decay * p);
if (decoupled) p = p * (T(1) - lr * decay);
m = beta1 > T(0.5) ? m + (T(1) - beta1) * (d - m) : d - (d - m) * beta1;
v = beta2 * v + (T(1) - beta2) * d * d;
"""
_MOVE = "p = p - step_size * m / (sqrt({spread}) / correction + eps);"
_NUMBERS = "T lr, T decay, T beta1, T beta2, T eps, T step_size, T correction, bool maximize, bool decoupled"


@functools.cache
def _adam_kernel(amsgrad: bool) -> Any:
    body, out = _ADAM, "T p, T m, T v"
    if amsgrad:
        body, out = body + "top = top > v ? top : v;", out + ", T top"
    return _gpu.cupy().ElementwiseKernel(
        "T g, " + _NUMBERS, out, body + _MOVE.format(spread="top" if amsgrad else "v"), "pynn_adam"
    )


@functools.cache
def _sgd_kernel(momentum: bool) -> Any:
    body = "T d = (maximize ? -g : g) + decay * p;"
    if momentum:
        body += "b = first ? d : momentum * b + (T(1) - dampening) * d; d = nesterov ? d + momentum * b : b;"
    return _gpu.cupy().ElementwiseKernel(
        "T g, T lr, T momentum, T dampening, T decay, bool nesterov, bool maximize, bool first",
        "T p, T b" if momentum else "T p", body + "p = p - lr * d;", "pynn_sgd",
    )  # fmt: skip


def _alike(arrays: Any) -> bool:
    """Whether all arrays have one dtype that the kernels take, and lie on the GPU."""
    dtype = arrays[0].dtype
    return dtype.name in ("float32", "float64") and all(
        a.dtype == dtype and hasattr(a, "__cuda_array_interface__") for a in arrays
    )


def adam_step(
    arrays: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, weight_decay: Any, amsgrad: Any, maximize: Any, decoupled: Any
) -> Any:
    """`adam_step` of `pynn.ops.optim`; None for dtypes that it does not take."""
    groups = 6 if amsgrad else 5
    count = len(arrays) // groups
    if not count or not _alike(arrays[: count * (groups - 1)]):
        return None
    kernel = _adam_kernel(bool(amsgrad))
    for i in range(count):
        param, grad, *state, step = arrays[i::count]
        step += 1
        taken, number = float(step), param.dtype.type
        kernel(
            grad, number(lr), number(weight_decay), number(beta1), number(beta2), number(eps),
            number(lr / (1 - beta1**taken)), number((1 - beta2**taken) ** 0.5), bool(maximize), bool(decoupled),
            param, *state,
        )  # fmt: skip
    return arrays


def sgd_step(
    arrays: Any, lr: Any, momentum: Any, dampening: Any, weight_decay: Any, nesterov: Any, maximize: Any, first: Any
) -> Any:
    """`sgd_step` of `pynn.ops.optim`; None for dtypes that it does not take."""
    groups = 3 if momentum != 0 else 2
    count = len(arrays) // groups
    if not count or not _alike(arrays):
        return None
    kernel = _sgd_kernel(momentum != 0)
    for i in range(count):
        param, grad, *state = arrays[i::count]
        number = param.dtype.type
        kernel(
            grad, number(lr), number(momentum), number(dampening), number(weight_decay), bool(nesterov), bool(maximize),
            bool(first), param, *state,
        )  # fmt: skip
    return arrays


def kernels() -> dict[str, Any]:
    """The kernels by op."""
    return {"adam_step": adam_step, "sgd_step": sgd_step}
