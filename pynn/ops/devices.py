"""Moving tensors between devices: the op, and what public functions that compute on the CPU need to stay on theirs."""

import functools
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, state
from pynn._device import CPU, DeviceLike, check_device, device
from pynn.ops.registry import Function, Sample, register


def _to(xp: Any, x: Any, source: Any, target: Any) -> Any:
    """A copy on another device."""
    if target == source:
        return xp.copy(x)
    from pynn import _gpu

    return _gpu.place(x, target)


def _back(xp: Any, g: Any, out: Any, x: Any, source: Any, target: Any) -> Any:
    if isinstance(g, Tensor):
        from pynn import _gpu

        return _gpu.move(g, source)
    return _to(xp, g, target, source)


TO = register(
    "to_device",
    exact=True,
    vjp=(_back,),
    shape=lambda x, source, target: x,
    dtype="same",
    attrs=("source", "target"),
    samples=lambda rng: [Sample((rng.normal(size=(2, 3)),), (CPU, CPU)), Sample((numpy.array(1.5),), (CPU, CPU))],
    torch=lambda t, x, source, target: x.to("cpu", copy=True),
)(_to)


def _place(array: Any, where: device) -> Any:
    """An array on a device; on the CPU, the array as it is."""
    if where.type == "cpu" and not _core.on_device(array):
        return array
    from pynn import _gpu

    return _gpu.place(array, where)


_core.METHODS["place"] = _place


def device_of(tensor: Tensor) -> device:
    """Where a tensor's memory lies."""
    if not _core.on_device(tensor._array):
        return CPU
    from pynn import _gpu

    return _gpu.device_of((tensor._array,))


def on(x: Tensor, where: DeviceLike) -> Tensor:
    """A tensor on a device, itself where it lies there already; gradients flow back."""
    found = check_device(where)
    if found.type == "cpu" and not _core.on_device(x._array):
        return x
    from pynn import _gpu

    return _gpu.move(x, found)


def beside(x: Tensor, where: DeviceLike | None) -> DeviceLike | None:
    """The device asked for, else that of a tensor; None for the CPU where nothing else was ever in use."""
    return where if where is not None or not _core.has_modes() else device_of(x)


def maker(make: Any, where: DeviceLike | None) -> Any:
    """numpy.zeros, ones or empty as a function that makes its array on a device, or where new tensors lie."""
    if where is None and not _core.has_modes():
        return make
    found = state.device if where is None else check_device(where)
    if found is None or found.type == "cpu":
        return make
    from pynn import _gpu

    return _gpu.maker(make.__name__, found)


def _first_tensor(values: Any) -> Any:
    for value in values:
        if isinstance(value, Tensor):
            return value
        if isinstance(value, (list, tuple)):
            found = _first_tensor(value)
            if found is not None:
                return found
    return None


def beside_input(function: Function) -> Function:
    """Let what a function makes on the way and returns lie where its first tensor argument does.

    For functions that read values on the CPU (`observe`) and make tensors of what they find (`made`).
    """

    @functools.wraps(function)
    def placed(*args: Any, **kwargs: Any) -> Any:
        if not _core.has_devices():
            return function(*args, **kwargs)
        first = _first_tensor((*args, *kwargs.values()))
        if first is None:
            return function(*args, **kwargs)
        from pynn import _gpu

        before, state.device = state.device, _gpu.device_of((first._array,))
        try:
            return function(*args, **kwargs)
        finally:
            state.device = before

    return placed  # type: ignore[return-value]
