"""How the functions that build models are made and found by name."""

import os
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from pynn import nn
from pynn.vision.models._weights import WeightsEnum, weights_of

__all__ = ["define", "get_model", "get_model_builder", "list_models"]

_BUILDERS: dict[str, Callable[..., nn.Module]] = {}


def define(
    name: str,
    about: str,
    network: Callable[..., nn.Module],
    *sizes: Any,
    with_weights: Callable[[dict[str, Any]], Any] | None = None,
    **defaults: Any,
) -> Callable[..., nn.Module]:
    """Make and register the function `name`, which builds network(*sizes, **defaults).

    Its own arguments are options of the network, which may replace the defaults, and `weights` and `progress`.
    weights: None, or whose numbers to start from: a path to a file of a state_dict, "DEFAULT" or another member's
    name, or the member itself; named ones are looked for among torch.hub's downloaded files. `pretrained=True`
    (the old way) means "DEFAULT"'s. Raises FileNotFoundError where the file is not there.
    with_weights(options) changes the options when weights are given, and returns what finishes the model.
    """

    def build(*args: Any, weights: Any = None, progress: bool = True, **kwargs: Any) -> nn.Module:
        if args and not isinstance(args[0], bool | str | os.PathLike | WeightsEnum | type(None)):
            raise TypeError(f"{name}() takes its weights as only positional argument, got {type(args[0]).__name__}.")
        if len(args) > 1:
            raise TypeError(f"{name}() takes one positional argument at most but {len(args)} were given.")
        if args:
            weights = args[0]
        if "pretrained" in kwargs:
            warnings.warn("The argument 'pretrained' is deprecated: use 'weights' instead.", UserWarning, stacklevel=2)
            weights = kwargs.pop("pretrained")
        if weights is None or weights is False:
            return network(*sizes, **(defaults | kwargs))
        state = _state(name, "DEFAULT" if weights is True else weights, progress, kwargs)
        finish = None if with_weights is None else with_weights(kwargs)
        model = network(*sizes, **(defaults | kwargs))
        model.load_state_dict(state)
        return model if finish is None else finish(model)

    build.__name__ = build.__qualname__ = name
    build.__module__ = network.__module__
    build.__doc__ = (
        f"{about}. weights: None, a path to a file of a state_dict, or which of the published ones; kwargs go to the "
        "network's class."
    )
    _BUILDERS[name] = build
    return build


def _state(name: str, weights: Any, progress: bool, options: dict[str, Any]) -> Mapping[str, Any]:
    """The numbers that `weights` stand for; the options get the number of classes that they know."""
    members = weights_of(name)
    if isinstance(weights, str) and members is not None and weights in members.__members__:
        weights = members[weights]
    if not isinstance(weights, WeightsEnum):
        return _read(name, weights, members)
    if members is None or not isinstance(weights, members):
        expected = "no weights" if members is None else members.__name__
        raise TypeError(f"Invalid weights for {name}: expected {expected}, got {type(weights).__name__}.")
    classes = options.setdefault("num_classes", weights.num_classes)
    if classes != weights.num_classes:
        raise ValueError(
            f"The parameter 'num_classes' expected value {weights.num_classes} but got {classes} instead: "
            "build with the weights' own number, then replace the last layer."
        )
    return weights.get_state_dict(progress=progress)


def _read(name: str, path: Any, members: type[WeightsEnum] | None) -> Mapping[str, Any]:
    from pynn.serialization import load

    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"weights must be None, a path or a member of {name}'s weights, got {type(path).__name__}.")
    if not os.path.isfile(path):
        known = "" if members is None else f" Names there are: {', '.join(members.__members__)}."
        raise FileNotFoundError(f"{name}'s weights: there is no file {os.fspath(path)!r}.{known}")
    state = load(path)
    out: Mapping[str, Any] = state["state_dict"] if isinstance(state, Mapping) and "state_dict" in state else state
    return out


def list_models(module: ModuleType | None = None, include: Any = None, exclude: Any = None) -> list[str]:
    """The names of all models, sorted.

    module: only those of this module. include, exclude: shell patterns, one or several.
    """
    import fnmatch

    def patterns(given: Any) -> list[str]:
        return [given] if isinstance(given, str) else list(given or ())

    names = set(_BUILDERS)
    if module is not None:
        prefix = module.__name__
        names = {
            n for n in names if _BUILDERS[n].__module__ == prefix or _BUILDERS[n].__module__.startswith(prefix + ".")
        }
    if patterns(include):
        names = {n for n in names if any(fnmatch.fnmatch(n, p) for p in patterns(include))}
    return sorted(n for n in names if not any(fnmatch.fnmatch(n, p) for p in patterns(exclude)))


def get_model_builder(name: str) -> Callable[..., nn.Module]:
    """The function that builds the model of this name. Raises ValueError for an unknown one."""
    found = _BUILDERS.get(name.lower())
    if found is None:
        raise ValueError(f"Unknown model {name}: see list_models().")
    return found


def get_model(name: str, **config: Any) -> nn.Module:
    """Build the model of this name with these options. Raises ValueError for an unknown one."""
    return get_model_builder(name)(**config)
