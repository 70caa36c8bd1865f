"""Module: the base class of everything that has parameters."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Self, TypeVar
from weakref import ref

from pynn import _core
from pynn._core import Tensor
from pynn._native_hooks import quick_reads
from pynn.nn._conversion import ConversionMixin
from pynn.nn._global_hooks import REGISTRATION, registered
from pynn.nn._hooks import HookMixin
from pynn.nn._state import StateMixin
from pynn.nn._trail import PASSING, name_module
from pynn.nn.parameter import Buffer, Parameter

__all__ = ["Module"]

_MISSING = object()
_TABLES = ("_parameters", "_buffers", "_modules")


class _Table(dict[str, Any]):
    """A module's parameters, buffers or children by name, in order.

    Everything in it is also an ordinary attribute of the module (in its `__dict__`), so that reading
    `self.weight` finds it at once; this table keeps both alike however it is written to.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: "Module", entries: Any = ()) -> None:
        self._owner = ref(owner)
        super().__init__(entries)
        owner.__dict__.update(self)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        owner = self._owner()
        if owner is not None:
            owner.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        owner = self._owner()
        if owner is not None:
            owner.__dict__.pop(name, None)

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> Any:
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        name = next(reversed(self))
        return name, self.pop(name)

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **entries: Any) -> None:
        for name, value in dict(*others, **entries).items():
            self[name] = value

    def __ior__(self, other: Any) -> "_Table":  # type: ignore[misc,override]  # dict | dict stays a dict
        self.update(other)
        return self

    def move_to_end(self, name: str, last: bool = True) -> None:
        """Put an entry last, or first (as in an OrderedDict)."""
        for key in [name] if last else [key for key in self if key != name]:
            super().__setitem__(key, super().pop(key))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (OrderedDict, (list(self.items()),))  # Module.__setstate__ makes a table of it again


def _leave_functions(cls: type) -> None:
    """Keep functions such as `pynn.tanh` in a class's body from becoming its methods, as torch's built-in ones do not."""
    for name, value in list(vars(cls).items()):
        if (
            isinstance(value, FunctionType)
            and value.__module__.partition(".")[0] == "pynn"
            and value.__qualname__.isidentifier()
        ):
            setattr(cls, name, staticmethod(value))


