"""Parametrizations: a parameter or buffer that is a function of other tensors, computed anew whenever it is read.

`register_parametrization(layer, "weight", Symmetric())` makes `layer.weight` the output of a module, whose input, the
original tensor, is what is trained from then on. Names and behaviour are those of torch.nn.utils.parametrize.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pynn._core import Tensor
from pynn.autograd import no_grad
from pynn.nn.containers import ModuleDict, ModuleList
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_cache_depth = 0
_cache: dict[tuple[int, str], Tensor | None] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within the block each parametrized tensor is computed once and then reused."""
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


def _register(module: Module, name: str, value: Tensor) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _check_alike(what: str, before: Any, after: Any) -> None:
    """ValueError unless after is a Tensor of before's dtype and shape."""
    if not isinstance(after, Tensor):
        raise ValueError(f"{what} must return a tensor. Got {type(after).__name__}.")
    if before.dtype != after.dtype:
        raise ValueError(
            f"{what} should not change the dtype of the tensor, got {before.dtype} before and {after.dtype} after. Pass "
            "unsafe=True to register it all the same."
        )
    if before.shape != after.shape:
        raise ValueError(
            f"{what} should not change the shape of the tensor, got {before.shape} before and {after.shape} after. Pass "
            "unsafe=True to register it all the same."
        )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and what the first is applied to.

    That is `original`, or `original0`, `original1`, ... where the parametrizations' right_inverse gave several.
    unsafe: do not check that dtype and shape stay as they were.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if original.dtype != new.dtype:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the dtype. original.dtype: "
                    f"{original.dtype} right_inverse(original).dtype: {new.dtype}"
                )
            if new is not original:
                original.data = new.detach()
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                        f"{i} of the sequence with type {type(part).__name__}."
                    )
                part = part.detach()
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                _register(self, f"original{i}", part)
        if not unsafe:
            result = self()
            _check_alike("Registering a parametrization: it", _Like(shape, dtype), result)

    def right_inverse(self, value: Tensor) -> None:
        """Set the original tensors so that the parametrized one becomes value, by the modules' right_inverse."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
                if value.dtype != self.original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` has dtype "
                        f"{self.original.dtype}"
                    )
                _set(self.original, value)
                return
            if not isinstance(value, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of "
                    f"length {len(value)}."
                )
            for i, part in enumerate(value):
                held = getattr(self, f"original{i}")
                if not isinstance(part, Tensor):
                    raise ValueError(f"`right_inverse` must return a sequence of tensors. Got element {i} of type "
                                     f"{type(part).__name__}")  # fmt: skip
                if held.dtype != part.dtype:
                    raise ValueError(
                        f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while `original{i}` has dtype "
                        f"{held.dtype}"
                    )
                _set(held, part)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        modules = list(self)
        given = (
            (self.original,) if self.is_tensor else tuple(getattr(self, f"original{i}") for i in range(self.ntensors))
        )
        value: Tensor = modules[0](*given)
        for module in modules[1:]:
            value = module(value)
        return value


class _Like:
    """The shape and dtype of a tensor that has meanwhile changed."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype


def _set(held: Tensor, value: Tensor) -> None:
    if held.shape == value.shape:
        held.copy_(value)
    else:
        held.data = value.detach().clone()


def _deepcopy(self: Module, memo: dict[int, Any]) -> Module:
    found = memo.get(id(self))
    if found is None:
        found = memo[id(self)] = type(self).__new__(type(self))
        found.__setstate__(copy.deepcopy(self.__dict__, memo))
    return found


def _getstate(self: Module) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). Save module.state_dict(), and load "
        "it into a module with the same parametrizations."
    )


def _inject_class(module: Module) -> None:
    """Give a module a class of its own, below the one it has, that properties can be put on."""
    cls = type(module)
    members: dict[str, Any] = {"__getstate__": _getstate, "__module__": cls.__module__}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _inject_property(module: Module, name: str) -> None:
    def read(self: Any) -> Tensor:
        parametrization = self.parametrizations[name]
        if not _cache_depth:
            value: Tensor = parametrization()
            return value
        key = (id(self), name)
        found = _cache.get(key)
        if found is None:
            found = _cache[key] = parametrization()
        return found

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make module's parameter or buffer of that name the output of `parametrization` (after those it has already).

    A method right_inverse of it gives the original tensor, or a sequence of them, for the present value, and makes
    the tensor assignable. Raises ValueError where there is no such tensor, or where dtype or shape would change and
    unsafe is False. Returns module.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            after = parametrization(before)
            _check_alike("A parametrization", before, after)
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = parametrization.right_inverse(after)
                except NotImplementedError:
                    pass
                else:
                    _check_alike("parametrization.right_inverse", before, back)
        held: Any = module.parametrizations
        held[tensor_name].append(parametrization)
        held[tensor_name].unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    parametrizations = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _inject_class(module)
        module.parametrizations = ModuleDict()
    _inject_property(module, tensor_name)
    module.parametrizations[tensor_name] = parametrizations
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations, of that tensor where a name is given."""
    held = module.__dict__.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the tensor an ordinary one again: of its present value (leave_parametrized), or the original. Returns module.

    Raises ValueError where it is not parametrized, or where the original would be several tensors.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                value = getattr(module, tensor_name)
            original.data = value.detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name).detach()
        trained = any(p.requires_grad for p in parametrizations.parameters(recurse=False))
        original = Parameter(value, trained) if isinstance(parametrizations.original0, Parameter) else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class a module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give to_module the parametrizations of from_module, and the values they work on. Returns to_module."""
    if not is_parametrized(from_module):
        return to_module
    names = [tensor_name] if tensor_name is not None else list(from_module.parametrizations)
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        source: Any = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]
        parts = ["original"] if source.is_tensor else [f"original{i}" for i in range(source.ntensors)]
        for part in parts:
            setattr(target, part, getattr(source, part))
    return to_module
