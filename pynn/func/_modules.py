"""Modules as functions of their parameters: functional_call, stack_module_state."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from pynn._core import Tensor


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with these tensors in the place of its parameters and buffers, by their names.

    parameter_and_buffer_dicts: {name: Tensor}, or a sequence of them. args: a tuple, or a single argument.
    tie_weights: a tensor given for one of several names of one parameter serves for all of them.
    strict: RuntimeError for names that are missing, or too many. The module is as before afterwards.
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        given = dict(parameter_and_buffer_dicts)
    elif isinstance(parameter_and_buffer_dicts, Sequence) and not isinstance(parameter_and_buffer_dicts, str):
        if not all(isinstance(d, dict) for d in parameter_and_buffer_dicts):
            raise ValueError(
                f"Expected all elements of parameter_and_buffer_dicts to be dictionaries, got {parameter_and_buffer_dicts}"
            )
        names = [name for d in parameter_and_buffer_dicts for name in d]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        given = {name: value for d in parameter_and_buffer_dicts for name, value in d.items()}
    else:
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with replaced(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextlib.contextmanager
def replaced(module: Any, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    """The module with other tensors under its parameters' and buffers' names, for a block."""
    places = dict(_places(module))
    missing = [name for name in places if name not in given]
    unexpected = [name for name in given if name not in places]
    if tie_weights:
        tied: dict[int, list[str]] = {}
        for name, (table, key) in places.items():
            if table[key] is not None:
                tied.setdefault(id(table[key]), []).append(name)
        for names in tied.values():
            values = {id(given[n]): given[n] for n in names if n in given}
            if len(values) > 1:
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                    "tie_weights=False"
                )
            for value in values.values():
                for name in names:
                    given.setdefault(name, value)
        missing = [name for name in places if name not in given]
    if strict and (missing or unexpected):
        text = [f"Unexpected key(s): {', '.join(map(repr, unexpected))}."] if unexpected else []
        text += [f"Missing key(s): {', '.join(map(repr, missing))}."] if missing else []
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(text))
    undo: list[tuple[Any, str, Any]] = []
    try:
        for name, value in given.items():
            if name not in places:
                continue
            if not isinstance(value, Tensor):
                raise TypeError(f"{value} is not an instance of pynn.Tensor")
            table, key = places[name]
            undo.append((table, key, table[key]))
            table[key] = value
        yield
    finally:
        for table, key, before in reversed(undo):
            table[key] = before


def _places(module: Any) -> Iterator[tuple[str, tuple[Any, str]]]:
    """(dotted name, (table of the module that holds it, key)) for every parameter and buffer."""
    for prefix, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for key in table:
                yield (f"{prefix}.{key}" if prefix else key), (table, key)


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, buffers) of several models of one class, stacked along a new first dimension.

    The parameters are leaves that require grad where those of the models do. RuntimeError for no models, models of
    different classes or modes.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {k: _stacked([dict(m.named_parameters())[k] for m in models]) for k, _ in models[0].named_parameters()}
    buffers = {k: _stacked([dict(m.named_buffers())[k] for m in models]) for k, _ in models[0].named_buffers()}
    return params, buffers


def _stacked(tensors: list[Any]) -> Any:
    from pynn.ops.joining import stack

    flags = {t.requires_grad for t in tensors}
    if len(flags) != 1:
        raise RuntimeError("Expected all tensors of one name to have the same .requires_grad in stack_module_state.")
    return stack([t.detach() for t in tensors]).requires_grad_(flags.pop())


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Turn off the running statistics of all batch norms in a module, in place; returns it."""
    from pynn.nn.batchnorm import _BatchNorm

    for part in root.modules():
        if isinstance(part, _BatchNorm):
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
    return root
