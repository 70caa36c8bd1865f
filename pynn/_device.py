"""Devices: where a tensor's memory lies."""

import functools
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

# The device types that torch knows; a tensor here lies on a "cpu".
KINDS = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy",
    "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class NotOnThisDevice(AssertionError, RuntimeError):
    """A device that this build cannot use; an AssertionError and a RuntimeError, as torch raises now one, now the other."""


class device:
    """A place for tensors: `device("cpu")`, `device("cuda", 0)`. Compares and hashes by value.

    A context manager and decorator too: `with device("cuda"):` makes new tensors there.
    Raises RuntimeError for an unknown type or a bad index, TypeError for what is no name.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: "str | device | int", index: int | None = None) -> None:
        if isinstance(type, device):
            if index is not None:
                raise TypeError("device(): an index cannot be given together with a device object.")
            given = type
            type, index = given.type, given.index
        elif isinstance(type, int) and not isinstance(type, bool):
            from pynn import _gpu

            if _gpu.reason() is not None:
                raise NotOnThisDevice(
                    f"Cannot access accelerator device when none is available: {_gpu.reason()}. Use 'cpu'."
                )
            index = type
            type = "cuda"
        elif not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}.")
        else:
            type, index = _parsed(type, index)
        self.type: str = type
        self.index: int | None = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + ("" if self.index is None else f", index={self.index}") + ")"

    def __reduce__(self) -> tuple[type, tuple[str, int | None]]:
        return (device, (self.type, self.index))

    def __enter__(self) -> "device":
        from pynn import _core

        found = check_device(self)
        _core.enter_mode()
        _entered().append(_core.state.device)
        _core.state.device = found
        return self

    def __exit__(self, *exc: object) -> None:
        from pynn import _core

        _core.state.device = _entered().pop()
        _core.leave_mode()

    def __call__(self, func: _F) -> _F:
        """Decorate a function to make its tensors here."""
        check_device(self)

        @functools.wraps(func)
        def placed(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return placed  # type: ignore[return-value]


_thread = threading.local()


def _entered() -> list["device | None"]:
    """Where new tensors lay before each `with device(...)` that this thread is in."""
    if not hasattr(_thread, "before"):
        _thread.before = []
    found: list[device | None] = _thread.before
    return found


def _parsed(text: str, index: int | None) -> tuple[str, int | None]:
    """The type and index that a device string names."""
    if not text:
        raise RuntimeError("Device string must not be empty")
    kind, colon, number = text.partition(":")
    if kind not in KINDS:
        raise RuntimeError(f"Expected one of {', '.join(KINDS)} device type at start of device string: {text!r}.")
    if not colon:
        if index is not None and index < 0:
            raise RuntimeError(f"Device index must not be negative, got {index}.")
        return kind, index
    if index is not None:
        raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {text}")
    if not number.isdecimal() or (number != "0" and number.startswith("0")):
        raise RuntimeError(f"Invalid device string: {text!r}. Write it as 'cuda:0'.")
    return kind, int(number)


CPU = device("cpu")


def check_device(value: "device | str | int") -> device:
    """The device object of a device or its name; RuntimeError (and AssertionError) for one this build cannot use.

    A GPU's has a number: "cuda" is the one in use.
    """
    found = value if isinstance(value, device) else device(value)
    if found.type == "cuda":
        from pynn import _gpu

        if _gpu.reason() is None:
            return _gpu.checked(found)
    if found.type != "cpu":
        refuse(found)
    return found


def is_available(kind: str) -> bool:
    """Whether tensors can lie on a type of device."""
    if kind != "cuda":
        return kind == "cpu"
    from pynn import _gpu

    return _gpu.reason() is None


def refuse(found: device) -> NoReturn:
    """Say why a device cannot be used."""
    if found.type == "meta":
        raise NotOnThisDevice(
            "device 'meta' is not available: tensors without values are out of pynn's scope so far. "
            "Build the model on device='cpu'."
        )
    torch_says = f"Torch not compiled with {found.type.upper()} enabled" if found.type in ("cuda", "xpu") else ""
    why = "this build of pynn runs on the CPU"
    if found.type == "cuda":
        from pynn import _gpu

        why = _gpu.reason() or why
    raise NotOnThisDevice(
        f"{torch_says + ': ' if torch_says else ''}device {str(found)!r} is not available: {why}. "
        f"Use device='cpu', or ask pynn.cuda.is_available() first."
    )


DeviceLike = device | str | int  # what an argument device= may be, besides None
