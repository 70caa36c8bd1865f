"""What the functions named in torch's files do here: from storages back to tensors.

Files are not trusted: every size, stride and offset is checked against the storage.
"""

import codecs
import pickle
from collections import Counter, OrderedDict
from typing import Any

import numpy

from pynn._core import Tensor, is_floating, on_device, wrap, wrap_as
from pynn._device import device
from pynn._dtypes import DTYPES
from pynn._gpu import namespace_of
from pynn.ops.view import Size
from pynn.serialization import names
from pynn.storage import TypedStorage


class StorageKind:
    """A class of torch's storages: the dtype of its elements as they lie in the file."""

    __slots__ = ("dtype", "name")

    def __init__(self, name: str, np_name: Any) -> None:
        self.name = name
        self.dtype = numpy.dtype(np_name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"


class Storage(TypedStorage):
    """Memory read from a file, which tensors then lie in; what a map_location function receives and returns."""

    def __init__(self, kind: Any, array: Any) -> None:
        self.kind = kind
        self._flat = array

    @property
    def array(self) -> Any:
        """The elements."""
        return self._flat


BFLOAT16 = StorageKind("BFloat16Storage", "uint16")  # read as bits, then seen as bfloat16
UNTYPED = StorageKind("UntypedStorage", "uint8")
KINDS = {name: StorageKind(name, np_name) for np_name, name in names.STORAGES.items() if name != BFLOAT16.name} | {
    BFLOAT16.name: BFLOAT16
}


def as_bfloat16(bits: Any) -> Any:
    """The same memory, of bfloat16's bits, as bfloat16."""
    return bits.view(DTYPES["bfloat16"].numpy)


def _array(storage: Any, offset: Any, size: Any, stride: Any, dtype: Any = None) -> Any:
    if not isinstance(storage, Storage):
        raise TypeError(f"a tensor needs a storage, the file gives {type(storage).__name__}.")
    flat = storage.array if dtype is None else storage.array.view(dtype)
    shape, steps = tuple(size), tuple(stride)
    if len(shape) != len(steps) or not all(type(n) is int and n >= 0 for n in (*shape, *steps, offset)):
        raise ValueError(f"a tensor of size {shape}, stride {steps} and offset {offset} is none.")
    last = offset + sum((n - 1) * step for n, step in zip(shape, steps)) if 0 not in shape else offset - 1
    if last >= flat.size:
        raise ValueError(
            f"a tensor of size {shape}, stride {steps} and offset {offset} does not fit its storage of {flat.size} elements."
        )
    if 0 in shape:
        return numpy.empty_like(flat, shape=shape)
    itemsize = flat.itemsize
    if on_device(flat):
        return namespace_of(flat).as_strided(flat[offset:], shape, tuple(step * itemsize for step in steps))
    return numpy.ndarray(shape, flat.dtype, flat, offset * itemsize, tuple(step * itemsize for step in steps))


def _leaf(array: Any, requires_grad: Any) -> Any:
    tensor = wrap(array)
    tensor._tracked = _may_require(array, requires_grad)
    return tensor


def _may_require(array: Any, requires_grad: Any) -> bool:
    if requires_grad and not is_floating(array):
        raise ValueError(f"a tensor of {array.dtype} cannot require a gradient.")
    return bool(requires_grad)


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Any:
    """A tensor as torch < 0.4 wrote it."""
    return _leaf(_array(storage, offset, size, stride), False)


def rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Any:
    """A tensor."""
    return _leaf(_array(storage, offset, size, stride), requires_grad)


def rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> Any:
    """A tensor of a dtype that has no storage class of its own. UnpicklingError for one that tensors here cannot have."""
    if dtype.name not in DTYPES:
        raise pickle.UnpicklingError(
            f"the file has a tensor of torch.{dtype.name}, and pynn has nothing like it. Convert it in torch, for example by "
            ".float() or .long(), and save again."
        )
    return _leaf(_array(storage, offset, size, stride, dtype.numpy), requires_grad)


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any) -> Any:
    """A parameter over a tensor."""
    return wrap_as(names.parameter_class(), data._array, _may_require(data._array, requires_grad))


def rebuild_parameter_with_state(data: Any, requires_grad: Any, hooks: Any, state: Any) -> Any:
    """A parameter with attributes."""
    return set_attributes(rebuild_parameter(data, requires_grad, hooks), state)


def rebuild_subclass(rebuild: Any, cls: Any, args: Any, state: Any) -> Any:
    """A tensor of a subclass, or with attributes."""
    tensor = rebuild(*args)
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"{cls!r} is not a class of tensors.")
    if cls is not Tensor:
        tensor = wrap_as(cls, tensor._array, tensor._tracked)
    return set_attributes(tensor, state)


def set_attributes(tensor: Tensor, state: Any) -> Any:
    """Give a tensor its attributes; none may take the place of a field of the core."""
    if isinstance(state, tuple) and len(state) == 2 and not state[1]:  # (attributes, no slots)
        state = state[0]
    if state:
        if not isinstance(state, dict) or not all(type(k) is str and k not in names.CORE_FIELDS for k in state):
            raise ValueError("the attributes of a tensor must be a dict from names.")
        tensor.__dict__.update(state)
    return tensor


def rebuild_size(sizes: Any) -> Any:
    """A Size."""
    return Size(int(n) for n in sizes)


def encode(text: str, encoding: str = "latin1") -> Any:
    """The bytes that pickle wrote as text."""
    if encoding not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
        raise ValueError(f"bytes are written as latin1, not {encoding!r}.")
    return codecs.encode(text, encoding)


def make_bytearray(data: Any = b"", encoding: Any = None) -> Any:
    """A bytearray of bytes or text; never one of a given size."""
    if not isinstance(data, (bytes, str, list)):
        raise TypeError(f"a bytearray is written as bytes, not as {type(data).__name__}.")
    return bytearray(data if encoding is None else encode(data, encoding))  # type: ignore[arg-type]  # TypeError for a str


FUNCTIONS = {
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": rebuild_parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": rebuild_subclass,
    "torch.Size": rebuild_size,
    "torch.device": device,
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.complex": complex,
    "builtins.bytearray": make_bytearray,
    "_codecs.encode": encode,
}
VALUES: dict[str, Any] = {f"torch.{name}": kind for name, kind in KINDS.items()}
VALUES |= {f"torch.cuda.{name}": kind for name, kind in KINDS.items()}
VALUES |= {f"torch.{name}": dtype for name, dtype in DTYPES.items()}
VALUES |= {"torch.storage.UntypedStorage": UNTYPED, "torch.UntypedStorage": UNTYPED, "torch.Tensor": Tensor}


def torch_global(name: str) -> Any:
    """What one of torch's (or pickle's) own globals is here, or None."""
    if name in ("torch.nn.parameter.Parameter", "pynn.nn.parameter.Parameter"):
        return names.parameter_class()
    if name == "pynn.nn.parameter.Buffer":
        from pynn.nn.parameter import Buffer

        return Buffer
    return FUNCTIONS.get(name) or VALUES.get(name) or _named_dtype(name)


def _named_dtype(name: str) -> Any:
    """A dtype of torch's that no tensor here has, which files may well mention; or None."""
    module, _, short = name.rpartition(".")
    if module != "torch":
        return None
    from pynn._named_dtypes import NAMED

    return NAMED.get(short)
