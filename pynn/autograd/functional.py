"""Derivatives of functions of tensors: vjp, jvp, jacobian, hessian, vhp and hvp."""

from collections.abc import Callable
from typing import Any

import numpy

from pynn._core import Tensor, made_beside
from pynn.autograd import grad
from pynn.autograd.grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_STRICT = "This is not allowed in strict mode."


def _tuple_of(value: Any, what: str, name: str) -> tuple[bool, tuple[Any, ...]]:
    """(whether it was a tuple, the tensors); TypeError for anything else."""
    several = isinstance(value, tuple)
    out = value if several else (value,)
    for i, x in enumerate(out):
        if not isinstance(x, Tensor):
            found = f"value at index {i} has type {type(x)}" if several else f"given {what} has type {type(x)}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {found}."
            )
    return several, out


def _inputs_for(inputs: tuple[Any, ...], create_graph: bool, need: bool = True) -> tuple[Any, ...]:
    """The inputs as tensors of their own to differentiate by; still hanging on their history under create_graph."""
    return tuple(x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_(need) for x in inputs)


def _vector_for(v: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    return _inputs_for(v, create_graph, need=False)


def _check_vector(v: tuple[Any, ...], other: tuple[Any, ...], several: bool) -> None:
    if len(v) != len(other):
        if several or len(other) > 1:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(other)} but got {len(v)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(v, other)):
        if a.size() != b.size():
            prepend = f"Entry {i} in " if several else ""
            raise RuntimeError(f"{prepend}v has invalid size: should be {b.size()} but got {a.size()}.")


def _check_tracked(values: tuple[Any, ...], kind: str, strict: bool) -> None:
    """Under strict: RuntimeError for values that depend on nothing."""
    if not strict:
        return
    for i, x in enumerate(values):
        if x is None:
            raise RuntimeError(f"The output of the user-provided function is independent of input {i}. {_STRICT}")
        if x.requires_grad:
            continue
        if kind == "hessian":
            raise RuntimeError(
                f"The hessian of the user-provided function with respect to input {i} is independent of the input. {_STRICT} "
                "You should ensure that your function is thrice differentiable and that the hessian depends on the inputs."
            )
        if kind == "jacobian":
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided function with respect to input "
                f"{i} is independent of the input. {_STRICT} You should ensure that your function is twice differentiable and "
                "that the jacobian depends on the inputs (this would be violated by a linear function for example)."
            )
        if kind == "grad_input":
            raise RuntimeError(
                f"The gradient with respect to input {i} is independent of the inputs of the user-provided function. {_STRICT}"
            )
        raise RuntimeError(
            f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
            "differentiable manner from the input when running in strict mode."
        )


def _gradients(
    outputs: tuple[Any, ...], inputs: tuple[Any, ...], grads: tuple[Any, ...], graph: bool
) -> tuple[Any, ...]:
    """autograd.grad that gives None where there is nothing to give; the tape is kept."""
    pairs = [(o, g) for o, g in zip(outputs, grads) if o is not None and o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return grad(
        [o for o, _ in pairs], inputs, [g for _, g in pairs], retain_graph=True, create_graph=graph, allow_unused=True
    )


def _zeros_like(x: Any) -> Any:
    return made_beside(x, numpy.zeros(x._array.shape, x._array.dtype))


def _filled(found: tuple[Any, ...], like: tuple[Any, ...], strict: bool, graph: bool, stage: str) -> tuple[Any, ...]:
    """Gradients with zeros for None; under strict RuntimeError instead."""
    independent = {
        "back": "The output of the user-provided function is independent of input {}.",
        "back_trick": (
            "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double "
            "backward trick to compute forward mode gradients."
        ),
        "double_back": "The jacobian of the user-provided function is independent of input {}.",
        "double_back_trick": (
            "The hessian of the user-provided function is independent of entry {} in the grad_jacobian. It prevents from using "
            "the double backward trick to replace forward mode AD."
        ),
    }
    out = []
    for i, (g, x) in enumerate(zip(found, like)):
        if g is None:
            if strict:
                raise RuntimeError(f"{independent[stage].format(i)} {_STRICT}")
            g = _zeros_like(x)
        elif strict and graph and not g.requires_grad and "trick" not in stage:
            what = "jacobian" if stage == "back" else "hessian"
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict mode "
                "when create_graph=True."
            )
        out.append(g)
    return tuple(out)


