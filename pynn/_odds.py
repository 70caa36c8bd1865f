"""Names of torch's top level that few programs ask for; `pynn.<name>` imports this module when first used."""

import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pynn._core import Tensor
from pynn._device import device
from pynn._dtypes import DTYPES
from pynn._stand_ins import stand_in
from pynn._switches import get_default_device

torch = sys.modules["pynn"]  # torch.torch is torch, and some code says so


class OutOfMemoryError(RuntimeError):
    """What is raised when a GPU's memory is used up: what was asked for and what is free."""


class AcceleratorError(RuntimeError):
    """What torch raises when a GPU reports an error; nothing here raises it."""


PyTorchFileReader = stand_in("pynn", "PyTorchFileReader", "pynn.load reads torch's files.")


class SymInt:
    """torch's symbolic integer, for isinstance checks: sizes are plain ints here."""


class SymFloat:
    """torch's symbolic number, for isinstance checks."""


class SymBool:
    """torch's symbolic truth value, for isinstance checks."""


def typename(obj: Any) -> str:
    """The name of an object's type with its module; of a tensor, that of its old tensor type: "pynn.FloatTensor"."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) or (callable(obj) and hasattr(obj, "__qualname__")) else type(obj)
    module = getattr(kind, "__module__", None) or ""
    name = kind.__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"


def is_storage(obj: Any) -> bool:
    """Whether an object is a tensor's storage."""
    from pynn.storage import TypedStorage, UntypedStorage

    return isinstance(obj, (TypedStorage, UntypedStorage))


def get_device(input: Tensor) -> int:
    """A tensor's GPU by number; -1 on the CPU."""
    return int(input.get_device())


def get_device_module(device: "device | str | None" = None) -> ModuleType:
    """The module of a device type: `pynn.cpu`, `pynn.cuda`, ...; RuntimeError where there is none."""
    import importlib

    kind = _kind(device)
    try:
        return importlib.import_module("pynn." + kind)
    except ImportError:
        raise RuntimeError(f"Invalid device module {kind!r}: it is none of pynn's.") from None


def _kind(value: "device | str | None") -> str:
    if value is None:
        return get_default_device().type
    return (value if isinstance(value, device) else device(value)).type


def init_num_threads() -> None:
    """Nothing: kernels' threads are counted when pynn is imported (`set_num_threads`)."""


def is_vulkan_available() -> bool:
    """Whether tensors can be put on a Vulkan device."""
    return False


def compiled_with_cxx11_abi() -> bool:
    """Whether extensions are to be built for the C++11 ABI."""
    return True


def thread_safe_generator() -> None:
    """A data loader worker thread's own generator: None outside of one."""


def sym_int(a: Any) -> int:
    """A number as an int."""
    result: int = math.floor(a) if a >= 0 else math.ceil(a)
    return result


def sym_float(a: Any) -> float:
    """A number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """Not a."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger; a float where one is."""
    return type(a + b)(max(a, b))


def sym_min(a: Any, b: Any) -> Any:
    """The smaller; a float where one is."""
    return type(a + b)(min(a, b))


def sym_sqrt(a: Any) -> float:
    """The square root."""
    return math.sqrt(a)


def sym_sum(args: Any) -> Any:
    """The sum of numbers."""
    return sum(args)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """t if b, else f."""
    return t if b else f


def _assert(condition: Any, message: Any) -> None:
    """`assert condition, message` as a function: AssertionError unless condition, also a tensor of one element, is true."""
    if not bool(condition):
        raise AssertionError(message)


def _assert_async(input: Tensor, assert_msg: str = "Expected a nonzero value") -> None:
    """RuntimeError unless a tensor of one element is not zero."""
    if not bool(input):
        raise RuntimeError(assert_msg)


def _demand(error: type[Exception], condition: Any, message: "str | Callable[[], str] | None") -> None:
    if isinstance(condition, Tensor):
        raise TypeError(f"cond must be a bool, but got {type(condition)}: use _check_tensor_all.")
    if not isinstance(condition, bool):
        raise TypeError(f"cond must be a bool, but got {type(condition)}.")
    if not condition:
        default = "Expected cond to be True, but got False. (Could this error message be improved?)"
        raise error(default if message is None else message() if callable(message) else message)


def _check(cond: bool, message: "str | Callable[[], str] | None" = None) -> None:
    """RuntimeError with message, a text or a function that makes it, unless cond. So do the next ones with errors of theirs."""
    _demand(RuntimeError, cond, message)


def _check_value(cond: bool, message: "str | Callable[[], str] | None" = None) -> None:
    """ValueError unless cond."""
    _demand(ValueError, cond, message)


def _check_type(cond: bool, message: "str | Callable[[], str] | None" = None) -> None:
    """TypeError unless cond."""
    _demand(TypeError, cond, message)


def _check_index(cond: bool, message: "str | Callable[[], str] | None" = None) -> None:
    """IndexError unless cond."""
    _demand(IndexError, cond, message)


def _check_not_implemented(cond: bool, message: "str | Callable[[], str] | None" = None) -> None:
    """NotImplementedError unless cond."""
    _demand(NotImplementedError, cond, message)


def _check_is_size(i: int, message: "str | Callable[[], str] | None" = None, *, max: int | None = None) -> None:
    """RuntimeError unless 0 <= i (<= max)."""
    _demand(RuntimeError, i >= 0 and (max is None or i <= max), message)


def _check_tensor_all(cond: Tensor, message: "str | Callable[[], str] | None" = None) -> None:
    """RuntimeError unless all of a bool tensor is true."""
    if not isinstance(cond, Tensor) or cond._array.dtype != bool:
        raise TypeError(f"cond must be a tensor of dtype bool, but got {cond!r}.")
    _demand(RuntimeError, bool(cond.all()), message)


def _shape_as_tensor(self: Tensor) -> Tensor:
    """A tensor's sizes as an int64 tensor."""
    from pynn.ops.from_data import tensor

    return tensor(list(self.shape), dtype=DTYPES["int64"])


def _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: Any) -> Tensor:
    """The gradient of softmax over dim by its result, in the input's dtype."""
    product = grad_output * output
    return (product - output * product.sum(dim, keepdim=True)).to(input_dtype)
