"""torch.accelerator's names: there is none, so `is_available()` is False and what needs one raises RuntimeError."""

# ruff: noqa: F822 -- the names are made below

from typing import Any, NoReturn

from pynn._device import NotOnThisDevice, device

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "empty_cache", "get_device_capability", "get_memory_info", "is_available", "max_memory_allocated",
    "max_memory_reserved", "memory_allocated", "memory_reserved", "memory_stats", "reset_accumulated_memory_stats",
    "reset_peak_memory_stats", "set_device_idx", "set_device_index", "set_stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether tensors can be put on something else than the CPU: not with this build."""
    return False


def current_accelerator(check_available: bool = False) -> device | None:
    """The device that is one: None."""
    return None


def device_count() -> int:
    """How many: none."""
    return 0


def _none(*args: Any, **kwargs: Any) -> NoReturn:
    raise NotOnThisDevice(
        "Cannot access accelerator device when none is available: ask pynn.accelerator.is_available() first."
    )


def _refusing(name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> NoReturn:
        _none()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"torch's `accelerator.{name}`: RuntimeError, for there is none."
    return function


for _name in __all__:
    if _name not in ("current_accelerator", "device_count", "device_index", "is_available"):
        globals()[_name] = _refusing(_name)


class device_index:
    """A block on another accelerator; entering it raises RuntimeError, for there is none, but for None."""

    def __init__(self, device: int | None) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            _none()

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""
