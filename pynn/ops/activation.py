"""Activation functions: relu and its kin, the sigmoid-like ones, and their in-place forms.

All are pointwise. What backward saves is what the native kernels read (see
`csrc/include/pynn/elementwise.h`): relu its output, the others their input.
"""

import math
from typing import Any

import numpy

from pynn._core import Tensor, call, call_inplace, unary
from pynn.ops.registry import OPS, Sample, export, promote, register, register_inplace
from pynn.ops.samples import unary_samples

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def require_floating(name: str, *tensors: Any) -> None:
    """TypeError for an argument that is no Tensor, NotImplementedError for one that does not hold real numbers."""
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}.")
        if x._array.dtype.kind not in "fV":
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{x.dtype.name}': it takes floating point tensors. Use input.float()."
            )


def require_numbers(name: str, x: Tensor, floating: bool = False) -> None:
    """As `require_floating`, but integers too are taken; bool never is."""
    if floating or not isinstance(x, Tensor) or x._array.dtype.kind == "b":
        require_floating(name, x)


def _floating(name: str) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        require_floating(name, *inputs)
        return inputs

    return check


def _is_tensor(name: str) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        if not isinstance(inputs[0], Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(inputs[0]).__name__}.")
        return inputs

    return check


def _as_float(name: str) -> Any:
    """Integers become the default float."""

    def check(inputs: Any, attrs: Any) -> Any:
        return promote(_is_tensor(name)(inputs, attrs), "float")

    return check


def _with_attrs(choices: Any, away: Any) -> Any:
    """Samples of a one-input op for each choice of attrs; away(*attrs) are the points without a gradient."""

    def samples(rng: Any) -> Any:
        return [
            Sample(s.inputs, attrs, s.grad)
            for attrs in choices
            for s in unary_samples(away=() if away is None else away(*attrs))(rng)
        ]

    return samples


def _activation(
    name: str,
    reference: Any,
    vjp: Any,
    saves: Any = (0,),
    attrs: Any = (),
    choices: Any = ((),),
    away: Any = None,
    torch: Any = None,
    check: Any = None,
    **more: Any,
) -> Any:
    """Register an activation and its in-place form."""
    op = register(
        name,
        vjp=(vjp,),
        saves=saves,
        attrs=attrs,
        check=check or _floating(name),
        samples=_with_attrs(choices, away),
        torch=torch or (lambda t, x, *a: getattr(t.nn.functional, name)(x, *a)),
        tolerance={"float32": 5e-6},
        **more,
    )(reference)
    inplace = register_inplace(op)
    inplace.check = op.check
    return op


# ---- piecewise linear ----

RELU = _activation(
    "relu",
    lambda xp, x: xp.maximum(x, 0),
    lambda xp, g, out, x: xp.where(out > 0, g, 0),
    saves=("out",),
    away=lambda: (0,),
    check=_is_tensor("relu"),
)
LEAKY_RELU = _activation(
    "leaky_relu",
    lambda xp, x, slope: xp.where(x > 0, x, x * slope),
    lambda xp, g, out, x, slope: xp.where(x > 0, g, g * slope),
    attrs=("negative_slope",),
    choices=((0.01,), (0.3,)),
    away=lambda slope: (0,),
)
HARDTANH = _activation(
    "hardtanh",
    lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    lambda xp, g, out, x, low, high: xp.where((x > low) & (x < high), g, 0),
    attrs=("min_val", "max_val"),
    choices=((-1.0, 1.0), (0.0, 6.0)),
    away=lambda low, high: (low, high),
    check=_is_tensor("hardtanh"),
)
HARDSIGMOID = _activation(
    "hardsigmoid",
    lambda xp, x: xp.minimum(xp.maximum(x + 3.0, 0.0), 6.0) / 6.0,
    lambda xp, g, out, x: xp.where((x > -3.0) & (x < 3.0), g / 6.0, 0),
    away=lambda: (-3, 3),
    torch=lambda t, x: t.nn.functional.relu6(x + 3) / 6,  # torch's own backward rounds 1 / 6 to float32
)
THRESHOLD = _activation(
    "threshold",
    lambda xp, x, threshold, value: xp.where(x <= threshold, value, x),
    lambda xp, g, out, x, threshold, value: xp.where(x <= threshold, 0, g),
    attrs=("threshold", "value"),
    choices=((0.5, -2.0),),
    away=lambda threshold, value: (threshold,),
    check=_is_tensor("threshold"),
)
HARDSHRINK = _activation(
    "hardshrink",
    lambda xp, x, lambd: xp.where((x >= -lambd) & (x <= lambd), 0, x),
    lambda xp, g, out, x, lambd: xp.where((x >= -lambd) & (x <= lambd), 0, g),
    attrs=("lambd",),
    choices=((0.5,),),
    away=lambda lambd: (-lambd, lambd),
)
SOFTSHRINK = _activation(
    "softshrink",
    lambda xp, x, lambd: xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0.0)),
    lambda xp, g, out, x, lambd: xp.where((x >= -lambd) & (x <= lambd), 0, g),
    attrs=("lambd",),
    choices=((0.5,),),
    away=lambda lambd: (-lambd, lambd),
)

