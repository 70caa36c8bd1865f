"""torch.cpu's names: the one CPU that is always there."""

from typing import Any

from pynn.cpu import amp
from pynn.cpu.streams import Event, Stream, StreamContext, current_stream, stream

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "get_capabilities",
    "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is a CPU."""
    return True


def is_initialized() -> bool:
    """Whether it is ready."""
    return True


def device_count() -> int:
    """How many: one."""
    return 1


def current_device() -> str:
    """Its name."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one."""


def synchronize(device: Any = None) -> None:
    """Nothing: its work is done when a call returns."""


def get_capabilities() -> dict[str, Any]:
    """The instruction sets that kernels can use here, and the machine's architecture."""
    import platform

    from pynn._config import config

    return {
        "architecture": platform.machine(),
        **{name: True for name in config()["isa available"] if name != "portable"},
    }
