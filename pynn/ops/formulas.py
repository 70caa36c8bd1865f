"""Short formulas that have names of their own, and what little a tensor can be asked besides: made of other operations."""

from typing import Any

from pynn import _core
from pynn._core import METHODS, Tensor, call_inplace, wrap
from pynn._device import DeviceLike
from pynn._dtypes import from_numpy
from pynn._random import Generator
from pynn.ops.cast import COPY_
from pynn.ops.registry import export, written
from pynn.ops.view import Size

for _name, _function in (
    ("baddbmm", METHODS["baddbmm"]), ("addmv", METHODS["addmv"]), ("addmm", METHODS["addmm"]), ("cumsum", METHODS["cumsum"]),
    ("cumprod", METHODS["cumprod"]),
):  # fmt: skip
    if _name + "_" not in METHODS:
        written(_name, _function)


# ---- random numbers under further names ----


@export(function=False)
def multinomial(
    self: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """`pynn.multinomial` of this tensor's weights."""
    from pynn.ops.random import multinomial

    return multinomial(self, num_samples, replacement, generator=generator)


@export("bernoulli", function=False)
def _bernoulli(self: Any, p: Tensor | float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with this tensor's probabilities (or p), else 0."""
    from pynn.ops.random import bernoulli

    return bernoulli(self if p is None else METHODS["fill_"](self.detach().clone(), p), generator=generator)


@export(function=False)
def exponential_(self: Any, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill with draws of the exponential distribution of that rate."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}.")
    uniform = METHODS["uniform_"](self.detach().clone(), generator=generator)
    return call_inplace(COPY_, (self, -(1 - uniform).log() / lambd))


# ---- questions ----


@export("is_complex")
def is_complex(input: Tensor) -> bool:
    """Whether input holds complex numbers: never."""
    return False


@export()
def is_nonzero(input: Tensor) -> bool:
    """The truth of a tensor of one element."""
    return bool(input)


@export()
def is_signed(input: Tensor) -> bool:
    """Whether input's dtype has negative values."""
    return from_numpy(input._array.dtype).is_signed


@export()
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    result: bool = input._array.shape == other._array.shape
    return result


@export(function=False)
def get_device(self: Any) -> int:
    """The number of the GPU the tensor is on; -1 on the CPU."""
    return self._array.device.id if _core.on_device(self._array) else -1


def _constant(name: str, value: Any, doc: Any) -> None:
    def function(self: Any) -> Any:
        return value

    function.__name__, function.__doc__ = name, doc
    export(name, function=False)(function)


_constant("is_inference", False, "Whether the tensor was made in torch's inference mode: never.")


@export(function=False)
def is_pinned(self: Any, device: DeviceLike | None = None) -> bool:
    """Whether the memory is page-locked, so that copies to a GPU run beside other work."""
    from pynn import _gpu

    return _gpu.is_pinned(self._array)


@export(function=False)
def pin_memory(self: Any, device: DeviceLike | None = None) -> Tensor:
    """A copy in page-locked memory of the CPU, itself where it lies there; RuntimeError on a GPU, or where there is none."""
    from pynn import _gpu

    if _core.on_device(self._array):
        raise RuntimeError(f"cannot pin 'pynn.cuda.{self.type().rpartition('.')[2]}': only dense CPU tensors can be pinned.")
    if _gpu.is_pinned(self._array):
        same: Tensor = self
        return same
    array = _core.observe(self)
    if _gpu.reason() is not None:
        raise RuntimeError(f"cannot pin memory: {_gpu.reason()}. Leave pin_memory() out.")
    return _core.wrap(_gpu.pinned(array))


@export(function=False)
def new(self: Any, *args: Any, device: DeviceLike | None = None) -> Tensor:
    """A tensor of this dtype by old custom: `x.new(2, 3)` and `x.new(y.size())` of a shape, `x.new([1, 2])` of data."""
    if len(args) == 1 and not isinstance(args[0], (int, Size, Tensor)):
        found: Tensor = METHODS["new_tensor"](self, args[0])
        return found
    if len(args) == 1 and isinstance(args[0], Tensor):
        return wrap(args[0]._array)
    answer: Tensor = METHODS["new_empty"](self, *args or (0,))
    return answer