# ---- exponential ----


def _elu_slope(xp: Any, x: Any, rate: Any) -> Any:
    """exp(rate * x) left of 0, 1 right of it: without overflow where it is not used."""
    return xp.exp(xp.minimum(x, 0) * rate)


ELU = _activation(
    "elu",  # Clevert, Unterthiner, Hochreiter: arXiv:1511.07289
    lambda xp, x, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0))),
    lambda xp, g, out, x, alpha: xp.where(x > 0, g, g * alpha * _elu_slope(xp, x, 1.0)),
    attrs=("alpha",),
    choices=((1.0,), (0.5,)),
    away=lambda alpha: (0,),
)
SELU = _activation(
    "selu",  # Klambauer, Unterthiner, Mayr, Hochreiter: arXiv:1706.02515
    lambda xp, x: SELU_SCALE * xp.where(x > 0, x, SELU_ALPHA * xp.expm1(xp.minimum(x, 0))),
    lambda xp, g, out, x: SELU_SCALE * xp.where(x > 0, g, g * SELU_ALPHA * _elu_slope(xp, x, 1.0)),
    away=lambda: (0,),
)
CELU = _activation(
    "celu",  # Barron: arXiv:1704.07483
    lambda xp, x, alpha: xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0) / alpha)),
    lambda xp, g, out, x, alpha: xp.where(x > 0, g, g * _elu_slope(xp, x, 1.0 / alpha)),
    attrs=("alpha",),
    choices=((1.0,), (0.5,)),
    away=lambda alpha: (0,),
)


def _softplus(xp: Any, x: Any, beta: Any, threshold: Any) -> Any:
    z = x * beta
    return xp.where(z > threshold, x, xp.log1p(xp.exp(xp.minimum(z, threshold))) / beta)


SOFTPLUS = _activation(
    "softplus",
    _softplus,
    lambda xp, g, out, x, beta, threshold: xp.where(x * beta > threshold, g, g * xp.sigmoid(x * beta)),
    attrs=("beta", "threshold"),
    choices=((1.0, 20.0), (2.0, 3.0)),
    away=lambda beta, threshold: (threshold / beta,),
)
LOGSIGMOID = _activation(
    "logsigmoid",
    lambda xp, x: xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x))),
    lambda xp, g, out, x: g * xp.sigmoid(-x),
)

# ---- gated by a function of the input ----


def _silu_vjp(xp: Any, g: Any, out: Any, x: Any, beta: Any) -> Any:
    s = xp.sigmoid(x * beta)
    return g * (s * (1.0 + beta * x * (1.0 - s)))


SILU = _activation(
    "silu",  # Swish, Ramachandran, Zoph, Le: arXiv:1710.05941; beta = 1 is SiLU
    lambda xp, x, beta: x * xp.sigmoid(x * beta),
    _silu_vjp,
    attrs=("beta",),
    choices=((1.0,), (1.5,)),
    torch=lambda t, x, beta: t.nn.functional.silu(x) if beta == 1.0 else x * t.sigmoid(beta * x),
)

