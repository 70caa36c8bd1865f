"""Values on their way out to Python: item, bool, numpy, lists, printing, pickling, copying."""

import copy
import weakref

import numpy

from pynn._core import METHODS, Tensor, made, observe, wrap, wrap_as
from pynn._dtypes import is_bfloat16, plain
from pynn._printing import tensor_text
from pynn.ops.registry import export


@export(function=False)
def item(self):
    """The one element as a Python number; RuntimeError where there is not exactly one."""
    array = observe(self)
    if array.size != 1:
        raise RuntimeError(
            f"a Tensor with {array.size} elements cannot be converted to Scalar: item() takes one of 1 element, got "
            f"shape {list(array.shape)}. Use .tolist(), or reduce it first."
        )
    return plain(array).item()


@export(function=False)
def tolist(self):
    """The elements as nested lists of Python numbers."""
    return plain(observe(self)).tolist()


@export("numpy", function=False)
def to_numpy_array(self, *, force=False):
    """The tensor's memory as a NumPy array: a write to either shows in both.

    Raises RuntimeError for a tensor that requires grad (use detach() first, or force=True),
    TypeError for a bfloat16 one, which NumPy has no dtype for (use float() first).
    """
    if self.requires_grad and not force:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if is_bfloat16(self._array.dtype):
        raise TypeError("Got unsupported ScalarType BFloat16: NumPy has no such dtype. Use tensor.float().numpy() instead.")
    return observe(self)


def to_array(self, dtype=None, copy=None):
    """NumPy's conversion protocol."""
    array = to_numpy_array(self)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def to_bool(self):
    """Truth of the one element."""
    array = observe(self)
    if array.size != 1:
        what = "no values" if array.size == 0 else "more than one value"
        raise RuntimeError(
            f"Boolean value of Tensor with {what} is ambiguous (shape {list(array.shape)}). Use .any() or .all()."
        )
    return bool(plain(array).item())


def to_index(self):
    """The one integer element, for use as an index."""
    array = observe(self)
    if array.size != 1 or array.dtype.kind not in "iub":
        raise TypeError(
            f"only integer tensors of a single element can be converted to an index, got {array.dtype} of shape "
            f"{list(array.shape)}."
        )
    return int(array.item())


def length(self):
    """The size of the first dimension."""
    if self._array.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return self._array.shape[0]


def iterate(self):
    """The slices along the first dimension."""
    if self._array.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(METHODS["unbind"](self, 0))


@export("__reversed__", function=False)
def _reversed(self):
    """`reversed(x)`: x with its first dimension's order reversed, as a tensor."""
    return METHODS["flip"](self, 0) if self._array.ndim else self


def contains(self, value):
    """Whether any element equals value, a number or a tensor."""
    if not isinstance(value, (Tensor, bool, int, float, complex, numpy.generic)):
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(value)}. Use a number."
        )
    return bool((self == value).any())


def text(self):
    """The tensor as torch prints it."""
    return tensor_text(self, observe(self))


def format_one(self, spec):
    """A 0-d tensor formats as its number, others as their text."""
    if self._array.ndim == 0:
        return format(item(self), spec)
    if spec:
        raise TypeError(f"unsupported format string {spec!r} for a tensor of shape {list(self._array.shape)}.")
    return text(self)


class _Memory:
    """An array that several pickled tensors lie over: one object an array, so that one pickle holds it once."""

    __slots__ = ("__weakref__", "array")

    def __init__(self, array):
        self.array = array

    def __reduce__(self):
        return _Memory, (self.array,)


_memories = weakref.WeakValueDictionary()  # the id of an array, which its _Memory keeps alive -> that


def _memory_of(array):
    held = _memories.get(id(array))
    if held is None or held.array is not array:
        held = _memories[id(array)] = _Memory(array)
    return held


def rebuild_view(cls, memory, place, requires_grad, attributes):
    """A tensor over pickled memory: place is (offset in bytes, shape, strides in bytes), or None for all of it."""
    array = memory.array
    if place is not None:
        offset, shape, strides, dtype = place
        flat = array.reshape(-1).view(numpy.uint8)
        array = numpy.ndarray(shape, dtype, flat, offset, strides)
    return rebuild(cls, array, requires_grad, attributes)


def rebuild(cls, array, requires_grad, attributes):
    """A tensor from its pickled parts."""
    tensor = wrap(array) if cls is Tensor else wrap_as(cls, array)
    tensor._tracked = requires_grad
    if attributes:
        tensor.__dict__.update(attributes)
    return tensor


def _place(self):
    """(the array that self lies over, where in it): the base's, of a view whose base is row-major."""
    array, view = observe(self), self._view
    if view is None:
        return array, None
    whole = view.base._array
    if not whole.flags.c_contiguous or is_bfloat16(array.dtype) or array.size == 0:
        return array, None
    offset = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return whole, (offset, array.shape, array.strides, array.dtype)


def reduce(self):
    """Pickle a tensor by its values, without its history; in one pickle a tensor and its views share memory."""
    array, place = _place(self)
    return rebuild_view, (type(self), _memory_of(array), place, self.requires_grad, dict(self.__dict__))


def _copied(array, memo):
    """A copy of an array; those that share memory share that of their copies too, within one deepcopy."""
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


def deepcopy(self, memo):
    """A copy of a leaf: its values, requires_grad, gradient and attributes. Copied together, views share memory again."""
    held = memo.get(id(self))
    if held is not None:
        return held
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "Use .detach() or .clone() first."
        )
    twin = rebuild(type(self), _copied(observe(self), memo), self.requires_grad, None)
    memo[id(self)] = twin
    for key, value in self.__dict__.items():
        twin.__dict__[key] = copy.deepcopy(value, memo)
    if self._grad is not None:
        twin._grad = copy.deepcopy(self._grad, memo)
    return twin


METHODS.update(
    len=length,
    iter=iterate,
    contains=contains,
    to_bool=to_bool,
    to_float=lambda self: float(item(self)),
    to_int=lambda self: int(item(self)),
    to_index=to_index,
    repr=text,
    format=format_one,
    to_array=to_array,
    reduce=reduce,
    deepcopy=deepcopy,
)


# ---- comparing ----


@export()
def equal(input, other):
    """Whether two tensors have the same shape and elements."""
    return input._array.shape == other._array.shape and bool(numpy.array_equal(plain(observe(input)), plain(observe(other))))


@export()
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements agree: |input - other| <= atol + rtol * |other|."""
    return bool(numpy.allclose(plain(observe(input)), plain(observe(other)), rtol, atol, equal_nan))


@export()
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where elements agree: |input - other| <= atol + rtol * |other|."""
    return made(numpy.isclose(plain(observe(input)), plain(observe(other)), rtol, atol, equal_nan))
