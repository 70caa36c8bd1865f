"""Initial values for parameters: functions ending in _ fill a tensor in place and return it.

None of them is recorded for backward.
"""

import math
import warnings
from typing import Any

import numpy

from pynn._core import Tensor, observe, wrap
from pynn._dtypes import DTYPES
from pynn._random import Generator
from pynn.autograd import no_grad
from pynn.ops.random import rand, randn

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal", "kaiming_normal_",
    "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal", "orthogonal_", "sparse",
    "sparse_", "trunc_normal_", "uniform", "uniform_", "xavier_normal", "xavier_normal_", "xavier_uniform",
    "xavier_uniform_", "zeros_",
]  # fmt: skip

_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a layer before this nonlinearity should scale its weights.

    nonlinearity: the name of a function in nn.functional; param: leaky_relu's negative slope (0.01).
    Raises ValueError for a name without a gain.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from U(a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from N(mean, std^2)."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers from N(mean, std^2) that lie in [a, b]; those outside are drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=2,
        )
    values = numpy.empty(tensor.numel())
    missing = numpy.arange(values.size)
    while missing.size:
        drawn, kept = _truncated_draw(missing.size, (a - mean) / std, (b - mean) / std, generator)
        values[missing[kept]] = drawn[kept]
        missing = missing[~kept]
    return _assign(tensor, (mean + std * values).reshape(tuple(tensor.shape)))


def _truncated_draw(count: Any, low: Any, high: Any, generator: Any) -> Any:
    """Draws for N(0, 1) within [low, high], and which of them to keep (Robert, Stat. Comput. 5, 1995, 121-125)."""
    if math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)) > 0.5:  # a quarter or more of N(0, 1) is kept
        drawn = observe(randn(count, dtype=DTYPES["float64"], generator=generator))
        return drawn, (drawn >= low) & (drawn <= high)
    drawn, luck = observe(rand(2, count, dtype=DTYPES["float64"], generator=generator))
    drawn = low + (high - low) * drawn
    peak = min(max(0.0, low), high)  # where the density is largest
    return drawn, luck <= numpy.exp((peak**2 - drawn**2) / 2)


@no_grad()
def constant_(tensor: Tensor, val: Any) -> Tensor:
    """Fill with one value."""
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return tensor.zero_()


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity; ValueError unless it has two dimensions."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _assign(tensor, numpy.eye(*tensor.shape))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution's weight (3 to 5 dimensions) pass its input channels on unchanged.

    Raises ValueError for other shapes, or where groups does not divide the output channels.
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    shape = tuple(tensor.shape)
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    out = numpy.zeros(shape)
    a_group = shape[0] // groups
    centre = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for channel in range(min(a_group, shape[1])):
            out[(group * a_group + channel, channel, *centre)] = 1
    return _assign(tensor, out)


def _fans(tensor: Any) -> Any:
    """(inputs, outputs) that one output or input of a layer with this weight is connected to."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


_calculate_fan_in_and_fan_out = _fans  # the name that code written for torch calls


@no_grad()
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """U(-a, a) with a = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, AISTATS 2010)."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return tensor.uniform_(-bound, bound, generator=generator)


@no_grad()
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """N(0, std^2) with std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, AISTATS 2010)."""
    return tensor.normal_(0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator=generator)


def _fan(tensor: Any, mode: Any) -> Any:
    """One of the two, by mode: "fan_in" or "fan_out"."""
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode == "fan_out"]


_calculate_correct_fan = _fan  # as above


def _kaiming_std(tensor: Any, a: Any, mode: Any, nonlinearity: Any) -> Any:
    return calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))


def _is_empty(tensor: Any) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """U(-k, k) with k = gain * sqrt(3 / fan), gain that of nonlinearity with slope a (arXiv:1502.01852)."""
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    with no_grad():
        return tensor.uniform_(-bound, bound, generator=generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """N(0, std^2) with std = gain / sqrt(fan), gain that of nonlinearity with slope a (arXiv:1502.01852)."""
    if _is_empty(tensor):
        return tensor
    with no_grad():
        return tensor.normal_(0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator=generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: int = 1, generator: Generator | None = None) -> Tensor:
    """Make the tensor, seen as a matrix (first size, the rest), orthogonal times gain (arXiv:1312.6120).

    Its rows, or columns where there are fewer, are orthonormal. ValueError for fewer than two dimensions.
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    drawn = observe(randn(max(rows, columns), min(rows, columns), dtype=DTYPES["float64"], generator=generator))
    q, r = numpy.linalg.qr(drawn)
    q = q * numpy.sign(numpy.diag(r))  # makes q uniform among orthogonal matrices
    return _assign(tensor, gain * (q if rows >= columns else q.T).reshape(tuple(tensor.shape)))


@no_grad()
def sparse_(tensor: Tensor, sparsity: Any, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix from N(0, std^2), then zero the fraction sparsity of each column (Martens, ICML 2010)."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    values = observe(randn(rows, columns, generator=generator)) * std
    order = numpy.argsort(observe(randn(rows, columns, generator=generator)), axis=0)
    numpy.put_along_axis(values, order[: math.ceil(sparsity * rows)], 0.0, axis=0)
    return _assign(tensor, values)


def _assign(tensor: Tensor, array: Any) -> Tensor:
    return tensor.copy_(wrap(numpy.ascontiguousarray(array)))


def _deprecated(function: Any) -> Any:
    """function under its name of before torch 0.4, without the underscore."""
    new, old = function.__name__, function.__name__[:-1]

    def renamed(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    renamed.__name__ = old
    renamed.__doc__ = f"{new} under its older name; warns."
    return renamed


uniform, normal, constant, eye, dirac = (_deprecated(f) for f in (uniform_, normal_, constant_, eye_, dirac_))
xavier_uniform, xavier_normal = _deprecated(xavier_uniform_), _deprecated(xavier_normal_)
kaiming_uniform, kaiming_normal = _deprecated(kaiming_uniform_), _deprecated(kaiming_normal_)
orthogonal, sparse = _deprecated(orthogonal_), _deprecated(sparse_)
