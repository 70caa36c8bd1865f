"""Operations of one's own, as torch.library declares them: functions, with a gradient where one is registered.

There are no schemas, no dispatcher and no graphs here: an operation is called, its kernel runs, and fake kernels, which
would only tell shapes, are accepted and not used.
"""

import enum
import inspect
from collections.abc import Callable
from typing import Any

from pynn.autograd import Function

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "impl", "impl_abstract", "register_autograd", "register_fake",
    "register_kernel", "register_vmap",
]  # fmt: skip

_OPS: dict[str, "CustomOpDef"] = {}


class CustomOpDef:
    """An operation under a name such as "mine::add": called as its function is."""

    def __init__(self, name: str, fn: Callable[..., Any]) -> None:
        self._qualname, self._fn = name, fn
        self._signature = inspect.signature(fn)
        self._function: Any = None
        self.__doc__ = fn.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            return self._fn(*args, **kwargs)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._function.apply(*bound.args, *bound.kwargs.values())

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Any = None) -> None:
        """backward(ctx, *grads) gives the gradients of the arguments; setup_context(ctx, inputs, output) saves for it."""
        names = list(self._signature.parameters.values())
        positional = sum(p.kind is not p.KEYWORD_ONLY for p in names)
        keywords = [p.name for p in names[positional:]]

        def forward(ctx: Any, *args: Any) -> Any:
            named = dict(zip(keywords, args[positional:], strict=True))
            output = self._fn(*args[:positional], **named)
            if setup_context is not None:
                more = {"keyword_only_inputs": named} if named else {}
                setup_context(ctx, args[:positional], output, **more)
            return output

        def gradients(ctx: Any, *grads: Any) -> Any:
            found = backward(ctx, *grads)
            return (*(found if isinstance(found, tuple) else (found,)), *[None] * len(keywords))

        body = {"forward": staticmethod(forward), "backward": staticmethod(gradients)}
        self._function = type(self._qualname.rpartition(":")[2], (Function,), body)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """fn as it is: shapes are those of the results."""
        return fn

    def register_kernel(self, device_types: Any, fn: Any = None, /) -> Any:
        """Make fn what runs on the CPU; kernels of other devices are not used. Without fn a decorator."""
        if fn is None:
            return lambda fn: self.register_kernel(device_types, fn)
        kinds = [device_types] if isinstance(device_types, str) else device_types
        if kinds is None or "cpu" in kinds:
            self._fn, self._signature = fn, inspect.signature(fn)
        return fn

    def register_vmap(self, fn: Any = None, /) -> Any:
        """fn as it is: `vmap` sees the operation's own steps."""
        return (lambda fn: fn) if fn is None else fn


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: Any = (),
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """The operation "namespace::name" of a function, or without fn a decorator that makes it.

    ValueError for a name of another form.
    """
    if name.count("::") != 1:
        raise ValueError(f"Expected a name of the form namespace::name, got {name!r}.")

    def make(fn: Callable[..., Any]) -> CustomOpDef:
        _OPS[name] = CustomOpDef(name, fn)
        return _OPS[name]

    return make if fn is None else make(fn)


def _op(op: Any) -> CustomOpDef:
    found = op if isinstance(op, CustomOpDef) else _OPS.get(op)
    if found is None:
        raise RuntimeError(f"There is no operation {op!r}; make it with pynn.library.custom_op first.")
    return found


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """The gradient of an operation or of the one of a name: see CustomOpDef.register_autograd."""
    _op(op).register_autograd(backward, setup_context=setup_context)


def register_fake(op: Any, func: Any = None, /, **accepted: Any) -> Any:
    """func as it is, without it a decorator: shapes are those of the results."""
    return (lambda func: func) if func is None else func


def register_vmap(op: Any, func: Any = None, /, **accepted: Any) -> Any:
    """func as it is, without it a decorator: `vmap` sees the operation's own steps."""
    return (lambda func: func) if func is None else func


def register_kernel(op: Any, device_types: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """What runs for an operation on some devices: see CustomOpDef.register_kernel."""
    return _op(op).register_kernel(device_types, func)


# ---- the older way: a library that is declared, then filled ----


class Tag(enum.Enum):
    """What torch's compiler is told of an operation; without effect here."""

    core = 0
    data_dependent_output = 3
    dynamic_output_shape = 4
    flexible_layout = 5
    inplace_view = 8
    needs_exact_strides = 11
    needs_fixed_stride_order = 12
    nondeterministic_bitwise = 13
    nondeterministic_seeded = 14
    pointwise = 16
    pt2_compliant_tag = 17
    view_copy = 19


_CPU_KEYS = frozenset({"", "CPU", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "Autograd", "AutogradCPU"})


class Library:
    """Operations of one namespace: `define` declares one by its schema, `impl` says what it runs."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("DEF", "IMPL", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}. It is 'DEF', 'IMPL' or 'FRAGMENT'.")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Declare the operation of a schema such as "add(Tensor x, Tensor y) -> Tensor"; its name. Of the schema only that counts."""
        name = schema.partition("(")[0].strip()
        full = f"{self.ns}::{name}"

        def missing(*args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError(f"Could not run '{full}' on the CPU: give it a kernel by impl first.")

        _OPS[full] = CustomOpDef(full, missing)
        return name

    def impl(
        self,
        op_name: Any,
        fn: Callable[..., Any],
        dispatch_key: str = "",
        *,
        with_keyset: bool = False,
        allow_override: bool = True,
    ) -> None:
        """Have an operation run fn: on the CPU, or where it has gradients of its own; what is for other devices is not used."""
        name = str(getattr(op_name, "_qualified_op_name", op_name)).rpartition("::")[2]
        if (dispatch_key or self.dispatch_key) in _CPU_KEYS:
            _op(f"{self.ns}::{name}").register_kernel("cpu", fn)


def define(qualname: Any, schema: str = "", *, lib: Library | None = None, tags: Any = ()) -> Any:
    """Declare the operation "namespace::name"; of a Library, `lib.define`."""
    if isinstance(qualname, Library):
        return qualname.define(schema, tags=tags)
    space, _, name = qualname.partition("::")
    (lib or Library(space, "FRAGMENT")).define(name + schema, tags=tags)
    return None


def impl(qualname: Any, types: Any = "", func: Any = None, *, lib: Any = None) -> Any:
    """Have the operation "namespace::name" run func on device types ("default" for all), without func a decorator.

    The older form impl(library, name, dispatch_key) is a decorator, too.
    """
    if isinstance(qualname, Library):
        key = func or ""

        def fill(fn: Callable[..., Any]) -> Callable[..., Any]:
            qualname.impl(types, fn, key)
            return fn

        return fill
    if func is None:
        return lambda func: impl(qualname, types, func)
    kinds = None if types == "default" or "default" in types else types
    _op(qualname).register_kernel(kinds, func)
    return None


impl_abstract = register_fake
