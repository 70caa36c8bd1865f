"""What the modules of devices that this build cannot use answer: `pynn.mps`, `pynn.xpu`, `pynn.mtia`."""

from collections.abc import Callable
from typing import Any, NoReturn

from pynn._device import NotOnThisDevice

ANSWERS: dict[str, Any] = {
    "is_available": False, "is_initialized": False, "is_bf16_supported": False, "is_tf32_supported": False,
    "device_count": 0, "memory_allocated": 0, "max_memory_allocated": 0,
    "empty_cache": None, "manual_seed": None, "manual_seed_all": None, "seed": None, "seed_all": None,
}  # fmt: skip
REFUSED = (
    "Event", "Stream", "current_allocated_memory", "current_device", "current_stream", "driver_allocated_memory",
    "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state", "init", "initial_seed",
    "max_memory_reserved", "mem_get_info", "memory_reserved", "memory_stats", "recommended_max_memory",
    "reset_peak_memory_stats", "set_device", "set_per_process_memory_fraction", "set_rng_state", "set_stream", "stream",
    "synchronize",
)  # fmt: skip


def _answering(module: str, name: str, value: Any) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        return value

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"torch's `{module}.{name}`: {value} with this build, which has no such device."
    return function


def _refusing(module: str, name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotOnThisDevice(
            f"Torch not compiled with {module.upper()} enabled: {name}() needs such a device, and there is none. "
            f"Ask pynn.{module}.is_available() first."
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"torch's `{module}.{name}`: RuntimeError (and AssertionError), for there is no such device."
    return function


def names(module: str) -> dict[str, Callable[..., Any]]:
    """The functions of a device's module: questions answered, what needs the device refused."""
    found = {name: _answering(module, name, value) for name, value in ANSWERS.items()}
    return found | {name: _refusing(module, name) for name in REFUSED}
