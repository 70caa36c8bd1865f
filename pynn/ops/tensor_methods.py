"""What a Tensor does beside computing: subclasses, NumPy's functions, element by element Python, questions about its kind."""

import operator
from collections.abc import Callable
from typing import Any

import numpy

from pynn import _core
from pynn._absent import TENSOR_REASONS, AbsentAttribute
from pynn._core import METHODS, Tensor, call_inplace, made, made_beside, observe, wrap, wrap_as
from pynn._dtypes import _BY_NUMPY, plain
from pynn._dtypes import dtype as Dtype
from pynn.ops.cast import COPY_
from pynn.ops.registry import export, number

# ---- subclasses ----


@export(function=False)
def as_subclass(self: Tensor, cls: type) -> Any:
    """The same memory and history as a tensor of a subclass of Tensor. TypeError for any other class."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"as_subclass(): cls must be a subclass of Tensor, got {cls!r}.")
    if self.requires_grad and self._node is None:
        self = METHODS["view"](self, self._array.shape)  # gradients are to reach this leaf
    out = wrap_as(cls, self._array)
    out._version = _core.shared_version(self)
    out._node, out._tracked, out._view = self._node, self.requires_grad, self._view
    return out


def _make_subclass(cls: type, data: Tensor, require_grad: bool = False) -> Any:
    """A leaf of a subclass of Tensor over data's memory."""
    out = as_subclass(data.detach(), cls)
    if require_grad:
        out.requires_grad = True
    return out


_core.install(Tensor, "_make_subclass", staticmethod(_make_subclass))


_raw_new = Tensor.__new__


def _new(cls: type, *args: Any, device: Any = None) -> Any:
    """`Tensor.__new__`: of a subclass it takes the data already, so that its `__init__` is free to take what it likes."""
    out: Any = _raw_new(cls)
    if cls is not Tensor:
        _core.set_fields(out, METHODS["legacy_data"](args))
    return out


_core.install(Tensor, "__new__", staticmethod(_new))


def _init_subclass(cls: type, **named: Any) -> None:
    """A user's subclass keeps its class through methods and operators: see `pynn._subclass`."""
    object.__init_subclass__(**named)
    if not cls.__module__.startswith("pynn."):
        from pynn._subclass import keep

        keep(cls)


_core.install(Tensor, "__init_subclass__", classmethod(_init_subclass))  # type: ignore[arg-type]


# ---- NumPy's functions on tensors ----

_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv, "matmul": operator.matmul,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "power": operator.pow, "equal": operator.eq,
    "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge,
    "bitwise_and": operator.and_, "bitwise_or": operator.or_, "bitwise_xor": operator.xor,
}  # fmt: skip


def _array_ufunc(self: Tensor, ufunc: numpy.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`numpy.exp(x)` and the like: computed by NumPy and returned as a tensor; an operator between an array and a tensor is ours."""
    own = _OPERATORS.get(ufunc.__name__)
    if own is not None and method == "__call__" and not kwargs and len(inputs) == 2:
        a, b = (wrap(x) if isinstance(x, numpy.ndarray) else number(x) for x in inputs)
        return own(a, b)
    arrays = [x.__array__() if isinstance(x, Tensor) else x for x in inputs]
    outs = kwargs.get("out")
    if outs is not None:
        kwargs["out"] = tuple(x.__array__() if isinstance(x, Tensor) else x for x in outs)
    found = getattr(ufunc, method)(*arrays, **kwargs)
    if outs is not None:
        for x in outs:
            if isinstance(x, Tensor):
                _core.bump(x)
        return outs[0] if len(outs) == 1 else outs
    if isinstance(found, tuple):
        return tuple(_as_tensor(x) for x in found)
    return _as_tensor(found)


def _as_tensor(value: Any) -> Any:
    array = numpy.asarray(value)
    return made(array) if array.dtype in _BY_NUMPY else value


_core.install(Tensor, "__array_ufunc__", _array_ufunc)
_core.install(Tensor, "__array_priority__", 1000)


def _array_wrap(self: Tensor, array: numpy.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
    """A result of NumPy's as a tensor."""
    return _as_tensor(array)


_core.install(Tensor, "__array_wrap__", _array_wrap)


def _complex(self: Tensor) -> complex:
    """The one element as a complex number."""
    return complex(METHODS["item"](self))


_core.install(Tensor, "__complex__", _complex)


# ---- Python functions, element by element ----


def _refuse_grad(self: Tensor, name: str) -> None:
    if self.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}().")


