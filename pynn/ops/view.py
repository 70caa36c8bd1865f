"""Views: tensors over another's memory. Each names its step, so that a write can be traced to the base."""

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex, overload

import numpy

from pynn import _core
from pynn._core import Tensor, call, unary
from pynn._dtypes import from_numpy, to_numpy
from pynn._layout import strided
from pynn.ops.cast import CLONE
from pynn.ops.devices import device_of
from pynn.ops.registry import Effects, Sample, export, register

VIEW = Effects(aliases=True)


def normal_dim(dim: Any, ndim: int, name: str = "dim") -> int:
    """dim as 0..ndim-1; IndexError in torch's words where it is out of range. A 0-d tensor has dims 0 and -1."""
    if type(dim) is int and -ndim <= dim < ndim:
        return dim % ndim
    reach = max(ndim, 1)
    if not isinstance(dim, (int, numpy.integer)):
        if isinstance(dim, Tensor) and dim._array.ndim == 0 and dim._array.dtype.kind in "iu":
            return normal_dim(int(_core.observe(dim)), ndim, name)
        raise TypeError(f"{name} must be int, got {type(dim).__name__}.")
    if not -reach <= dim < reach:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], but got {dim}).")
    return int(dim) % reach


def _ints(sizes: Any) -> tuple[int, ...]:
    """Sizes given as f(2, 3) or f((2, 3)), as Python ints."""
    if len(sizes) == 1 and not isinstance(sizes[0], (int, numpy.integer, Tensor)):
        sizes = sizes[0]
    return tuple([n if type(n) is int else int(n) for n in sizes])


def _infer_shape(shape: Any, array: Any) -> Any:
    """shape with its -1, if any, worked out; RuntimeError where it does not fit the array's size."""
    known = 1
    unknown = None
    for i, n in enumerate(shape):
        if n == -1:
            if unknown is not None:
                raise RuntimeError(f"only one dimension can be inferred, got shape {list(shape)}.")
            unknown = i
        elif n < 0:
            raise RuntimeError(f"invalid shape dimension {n} in {list(shape)}.")
        else:
            known *= n
    size = array.size
    if unknown is not None:
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of {size} elements into shape {list(shape)} because the unspecified "
                "dimension size -1 can be any value and is ambiguous."
            )
        if size % known == 0:
            return shape[:unknown] + (size // known,) + shape[unknown + 1 :]
    elif known == size:
        return shape
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size} (shape {list(array.shape)}).")


def _view_samples(*attrs: Any, shape: Any = (2, 3, 4)) -> Any:
    return lambda rng: [Sample((rng.normal(size=shape),), a) for a in attrs]


RESHAPE_VIEW = register(
    "view",
    exact=True,
    vjp=(lambda xp, g, out, x, shape: xp.reshape(g, x.shape),),
    likes=(0,),
    effects=VIEW,
    shape=lambda x, shape: shape,
    dtype="same",
    attrs=("shape",),
    samples=_view_samples(((6, 4),), ((24,),), ((2, 1, 12),)),
    torch=lambda t, x, shape: x.view(shape),
)(lambda xp, x, shape: xp.reshape(x, shape))

PERMUTE = register(
    "permute",
    exact=True,
    vjp=(lambda xp, g, out, x, dims: xp.permute_dims(g, tuple(sorted(range(len(dims)), key=dims.__getitem__))),),
    effects=VIEW,
    shape=lambda x, dims: tuple(x[d] for d in dims),
    dtype="same",
    attrs=("dims",),
    samples=_view_samples(((2, 0, 1),), ((0, 2, 1),)),
    torch=lambda t, x, dims: x.permute(dims),
)(lambda xp, x, dims: xp.permute_dims(x, dims))


def _expand_vjp(xp: Any, g: Any, out: Any, x: Any, shape: Any) -> Any:
    from pynn.ops.registry import unbroadcast

    return unbroadcast(xp, g, x.shape)


def _expanded(xp: Any, x: Any, shape: Any) -> Any:
    if x.size and x.size == math.prod(shape):  # nothing is stretched: writable, where NumPy's broadcast_to is not
        return x[(None,) * (len(shape) - x.ndim) + (Ellipsis,)]
    return xp.broadcast_to(x, shape)


