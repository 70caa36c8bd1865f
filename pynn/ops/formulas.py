"""Short formulas that have names of their own, and what little a tensor can be asked besides: made of other operations."""

import math

import numpy

from pynn._core import METHODS, Tensor, call_inplace, made, observe, wrap
from pynn._dtypes import from_numpy
from pynn.ops.arranging import written
from pynn.ops.cast import COPY_
from pynn.ops.pointwise_functions import clamp, pow, where
from pynn.ops.registry import export


@export()
def frac(input):
    """The part behind the point, with input's sign."""
    return input - input.trunc()


@export()
def logical_xor(input, other):
    """Where exactly one of two is true (not 0)."""
    return (input != 0) ^ (other != 0)


@export()
def clamp_min(input, min):
    """Each element, or min where it is less."""
    return clamp(input, min=min)


@export()
def clamp_max(input, max):
    """Each element, or max where it is more."""
    return clamp(input, max=max)


@export(method=False)
def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    return other - (input if alpha == 1 else input * alpha)


@export()
def float_power(input, exponent):
    """input ** exponent in float64."""
    values = [x.double() if isinstance(x, Tensor) else x for x in (input, exponent)]
    return pow(*values)


@export()
def logaddexp(input, other):
    """log(exp(input) + exp(other)) without overflow."""
    high = where(input >= other, input, other)
    low = where(input >= other, other, input)
    gap = where(low == high, 0.0, low - high)
    return high + gap.exp().log1p()


@export()
def hypot(input, other):
    """sqrt(input ** 2 + other ** 2)."""
    return (input.square() + other.square()).sqrt()


@export()
def nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    """input with NaN and infinities replaced: by 0 and the dtype's largest and smallest number unless given."""
    if input._array.dtype.kind not in "fV":
        return input.clone()
    info = numpy.finfo(input._array.dtype)
    out = input.masked_fill(input.isnan(), nan)
    out = out.masked_fill(input == math.inf, float(info.max) if posinf is None else posinf)
    return out.masked_fill(input == -math.inf, float(info.min) if neginf is None else neginf)


@export()
def deg2rad(input):
    """Degrees as radians."""
    return input * (math.pi / 180)


@export()
def rad2deg(input):
    """Radians as degrees."""
    return input * (180 / math.pi)


@export()
def signbit(input):
    """Where the sign is minus."""
    return made(numpy.signbit(observe(input)))


for _name, _function in (
    ("baddbmm", METHODS["baddbmm"]), ("addmv", METHODS["addmv"]),
    ("addmm", METHODS["addmm"]), ("clamp_min", clamp_min), ("clamp_max", clamp_max),
    ("nan_to_num", nan_to_num), ("cumsum", METHODS["cumsum"]), ("eq", METHODS["eq"]), ("ne", METHODS["ne"]),
    ("lt", METHODS["lt"]), ("le", METHODS["le"]), ("gt", METHODS["gt"]), ("ge", METHODS["ge"]),
    ("logical_and", METHODS["logical_and"]), ("logical_or", METHODS["logical_or"]), ("logical_not", METHODS["logical_not"]),
):  # fmt: skip
    if _name + "_" not in METHODS:
        written(_name, _function)


# ---- random numbers under further names ----


@export(function=False)
def multinomial(self, num_samples, replacement=False, *, generator=None):
    """`pynn.multinomial` of this tensor's weights."""
    from pynn.ops.random import multinomial

    return multinomial(self, num_samples, replacement, generator=generator)


@export("bernoulli", function=False)
def _bernoulli(self, p=None, *, generator=None):
    """1 with this tensor's probabilities (or p), else 0."""
    from pynn.ops.random import bernoulli

    return bernoulli(self if p is None else METHODS["fill_"](self.detach().clone(), p), generator=generator)


@export(function=False)
def exponential_(self, lambd=1, *, generator=None):
    """Fill with draws of the exponential distribution of that rate."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}.")
    uniform = METHODS["uniform_"](self.detach().clone(), generator=generator)
    return call_inplace(COPY_, (self, -(1 - uniform).log() / lambd))


# ---- questions ----


@export("is_complex")
def is_complex(input):
    """Whether input holds complex numbers: never."""
    return False


@export()
def is_nonzero(input):
    """The truth of a tensor of one element."""
    return bool(input)


@export()
def is_signed(input):
    """Whether input's dtype has negative values."""
    return from_numpy(input._array.dtype).is_signed


@export()
def is_same_size(input, other):
    """Whether two tensors have the same shape."""
    return input._array.shape == other._array.shape


@export(function=False)
def get_device(self):
    """The number of the GPU the tensor is on; -1 on the CPU."""
    return -1


def _constant(name, value, doc):
    def function(self):
        return value

    function.__name__, function.__doc__ = name, doc
    export(name, function=False)(function)


_constant("is_pinned", False, "Whether the memory is pinned for a GPU: never.")
_constant("is_inference", False, "Whether the tensor was made in torch's inference mode: never.")


@export(function=False)
def pin_memory(self, device=None):
    """RuntimeError: there is no GPU to pin memory for."""
    raise RuntimeError("cannot pin memory: this build of pynn has no GPU kernels. Leave pin_memory() out.")


@export(function=False)
def new(self, *args, device=None):
    """A tensor of this dtype by old custom: `x.new(2, 3)` of a shape, `x.new([1, 2])` of data."""
    if len(args) == 1 and not isinstance(args[0], int) and not isinstance(args[0], Tensor):
        return METHODS["new_tensor"](self, args[0])
    if len(args) == 1 and isinstance(args[0], Tensor):
        return wrap(args[0]._array)
    return METHODS["new_empty"](self, args or (0,))