def _write(self: Tensor, values: list[Any]) -> Tensor:
    array = numpy.array(values, dtype=self._array.dtype).reshape(self._array.shape)
    return call_inplace(COPY_, (self, made_beside(self, array)))


@export(function=False)
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by callable(element): slow, one call an element. Returns the tensor."""
    _refuse_grad(self, "apply_")
    return _write(self, [callable(v) for v in plain(observe(self)).reshape(-1).tolist()])


def _lists(self: Tensor, tensors: tuple[Tensor, ...]) -> list[list[Any]]:
    shape = self._array.shape
    return [plain(numpy.broadcast_to(observe(x), shape)).reshape(-1).tolist() for x in (self, *tensors)]


@export(function=False)
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by callable(element, tensor's element); tensor broadcasts. Returns the tensor."""
    _refuse_grad(self, "map_")
    return _write(self, [callable(a, b) for a, b in zip(*_lists(self, (tensor,)))])


@export(function=False)
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by callable(element, x's, y's). Returns the tensor."""
    _refuse_grad(self, "map2_")
    return _write(self, [callable(a, b, c) for a, b, c in zip(*_lists(self, (x, y)))])


# ---- kinds that torch knows; ours are always dense, real and strided ----


def _answer(name: str, value: Any, doc: str, function: bool = False) -> None:
    def method(self: Tensor) -> Any:
        return value

    method.__name__, method.__doc__ = name, doc
    export(name, function=function)(method)


_answer("is_conj", False, "Whether the conjugate bit is set: never.", True)
_answer("is_neg", False, "Whether the negative bit is set: never.", True)
_answer("is_coalesced", True, "Whether a sparse tensor is coalesced: a dense one always is.")
_answer("is_distributed", False, "Whether the tensor is distributed: never.", True)
_answer("sparse_dim", 0, "The number of sparse dimensions: none.")
_answer("is_inference", False, "Whether the tensor was made in inference mode: such tensors are ordinary here.", True)


@export(function=False)
def dense_dim(self: Tensor) -> int:
    """The number of dense dimensions: all."""
    result: int = self._array.ndim
    return result


@export(function=False)
def to_dense(self: Tensor, dtype: Dtype | None = None, *, masked_grad: bool | None = None) -> Tensor:
    """This tensor, which is dense, in another dtype where one is given."""
    out: Tensor = self if dtype is None else METHODS["to"](self, dtype)
    return out


@export(function=False)
def record_stream(self: Tensor, stream: Any) -> None:
    """Accepted: memory on the CPU has no streams."""


@export(function=False)
def storage_type(self: Tensor) -> type:
    """The class that `storage()` returns."""
    from pynn.storage import TypedStorage

    return TypedStorage


@export("_is_view", function=False)
def _is_view(self: Tensor) -> bool:
    """Whether this tensor is a view of another."""
    return self._view is not None


for _name in (
    "is_sparse_csr",
    "is_mkldnn",
    "is_mps",
    "is_xla",
    "is_xpu",
    "is_ipu",
    "is_maia",
    "is_mtia",
    "is_vulkan",
    "is_nested",
):
    _core.install(Tensor, _name, property(lambda self: False, doc="Never, in this build."))


def _swapped(name: str) -> None:
    def function_(self: Tensor, dim0: int, dim1: int) -> Tensor:
        result: Tensor = METHODS["transpose_"](self, dim0, dim1)
        return result

    function_.__name__, function_.__doc__ = name, "`transpose_`."
    export(name, function=False)(function_)


_swapped("swapaxes_")
_swapped("swapdims_")


# ---- what is not there ----

for _name, _reason in TENSOR_REASONS.items():
    _core.install(Tensor, _name, AbsentAttribute(_name, _reason))
_core.install(Tensor, "__dir__", lambda self: [name for name in object.__dir__(self) if name not in TENSOR_REASONS])