EXPAND = register(
    "expand",
    vjp=(_expand_vjp,),
    likes=(0,),
    effects=VIEW,
    shape=lambda x, shape: shape,
    dtype="same",
    attrs=("shape",),
    samples=_view_samples(((4, 3),), ((2, 4, 3),), shape=(1, 3)),
    torch=lambda t, x, shape: x.expand(shape),
)(_expanded)


def _view_write_vjp(xp: Any, needs: Any, g: Any, saved: Any, attrs: Any) -> Any:
    """The base's gradient is g outside the view; the written value's is g seen through the view."""
    (steps,) = attrs
    if isinstance(g, Tensor):
        rest, part = g.clone(), g
        window = rest
        for op, step_attrs in steps:
            window, part = call(op, (window,), step_attrs), call(op, (part,), step_attrs)
        window.zero_()
        return rest, part
    rest = xp.copy(g)
    window, part = rest, g
    for op, step_attrs in steps:
        window, part = op.reference(xp, window, *step_attrs), op.reference(xp, part, *step_attrs)
    window[...] = 0
    return rest, part


# A base's new value after one of its views was written: not an op users call, but a record like any other.
_register_view_write = register(
    "view_write",
    exact=True,
    vjp=None,
    shape=lambda x, value, steps: x,
    dtype="same",
    attrs=("steps",),
    samples=lambda rng: [
        Sample((rng.normal(size=(3, 4)), rng.normal(size=(4, 3))), (((PERMUTE, ((1, 0),)),),)),
        Sample((rng.normal(size=(3, 4)), rng.normal(size=(2, 6))), (((RESHAPE_VIEW, ((2, 6),)),),)),
    ],
)


def _view_write(xp: Any, x: Any, value: Any, steps: Any) -> Any:
    out = xp.copy(x)
    window = out
    for op, attrs in steps:
        window = op.reference(xp, window, *attrs)
    window[...] = value
    return out


VIEW_WRITE = _register_view_write(_view_write)
VIEW_WRITE.vjp = _view_write_vjp
VIEW_WRITE.record.composite = False


VIEW_DTYPE = register(
    "view_dtype",
    exact=True,
    differentiable=False,
    effects=VIEW,
    shape=lambda x, dtype: None,
    dtype=lambda x, dtype: dtype,
    attrs=("dtype",),
    samples=lambda rng: [Sample((rng.integers(0, 9, (3, 4)),), (numpy.dtype(d),)) for d in ("float64", "int32")],
    torch=lambda t, x, dtype: x.view(getattr(t, str(dtype))),
)(lambda xp, x, dtype: x.view(dtype))


def _view_as_dtype(self: Any, dtype: Any) -> Tensor:
    """The same bytes read as another dtype; the last dimension grows or shrinks with the element's size."""
    array = self._array
    old, new = array.itemsize, dtype.itemsize
    if old == new:
        return call(VIEW_DTYPE, (self,), (dtype,))
    if array.ndim == 0:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {array.dtype} as {dtype} (different element sizes). Reshape it to (1,) first."
        )
    if array.strides[-1] != old or array.shape[-1] * old % new:
        raise RuntimeError(
            f"cannot view {array.dtype} of shape {list(array.shape)} and strides {list(strides(self))} as {dtype}: the "
            f"last dimension must be contiguous and hold a multiple of {new} bytes. Use .contiguous(), or .to(dtype) to convert."
        )
    return call(VIEW_DTYPE, (self,), (dtype,))