_SQRT_HALF = math.sqrt(0.5)
_GELU_K, _GELU_C = math.sqrt(2.0 / math.pi), 0.044715


def _gelu_curve(xp: Any, x: Any, approximate: Any) -> Any:
    """The factor of x: the normal distribution's integral up to x, or its tanh approximation."""
    if approximate == "tanh":
        return 0.5 * (1.0 + xp.tanh(_GELU_K * (x + _GELU_C * x * x * x)))
    return 0.5 * (1.0 + xp.erf(x * _SQRT_HALF))


def _gelu_vjp(xp: Any, g: Any, out: Any, x: Any, approximate: Any) -> Any:
    curve = _gelu_curve(xp, x, approximate)
    if approximate == "tanh":
        slope = 2.0 * curve * (1.0 - curve) * _GELU_K * (1.0 + 3.0 * _GELU_C * x * x)
    else:
        slope = xp.exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))
    return g * (curve + x * slope)


GELU = _activation(
    "gelu",  # Hendrycks, Gimpel: arXiv:1606.08415
    lambda xp, x, approximate: x * _gelu_curve(xp, x, approximate),
    _gelu_vjp,
    attrs=("approximate",),
    choices=(("none",), ("tanh",)),
    torch=lambda t, x, approximate: t.nn.functional.gelu(x, approximate=approximate),
)


def _mish_vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
    t = xp.tanh(_softplus(xp, x, 1.0, 20.0))
    return g * (t + x * xp.sigmoid(x) * (1.0 - t * t))


MISH = _activation(
    "mish",  # Misra: arXiv:1908.08681
    lambda xp, x: x * xp.tanh(_softplus(xp, x, 1.0, 20.0)),
    _mish_vjp,
)
HARDSWISH = _activation(
    "hardswish",  # Howard and others, MobileNetV3: arXiv:1905.02244
    lambda xp, x: x * xp.minimum(xp.maximum(x + 3.0, 0.0), 6.0) / 6.0,
    lambda xp, g, out, x: xp.where(x <= -3.0, 0, xp.where(x < 3.0, g * (x / 3.0 + 0.5), g)),
    away=lambda: (-3, 3),
)
SOFTSIGN = _activation(
    "softsign",
    lambda xp, x: x / (xp.abs(x) + 1.0),
    lambda xp, g, out, x: g / xp.square(xp.abs(x) + 1.0),
    away=lambda: (0,),  # its second derivative jumps there
    check=_as_float("softsign"),
    dtype="float",
)
TANHSHRINK = _activation(
    "tanhshrink",
    lambda xp, x: x - xp.tanh(x),
    lambda xp, g, out, x: g * xp.square(xp.tanh(x)),
    check=_as_float("tanhshrink"),
    dtype="float",
)

# ---- with parameters, or of two halves ----


def _check_prelu(inputs: Any, attrs: Any) -> Any:
    x, weight = inputs
    require_floating("prelu", x, weight)
    a, w = x._array, weight._array
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}.")
    if w.size != 1:
        if a.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor. prelu with several weights takes (N, C, ...).")
        channels = a.shape[1] if a.ndim > 1 else 1
        if w.size != channels:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.size} and channel "
                f"size = {channels}. Give one weight, or one a channel (dimension 1)."
            )
    if a.dtype != w.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {a.dtype} and {w.dtype}. Cast one with .to().")
    return inputs


def _channelwise(xp: Any, weight: Any, x: Any) -> Any:
    return xp.reshape(weight, (1, -1) + (1,) * (x.ndim - 2) if x.ndim > 1 else (-1,) * x.ndim)


def _prelu_weight_vjp(xp: Any, g: Any, out: Any, x: Any, weight: Any) -> Any:
    full = xp.where(x > 0, 0, g * x)
    if math.prod(weight.shape) == 1:
        return xp.reshape(xp.sum(full), tuple(weight.shape))
    return xp.sum(full, axis=tuple(d for d in range(x.ndim) if d != 1))


