"""The table of operations: one record an op, and everything else is made from it.

A record says what the op computes (a reference over an array namespace `xp`), its
gradient, the shape and dtype of its result, its effects on memory and random state,
sample inputs and tolerances, and what torch calls it. Tests, gradient checks, effect
checks, golden files, benchmarks and the docs' table iterate over `OPS`.

`xp` is a small subset of the array API (see `pynn._backends.namespace`), over NumPy or
CuPy arrays, or over Tensors: an op without a vjp is a composite, and when it must be
recorded for backward its reference runs over Tensors, so each of its steps is.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy

from pynn import _core
from pynn._core import Op, Tensor, call
from pynn._dtypes import default_float, from_numpy, result_type_of
from pynn.ops.out import TAKES_OUT, castable, has_out, takes_out
from pynn.ops.overlap import arrays_in, refuse_overlap

OPS: dict[str, "Record"] = {}

Function = TypeVar("Function", bound=Callable[..., Any])
Rule = Callable[..., Any]  # over a record's inputs (arrays, or their shapes) and attrs
Check = Callable[[tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]


# Named tuples: immutable, and made in a tenth of the time a dataclass takes at import.
class Effects(NamedTuple):
    """What an op does beyond returning new values; what capture and the tests rely on.

    writes: the inputs it writes to, by position (by group, for a variadic op with groups).
    aliases: the output shares memory with input 0 (a view; or, of an in-place op, is input 0).
    random: random(arrays, attrs) -> how many random numbers a call draws, or None.
    live: names of attrs that change from step to step (a learning rate) and must be read anew by a replay.
    """

    writes: tuple[int, ...] = ()
    aliases: bool = False
    random: Callable[..., int] | None = None
    live: tuple[str, ...] = ()


class Sample(NamedTuple):
    """Arguments for one trial call. Float arrays are cast to the dtype under test."""

    inputs: tuple[Any, ...]
    attrs: tuple[Any, ...] = ()
    grad: bool = True  # whether a gradient is defined and smooth around these inputs


class Record:
    """One operation. See the module's docstring; `register` describes the fields."""

    def __init__(
        self,
        *,
        op: Op,
        reference: Callable[..., Any],
        vjp: Any,
        effects: Effects,
        shape: str | Rule | None,
        dtype: Any,
        samples: Callable[..., list[Sample]] | None,
        torch: Callable[..., Any] | None,
        tolerance: dict[str, float],
        groups: Callable[[tuple[Any, ...]], int] | None,
        attrs: tuple[str, ...],
        composite: bool,
        doc: str = "",
    ) -> None:
        self.op = op
        self.reference = reference
        self.vjp = vjp
        self.effects = effects
        self.shape = shape
        self.dtype = dtype
        self.samples = samples
        self.torch = torch
        self.tolerance = tolerance
        self.groups = groups
        self.attrs = attrs
        self.composite = composite
        self.doc = doc

    @property
    def name(self) -> str:
        return self.op.name


