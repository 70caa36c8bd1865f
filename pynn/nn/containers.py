"""Modules that hold others: Sequential, ModuleList, ModuleDict; and lists and dictionaries of parameters."""

import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from operator import index as as_index
from typing import Any, Self

from pynn._core import Tensor, call
from pynn.nn._trail import PASSING, name_module
from pynn.nn.activation import ReLU
from pynn.nn.linear import Linear
from pynn.nn.module import Module, indent, no_module
from pynn.nn.parameter import Parameter
from pynn.ops.linalg import LINEAR

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


def _position(index: Any, length: int) -> int:
    """index as a position from 0; IndexError, in torch's words, outside [-length, length)."""
    place = as_index(index)
    if not -length <= place < length:
        raise IndexError(f"index {place} is out of range: the length is {length}.")
    return place % length


class _Listed(Module):
    """What Sequential and ModuleList share: children named "0", "1", ... and a list's operations on them."""

    def _set_all(self, modules: Iterable[Any]) -> None:
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def _name_at(self, index: Any) -> str:
        return list(self._modules)[_position(index, len(self))]

    def __setitem__(self, index: Any, module: Any) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name_at(index)]
        for name in names:
            delattr(self, name)
        self._renumber()

    def _renumber(self) -> None:
        """Close gaps in the numbers; names given by the user keep standing until they too are renumbered."""
        self._set_all(list(self))

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add the modules of an iterable at the end; returns self."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        modules = list(self)
        modules.insert(index, module)
        self._set_all(modules)

    def pop(self, key: int | slice) -> Any:
        """Take the module at a position (or the list of those in a slice) out and return it."""
        held: Any = self  # both kinds index themselves
        module = held[key]
        del self[key]
        return module


class Sequential(_Listed):
    """Modules applied one after the other: `Sequential(a, b)`, or named, `Sequential(OrderedDict(first=a, second=b))`.

    A Linear followed by a ReLU, neither with hooks, runs as one fused operation of the same result.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self._set_all(args)

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before position index; returns self.

        Raises AssertionError for anything but a Module, IndexError for an index beyond the length.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}, got {type(module).__name__}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._insert(index, module)
        return self

    def forward(self, input: Tensor) -> Any:
        linear = None  # a Linear that waits to see whether a ReLU follows
        for module in self._modules.values():
            if linear is not None:
                fused = type(module) is ReLU and _is_plain(module)
                input = _apply_linear(linear, input, "relu" if fused else None)
                linear = None
                if fused:
                    continue
            if type(module) is Linear and _is_plain(module):
                linear = module
            else:
                input = module(input)
        return input if linear is None else _apply_linear(linear, input, None)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._name_at(index)]

    def _renumber(self) -> None:
        names = list(self._modules)
        if all(name.isdigit() for name in names):
            self._set_all(list(self))

    def __add__(self, other: Any) -> Self:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return type(self)(*self, *other)

    def __iadd__(self, other: Any) -> Self:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return self.extend(other)

    def __mul__(self, times: Any) -> Any:
        if not isinstance(times, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(times)}")
        if times <= 0:
            raise ValueError(f"Non-positive multiplication factor {times} for {type(self)}")
        return type(self)(*(list(self) * times))

    __rmul__ = __mul__

    def __imul__(self, times: Any) -> Any:
        self._set_all(self * times)
        return self


def _apply_linear(linear: Any, input: Tensor, activation: str | None) -> Any:
    """What a Linear without hooks does, and an activation behind it."""
    try:
        return call(LINEAR, (input, linear.weight, linear.bias), (activation,))
    except PASSING as error:
        name_module(error, linear)
        raise


def _is_plain(module: Any) -> Any:
    """Whether calling module does nothing but its class's forward."""
    return not module._hooked and "forward" not in module.__dict__


