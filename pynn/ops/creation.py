"""Making tensors of a shape: filled, like others, ranges, and fill_ / zero_; of data see `from_data`."""

from collections.abc import Callable, Sequence
from math import isfinite, prod
from operator import index
from typing import Any

import numpy

from pynn import _core, _switches
from pynn._core import Tensor, call_inplace, made
from pynn._device import DeviceLike, check_device
from pynn._dtypes import FLOAT64, INT64, default_float, from_numpy, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn._layout import layout as Layout
from pynn._layout import memory_format as MemoryFormat
from pynn._layout import preserve_format
from pynn.ops.devices import beside, maker, on
from pynn.ops.fitting import fitted
from pynn.ops.memory_order import check_format, in_order, order_in, order_like
from pynn.ops.overlap import repeats
from pynn.ops.registry import Sample, export, number, register, register_inplace
from pynn.ops.samples import unary_samples

FILL = register(
    "fill",
    exact=True,
    vjp=(lambda xp, g, out, x, y: xp.zeros_like(g), lambda xp, g, out, x, y: g),
    shape="pointwise",
    dtype="same",
    samples=lambda rng: [Sample((s.inputs[0], v)) for s in unary_samples(extreme=False)(rng) for v in (0.0, 2.5)],
    torch=lambda t, x, y: t.full_like(x, y),
    check=lambda inputs, attrs: inputs,
)(lambda xp, x, y: xp.full_like(x, y))


def _fill(xp: Any, x: Any, y: Any) -> Any:
    xp.copyto(x, y, casting="unsafe")
    return x


FILL_ = register_inplace(FILL)
FILL_.check = None
FILL_.reference = _fill


def shape_of(size: Any) -> tuple[int, ...]:
    """A shape tuple from torch's two ways of giving one: f(2, 3) and f((2, 3))."""
    if len(size) == 1 and not isinstance(size[0], (int, numpy.integer)):
        size = size[0]
    try:
        if isinstance(size, Tensor):
            size = (size,) if size._array.ndim == 0 else _core.observe(size)
        shape = tuple(index(n) for n in size)
    except (TypeError, ValueError):
        raise TypeError(f"a size must be integers, got {size!r}.") from None
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}.")
    if prod(shape) >= 1 << 60:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}: no memory holds so many.")
    return shape