def _done(values: tuple[Any, ...], create_graph: bool, several: bool) -> Any:
    out = values if create_graph else tuple(x.detach() for x in values)
    return out if several else out[0]


def _vector(v: Any, like: tuple[Any, ...], several: bool, create_graph: bool, name: str, what: str) -> tuple[Any, ...]:
    """v as a tuple that fits; ones where it is None and there is a single element."""
    if v is not None:
        _, given = _tuple_of(v, "v", name)
        given = _vector_for(given, create_graph)
        _check_vector(given, like, several)
        return given
    if len(like) != 1 or like[0].nelement() != 1:
        raise RuntimeError(f"The vector v can only be None if {what}")
    return (made_beside(like[0], numpy.ones(like[0]._array.shape, like[0]._array.dtype)),)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), the vector v times its Jacobian).

    v has the form of the output; it may be None where that is a single element. create_graph: the results can be
    differentiated. strict: RuntimeError where an output does not depend on an input, instead of zeros.
    """
    with enable_grad():
        several, given = _tuple_of(inputs, "inputs", "vjp")
        given = _inputs_for(given, create_graph)
        many, outputs = _tuple_of(func(*given), "outputs of the user-provided function", "vjp")
        _check_tracked(outputs, "outputs", strict)
        what = "the user-provided function returns a single Tensor with a single element."
        vector = _vector(v, outputs, many, create_graph, "vjp", what)
        found = _filled(_gradients(outputs, given, vector, create_graph), given, strict, create_graph, "back")
    return _done(outputs, create_graph, many), _done(found, create_graph, several)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), its Jacobian times the vector v), by two backward passes.

    v has the form of the inputs; it may be None where they are a single element. Otherwise as `vjp`.
    """
    with enable_grad():
        several, given = _tuple_of(inputs, "inputs", "jvp")
        given = _inputs_for(given, create_graph)
        what = "the input to the user-provided function is a single Tensor with a single element."
        vector = _vector(v, given, several, create_graph, "jvp", what)
        many, outputs = _tuple_of(func(*given), "outputs of the user-provided function", "jvp")
        _check_tracked(outputs, "outputs", strict)
        probes = tuple(_zeros_like(o).requires_grad_() for o in outputs)
        pulled = _gradients(outputs, given, probes, True)
        _check_tracked(pulled, "grad_input", strict)
        found = _filled(_gradients(pulled, probes, vector, create_graph), outputs, strict, create_graph, "back_trick")
    return _done(outputs, create_graph, many), _done(found, create_graph, many)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of func: a tensor of the output's shape followed by the input's.

    For several inputs a tuple with one each, for several outputs a tuple of those. create_graph, strict: as `vjp`.
    vectorize, strategy: accepted and checked; each row is one backward pass.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'pynn.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported '
                'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if strict:
            raise RuntimeError(
                'pynn.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported together '
                '(yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for `vectorize=True`."
            )
    if vectorize and strict:
        raise RuntimeError(
            "pynn.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please "
            "either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        several, given = _tuple_of(inputs, "inputs", "jacobian")
        given = _inputs_for(given, create_graph)
        many, outputs = _tuple_of(func(*given), "outputs of the user-provided function", "jacobian")
        _check_tracked(outputs, "outputs", strict)
        whole = tuple(_rows(i, o, given, create_graph, strict) for i, o in enumerate(outputs))
    whole = tuple(_done(row, create_graph, several) for row in whole)
    return whole if many else whole[0]


def _rows(i: int, output: Any, inputs: tuple[Any, ...], create_graph: bool, strict: bool) -> tuple[Any, ...]:
    """The Jacobians of one output with respect to each input."""
    from pynn.ops.joining import stack

    rows: list[list[Any]] = [[] for _ in inputs]
    for j in range(output.nelement()):
        one = numpy.zeros(output._array.shape, output._array.dtype)
        one.reshape(-1)[j] = 1
        found = _gradients((output,), inputs, (made_beside(output, one),), create_graph)
        for k, (g, x) in enumerate(zip(found, inputs)):
            if g is None:
                if strict:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function is independent of input {k}. {_STRICT}"
                    )
                g = _zeros_like(x)
            elif strict and create_graph and not g.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {k}. This is not allowed in strict "
                    "mode when create_graph=True."
                )
            rows[k].append(g)
    out = []
    for row, x in zip(rows, inputs):
        shape = tuple(output._array.shape) + tuple(x._array.shape)
        out.append(stack(row).reshape(shape) if row else made_beside(x, numpy.zeros(shape, x._array.dtype)))
    return tuple(out)