def by_keyword(name: str, keyword: str, listed: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    """The arguments of a function that takes sizes one by one, here given by keyword; TypeError for both ways."""
    if listed:
        raise TypeError(f"{name}() got multiple values for argument '{keyword}'.")
    return (given,)


def can_view(array: Any, shape: Any) -> Any:
    """Whether `shape` can be had of the array without a copy."""
    if array.flags.c_contiguous or not array.size:
        return True
    base = array.reshape(shape).base  # of a view that of the array, of a copy the copy
    return base is array or (base is not None and base is array.base)


@export(function=False)
def view(self: Any, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """This tensor in another shape, over the same memory; view(dtype) reinterprets the bytes.

    Raises RuntimeError where the memory does not allow it (after a transpose, say): use reshape there.
    """
    if size is not None or dtype is not None:
        shape = by_keyword("view", "size", shape, dtype if size is None else size)
    if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, numpy.integer)):
        return _view_as_dtype(self, to_numpy(shape[0]))
    wanted = _infer_shape(_ints(shape), self._array)
    if not can_view(self._array, wanted):
        raise RuntimeError(
            f"view size {list(wanted)} is not compatible with input tensor's size and stride (shape "
            f"{list(self._array.shape)}, strides {list(strides(self))}). Use .reshape(...) instead."
        )
    return call(RESHAPE_VIEW, (self,), (wanted,))


@export()
def reshape(input: Tensor, *listed: Any, shape: Any = None) -> Tensor:
    """input in another shape (one size may be -1): a view where memory allows, else a copy."""
    if shape is not None:
        listed = by_keyword("reshape", "shape", listed, shape)
    wanted = _infer_shape(_ints(listed), input._array)
    if not can_view(input._array, wanted):
        input = unary(CLONE, input)
    return call(RESHAPE_VIEW, (input,), (wanted,))


@export(function=False)
def view_as(self: Any, other: Any) -> Tensor:
    """`view` of other's shape."""
    return view(self, tuple(other._array.shape))


@export(function=False)
def reshape_as(self: Any, other: Any) -> Tensor:
    """`reshape` to other's shape."""
    return reshape(self, tuple(other._array.shape))


@export()
def permute(input: Tensor, *listed: Any, dims: Any = None) -> Tensor:
    """input with its dimensions in another order (a view)."""
    given = _ints(listed if dims is None else by_keyword("permute", "dims", listed, dims))
    if len(given) != input._array.ndim:
        raise RuntimeError(
            f"permute(dims): number of dimensions in the tensor input does not match the length of the desired ordering "
            f"of dimensions i.e. input.dim() = {input._array.ndim} is not equal to len(dims) = {len(given)}."
        )
    wanted = tuple([normal_dim(d, input._array.ndim) for d in given])
    if len(set(wanted)) != len(wanted):
        raise RuntimeError(
            f"permute(dims): expected every one of the {input._array.ndim} dimensions once, got {list(given)}."
        )
    return call(PERMUTE, (input,), (wanted,))


@export("transpose", "swapaxes", "swapdims")
def transpose(
    input: Tensor,
    dim0: int | None = None,
    dim1: int | None = None,
    *,
    axis0: int | None = None,
    axis1: int | None = None,
) -> Tensor:
    """input with two dimensions exchanged (a view). axis0, axis1: other names of dim0 and dim1."""
    dim0, dim1 = axis0 if dim0 is None else dim0, axis1 if dim1 is None else dim1
    order = list(range(input._array.ndim))
    if not order:
        return call(PERMUTE, (input,), ((),))
    a, b = normal_dim(dim0, len(order)), normal_dim(dim1, len(order))
    order[a], order[b] = order[b], order[a]
    return call(PERMUTE, (input,), (tuple(order),))


