"""Calling a module with other tensors in place of its parameters and buffers."""

from typing import Any

from pynn._core import Tensor
from pynn.nn.module import Module

__all__ = ["functional_call"]


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


def _check_keys(held: dict[str, Tensor], given: dict[str, Tensor], strict: bool) -> None:
    unexpected = [name for name in given if name not in held]
    missing = [name for name in held if name not in given]
    if strict and (missing or unexpected):
        parts = []
        if unexpected:
            parts.append("Unexpected key(s): " + ", ".join(map(repr, unexpected)) + ".")
        if missing:
            parts.append("Missing key(s): " + ", ".join(map(repr, missing)) + ".")
        raise RuntimeError("Error(s) in reparametrizing:\n\t" + "\n\t".join(parts))


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

    Gradients flow to the given tensors; the module is as before afterwards. args: a tuple, or the one argument.
    tie_weights: a tensor given for one name of a shared parameter stands for all its names. strict: RuntimeError
    unless every name is given and no other. Raises AttributeError for a name the module does not have.
    """
    held = _places(module)
    given = _tied(held, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    _check_keys(held, given, strict)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    if kwargs is not None and not isinstance(kwargs, dict):
        raise AssertionError(f"kwargs must be a dict, got {type(kwargs).__name__}")
    places = []
    for name, value in given.items():
        path, _, last = name.rpartition(".")
        owner = module.get_submodule(path)
        table = next((t for t in (owner._parameters, owner._buffers) if last in t), None)
        if table is None:
            raise AttributeError(f"{type(owner).__name__} has no parameter or buffer `{last}`, given as `{name}`")
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"functional_call takes tensors, but `{name}` is a {type(value).__name__}")
        places.append((name, table, last, value))
    before = [(table, last, table[last]) for _, table, last, _ in places]
    try:
        for _, table, last, value in places:
            table[last] = value
        return module(*arguments, **(kwargs or {}))
    finally:
        for name, table, last, value in places:
            if table[last] is not value and name in parameters_and_buffers:  # forward set another tensor
                parameters_and_buffers[name] = table[last]
        for table, last, value in before:
            table[last] = value