class Module(ConversionMixin, HookMixin, StateMixin):
    """A part of a model: holds parameters, buffers and other modules, and computes in `forward`.

    Subclasses call `super().__init__()` first, set parameters and modules as attributes, and define
    `forward`. Names, signatures and messages are those of torch.nn.Module.
    """

    training = True
    dump_patches = False
    call_super_init = False
    T_destination = TypeVar("T_destination", bound=dict[str, Any])
    _compiled_call_impl = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if kwargs and not self.call_super_init:
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if args and not self.call_super_init:
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        state = self.__dict__
        state["training"] = True
        for table in _TABLES:
            state[table] = _Table(self)
        self._init_hooks()
        self._init_state()
        if self.call_super_init:  # classes beside Module in a subclass's bases
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, first: Any = _MISSING, /, *rest: Any, **kwargs: Any) -> Any:
        try:
            if not (rest or kwargs or self._hooked or first is _MISSING):
                return self.forward(first)  # the commonest call by far, and the cheapest for Python
            args = rest if first is _MISSING else (first, *rest)
            if self._hooked:
                return self._call_hooked(args, kwargs)
            return self.forward(*args, **kwargs)
        except PASSING as error:
            name_module(error, self)
            raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module does, for code that calls it by torch's inner names."""
        return Module.__call__(self, *args, **kwargs)

    _wrapped_call_impl = _call_impl

    # ---- attributes ----

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in own:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            self._refill(name, value)
        elif isinstance(value, Module):
            if "_modules" not in own:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            if REGISTRATION["module"]:
                value = registered("module", self, name, value)
            own["_modules"][name] = own[name] = value
        elif isinstance(value, Buffer):
            if "_buffers" not in own:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in _TABLES and isinstance(value, dict):
            for held in self.__dict__.get(name, ()):
                self.__dict__.pop(held, None)
            self.__dict__[name] = _Table(self, value)
        elif not self._refill(name, value):
            object.__setattr__(self, name, value)

    def _refill(self, name: str, value: Any) -> bool:
        """Give a registered name another value; False where the name is no registered one."""
        for table, kind, wanted in (
            ("_parameters", "parameter", "pynn.nn.Parameter or None"),
            ("_modules", "child module", "pynn.nn.Module or None"),
            ("_buffers", "buffer", "pynn.nn.Buffer, pynn.Tensor or None"),
        ):
            held = self.__dict__.get(table)
            if held is None or name not in held:
                continue
            if value is not None and not (kind == "buffer" and isinstance(value, Tensor)):
                raise TypeError(f"cannot assign '{_type_name(value)}' as {kind} '{name}' ({wanted} expected)")
            held[name] = self.__dict__[name] = value
            return True
        return False

    def _forget(self, name: str, keep: str) -> None:
        """Drop what `name` was, but for its place in the table `keep`."""
        for table in _TABLES:
            if table != keep:
                self.__dict__.get(table, {}).pop(name, None)
        self.__dict__.get("_non_persistent_buffers_set", set()).discard(name)
        if name not in self.__dict__.get(keep, ()):
            self.__dict__.pop(name, None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.partition(".")[0] != "pynn":
            _leave_functions(cls)
        # __getattr__ below slows down every read of an attribute. Where nothing needs it, Python's own reads serve: all
        # that it would find is in __dict__, and the error is the same.
        if (
            cls.__getattr__ is Module.__getattr__
            and cls.__getattribute__ is object.__getattribute__
            and cls.__setattr__ is Module.__setattr__
            and cls.__setstate__ is Module.__setstate__
        ):
            quick_reads(cls)

    def __getattr__(self, name: str) -> Any:
        for table in _TABLES:  # reached only for a module whose state was put back by other hands
            held = self.__dict__.get(table)
            if held is not None and name in held:
                return held[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        for table in _TABLES:
            held = self.__dict__.get(table)
            if held is not None and name in held:
                del held[name]
                self.__dict__.pop(name, None)
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)
        for table in _TABLES:
            if table in state:
                self.__dict__[table] = _Table(self, state[table])

    def __dir__(self) -> list[str]:
        names = set(dir(type(self))).union(self.__dict__, *(self.__dict__.get(t, ()) for t in _TABLES))
        return sorted(name for name in names if not name[:1].isdigit())

    # ---- registration ----

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (None: a name without one) under `name`.

        Raises KeyError for a name that is taken or malformed, TypeError for anything but a Parameter, and
        ValueError for a tensor that was computed (parameters must be leaves).
        """
        self._check_name("_parameters", "parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' (pynn.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        if REGISTRATION["parameter"]:
            param = registered("parameter", self, name, param)
        self._parameters[name] = self.__dict__[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor of state that is not trained (None: a name without one); state_dict has it if persistent.

        Raises KeyError for a name that is taken or malformed, TypeError for anything but a Tensor.
        """
        self._check_name("_buffers", "buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (pynn.Tensor or None required)"
            )
        if REGISTRATION["buffer"]:
            tensor = registered("buffer", self, name, tensor)
        self._buffers[name] = self.__dict__[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a child module (None: a name without one); `self.name = module` does the same."""
        if module is not None and not isinstance(module, Module):
            raise no_module(module)
        self._check_name("_modules", "module", name)
        if REGISTRATION["module"]:
            module = registered("module", self, name, module)
        self._modules[name] = self.__dict__[name] = module

    def register_module(self, name: str, module: "Module | None") -> None:
        """add_module under its other name."""
        self.add_module(name, module)

    def _check_name(self, table: str, kind: str, name: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[table] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # ---- what is inside ----

    def _named_members(
        self,
        members: "Callable[[Module], Any]",
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in members(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (path + "." if path else "") + name, value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters, each once; recurse: those of all modules inside too."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over (dotted name, parameter)."""
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over the buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Iterate over (dotted name, buffer)."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self) -> "Iterator[Module]":
        """Iterate over the modules directly inside, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """Iterate over (name, module) of the modules directly inside."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> "Iterator[Module]":
        """Iterate over this module and all inside it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: "set[Module] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Module]]":
        """Iterate over (dotted name, module) of this module, whose name is prefix, and all inside it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, (prefix + "." if prefix else "") + name, remove_duplicate)

    def get_submodule(self, target: str) -> "Module":
        """The module of a dotted name ("" is this one); AttributeError where there is none."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: "Module", strict: bool = False) -> None:
        """Put a module under a dotted name; strict: AttributeError where there is none yet."""
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        if not name:
            raise ValueError("Cannot set the submodule without a target name!")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name; AttributeError where there is none."""
        param: Parameter = self._get_member(target, lambda module: module._parameters, "an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name; AttributeError where there is none."""
        buffer: Tensor = self._get_member(target, lambda module: module._buffers, "a buffer")
        return buffer

    def _get_member(self, target: str, table: "Callable[[Module], dict[str, Any]]", kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in table(module):
            raise AttributeError(f"`{name}` is not {kind}")
        return table(module)[name]

    # ---- modes and gradients ----

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm learns its statistics) here and inside; returns self."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set requires_grad of every parameter; returns self."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of every parameter, or fill them with zeros."""
        if set_to_none:
            _core.clear_grads(list(self.parameters()))
            return
        for param in self.parameters():
            if param.grad is not None:
                if param.grad.grad_fn is not None:
                    param.grad = param.grad.detach()
                param.grad.requires_grad_(False).zero_()

    def apply(self, fn: "Callable[[Module], Any]") -> Self:
        """Call fn(module) on every module inside, then on this one (to initialise, say); returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- printing ----

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What repr shows between the parentheses; subclasses with arguments override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        head = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        if not children:
            body = extra if len(head) <= 1 else "\n  " + "\n  ".join(head) + "\n"
        else:
            body = "\n  " + "\n  ".join(head + children) + "\n"
        return f"{self._get_name()}({body})"


def indent(text: str) -> str:
    """text with every line but the first moved right by two."""
    return text.replace("\n", "\n  ")


def _addindent(s_: str, numSpaces: int) -> str:
    """indent by any number of spaces, by torch's name."""
    return s_.replace("\n", "\n" + " " * numSpaces)


def no_module(value: Any) -> TypeError:
    """The error for what was given in a module's place, with the usual way to mend it."""
    if isinstance(value, type):
        advice = f": {value.__name__} is a class, make a module of it with {value.__name__}(...)"
    elif isinstance(value, (list, tuple)):
        advice = ": give its modules one by one (*modules)"
    else:
        advice = ": call functions in forward, or use their modules, such as nn.ReLU()" if callable(value) else ""
    return TypeError(f"{_type_name(value)} is not a Module subclass{advice}")


def _type_name(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(value.type())
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