@export()
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or scalar as it is."""
    if input._array.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input._array.ndim}D. Use transpose."
        )
    return permute(input, tuple(range(input._array.ndim))[::-1])


@export()
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """input with the source dimensions moved to the destination positions (a view)."""
    if isinstance(source, int) is not isinstance(destination, int):
        raise TypeError(
            f"movedim(): source and destination must both be ints or both tuples of ints, got {source!r} and {destination!r}."
        )
    sources, targets = ((v,) if isinstance(v, int) else tuple(v) for v in (source, destination))
    ndim = input._array.ndim
    if len(sources) != len(targets):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should contain the same number of "
            f"dims as destination ({list(targets)} dims)."
        )
    sources = tuple(normal_dim(d, ndim) for d in sources)
    targets = tuple(normal_dim(d, ndim) for d in targets)
    if len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        twice = "source" if len(set(sources)) != len(sources) else "destination"
        given = list(sources if twice == "source" else targets)
        raise RuntimeError(f"movedim: repeated dim in `{twice}` ({given}).")
    order = [d for d in range(ndim) if d not in sources]
    for target, origin in sorted(zip(targets, sources)):
        order.insert(target, origin)
    return permute(input, order)


export("moveaxis")(movedim)


@export(function=False)
def expand(self: Any, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """This tensor with dimensions of size 1 stretched (a view); -1 keeps a size."""
    wanted = list(_ints(sizes if size is None else by_keyword("expand", "size", sizes, size)))
    have = self._array.shape
    lead = len(wanted) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(have)}, size={wanted}): the number of sizes provided ({len(wanted)}) must be greater or "
            f"equal to the number of dimensions in the tensor ({len(have)})."
        )
    for i, n in enumerate(wanted):
        held = have[i - lead] if i >= lead else None
        if n < -1:
            raise RuntimeError(f"expand: a size must be -1 or not negative, got {n} in {wanted}.")
        if n == -1:
            if held is None:
                raise RuntimeError(f"expand: -1 isn't allowed in a leading, non-existing dimension {i} of {wanted}.")
            wanted[i] = held
        elif held is not None and held != 1 and held != n:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({held}) at non-singleton "
                f"dimension {i}. Target sizes: {wanted}. Tensor sizes: {list(have)}."
            )
    return call(EXPAND, (self,), (tuple(wanted),))


@export(function=False)
def expand_as(self: Any, other: Any) -> Tensor:
    """`expand` to other's shape."""
    return expand(self, tuple(other._array.shape))