DEFAULT_TOLERANCE = {"float64": 1e-12, "float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}


def register(
    name: str,
    *,
    vjp: Rule | tuple[Rule | None, ...] | None = None,
    saves: tuple[int | str, ...] | dict[int, tuple[int | str, ...]] = (),
    saves_out_if: str | None = None,
    likes: tuple[int | str, ...] = (),
    shape: str | Rule | None = "pointwise",
    dtype: str | Rule | None = "promote",
    outputs: int = 1,
    effects: Effects = Effects(),
    check: Check | None = None,
    samples: "Callable[[numpy.random.Generator], list[Sample]] | None" = None,
    torch: Rule | None = None,
    tolerance: dict[str, float] | None = None,
    differentiable: bool = True,
    variadic: bool = False,
    groups: Callable[[tuple[Any, ...]], int] | None = None,
    attrs: tuple[str, ...] = (),
    exact: bool | str = False,
    exact_unless: str | None = None,
    wide_outputs: tuple[int, ...] = (),
) -> Callable[[Rule], Op]:
    """Decorate an op's reference `f(xp, *inputs, *attrs)` to register it under `name`.

    vjp: a tuple of functions `f(xp, g, out, *inputs, *attrs)`, one an input (None where the input has no
        gradient), or one such function behind `joint` returning all. Inputs and output arrive as saved:
        as arrays where `saves` names them ("out", 0, 1, ...), as shape and dtype where `likes` does, else None.
        "out1" is output 1 alone of an op with several; `out` is then a tuple with None for the others.
    saves: what any gradient reads, or a dict {input: what the gradient of that input reads}: then only what the
        inputs that need a gradient call for is saved (and guarded against in-place writes).
    saves_out_if: an attr's name; where that attr is None the output is not saved.
    shape: "pointwise" (inputs broadcast), or a function (*input shapes, *attrs) -> result shape(s).
    dtype: "promote", "float" (integers become the default float), "bool", "int64", or "same" (as input 0).
    check: check(inputs, attrs) -> inputs; raises for bad arguments. Pointwise ops have one already.
    variadic: the inputs arrive as one tuple.
    groups: groups(attrs) -> of how many runs of equal length the inputs of a variadic op consist (one run a
        parameter list, gradient list, ...); such an op goes through `_core.call_writing`.
    attrs: names of the attrs in order, for the docs and for effects.live.
    exact: the op only moves elements, so 16-bit floats do not pass through float32; "forward" where its gradient adds.
        (Views are, as far as the forward goes, without saying so.)
    exact_unless: an attr's name; where that attr is true the op computes after all.
    wide_outputs: outputs, by number, that stay float32 where the inputs are 16-bit floats: statistics for backward.
    """

    def decorate(reference: Rule) -> Op:
        op = _core.OPERATORS.get(name) or Op(name)
        op.reference = reference
        op.vjp = None if vjp is None else _normal_vjp(name, vjp, variadic)
        op.outputs = outputs
        op.variadic = variadic
        op.is_view = effects.aliases and not effects.writes
        op.random = effects.random
        op.groups = groups
        op.writes = effects.writes if groups else ()
        op.differentiable = differentiable
        op.pointwise = shape == "pointwise"
        op.saves, op.saves_each = _masks(saves)
        op.saves_outputs = _output_mask(saves)
        op.saves_out_if = -1 if saves_out_if is None else attrs.index(saves_out_if)
        op.saves_like = _mask(likes)
        op.exact = 3 if exact is True else 1 if exact == "forward" or op.is_view else 0
        op.exact_unless = -1 if exact_unless is None else attrs.index(exact_unless)
        op.wide_outputs = functools.reduce(operator.or_, [1 << i for i in wide_outputs], 0)
        op.check = check
        if check is None and op.pointwise:
            op.check = pointwise_check(dtype)
        record = Record(
            op=op,
            reference=reference,
            vjp=vjp,
            effects=effects,
            shape=_broadcast_shape if shape == "pointwise" else shape,
            dtype=dtype,
            samples=samples,
            torch=torch,
            tolerance={**DEFAULT_TOLERANCE, **(tolerance or {})},
            groups=groups,
            attrs=attrs,
            composite=differentiable and vjp is None,
            doc=reference.__doc__ or "",
        )
        op.record = record
        OPS[name] = record
        return op

    return decorate


def register_inplace(
    functional: Op,
    samples: "Callable[[numpy.random.Generator], list[Sample]] | None" = None,
    values: Callable[[tuple[Any, ...]], None] | None = None,
) -> Op:
    """Register `<name>_`, which writes a pointwise op's value to its first input; `values` as for `pointwise_check`."""
    base = OPS[functional.name]
    name = functional.name + "_"
    op = _core.OPERATORS.get(name) or Op(name)

    def reference(xp: Any, x: Any, *rest: Any) -> Any:
        kernel = _core.chosen_kernel(functional, (x, *rest))  # the same bits as the out-of-place form
        value = None if kernel is None else kernel(x, *rest)
        xp.copyto(x, functional.reference(xp, x, *rest) if value is None else value, casting="unsafe")
        return x

    op.reference = reference
    op.functional = functional
    op.check = inplace_check(name, base.dtype, values)
    op.differentiable = functional.differentiable
    op.variadic = functional.variadic
    op.random = functional.random
    op.exact, op.exact_unless = functional.exact, functional.exact_unless
    op.record = Record(
        op=op,
        reference=reference,
        vjp=base.vjp,
        effects=Effects(writes=(0,), aliases=True, random=base.effects.random),
        shape=lambda *args: args[0],
        dtype="same",
        samples=samples or base.samples,
        torch=None,
        tolerance=base.tolerance,
        groups=None,
        attrs=base.attrs,
        composite=False,
        doc=f"`{functional.name}` written to its first input.",
    )
    OPS[name] = op.record
    return op


def joint(function: Function) -> Function:
    """Mark a vjp that returns the gradients of all inputs: f(xp, needs, g, out, *inputs, *attrs) -> tuple."""
    function.joint = True  # type: ignore[attr-defined]
    return function


def _mask(places: Any) -> int:
    mask = 0
    for place in places:
        mask |= 1 if isinstance(place, str) else 2 << place
    return mask


def _output_mask(saves: Any) -> int:
    """Which of several outputs `saves` names; all bits for "out"."""
    places = set().union(*saves.values()) if isinstance(saves, dict) else saves
    mask = 0
    for place in places:
        if isinstance(place, str):
            mask |= 1 << int(place[3:]) if place != "out" else -1
    return mask


def _masks(saves: Any) -> tuple[int, tuple[int, ...] | None]:
    """(the mask of all that `saves` names, the masks by input or None)."""
    if not isinstance(saves, dict):
        return _mask(saves), None
    each = tuple(_mask(saves.get(i, ())) for i in range(max(saves) + 1))
    return functools.reduce(operator.or_, each), each


def _normal_vjp(name: str, vjp: Any, variadic: bool) -> Rule:
    """The form the tape calls: f(xp, needs, g, saved, attrs) -> tuple."""
    if callable(vjp):

        def call_joint(xp: Any, needs: int, g: Any, saved: Any, attrs: Any) -> Any:
            saved = saved or (None,) * 32
            if variadic:
                return tuple(vjp(xp, needs, g, saved[0], saved[1:], *attrs))
            return vjp(xp, needs, g, *saved, *attrs)

        return call_joint
    count = len(vjp)
    nothing = (None,) * (count + 1)

    def call_each(xp: Any, needs: int, g: Any, saved: Any, attrs: Any) -> tuple[Any, ...]:
        saved = saved or nothing
        grads: list[Any] = []
        for i, function in enumerate(vjp):
            if not needs >> i & 1:
                grads.append(None)
            elif function is None:
                raise RuntimeError(f"{name} has no gradient for its input {i}; detach() that input.")
            else:
                grads.append(function(xp, g, *saved, *attrs))
        return tuple(grads)

    return call_each


def run(xp: Any, op: Op, inputs: tuple[Any, ...], attrs: tuple[Any, ...] = ()) -> Any:
    """An op inside another's reference or vjp: through the door over Tensors, its reference over arrays.

    Other namespaces than NumPy's may have kernels to serve in the reference's place: their function `run` does.
    """
    if xp.name == "pynn":
        return call(op, inputs, attrs)
    return op.reference(xp, *inputs, *attrs) if xp.name == "numpy" else xp.run(op, inputs, attrs)


# ---- checks and promotion ----


def _broadcast_shape(*args: Any) -> tuple[int, ...]:
    return numpy.broadcast_shapes(*[a for a in args if isinstance(a, tuple)])


def number(value: Any) -> Any:
    """A NumPy scalar as the Python number it holds, anything else as it is."""
    return value.item() if isinstance(value, numpy.generic) else value


def as_operand(x: Any) -> Any:
    """An operand of an operator as a Tensor or a Python number."""
    if isinstance(x, Tensor):
        return x
    if _core.holds(x):
        return _core.wrap(x)
    x = number(x)
    if isinstance(x, (bool, int, float)):
        return x
    raise TypeError(f"expected a Tensor or a number as operand, got {type(x).__name__}.")


def cast(x: Tensor, dtype: Any) -> Tensor:
    """x (a Tensor) in another NumPy dtype, recorded; x itself where it has it already."""
    return x if x._array.dtype == dtype else call(OPS["cast"].op, (x,), (dtype,))


def promote(inputs: tuple[Any, ...], kind: Any) -> tuple[Any, ...]:
    """Inputs of a pointwise op cast to the dtype they share; the same tuple when nothing changes."""
    if _of_one_dtype(inputs, kind):
        return inputs
    operands = [None if x is None else as_operand(x) for x in inputs]
    arrays = [x._array if isinstance(x, Tensor) else x for x in operands if x is not None]
    dtype = result_type_of(arrays)
    if kind == "float" and dtype.kind not in "fV":
        dtype = default_float()
    changed = False
    for i, x in enumerate(operands):
        if isinstance(x, Tensor) and x._array.dtype != dtype:
            operands[i] = cast(x, dtype)
            changed = True
        elif dtype.kind in "iu" and type(x) is int and not _fits(x, dtype):
            operands[i] = wrapped(x, dtype)
            changed = True
        elif x is not inputs[i]:
            changed = True
    return tuple(operands) if changed else inputs


def _of_one_dtype(inputs: tuple[Any, ...], kind: Any) -> bool:
    """Whether all inputs are tensors of one dtype, of the kind wanted: the common case, told in little time."""
    first = inputs[0] if inputs else None
    if not isinstance(first, Tensor):
        return False
    dtype = first._array.dtype
    if kind == "float" and dtype.kind not in "fV":
        return False
    for x in inputs:  # noqa: SIM110, all() of a generator takes twice as long
        if not isinstance(x, Tensor) or x._array.dtype is not dtype:
            return False
    return True


def _fits(x: int, dtype: numpy.dtype[Any]) -> bool:
    bits = 8 * dtype.itemsize
    return 0 <= x < 1 << bits if dtype.kind == "u" else -(1 << bits - 1) <= x < 1 << bits - 1


def wrapped(x: int, dtype: numpy.dtype[Any]) -> int:
    """A Python integer as an integer dtype holds it: modulo 2 to its bits, as in torch."""
    bits = 8 * dtype.itemsize
    x %= 1 << bits
    return x - (1 << bits) if dtype.kind == "i" and x >> bits - 1 else x


def check_broadcast(inputs: tuple[Any, ...]) -> tuple[int, ...]:
    """RuntimeError, in torch's words, unless the tensors' shapes broadcast."""
    shapes = [x._array.shape for x in inputs if isinstance(x, Tensor)]
    if shapes and shapes.count(shapes[0]) == len(shapes):
        same: tuple[int, ...] = shapes[0]
        return same
    try:
        return numpy.broadcast_shapes(*shapes)
    except ValueError:
        pass
    out = shapes[0]
    for shape in shapes[1:]:
        for back in range(1, min(len(out), len(shape)) + 1):
            a, b = out[-back], shape[-back]
            if a != b and a != 1 and b != 1:
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension "
                    f"{max(len(out), len(shape)) - back}: got shapes {list(out)} and {list(shape)}."
                )
        out = numpy.broadcast_shapes(out, shape)
    result: tuple[int, ...] = out
    return result


