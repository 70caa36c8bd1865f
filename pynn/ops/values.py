"""Values on their way out to Python: item, bool, numpy, lists, printing, pickling, copying."""

import copy
import weakref
from typing import Any

import numpy

from pynn import _core
from pynn._core import METHODS, Tensor, made_beside, observe, wrap, wrap_as
from pynn._device import check_device
from pynn._dtypes import is_bfloat16, plain
from pynn._printing import tensor_text
from pynn.ops.devices import device_of
from pynn.ops.memory_order import back, order_of
from pynn.ops.registry import check_broadcast, export


@export(function=False)
def item(self: Any) -> Any:
    """The one element as a Python number; RuntimeError where there is not exactly one."""
    array = observe(self)
    if array.size != 1:
        raise RuntimeError(
            f"a Tensor with {array.size} elements cannot be converted to Scalar: item() takes one of 1 element, got "
            f"shape {list(array.shape)}. Use .tolist(), or reduce it first."
        )
    return plain(array).item()


@export(function=False)
def tolist(self: Any) -> Any:
    """The elements as nested lists of Python numbers."""
    return plain(observe(self)).tolist()


@export("numpy", function=False)
def to_numpy_array(self: Any, *, force: bool = False) -> numpy.ndarray[Any, Any]:
    """The tensor's memory as a NumPy array: a write to either shows in both.

    Raises RuntimeError for a tensor that requires grad (use detach() first, force=True, or no_grad),
    TypeError for a bfloat16 one, which NumPy has no dtype for (use float() first), or one on a GPU (use cpu() first;
    force=True copies).
    """
    if not force and _core.on_device(self._array):
        raise TypeError(
            f"can't convert {device_of(self)} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )
    if self.requires_grad and not force and _core.is_grad_enabled():
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if is_bfloat16(self._array.dtype):
        raise TypeError(
            "Got unsupported ScalarType BFloat16: NumPy has no such dtype. Use tensor.float().numpy() instead."
        )
    result: numpy.ndarray[Any, Any] = observe(self)
    return result


def to_array(self: Any, dtype: Any = None, copy: Any = None) -> Any:
    """NumPy's conversion protocol."""
    array = to_numpy_array(self)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def to_bool(self: Any) -> bool:
    """Truth of the one element."""
    array = observe(self)
    if array.size != 1:
        what = "no values" if array.size == 0 else "more than one value"
        raise RuntimeError(
            f"Boolean value of Tensor with {what} is ambiguous (shape {list(array.shape)}). Use .any() or .all()."
        )
    return bool(plain(array).item())


def _only(self: Any) -> Any:
    """`item` for float() and int(), which raise ValueError."""
    if self._array.size != 1:
        raise ValueError(
            f"only one element tensors can be converted to Python scalars, got shape {list(self._array.shape)}."
        )
    return item(self)


def to_index(self: Any) -> Any:
    """The one integer element, for use as an index."""
    array = observe(self)
    if array.size != 1 or array.dtype.kind not in "iub":
        raise TypeError(
            f"only integer tensors of a single element can be converted to an index, got {array.dtype} of shape "
            f"{list(array.shape)}."
        )
    return int(array.item())


def length(self: Any) -> Any:
    """The size of the first dimension."""
    if self._array.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return self._array.shape[0]


def iterate(self: Any) -> Any:
    """The slices along the first dimension."""
    if self._array.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(METHODS["unbind"](self, 0))


@export("__reversed__", function=False)
def _reversed(self: Any) -> Tensor:
    """`reversed(x)`: x with its first dimension's order reversed, as a tensor."""
    result: Tensor = METHODS["flip"](self, 0) if self._array.ndim else self
    return result


def contains(self: Any, value: Any) -> bool:
    """Whether any element equals value, a number or a tensor."""
    if not isinstance(value, (Tensor, bool, int, float, complex, numpy.generic)):
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(value)}. Use a number."
        )
    return bool((self == value).any())


def text(self: Any) -> Any:
    """The tensor as torch prints it."""
    return tensor_text(self, observe(self))


def format_one(self: Any, spec: Any) -> Any:
    """A 0-d tensor formats as its number, others as their text."""
    if self._array.ndim == 0:
        return format(item(self), spec)
    if spec:
        raise TypeError(f"unsupported format string {spec!r} for a tensor of shape {list(self._array.shape)}.")
    return text(self)


class _Memory:
    """An array that several pickled tensors lie over: one object an array, so that one pickle holds it once."""

    __slots__ = ("__weakref__", "array")

    def __init__(self, array: Any) -> None:
        self.array = array

    def __reduce__(self) -> Any:
        return _Memory, (self.array,)


_memories: weakref.WeakValueDictionary[int, _Memory] = (
    weakref.WeakValueDictionary()
)  # the id of an array, which its _Memory keeps alive -> that


def _memory_of(array: Any) -> Any:
    held = _memories.get(id(array))
    if held is None or held.array is not array:
        held = _memories[id(array)] = _Memory(array)
    return held