def finish(value: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new array, or a tensor that an op just made, as the leaf tensor the caller asked for."""
    if device is None:
        tensor = value if isinstance(value, Tensor) else made(value)
    else:
        found = check_device(device)
        if isinstance(value, Tensor):
            tensor = on(value, found)
        elif found.type == "cpu" and not _core.has_modes():
            tensor = made(value)
        else:
            with found:
                tensor = made(value)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _dtype_or_default(dtype: Any) -> Any:
    return default_float() if dtype is None else to_numpy(dtype)


def _publish_filled(name: str, make: Any) -> Callable[..., Tensor]:
    def function(
        *size_: int | Sequence[int],
        size: int | Sequence[int] | None = None,
        dtype: Dtype | None = None,
        device: DeviceLike | None = None,
        requires_grad: bool = False,
        layout: Layout | None = None,
        pin_memory: bool = False,
    ) -> Tensor:
        there = maker(make, device)
        return finish(
            there(shape_of(size_ if size is None else (size,)), _dtype_or_default(dtype)), device, requires_grad
        )

    function.__name__ = name
    function.__doc__ = f"{name.capitalize()} of a shape; float32 unless dtype says otherwise."
    return export(name, method=False)(function)


zeros = _publish_filled("zeros", numpy.zeros)
ones = _publish_filled("ones", numpy.ones)


def unset(shape: Any, dtype: Any) -> numpy.ndarray:
    """numpy.empty; where algorithms are to be deterministic, with values that show."""
    array = numpy.empty(shape, dtype)
    if _switches.are_deterministic_algorithms_enabled():
        from pynn.utils import deterministic

        if deterministic.fill_uninitialized_memory:
            kind = array.dtype.kind
            array[...] = True if kind == "b" else numpy.iinfo(array.dtype).max if kind in "iu" else numpy.nan
    return array


unset.__name__ = "empty"  # what maker knows it by


@export(method=False)
def empty(
    *size_: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """A tensor of a shape, its values not set."""
    shape = shape_of(size_ if size is None else (size,))
    order = None
    if memory_format is not None:
        check_format("empty", memory_format)
        if memory_format is preserve_format:
            raise RuntimeError("empty: memory_format=preserve_format needs a tensor to take it from; use empty_like.")
        order = order_in(memory_format, len(shape))
    return finish(in_order(maker(unset, device), shape, _dtype_or_default(dtype), order), device, requires_grad)


@export(method=False)
def full(
    size: int | Sequence[int],
    fill_value: Tensor | float,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of a shape with every element fill_value, of fill_value's type unless dtype says otherwise."""
    fill_value = fill_value.item() if isinstance(fill_value, Tensor) else number(fill_value)
    kind = (
        numpy.dtype(bool) if isinstance(fill_value, bool) else INT64 if isinstance(fill_value, int) else default_float()
    )
    np_dtype = kind if dtype is None else to_numpy(dtype)
    array = maker(numpy.empty, device)(shape_of((size,)), np_dtype)
    array[...] = fitted(fill_value, np_dtype)
    return finish(array, device, requires_grad)


def _publish_like(name: str, make: Any) -> None:
    def function(
        input: Tensor,
        *,
        dtype: Dtype | None = None,
        device: DeviceLike | None = None,
        requires_grad: bool = False,
        layout: Layout | None = None,
        memory_format: MemoryFormat | None = None,
        pin_memory: bool = False,
    ) -> Tensor:
        np_dtype = input._array.dtype if dtype is None else to_numpy(dtype)
        order = order_like(name, memory_format, input._array)
        device = beside(input, device)
        return finish(in_order(maker(make, device), input._array.shape, np_dtype, order), device, requires_grad)

    function.__name__ = name
    function.__doc__ = f"`{name[:-5]}` of input's shape, dtype and order of dimensions in memory."
    export(name, method=False)(function)


for _name, _make in (("zeros_like", numpy.zeros), ("ones_like", numpy.ones), ("empty_like", unset)):
    _publish_like(_name, _make)


@export(method=False)
def full_like(
    input: Tensor,
    fill_value: Tensor | float,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    memory_format: MemoryFormat | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of input's shape and dtype with every element fill_value."""
    np_dtype = input._array.dtype if dtype is None else to_numpy(dtype)
    value = fitted(fill_value, np_dtype)
    device = beside(input, device)
    order = order_like("full_like", memory_format, input._array)
    array = in_order(maker(numpy.empty, device), input._array.shape, np_dtype, order)
    array[...] = value
    return finish(array, device, requires_grad)


def _publish_new(name: str, make: Any) -> None:
    def function(
        self: Any,
        *size_: int | Sequence[int],
        size: int | Sequence[int] | None = None,
        dtype: Dtype | None = None,
        device: DeviceLike | None = None,
        requires_grad: bool = False,
        layout: Layout | None = None,
        pin_memory: bool = False,
    ) -> Tensor:
        np_dtype = self._array.dtype if dtype is None else to_numpy(dtype)
        device = beside(self, device)
        array = maker(make, device)(shape_of(size_ if size is None else (size,)), np_dtype)
        return finish(array, device, requires_grad)

    function.__name__ = name
    function.__doc__ = f"`{name[4:]}` of this tensor's dtype."
    export(name, function=False)(function)


for _name, _make in (("new_zeros", numpy.zeros), ("new_ones", numpy.ones), ("new_empty", unset)):
    _publish_new(_name, _make)


@export(function=False)
def new_full(
    self: Any,
    size: int | Sequence[int],
    fill_value: Tensor | float,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """`full` of this tensor's dtype."""
    return full(
        size,
        fill_value,
        dtype=from_numpy(self._array.dtype) if dtype is None else dtype,
        device=beside(self, device),
        requires_grad=requires_grad,
    )


@export(method=False)
def arange(
    start: Any = None,
    end: Any = None,
    step: int = 1,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from start (0 when only one is given) up to end, not included, step apart.

    int64 when all three are integers, else the default float. Raises RuntimeError where step leads away from end.
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange() missing 1 required positional argument: 'end'.")
    start = 0 if start is None else start
    start, end, step = (v.item() if isinstance(v, Tensor) else number(v) for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero.")
    if not all(isfinite(v) for v in (start, end)) or step != step:
        raise RuntimeError(f"unsupported range: {start} -> {end}, step {step}.")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"upper bound and lower bound inconsistent with step sign: start {start}, end {end}, step {step}."
        )
    inferred = default_float() if any(isinstance(v, float) for v in (start, end, step)) else INT64
    np_dtype = inferred if dtype is None else to_numpy(dtype)
    count = max(0, -int(-(end - start) // step))
    if np_dtype.kind in "iu":  # counted in whole numbers from the first on
        start, end, step = int(start), int(end), int(step)
        if np_dtype == INT64:
            if step == 0:
                raise ValueError("step must be nonzero: cut to a whole number it is 0.")
            count = max(0, -int(-(end - start) // step))
    return finish((start + step * numpy.arange(count)).astype(np_dtype), device, requires_grad)


def _ends(name: str, start: Any, end: Any, steps: Any) -> Any:
    """The two ends as numbers, and how many steps; RuntimeError for what spans no range."""
    if isinstance(steps, Tensor):
        steps = steps.item()
    if not isinstance(steps, (int, numpy.integer)):
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}.")
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}.")
    found = []
    for v in (start, end):
        if isinstance(v, Tensor):
            if v._array.ndim:
                raise RuntimeError(
                    f"{name} only supports 0-dimensional start and end tensors, but got one of {v._array.ndim} dimensions."
                )
            v = v.item()
        found.append(number(v))
    return *found, steps


def _even(start: Any, end: Any, steps: Any) -> Any:
    """`steps` numbers from start to end, counted from the nearer end: what torch's are truncated from for integers."""
    if steps < 2:
        return numpy.full(steps, start, FLOAT64)
    step = (end - start) / (steps - 1)
    places = numpy.arange(steps)
    return numpy.where(places < steps // 2, start + step * places, end - step * (steps - 1 - places))


@export("range", method=False)
def range_(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
) -> Tensor:
    """Numbers from start to end, both included, step apart: deprecated in torch; use arange, which leaves end out.

    The default float unless dtype says otherwise.
    """
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, Tensor) else number(v) for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero.")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: {start}, {end}, {step}.")
    count = int((end - start) / step) + 1
    return finish((start + step * numpy.arange(count)).astype(_dtype_or_default(dtype)), device, requires_grad)


@export(method=False)
def linspace(
    start: Tensor | float,
    end: Tensor | float,
    steps: int,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers evenly spaced from start to end, both included; the ends numbers or 0-d tensors."""
    start, end, steps = _ends("linspace", start, end, steps)
    np_dtype = _dtype_or_default(dtype)
    if np_dtype.kind in "iu":
        start, end = int(start), int(end)
    return finish(_even(start, end, steps).astype(np_dtype), device, requires_grad)


@export(method=False)
def logspace(
    start: Tensor | float,
    end: Tensor | float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers from base**start to base**end, evenly spaced in the exponent; the ends numbers or 0-d tensors."""
    start, end, steps = _ends("logspace", start, end, steps)
    exponents = _even(start, end, steps)
    with numpy.errstate(all="ignore"):
        return finish((float(base) ** exponents).astype(_dtype_or_default(dtype)), device, requires_grad)


@export(method=False)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """The n x m identity matrix."""
    for letter, size in (("n", n), ("m", m)):
        if size is not None and size < 0:
            raise RuntimeError(f"{letter} must be greater or equal to 0, got {size}.")
    return finish(numpy.eye(n, m, dtype=_dtype_or_default(dtype)), device, requires_grad)


@export(function=False)
def fill_(self: Any, value: Tensor | float) -> Tensor:
    """Set every element to value."""
    if not isinstance(value, Tensor):
        return call_inplace(FILL_, (self, fitted(value, self._array.dtype)))
    if value._array.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions. Use copy_."
        )
    if repeats(self._array):
        return fill_(self, value.item())
    if value._view is not None:
        value = _core.METHODS["clone"](value)  # it may be a part of what is written
    result: Tensor = _core.METHODS["copy_"](self, value)
    return result


export("fill_", method=False)(fill_)


@export()
def zero_(input: Tensor) -> Tensor:
    """Set every element to 0."""
    return call_inplace(FILL_, (input, 0))


@export()
def fill(input: Tensor, value: Tensor | float) -> Tensor:
    """A copy of input with every element set to value."""
    return fill_(_core.METHODS["clone"](input), value)
