"""Hooks on every module there is, under the names of torch.nn.modules.module.

They run before those of the module itself. Registering the first one makes every module's call look for hooks.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pynn.autograd import RemovableHandle
from pynn.autograd._handles import add_hook

__all__ = [
    "register_module_backward_hook", "register_module_buffer_registration_hook", "register_module_forward_hook",
    "register_module_forward_pre_hook", "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook", "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]  # fmt: skip

Hook = Callable[..., Any]

FORWARD_PRE: OrderedDict[int, Hook] = OrderedDict()
FORWARD: OrderedDict[int, Hook] = OrderedDict()
FORWARD_WITH_KWARGS: dict[int, bool] = {}
FORWARD_ALWAYS: dict[int, bool] = {}
BACKWARD_PRE: OrderedDict[int, Hook] = OrderedDict()
BACKWARD: OrderedDict[int, Hook] = OrderedDict()
REGISTRATION: dict[str, OrderedDict[int, Hook]] = {
    "parameter": OrderedDict(),
    "buffer": OrderedDict(),
    "module": OrderedDict(),
}


def _add(table: OrderedDict[int, Hook], hook: Hook, *flagged: dict[int, bool]) -> RemovableHandle:
    from pynn.nn._hooks import HookMixin

    handle = RemovableHandle(table, flagged)
    table[handle.id] = hook
    for flags in flagged:
        flags[handle.id] = True
    HookMixin._hooked = True
    return handle


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, args) before each forward of every module; see Module.register_forward_pre_hook."""
    return _add(FORWARD_PRE, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call hook(module, args, output) after each forward of every module; see Module.register_forward_hook."""
    flags = [FORWARD_WITH_KWARGS] * with_kwargs + [FORWARD_ALWAYS] * always_call
    return _add(FORWARD, hook, *flags)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, grad_output) before backward passes any module."""
    return _add(BACKWARD_PRE, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, grad_input, grad_output) when backward has passed any module."""
    return _add(BACKWARD, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """register_module_full_backward_hook under its older name."""
    return _add(BACKWARD, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, name, param) when a parameter is registered anywhere; a result replaces the parameter."""
    return _add_registration("parameter", hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, name, buffer) when a buffer is registered anywhere; a result replaces the buffer."""
    return _add_registration("buffer", hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, name, submodule) when a module is put in another; a result replaces it."""
    return _add_registration("module", hook)


def _add_registration(kind: str, hook: Hook) -> RemovableHandle:
    return add_hook(REGISTRATION[kind], hook)


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """What the registration hooks make of a value."""
    for hook in REGISTRATION[kind].values():
        found = hook(module, name, value)
        if found is not None:
            value = found
    return value
