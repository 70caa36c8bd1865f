"""FloatTensor, LongTensor and the like: constructors and type tests of old."""

from typing import Any

import numpy

from pynn import _dtypes
from pynn._core import Tensor, made
from pynn._dtypes import DTYPES, get_default_dtype, set_default_dtype
from pynn._dtypes import dtype as Dtype
from pynn.ops.creation import shape_of
from pynn.ops.from_data import _array_from


class _TypedMeta(type):
    dtype: Dtype

    def __instancecheck__(cls, instance: Any) -> Any:
        return isinstance(instance, Tensor) and instance._array.dtype.name == cls.dtype.name

    def __repr__(cls) -> str:
        return f"<class 'pynn.{cls.__name__}'>"

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        target = cls.dtype.numpy
        if not args:
            return made(numpy.empty((0,), target))
        if len(args) == 1 and isinstance(args[0], Tensor):
            if not isinstance(args[0], cls):
                raise TypeError(f"expected {cls.__name__} (got {args[0].type()}). Convert it with .to({cls.dtype}).")
            return args[0].detach()
        if len(args) == 1 and not isinstance(args[0], (int, numpy.integer)):
            return made(_array_from(args[0], target))
        return made(numpy.empty(shape_of(args), target))


TYPES = {
    name + "Tensor": _TypedMeta(
        name + "Tensor",
        (),
        {"dtype": DTYPES[target], "__doc__": f"Tensors of {target}: a constructor and a type test."},
    )
    for name, target in _dtypes.TYPES.items()
}


def dtype_of(name: Any) -> Dtype | None:
    """The dtype of a tensor type, or of its name ("torch.FloatTensor"); Tensor's is the default; None for anything else."""
    if isinstance(name, str):
        name = TYPES.get(name.rpartition(".")[2])
    if name is Tensor:
        default: Dtype = get_default_dtype()
        return default
    return name.dtype if isinstance(name, _TypedMeta) else None


def set_default_tensor_type(t: Any) -> None:
    """`set_default_dtype` by a tensor type or its name."""
    found = dtype_of(t)
    if found is None:
        raise TypeError(f"invalid type object: only floating-point types are supported as the default type, got {t!r}.")
    set_default_dtype(found)