def rebuild_view(cls: Any, memory: Any, place: Any, requires_grad: Any, attributes: Any) -> Any:
    """A tensor over pickled memory: place is (offset in bytes, shape, strides in bytes), or None for all of it."""
    array = memory.array
    if place is not None:
        offset, shape, strides, dtype = place
        flat = array.reshape(-1).view(numpy.uint8)
        array = numpy.ndarray(shape, dtype, flat, offset, strides)
    return rebuild(cls, array, requires_grad, attributes)


def rebuild_on(cls: Any, array: Any, place: Any, requires_grad: Any, attributes: Any) -> Any:
    """A tensor of a GPU from its pickled parts; RuntimeError where there is no such GPU."""
    from pynn import _gpu

    return rebuild(cls, _gpu.place(array, check_device(place)), requires_grad, attributes)


def rebuild(cls: Any, array: Any, requires_grad: Any, attributes: Any) -> Any:
    """A tensor from its pickled parts."""
    tensor = wrap(array) if cls is Tensor else wrap_as(cls, array)
    tensor._tracked = requires_grad
    if attributes:
        tensor.__dict__.update(attributes)
    return tensor


def _place(self: Any) -> Any:
    """(the array that self lies over, where in it): the base's, of a view whose base is row-major."""
    array, view = observe(self), self._view
    if view is None:
        return array, None
    whole = view.base._array
    if not whole.flags.c_contiguous or is_bfloat16(array.dtype) or array.size == 0:
        return array, None
    offset = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return whole, (offset, array.shape, array.strides, array.dtype)


def _attributes(self: Any) -> Any:
    """What the user has hung on a tensor."""
    from pynn.serialization.names import attributes_of  # a file's concern first; and seldom needed

    return attributes_of(self)


def reduce(self: Any) -> Any:
    """Pickle a tensor by its values, without its history; in one pickle a tensor and its views share memory.

    One on a GPU comes back to it, in memory of its own.
    """
    if _core.on_device(self._array):
        return rebuild_on, (type(self), observe(self), str(device_of(self)), self.requires_grad, _attributes(self))
    array, place = _place(self)
    return rebuild_view, (type(self), _memory_of(array), place, self.requires_grad, _attributes(self))


def _copied(array: Any, memo: Any) -> Any:
    """A copy of an array; those that share the CPU's memory share that of their copies too, within one deepcopy."""
    if _core.on_device(array):
        order = order_of(array)
        return array.copy() if order is None else array.transpose(order).copy().transpose(back(order))
    root = array
    while isinstance(root.base, numpy.ndarray) and type(root.base) is numpy.ndarray:
        root = root.base
    dense = root.flags.c_contiguous or root.flags.f_contiguous
    if not dense or any(s < 0 for s in array.strides) or not array.size:
        return array.copy(order="K")
    key = "memory", id(root)
    held = memo.get(key)
    if held is None:
        held = memo[key] = root.copy(order="K"), root  # the root too: its id stays its own while memo lives
    if array is root:
        return held[0]
    offset = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    flat = held[0].reshape(-1, order="A").view(numpy.uint8)
    return numpy.ndarray(array.shape, array.dtype, flat, offset, array.strides)


def _held(self: Any) -> Any:
    """The array itself; a recorder hears of it as of any value that leaves."""
    array = observe(self)
    return self._array if _core.on_device(self._array) else array


def deepcopy(self: Any, memo: Any) -> Any:
    """A copy of a leaf: its values, requires_grad, gradient and attributes. Copied together, views share memory again."""
    held = memo.get(id(self))
    if held is not None:
        return held
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "Use .detach() or .clone() first."
        )
    twin = rebuild(type(self), _copied(_held(self), memo), self.requires_grad, None)
    memo[id(self)] = twin
    for key, value in _attributes(self).items():
        twin.__dict__[key] = copy.deepcopy(value, memo)
    if self._grad is not None:
        twin._grad = copy.deepcopy(self._grad, memo)
    return twin


METHODS.update(
    len=length,
    iter=iterate,
    contains=contains,
    to_bool=to_bool,
    to_float=lambda self: float(_only(self)),
    to_int=lambda self: int(_only(self)),
    to_index=to_index,
    repr=text,
    format=format_one,
    to_array=to_array,
    reduce=reduce,
    deepcopy=deepcopy,
)


# ---- comparing ----


@export()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements."""
    return input._array.shape == other._array.shape and bool(
        numpy.array_equal(plain(observe(input)), plain(observe(other)))
    )


@export()
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements agree: |input - other| <= atol + rtol * |other|."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@export()
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where elements agree: |input - other| <= atol + rtol * |other|."""
    for name, x in (("input", input), ("other", other)):
        if not isinstance(x, Tensor):
            raise TypeError(f"isclose(): argument '{name}' must be Tensor, not {type(x).__name__}.")
    if input._array.dtype != other._array.dtype:
        raise RuntimeError(
            f"{input.dtype} did not match {other.dtype}: isclose() compares tensors of one dtype. Cast one."
        )
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}.")
    a, b = plain(observe(input)), plain(observe(other))
    if a.dtype.kind in "iu" and not rtol and not atol:
        return made_beside(input, a == b)
    check_broadcast((input, other))
    with numpy.errstate(all="ignore"):
        return made_beside(input, numpy.isclose(a, b, rtol, atol, equal_nan))
