"""What programs reach for in torch._C: switches of torch's compilers, without effect here, a few questions, `__torch_function__`."""

from typing import Any

from pynn._random import Generator
from pynn._stand_ins import reason, stand_in

__all__ = ["Generator"]
__path__: list[str] = []  # torch's modules inside this one are found by pynn._stand_ins


def _log_api_usage_once(event: str) -> None:
    """Nothing is logged."""


def _are_functorch_transforms_active() -> bool:
    """False."""
    return False


def _get_tracing_state() -> None:
    """None: nothing is traced."""


class _nn:
    """torch._C._nn: what modules with a `to` of their own read its arguments with."""

    @staticmethod
    def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        from pynn.nn._conversion import parse_to

        return parse_to(*args, **kwargs)


def _nothing(*args: Any, **kwargs: Any) -> bool:
    """A switch that was off and stays so."""
    return False


_TORCH_FUNCTION = {
    "DisableTorchFunction": "DisableTorchFunction",
    "DisableTorchFunctionSubclass": "DisableTorchFunctionSubclass",
    "_disabled_torch_function_impl": "disabled",
}


def __getattr__(name: str) -> Any:
    if name in _TORCH_FUNCTION:
        from pynn import _torch_function

        return getattr(_torch_function, _TORCH_FUNCTION[name])
    if name.startswith("__"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'.")
    if name.startswith(("_jit_set_", "_jit_override_", "_debug_set_")):
        return _nothing
    return stand_in(__name__, name, reason("_C") or "")