PRELU = register(
    "prelu",
    vjp=(
        lambda xp, g, out, x, weight: xp.where(x > 0, g, g * _channelwise(xp, weight, x)),
        _prelu_weight_vjp,
    ),
    saves=(0, 1),
    check=_check_prelu,
    shape=lambda x, weight: x,
    samples=lambda rng: [
        Sample((numpy.where(numpy.abs(x := rng.normal(size=s)) < 0.05, 0.1, x), rng.uniform(0.1, 0.5, (n,))))
        for s, n in (((3, 4), 4), ((3, 4), 1), ((2, 3, 4), 3), ((5,), 1), ((), 1))
    ],
    torch=lambda t, x, weight: t.prelu(x, weight),
)(lambda xp, x, weight: xp.where(x > 0, x, x * _channelwise(xp, weight, x)))


def _halves(x: Any, dim: Any) -> Any:
    half = x.shape[dim] // 2
    lead = (slice(None),) * dim
    return x[(*lead, slice(0, half), ...)], x[(*lead, slice(half, None), ...)]


def _glu(xp: Any, x: Any, dim: Any) -> Any:
    a, b = _halves(x, dim)
    return a * xp.sigmoid(b)


def _glu_vjp(xp: Any, g: Any, out: Any, x: Any, dim: Any) -> Any:
    a, b = _halves(x, dim)
    s = xp.sigmoid(b)
    return xp.concat([g * s, g * a * s * (1.0 - s)], axis=dim)


GLU = register(
    "glu",  # Dauphin and others: arXiv:1612.08083
    vjp=(_glu_vjp,),
    saves=(0,),
    check=_floating("glu"),
    shape=lambda x, dim: x[:dim] + (x[dim] // 2,) + x[dim + 1 :],
    attrs=("dim",),
    samples=lambda rng: [Sample((rng.normal(size=s),), (d,)) for s, d in (((3, 4), 1), ((4, 3), 0), ((2, 6, 3), 1))],
    torch=lambda t, x, dim: t.nn.functional.glu(x, dim),
)(_glu)

# ---- what torch publishes outside nn.functional ----


def inplace_of(op: Any) -> Any:
    """The in-place form of an op."""
    return OPS[op.name + "_"].op


@export()
def relu(input: Tensor) -> Tensor:
    """max(0, x) of each element."""
    return unary(RELU, input)


@export("relu_")
def relu_(input: Tensor) -> Tensor:
    """relu written to the tensor itself."""
    return call_inplace(inplace_of(RELU), (input,))


@export(method=False)
def selu(input: Tensor) -> Tensor:
    """SELU of each element: scale * (x, or alpha * (exp(x) - 1) left of 0)."""
    return call(SELU, (input,))


@export(method=False)
def selu_(input: Tensor) -> Tensor:
    """selu written to the tensor itself."""
    return call_inplace(inplace_of(SELU), (input,))


@export(method=False)
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """CELU of each element: max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU. Give another alpha.")
    return call(CELU, (input,), (float(alpha),))


@export(method=False)
def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """celu written to the tensor itself."""
    return call_inplace(inplace_of(CELU), (input,), (float(alpha),))


def limits(input: Tensor, *values: Any) -> Any:
    """The numbers an activation compares with, in the kind of its input: an integer tensor stays one."""
    kind = float if not isinstance(input, Tensor) or input._array.dtype.kind in "fV" else int
    return tuple(kind(v) for v in values)


@export(method=False)
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """x where x > threshold, else value."""
    return call(THRESHOLD, (input,), limits(input, threshold, value))


@export(method=False)
def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """threshold written to the tensor itself."""
    return call_inplace(inplace_of(THRESHOLD), (input,), limits(input, threshold, value))


@export()
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x, or weight * x left of 0; one weight, or one a channel (dimension 1)."""
    if isinstance(weight, Tensor) and weight._array.ndim > 1:
        _check_prelu((input, weight), ())
    return call(PRELU, (input, weight))


@export()
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |x| <= lambd, else x."""
    return call(HARDSHRINK, (input,), (float(lambd),))