class Container(Module):
    """A module made of the given modules by name: Container(a=..., b=...). Module itself does it now.

    Warns FutureWarning when made.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warnings.warn(
            "nn.Container is deprecated. nn.Module does all that it did: subclass that.",
            FutureWarning,
            stacklevel=2,
        )
        for name, module in kwargs.items():
            self.add_module(name, module)


class ModuleList(_Listed):
    """A list of modules, each registered. It has no forward: call its elements."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._name_at(index)]

    def insert(self, index: int, module: Module) -> None:
        """Put a module before position index, as list.insert does; TypeError for anything but a Module."""
        if not isinstance(module, Module):
            raise no_module(module)
        self._insert(index, module)

    def __add__(self, other: Any) -> Self:
        return type(self)([*self, *other])

    def __iadd__(self, other: Any) -> Self:
        return self.extend(other)

    def __repr__(self) -> str:
        if len(self) == 0:
            return self._get_name() + "()"
        lines, start = [], 0
        texts = [repr(module) for module in self]
        for stop in range(1, len(texts) + 1):
            if stop < len(texts) and texts[stop] == texts[start]:
                continue
            text = texts[start] if stop - start == 1 else f"{stop - start} x {texts[start]}"
            name = str(start) if stop - start == 1 else f"{start}-{stop - 1}"
            lines.append(f"({name}): {indent(text)}")
            start = stop
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules by name, each registered; kept in the order of insertion."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: Any) -> Any:
        return self._modules[key]

    def __setitem__(self, key: Any, module: Any) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: Any) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules)

    def __contains__(self, key: Any) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove every entry."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take the module of a key out and return it."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """The (name, module) pairs."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add the modules of a mapping, or of an iterable of (name, module) pairs; TypeError for anything else."""
        for key, module in _pairs(self, modules):
            self[key] = module


def _pairs(container: Any, entries: Any) -> Any:
    """The (key, value) pairs of a mapping or of an iterable of pairs."""
    name = type(container).__name__
    if not isinstance(entries, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got {type(entries).__name__}"
        )
    if isinstance(entries, (Mapping, ModuleDict, ParameterDict)):
        return list(entries.items())
    pairs = []
    for place, pair in enumerate(entries):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{name} update sequence element #{place} should be Iterable; is {type(pair).__name__}")
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(f"{name} update sequence element #{place} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs


def _as_parameter(value: Any) -> Any:
    """A plain tensor as a Parameter, anything else as it is."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _describe(name: object, value: Any, kind: Any) -> str:
    if not isinstance(value, Tensor):
        return f"({name}): Object of type: {type(value).__name__}"
    text = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"({name}): {text} containing: [{kind(value)} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    """A list of parameters, each registered; plain tensors become Parameters, other objects are kept as they are."""

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter(self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(*index.indices(len(self)))])
        return getattr(self, str(_position(index, len(self))))

    def __setitem__(self, index: Any, value: Any) -> None:
        setattr(self, str(_position(index, len(self))), _as_parameter(value))

    def append(self, value: Any) -> Self:
        """Add a value at the end; returns self."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add the values of an iterable (not a Tensor) at the end; returns self."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Any) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join("  " + _describe(i, value, lambda t: t.dtype) for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary of parameters by name, each registered; plain tensors become Parameters."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _attribute(self, key: str) -> Any:
        if not isinstance(key, str):
            raise TypeError(
                f"Index given to ParameterDict cannot be used as a key as it is not a string (type is '{type(key).__name__}')."
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._attribute(key))

    def __setitem__(self, key: str, value: Any) -> None:
        key = self._attribute(key)
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys)

    def __reversed__(self) -> Any:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def copy(self) -> Self:
        """Another ParameterDict of the same parameters."""
        return type(self)(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, set to default first where it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove every entry."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take the value of a key out and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> Any:
        """Take the last (key, value) out and return it."""
        if not self._keys:
            raise KeyError("popitem(): ParameterDict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or default."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys: Any, default: Any = None) -> Self:
        """A ParameterDict with these keys, all set to default."""
        return type(self)((key, default) for key in keys)

    def keys(self) -> Any:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Any:
        """The (key, value) pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Any:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add the entries of a mapping, or of an iterable of (key, value) pairs; TypeError for anything else."""
        pairs = _pairs(self, parameters)
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs, key=lambda pair: pair[0])  # as torch does with a plain dictionary
        for key, value in pairs:
            self[key] = value

    def __or__(self, other: Any) -> Self:
        result = self.copy()
        result.update(other)
        return result

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return "\n".join("  " + _describe(key, value, lambda t: t.type()) for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("ParameterDict should not be called.")
