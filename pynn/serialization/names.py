"""torch's names in files: for storages, dtypes and the functions that rebuild tensors."""

from typing import Any

from pynn import serialization
from pynn._dtypes import DTYPES


class TorchName:
    """A global of torch's, as a pickle names it; torch need not be there."""

    __slots__ = ("module", "name")

    def __init__(self, module: Any, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, *args: Any) -> None:
        raise TypeError(f"{self!r} stands for a name in a file and cannot be called.")

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"


STORAGES = {
    "bool": "BoolStorage",
    "uint8": "ByteStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
}
STORAGE_NAMES = {kind: TorchName("torch", name) for kind, name in STORAGES.items()}
DTYPE_NAMES = {name: TorchName("torch", name) for name in DTYPES}
TENSOR = TorchName("torch", "Tensor")
PARAMETER = TorchName("torch.nn.parameter", "Parameter")
SIZE = TorchName("torch", "Size")
DEVICE = TorchName("torch", "device")
REBUILD_TENSOR = TorchName("torch._utils", "_rebuild_tensor_v2")
REBUILD_PARAMETER = TorchName("torch._utils", "_rebuild_parameter")
REBUILD_PARAMETER_WITH_STATE = TorchName("torch._utils", "_rebuild_parameter_with_state")
REBUILD_SUBCLASS = TorchName("torch._tensor", "_rebuild_from_type_v2")

LEGACY_MAGIC = serialization.MAGIC_NUMBER
LEGACY_VERSION = serialization.PROTOCOL_VERSION

CORE_FIELDS = frozenset(("_array", "_grad", "_node", "_tracked", "_writes", "_view", "_hooks"))


def attributes_of(tensor: Any) -> Any:
    """The attributes a user set on a tensor (its own fields lie in the same dict where the core is not compiled)."""
    return {name: value for name, value in tensor.__dict__.items() if name not in CORE_FIELDS}


def parameter_class() -> Any:
    """pynn.nn.Parameter."""
    from pynn.nn.parameter import Parameter

    return Parameter
