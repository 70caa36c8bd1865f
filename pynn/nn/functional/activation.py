"""Activation functions, with torch.nn.functional's signatures. All keep the input's shape and dtype.

They raise TypeError for an input that is no Tensor and NotImplementedError (a RuntimeError) for integers.
"""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor, call, call_inplace, unary
from pynn.ops import activation as ops
from pynn.ops.activation import inplace_of
from pynn.ops.devices import beside_input
from pynn.ops.out import store
from pynn.ops.random import rand
from pynn.ops.registry import export
from pynn.ops.unary import SIGMOID, TANH
from pynn.ops.view import normal_dim

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hardtanh_",
    "leaky_relu", "leaky_relu_", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_", "rrelu", "rrelu_", "selu",
    "selu_", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip


def _activate(op: Any, input: Tensor, attrs: tuple[Any, ...], inplace: bool) -> Tensor:
    return call_inplace(inplace_of(op), (input,), attrs) if inplace else call(op, (input,), attrs)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x)."""
    return ops.relu_(input) if inplace else unary(ops.RELU, input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, x), 6)."""
    return _activate(ops.HARDTANH, input, ops.limits(input, 0, 6), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x, or negative_slope * x left of 0."""
    return _activate(ops.LEAKY_RELU, input, (float(negative_slope),), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x, or alpha * (exp(x) - 1) left of 0 (arXiv:1511.07289)."""
    return _activate(ops.ELU, input, (float(alpha),), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(x, alpha) with the constants that keep mean 0 and variance 1 (arXiv:1706.02515)."""
    return _activate(ops.SELU, input, (), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) (arXiv:1704.07483); RuntimeError for alpha 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU. Give another alpha.")
    return _activate(ops.CELU, input, (float(alpha),), inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]; ValueError where min_val > max_val."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}.")
    return _activate(ops.HARDTANH, input, ops.limits(input, min_val, max_val), inplace)


def threshold(input: Tensor, threshold: Any, value: Any, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    return _activate(ops.THRESHOLD, input, ops.limits(input, threshold, value), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x) (arXiv:1710.05941)."""
    return _activate(ops.SILU, input, (1.0,), inplace)


def swish(input: Tensor, beta: float = 1.0, inplace: bool = False) -> Tensor:
    """x * sigmoid(beta * x) (arXiv:1710.05941); silu for beta 1. Not in torch."""
    return _activate(ops.SILU, input, (float(beta),), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)) (arXiv:1908.08681)."""
    return _activate(ops.MISH, input, (), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6 (arXiv:1905.02244)."""
    return _activate(ops.HARDSWISH, input, (), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return _activate(ops.HARDSIGMOID, input, (), inplace)


def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Tensor:
    """x * P(X <= x) for a standard normal X (arXiv:1606.08415); approximate="tanh" for its tanh form."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}.")
    result = call(ops.GELU, (input,), (approximate,))
    return result if out is None else store(out, result, "gelu", input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0, *, out: Tensor | None = None) -> Tensor:
    """log(1 + exp(beta * x)) / beta, or x where beta * x > threshold."""
    result = call(ops.SOFTPLUS, (input,), (float(beta), float(threshold)))
    return result if out is None else store(out, result, "softplus", input)


def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(1 / (1 + exp(-x)))."""
    result = call(ops.LOGSIGMOID, (input,))
    return result if out is None else store(out, result, "logsigmoid")


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return call(ops.SOFTSIGN, (input,))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return call(ops.TANHSHRINK, (input,))


def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """0 where |x| <= lambd, else x."""
    result = call(ops.HARDSHRINK, (input,), (float(lambd),))
    return result if out is None else store(out, result, "hardshrink", input)


def softshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """x moved lambd towards 0, and 0 within; RuntimeError for a negative lambd."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    result = call(ops.SOFTSHRINK, (input,), (float(lambd),))
    return result if out is None else store(out, result, "softshrink", input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return unary(SIGMOID, input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return unary(TANH, input)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x, or weight * x left of 0; one weight, or one a channel (dimension 1)."""
    return ops.prelu(input, weight)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b) for the halves a and b of input along dim (arXiv:1612.08083).

    Raises RuntimeError for a 0-d input or an odd size.
    """
    ops.require_floating("glu", input)
    if input._array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    d = normal_dim(dim, input._array.ndim)
    size = input._array.shape[d]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}.")
    return call(ops.GLU, (input,), (d,))


@export("rrelu", method=False)
@beside_input
def rrelu(
    input: Tensor, lower: Any = 1.0 / 8, upper: Any = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x, or a * x left of 0: a uniform in [lower, upper] when training, else their mean (arXiv:1505.00853)."""
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}.")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    ops.require_floating("rrelu", input)
    slope = rand(input._array.shape, dtype=input.dtype) * (upper - lower) + lower
    result = input * (slope * (input <= 0) + (input > 0)).detach()
    return input.copy_(result) if inplace else result


def _inplace(function: Any) -> Callable[..., Tensor]:
    def written(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        out: Tensor = function(input, *args, **kwargs, inplace=True)
        return out

    written.__name__ = written.__qualname__ = function.__name__ + "_"
    written.__doc__ = f"{function.__name__} written to the tensor itself."
    return written


relu_, leaky_relu_, elu_, selu_, celu_, hardtanh_, threshold_, rrelu_ = (
    _inplace(f) for f in (relu, leaky_relu, elu, selu, celu, hardtanh, threshold, rrelu)
)