def _scalar(out: Any, name: str) -> Any:
    several, (value, *_) = _tuple_of(out, "outputs of the user-provided function", name)
    if several:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if value.nelement() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return value.squeeze()


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of func, which returns a single element: the input's shape twice.

    For several inputs a tuple of tuples: [i][j] for inputs i and j. Arguments as `jacobian`.
    """
    several, given = _tuple_of(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def single(*args: Any) -> Any:
        value = _scalar(func(*args), "hessian")
        _check_tracked((value,), "outputs", strict)
        return value

    def gradient(*args: Any) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            args = tuple(x.view_as(x) for x in args)
        rows = jacobian(single, args, create_graph=True, strict=strict)
        _check_tracked(rows, "jacobian", strict)
        return rows

    whole = jacobian(
        gradient, given, create_graph=create_graph, strict=strict, vectorize=vectorize, strategy=outer_jacobian_strategy
    )
    return whole if several else whole[0][0]


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), the vector v times its Hessian); func returns a single element. Arguments as `vjp`."""
    with enable_grad():
        several, given = _tuple_of(inputs, "inputs", "vhp")
        given = _inputs_for(given, create_graph)
        what = "the input to the user-provided function is a single Tensor with a single element."
        vector = _vector(v, given, several, create_graph, "vhp", what)
        output = func(*given)
        _scalar(output, "vhp")
        _check_tracked((output,), "outputs", strict)
        ones = (made_beside(output, numpy.ones(output._array.shape, output._array.dtype)),)
        first = _filled(_gradients((output,), given, ones, True), given, strict, True, "back")
        _check_tracked(first, "jacobian", strict)
        found = _filled(_gradients(first, given, vector, create_graph), given, strict, create_graph, "double_back")
    return _done((output,), create_graph, False), _done(found, create_graph, several)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), its Hessian times the vector v): by symmetry `vhp`, which is cheaper, computed the longer way."""
    with enable_grad():
        several, given = _tuple_of(inputs, "inputs", "hvp")
        given = _inputs_for(given, create_graph)
        what = "the input to the user-provided function is a single Tensor with a single element."
        vector = _vector(v, given, several, create_graph, "hvp", what)
        output = func(*given)
        _scalar(output, "hvp")
        _check_tracked((output,), "outputs", strict)
        ones = (made_beside(output, numpy.ones(output._array.shape, output._array.dtype)),)
        first = _filled(_gradients((output,), given, ones, True), given, strict, True, "back")
        _check_tracked(first, "jacobian", strict)
        probes = tuple(_zeros_like(x).requires_grad_() for x in given)
        pulled = _gradients(first, given, probes, True)
        _check_tracked(pulled, "hessian", strict)
        found = _filled(
            _gradients(pulled, probes, vector, create_graph), given, strict, create_graph, "double_back_trick"
        )
    return _done((output,), create_graph, False), _done(found, create_graph, several)
