"""torch.accelerator's names: the GPUs of `pynn.cuda`; without one `is_available()` is False and what needs one raises RuntimeError."""

# ruff: noqa: F822 -- the names are made below

from typing import Any

from pynn import _gpu
from pynn._device import NotOnThisDevice, device

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "empty_cache", "get_device_capability", "get_memory_info", "is_available", "max_memory_allocated",
    "max_memory_reserved", "memory_allocated", "memory_reserved", "memory_stats", "reset_accumulated_memory_stats",
    "reset_peak_memory_stats", "set_device_idx", "set_device_index", "set_stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether tensors can be put on something else than the CPU."""
    return _gpu.reason() is None


def current_accelerator(check_available: bool = False) -> device | None:
    """The type of device that is one: "cuda", or None."""
    return device("cuda") if is_available() else None


def device_count() -> int:
    """How many there are."""
    return _gpu.count()


def _cuda() -> Any:
    if _gpu.reason() is not None:
        raise NotOnThisDevice(
            f"Cannot access accelerator device when none is available: {_gpu.reason()}. Ask "
            "pynn.accelerator.is_available() first."
        )
    from pynn import cuda

    return cuda


# The names that differ from those of `pynn.cuda`.
_OTHERS = {
    "current_device_idx": "current_device", "current_device_index": "current_device", "get_memory_info": "mem_get_info",
    "set_device_idx": "set_device", "set_device_index": "set_device",
}  # fmt: skip


def _publish(name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return getattr(_cuda(), _OTHERS.get(name, name))(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"torch's `accelerator.{name}`: `pynn.cuda.{_OTHERS.get(name, name)}`; RuntimeError without a GPU."
    return function


for _name in __all__:
    if _name not in ("current_accelerator", "device_count", "device_index", "is_available"):
        globals()[_name] = _publish(_name)


class device_index:
    """A block on another accelerator; None leaves the one in use. RuntimeError where there is none."""

    def __init__(self, device: int | None) -> None:
        self.idx = device
        self._block: Any = None

    def __enter__(self) -> None:
        if self.idx is not None:
            self._block = _cuda().device(self.idx)
            self._block.__enter__()

    def __exit__(self, *exc: object) -> None:
        if self._block is not None:
            self._block.__exit__(*exc)
            self._block = None
