"""Parameters and buffers whose shape is not known yet: what a lazy module holds until its first input comes."""

from typing import Any

import numpy

from pynn._core import Tensor, wrap_as
from pynn._dtypes import default_float, to_numpy
from pynn.nn.parameter import Buffer, Parameter
from pynn.ops.creation import finish, shape_of
from pynn.ops.devices import beside

__all__ = ["UninitializedBuffer", "UninitializedParameter", "UninitializedTensorMixin", "is_lazy"]

# What may be asked of a tensor without a shape; special methods but for operators are never looked up here.
_ALLOWED = frozenset(
    [
        "materialize",
        "cls_to_become",
        "data",
        "dtype",
        "device",
        "grad",
        "grad_fn",
        "requires_grad",
        "requires_grad_",
        "is_leaf",
        "layout",
        "is_sparse",
        "size",
        "copy_",
        "is_complex",
        "is_floating_point",
        "half",
        "float",
        "double",
        "bfloat16",
        "char",
        "short",
        "int",
        "long",
        "cuda",
        "cpu",
        "to",
        "type",
        "get_device",
        "shape",
        "share_memory_",
        "persistent",
        "retains_grad",
        "names",
        "is_cuda",
        "is_quantized",
        "is_meta",
        "is_nested",
    ]
)


class UninitializedTensorMixin:
    """What both kinds share. Reading the shape raises RuntimeError, any other use ValueError."""

    cls_to_become: type

    def __getattribute__(self, name: str) -> Any:
        if name in _ALLOWED or name.startswith("_"):
            return super().__getattribute__(name)
        raise ValueError(
            f"Attempted to use an uninitialized parameter in Tensor.{name}. This error happens when you are using a "
            f"`LazyModule` or explicitly manipulating `pynn.nn.parameter.{type(self).__name__}` objects. When using "
            "LazyModules Call `forward` with a dummy batch to initialize the parameters before calling pynn functions"
        )

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or buffer of that shape, its content not set; dtype None keeps the dtype."""
        held: Any = self
        kind = held.data._array.dtype if dtype is None else to_numpy(dtype)
        size = shape_of((shape,) if isinstance(shape, int) else (tuple(shape),))
        held.data = finish(numpy.empty(size, kind), beside(held.data, device))
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` to "
            "initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _no_operator(self, *others: Any) -> Any:
        return self.operators  # raises as any use does

    __add__ = __radd__ = __iadd__ = __sub__ = __rsub__ = __isub__ = __mul__ = __rmul__ = __imul__ = _no_operator
    __truediv__ = __rtruediv__ = __itruediv__ = __matmul__ = __rmatmul__ = __pow__ = __neg__ = __abs__ = _no_operator
    __getitem__ = __setitem__ = __len__ = __iter__ = __bool__ = __float__ = __int__ = __lt__ = __gt__ = _no_operator


def _start(cls: type, dtype: Any, device: Any, requires_grad: bool) -> Any:
    made = finish(numpy.empty(0, default_float() if dtype is None else to_numpy(dtype)), device)
    return wrap_as(cls, made._array, requires_grad)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter without a shape; `materialize(shape)` makes it a Parameter."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> "UninitializedParameter":
        made: UninitializedParameter = _start(cls, dtype, device, requires_grad)
        return made

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        """Everything is done by __new__."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "UninitializedParameter":
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, None, self.dtype)
        found: UninitializedParameter = memo[id(self)]
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer without a shape; `materialize(shape)` makes it a Buffer."""

    cls_to_become = Buffer
    persistent = True

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> "UninitializedBuffer":
        made: UninitializedBuffer = _start(cls, dtype, device, requires_grad)
        made.persistent = persistent
        return made

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        """Everything is done by __new__."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "UninitializedBuffer":
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, None, self.dtype, self.persistent)
        found: UninitializedBuffer = memo[id(self)]
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype, self.persistent)


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