@export()
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand` as a function."""
    return expand(input, tuple(size))


@export()
def unsqueeze(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """input with a dimension of size 1 put in at dim (a view). axis: another name of dim."""
    dim = axis if dim is None else dim
    shape = list(input._array.shape)
    shape.insert(normal_dim(dim, len(shape) + 1), 1)
    return call(RESHAPE_VIEW, (input,), (tuple(shape),))


@export()
def squeeze(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """input without its dimensions of size 1, or without those named by dim (a view). axis: another name of dim."""
    dim = axis if dim is None else dim
    shape = input._array.shape
    if dim is None:
        kept = tuple(n for n in shape if n != 1)
    else:
        dims = {normal_dim(d, len(shape)) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
        kept = tuple(n for i, n in enumerate(shape) if i not in dims or n != 1)
    return call(RESHAPE_VIEW, (input,), (kept,))


@export()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """input with dimensions start_dim..end_dim made one."""
    shape = input._array.shape
    if not shape:
        return reshape(input, (1,))
    first, last = normal_dim(start_dim, len(shape)), normal_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError(f"flatten() has invalid args: start_dim {start_dim} cannot come after end_dim {end_dim}.")
    if first == last:
        return input
    middle = 1
    for n in shape[first : last + 1]:
        middle *= n
    return reshape(input, shape[:first] + (middle,) + shape[last + 1 :])


@export()
def ravel(input: Tensor) -> Tensor:
    """input in one dimension, contiguous."""
    flat = reshape(input, (-1,))
    return flat if flat._array.flags.c_contiguous else flat.contiguous()


@export()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """input with one dimension split into `sizes`."""
    shape = input._array.shape
    d = normal_dim(dim, len(shape))
    known = 1
    for n in sizes:
        known *= n if n != -1 else 1
    sizes = tuple(shape[d] // known if n == -1 else n for n in sizes)
    return reshape(input, shape[:d] + sizes + shape[d + 1 :])


# ---- what a tensor says of itself ----


def _one_size(i: int, n: Any) -> int:
    try:
        if not isinstance(n, bool):
            return operator.index(n)
    except TypeError:
        pass
    raise TypeError(f"pynn.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}').")


_new = tuple.__new__


def made_size(sizes: tuple[int, ...]) -> "Size":
    """A tuple of ints as a Size."""
    return _new(Size, sizes)


class Size(tuple[int, ...]):
    """A tensor's shape: a tuple of ints that knows the number of elements."""

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> "Size":
        """A shape of these sizes: ints, or integer tensors of one element. TypeError for anything else."""
        return tuple.__new__(cls, [_one_size(i, n) for i, n in enumerate(sizes)])

    def numel(self) -> int:
        """The product of the sizes."""
        n = 1
        for size in self:
            n *= size
        return n

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "Size": ...
    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return made_size(found) if found.__class__ is tuple else found

    def __add__(self, other: Any) -> "Size":
        return made_size(tuple.__add__(self, other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> "Size":
        return made_size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> "Size":
        return made_size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"pynn.Size({list(self)})"


@export(function=False)
def size(self: Any, dim: int | None = None) -> Size | int:
    """The shape, or the size of one dimension."""
    if dim is None:
        return made_size(self._array.shape)
    return self._array.shape[normal_dim(dim, self._array.ndim)] if self._array.ndim else normal_dim(dim, 0)


def strides(tensor: Tensor) -> Any:
    """Strides in elements."""
    item = tensor._array.itemsize
    return tuple(s // item for s in tensor._array.strides)


@export(function=False)
def stride(self: Any, dim: int | None = None) -> tuple[int, ...] | int:
    """How many elements apart neighbours lie in memory, for each dimension or one."""
    found = strides(self)
    result: tuple[int, ...] | int = found if dim is None else found[normal_dim(dim, self._array.ndim)]
    return result


@export("numel", "nelement")
def numel(input: Tensor) -> int:
    """The number of elements."""
    result: int = input._array.size
    return result


@export("dim", "ndimension", function=False)
def dim(self: Any) -> int:
    """The number of dimensions."""
    result: int = self._array.ndim
    return result


@export(function=False)
def element_size(self: Any) -> int:
    """Bytes an element."""
    result: int = self._array.itemsize
    return result


@export(function=False)
def data_ptr(self: Any) -> int:
    """The address of the first element."""
    if _core.on_device(self._array):
        return int(self._array.data.ptr)
    result: int = _core.observe(self).__array_interface__["data"][0]
    return result


@export()
def is_floating_point(input: Tensor) -> bool:
    """Whether input holds real numbers of some precision."""
    return _core.is_floating(input._array)


def _property(name: str, get: Any, doc: Any) -> None:
    _core.install(Tensor, name, property(get, doc=doc))


_property("shape", lambda self: _new(Size, self._array.shape), "The size of each dimension.")
_property("ndim", lambda self: self._array.ndim, "The number of dimensions.")
_property("dtype", lambda self: from_numpy(self._array.dtype), "The type of the elements.")
_property("itemsize", lambda self: self._array.itemsize, "Bytes an element.")
_property("nbytes", lambda self: self._array.nbytes, "Bytes of all elements.")
_property("T", lambda self: permute(self, tuple(range(self._array.ndim))[::-1]), "All dimensions in reverse order.")


def _matrix_only(self: Any) -> Any:
    if self._array.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self._array.ndim}-D tensor. Use mH for batches."
        )
    return permute(self, tuple(range(self._array.ndim))[::-1])


def _matrices(self: Any) -> Any:
    if self._array.ndim == 0:
        return permute(self, ())  # deprecated in torch, whose result this is
    if self._array.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self._array.ndim}-D tensor."
        )
    return transpose(self, -2, -1)


_property("mT", _matrices, "The last two dimensions exchanged.")
_property("mH", _matrices, "The last two dimensions exchanged: of real numbers, the adjoint.")
_property("H", _matrix_only, "The adjoint of a matrix: of real numbers, its transpose.")
_property(
    "output_nr", lambda self: max(self._node.index, 0) if self._node is not None else 0, "Which output of its op."
)
_property("_base", lambda self: self._view.base if self._view is not None else None, "The tensor this is a view of.")
_property("is_cuda", lambda self: _core.on_device(self._array), "Whether the memory is a GPU's.")
_property("is_cpu", lambda self: not _core.on_device(self._array), "Whether the memory is the CPU's.")
_property("is_meta", lambda self: False, "Whether there is no memory: never.")
_property("layout", lambda self: strided, "How the elements lie in memory: always strided.")
_property("is_sparse", lambda self: False, "Whether the layout is sparse: never.")
_property("is_quantized", lambda self: False, "Whether the elements are quantized: never.")


_property("device", device_of, "Where the memory lies.")
