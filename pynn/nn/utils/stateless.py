"""Calling a module with other tensors in place of its parameters and buffers."""

from typing import Any

from pynn._core import Tensor
from pynn.nn.module import Module

__all__ = ["functional_call"]

_NONE = object()


def _places(module: Module) -> dict[str, Tensor]:
    """Every parameter and buffer by every name it has."""
    found: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    found.update(module.named_buffers(remove_duplicate=False))
    return found


def _tied(held: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """given, and its tensors also under the other names that the module's tensors have."""
    names: dict[int, list[str]] = {}
    for name, value in held.items():
        names.setdefault(id(value), []).append(name)
    out = dict(given)
    for group in names.values():
        values = {id(given[name]): given[name] for name in group if name in given}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(set(group) & set(given))}, which are tied. "
                "Consider using tie_weights=False"
            )
        for value in values.values():
            out.update(dict.fromkeys(group, value))
    return out


def _check_keys(module: Module, held: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    unexpected = [name for name in given if name not in held]
    missing = [name for name in held if name not in given]
    text = f"\n\tUnexpected key(s): {', '.join(map(repr, unexpected))}." if unexpected else ""
    text += f"\n\tMissing key(s): {', '.join(map(repr, missing))}." if missing else ""
    if text:
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:{text}")


def _swap(owner: Module, name: str, value: Any) -> Any:
    """Put value under a name of the module itself, _NONE for nothing; returns what was there."""
    for table in (owner._parameters, owner._buffers):
        if name in table:
            before, table[name] = table[name], value
            return before
    before = getattr(owner, name, _NONE)
    if before is not _NONE and not isinstance(before, Tensor):
        raise TypeError(f"attribute `{name}`: {before} is not an instance of pynn.Tensor")
    if value is not _NONE:
        setattr(owner, name, value)
    elif before is not _NONE:
        delattr(owner, name)
    return before


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with the tensors of a dictionary, by dotted name, instead of the module's own.

    Gradients flow to the given tensors; the module is as before afterwards, and tensors that forward set are in the
    dictionary. args: a tuple, or the one argument. A name that the module does not have is an attribute meanwhile.
    tie_weights: a tensor given for one name of a shared parameter stands for all its names. strict: RuntimeError
    unless every name is given and no other. Raises AttributeError for a submodule that there is not, TypeError for
    what is no tensor.
    """
    held = _places(module)
    given = _tied(held, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    if strict:
        _check_keys(module, held, given)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    if kwargs is not None and not isinstance(kwargs, dict):
        raise AssertionError(f"kwargs must be a dict, got {type(kwargs).__name__}")
    undo: list[tuple[str, Module, str, Any]] = []
    try:
        for name, value in given.items():
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"{value} is not an instance of pynn.Tensor")
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path)
            undo.append((name, owner, last, _swap(owner, last, value)))
        return module(*arguments, **(kwargs or {}))
    finally:
        for name, owner, last, before in reversed(undo):
            now = _swap(owner, last, before)
            if (
                now is not given[name] and now is not _NONE and name in parameters_and_buffers
            ):  # forward set another tensor
                parameters_and_buffers[name] = now