def pointwise_check(kind: Any, values: Callable[[tuple[Any, ...]], None] | None = None) -> Check:
    """The check of a pointwise op: promote, and shapes that broadcast; `values(inputs)` raises for what it cannot take."""

    def check(inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> tuple[Any, ...]:
        inputs = promote(inputs, kind)
        if values is not None:
            values(inputs)
        if len(inputs) > 1:
            check_broadcast(inputs)
        return inputs

    return check


FLOATS, INTEGERS, NUMBERS = "fV", "iu", "iufV"  # NumPy's letters for kinds of dtypes


def only(name: str, kinds: str) -> Callable[[tuple[Any, ...]], None]:
    """What raises NotImplementedError, in torch's words, unless the inputs' dtype is of these kinds (NumPy's letters)."""

    def values(inputs: tuple[Any, ...]) -> None:
        operands = [x._array if isinstance(x, Tensor) else x for x in inputs if x is not None]
        dtype = result_type_of(operands)
        if dtype.kind not in kinds:
            want = "integers" if "i" in kinds else "floating point numbers"
            want = "numbers, not bool" if "i" in kinds and "f" in kinds else want
            raise NotImplementedError(
                f'"{name}" not implemented for {from_numpy(dtype)!r}: it takes {want}. Convert the tensor first.'
            )

    return values


def inplace_check(name: str, kind: Any, values: Callable[[tuple[Any, ...]], None] | None = None) -> Check:
    """The check of an in-place op: its result must fit the tensor it writes to."""

    def check(inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> tuple[Any, ...]:
        if values is not None:
            values(inputs)
        target = inputs[0]
        promoted = promote(inputs, kind)
        result = (
            numpy.dtype("bool") if kind == "bool" else next(x for x in promoted if isinstance(x, Tensor))._array.dtype
        )
        order = "buif"
        have, want = (d.kind.replace("V", "f") for d in (result, target._array.dtype))
        if order.index(have) > order.index(want) and (have == "f" or want == "b"):
            raise RuntimeError(
                f"result type {result} can't be cast to the desired output type {target._array.dtype} in {name}. "
                f"Use the out-of-place form."
            )
        shape = check_broadcast(inputs)
        if shape != target._array.shape:
            raise RuntimeError(
                f"output with shape {list(target._array.shape)} doesn't match the broadcast shape {list(shape)} "
                f"in {name}. Use the out-of-place form."
            )
        return inputs[:1] + promoted[1:]

    return check


def unbroadcast(xp: Any, g: Any, shape: Any) -> Any:
    """Sum a gradient over the dimensions that broadcasting added or stretched."""
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    if axes:
        g = xp.sum(g, axis=axes, keepdims=True)
    return xp.reshape(g, tuple(shape))


# ---- what public functions are hung on ----

FUNCTIONS: dict[str, Callable[..., Any]] = {}  # what `import pynn` exports
METHOD_NAMES: set[str] = set()
# In-place forms that torch has as functions, too: `pynn.relu_(x)`.
INPLACE_FUNCTIONS = frozenset(
    """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_ atanh_ ceil_
    celu_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_ expm1_ fill_
    fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_
    reciprocal_ relu_ resize_as_ round_ rrelu_ rsqrt_ selu_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ threshold_
    trunc_ xlogy_ zero_
    """.split()  # noqa: SIM905  (a list of names reads best as one)
)


def export(*names: str, function: bool = True, method: bool = True) -> Callable[[Function], Function]:
    """Publish a function as `pynn.<name>` and `Tensor.<name>` for each name (default: its own).

    `pynn.<name>` gets an argument `out=` where torch's has one and f does not (`pynn.ops.out`).
    """

    def decorate(f: Function) -> Function:
        for name in names or (f.__name__,):
            if function or name in INPLACE_FUNCTIONS:
                FUNCTIONS[name] = published = takes_out(f, name) if name in TAKES_OUT and not has_out(f) else f
                if published is not f or name == (names or (f.__name__,))[0]:  # where pickle finds it
                    published.__name__, published.__qualname__, published.__module__ = name, name, "pynn"
            if method:
                METHOD_NAMES.add(name)
                _core.METHODS[name] = f
                _core.install(Tensor, name, f)
        if function or "<locals>" in f.__qualname__:
            f.__qualname__ = (names or (f.__name__,))[0]
        if function:  # under the name that pickle finds it by, wherever it was made
            f.__module__ = "pynn"
        return f

    return decorate


def written(name: str, function: Callable[..., Any], apart: bool | None = None) -> None:
    """Publish `<name>_`, which writes function's result to the tensor itself, for a function without a record.

    apart: None, or whether the other arguments must share no memory at all with the tensor, as `refuse_overlap` means it.
    Raises RuntimeError, as torch, where the result has another shape, or a dtype that cannot be cast to the tensor's, or
    where an argument is a part of the tensor.
    """

    def function_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if apart is not None:
            refuse_overlap(name + "_", self._array, arrays_in((*args, *kwargs.values())), apart)
        old = self.clone() if self.requires_grad else self  # backward may read the old value
        result = function(old, *args, **kwargs)
        have, want = result._array, self._array
        if not castable(have.dtype, want.dtype):
            raise RuntimeError(
                f"result type {have.dtype} can't be cast to the desired output type {want.dtype} in {name}_. Use the "
                "out-of-place form."
            )
        if have.shape != want.shape:
            raise RuntimeError(
                f"output with shape {list(want.shape)} doesn't match the broadcast shape {list(have.shape)} in {name}_. "
                "Use the out-of-place form."
            )
        found: Tensor = _core.METHODS["copy_"](self, result)
        return found

    function_.__name__ = function_.__qualname__ = name + "_"
    function_.__doc__ = f"`{name}` written to the tensor itself."
    export(name + "_", function=False)(function_)
