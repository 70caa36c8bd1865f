"""Errors inside a model say where: `... [in Features.0 (Conv2d)]`."""

from typing import Any

PASSING = (RuntimeError, ValueError, IndexError, TypeError)  # what Module.__call__ adds the path to


def name_module(error: Any, module: Any) -> None:
    """Add to error's message that it passed `module` on its way out.

    The innermost module is named by its path below the outermost one, with its class; the path
    grows by a name at every module that the error passes. The error stays the same object.
    Only an error whose one argument is its message is changed.
    """
    trail = getattr(error, "_pynn_trail", None)
    if trail is None:
        if isinstance(error, RecursionError) or len(error.args) != 1 or not isinstance(error.args[0], str):
            return
        text, path, kind = error.args[0], "", type(module).__name__
    else:
        text, path, kind, inner = trail
        if error.args != (_message(text, path, kind),):
            return  # reworded on the way
        path = ".".join(part for part in (_name_within(module, inner), path) if part)
    error.args = (_message(text, path, kind),)
    error._pynn_trail = (text, path, kind, id(module))


def _message(text: str, path: Any, kind: Any) -> Any:
    return f"{text} [in {path} ({kind})]" if path else f"{text} [in {kind}]"


def _name_within(module: Any, inner: Any) -> Any:
    """The dotted name under which module holds the module of that id; "" where it is not registered."""
    return next((name for name, found in module.named_modules() if id(found) == inner), "")
