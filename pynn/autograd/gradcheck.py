"""Compare gradients with finite differences."""

import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy

from pynn._core import Tensor, made, made_beside, observe
from pynn.autograd import grad
from pynn.ops.overlap import repeats

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient is wrong, or there is none."""


def _tuple_of(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else tuple(x) if isinstance(x, list) else (x,)


def _is_wide(x: Any) -> bool:
    return bool(x.dtype.itemsize == 8)


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    tracked = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not tracked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        if not _is_wide(x):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if repeats(x._array):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be "
                "able to compute the numerical gradients correctly. You should call .contiguous on the input before passing "
                "it to gradcheck."
            )
        x.retain_grad()


def _values(out: Any) -> tuple[Any, ...]:
    return tuple(o for o in _tuple_of(out) if isinstance(o, Tensor))


def _differentiable(out: Any) -> tuple[Any, ...]:
    return tuple(o for o in _values(out) if o.requires_grad)


def _float64(x: Any) -> Any:
    return observe(x).astype(numpy.float64).reshape(-1)


def _numerical(func: Callable[..., Any], inputs: tuple[Any, ...], x: Any, places: list[int], eps: float) -> list[Any]:
    """d outputs / d x by central differences: a matrix (elements of x, elements of the output) for each output in places.

    x is changed in place and put back.
    """
    array = x.detach()._array
    columns: list[list[Any]] = [[] for _ in places]

    def run() -> list[Any]:
        out = _values(func(*inputs))  # with a tape, as in the first call: func may ask what requires grad
        return [out[p] for p in places]

    for index in numpy.ndindex(array.shape):
        before = array[index].item()
        array[index] = before + eps
        high = run()
        upper = [_float64(h) for h in high]
        array[index] = before - eps
        low = run()
        lower = [_float64(v) for v in low]
        array[index] = before
        for k, (a, b) in enumerate(zip(high, low)):
            if a.shape != b.shape or a.dtype != b.dtype:
                raise RuntimeError(
                    f"Expected `func` to return outputs with the same shape and dtype when inputs are perturbed by {eps}, but "
                    f"got: shapes {a.shape} and {b.shape}, dtypes {a.dtype} and {b.dtype}."
                )
            columns[k].append((upper[k] - lower[k]) / (2 * eps))
    return [numpy.stack(c) if c else numpy.zeros((0, 0)) for c in columns]


def _analytical(output: Any, inputs: tuple[Any, ...], dtypes: bool) -> list[Any]:
    """d output / d each input by backward, a matrix (elements of the input, elements of the output) each."""
    rows: list[list[Any]] = [[] for _ in inputs]
    for j in range(output.nelement()):
        one = numpy.zeros(output._array.shape, output._array.dtype)
        one.reshape(-1)[j] = 1
        found = grad(output, inputs, made_beside(output, one), retain_graph=True, allow_unused=True)
        for k, (g, x) in enumerate(zip(found, inputs)):
            if g is not None and dtypes and g.dtype != x.dtype:
                raise GradcheckError("Gradient has dtype mismatch")
            if g is not None and g.shape != x.shape:
                raise GradcheckError("Analytical gradient has incorrect size")
            rows[k].append(numpy.zeros(x.nelement()) if g is None else _float64(g))
    return [numpy.stack(r, axis=1) if r else numpy.zeros((x.nelement(), 0)) for r, x in zip(rows, inputs)]


def _forward(
    func: Callable[..., Any], inputs: tuple[Any, ...], x: Any, places: list[int], count: int
) -> list[list[Any]]:
    """d outputs / d x by forward mode: for each output in places a list of columns, one for each element of x."""
    from pynn.autograd import forward_ad

    columns: list[list[Any]] = [[] for _ in range(count)]
    for j in range(x.nelement()):
        one = numpy.zeros(x._array.shape, x._array.dtype)
        one.reshape(-1)[j] = 1
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x.detach(), made_beside(x, one))
            out = _values(func(*[dual if a is x else a for a in inputs]))
            for k, p in enumerate(places):
                tangent = forward_ad.unpack_dual(out[p]).tangent
                columns[k].append(numpy.zeros(out[p].nelement()) if tangent is None else _float64(tangent))
    return columns


def _compare(numerical: Any, analytical: Any, i: int, j: int, atol: float, rtol: float, what: str) -> None:
    if numpy.allclose(analytical, numerical, rtol=rtol, atol=atol):
        return
    worst = float(numpy.nanmax(numpy.abs(numerical - analytical)))
    raise GradcheckError(
        f"{what} for output {j} with respect to input {i} (largest difference {worst:.3g}),\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether func's gradients equal central finite differences of step eps, within atol + rtol * |difference|.

    inputs: Tensors, of float64, some of which require grad, and anything else func takes. rtol is tighter than
    torch's 1e-3: a gradient that is wrong by a two-thousandth is found.
    Returns True, or raises GradcheckError with both Jacobians (returns False unless raise_exception).
    nondet_tol: how far two backward passes may differ. check_undefined_grad: outputs without gradient must count as
    zeros. check_grad_dtypes: gradients must have their inputs' dtypes. check_forward_ad: forward mode too.
    fast_mode, masked, check_batched_grad, check_batched_forward_grad: accepted; each element is checked always.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    try:
        _check(
            func, _tuple_of(inputs), eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, check_forward_ad,
            check_backward_ad,
        )  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    undefined: bool,
    dtypes: bool,
    forward: bool,
    backward: bool,
) -> None:
    _check_inputs(inputs)
    whole = _values(func(*inputs))
    places = [p for p, o in enumerate(whole) if o.requires_grad]
    outputs = [whole[p] for p in places]
    wanted = tuple(x for x in inputs if isinstance(x, Tensor) and x.requires_grad)
    numbers = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    floats = [p for p, o in enumerate(whole) if o.is_floating_point()]
    numerical = {i: _numerical(func, inputs, x, floats, eps) for i, x in zip(numbers, wanted)}
    for i in numbers:  # an output without history must not depend on the inputs
        for p, matrix in zip(floats, numerical[i]):
            if p not in places and not numpy.allclose(matrix, 0, atol=atol):
                raise GradcheckError("Numerical gradient for function expected to be zero")
    if not outputs:
        return
    matrices = {i: [m for p, m in zip(floats, numerical[i]) if p in places] for i in numbers}
    if forward:
        for i, x in zip(numbers, wanted):
            for j, columns in enumerate(_forward(func, inputs, x, places, len(places))):
                pushed = numpy.stack(columns) if columns else numpy.zeros((0, 0))
                _compare(matrices[i][j], pushed, i, j, atol, rtol, "Jacobian computed with forward mode mismatch")
    if not backward:
        return
    for j, output in enumerate(outputs):
        found = _analytical(output, wanted, dtypes)
        again = _analytical(output, wanted, dtypes)
        for i, matrix, second in zip(numbers, found, again):
            _compare(matrices[i][j], matrix, i, j, atol, rtol, "Jacobian mismatch")
            if matrix.size and float(numpy.abs(matrix - second).max()) > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                    "different values, although analytical gradient matches numerical gradient. The tolerance for "
                    f"nondeterminism was {nondet_tol}."
                )
        zeros = made_beside(output, numpy.zeros(output._array.shape, output._array.dtype))
        for g in grad(output, wanted, zeros, retain_graph=True, allow_unused=True):
            if g is not None and not (observe(g) == 0).all():
                raise GradcheckError("backward not multiplied by grad_output")
    if undefined:
        _check_undefined(func, inputs, wanted)


def _check_undefined(func: Callable[..., Any], inputs: tuple[Any, ...], wanted: tuple[Any, ...]) -> None:
    """Gradients must not fail where one of several outputs has none."""
    outputs = _differentiable(func(*inputs))
    for output in outputs if len(outputs) > 1 else ():
        try:
            grad(
                output,
                wanted,
                made_beside(output, numpy.ones(output._array.shape, output._array.dtype)),
                retain_graph=True,
                allow_unused=True,
            )
        except RuntimeError as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Please look at 'Notes about undefined output "
                f"gradients' in the documentation of custom Functions: {error}"
            ) from error


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of func's gradient, as a function of the inputs and of grad_outputs (random ones if None)."""
    from pynn.ops.random import randn_like

    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    given = _tuple_of(inputs)
    if grad_outputs is None:
        outputs = _differentiable(func(*given))
        grads = tuple(randn_like(o.detach()).requires_grad_() for o in outputs)
        if gen_non_contig_grad_outputs:
            grads = tuple(_strided(g) for g in grads)
    else:
        grads = _tuple_of(grad_outputs)
    count = len(grads)

    def gradient(*args: Any) -> Any:
        from pynn.autograd.grad_mode import enable_grad

        args, given_grads = args[:-count], args[-count:]
        with enable_grad():
            args = tuple(
                a if not isinstance(a, Tensor) or a.requires_grad or i not in places else _tracked(a)
                for i, a in enumerate(args)
            )
            outputs = _differentiable(func(*args))
            wanted = [args[i] for i in places]
            found = grad(outputs, wanted, list(given_grads), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    places = [i for i, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    return gradcheck(
        gradient, (*given, *grads), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev, fast_mode=fast_mode,
    )  # fmt: skip


def _tracked(x: Any) -> Any:
    return x.detach().requires_grad_()


def _strided(x: Any) -> Any:
    """The same values with gaps between them."""
    wide = numpy.zeros((*x._array.shape, 2), x._array.dtype)
    out = made(wide)[..., 0]
    out.copy_(x.detach())
    return out.detach().requires_grad_()


class _Module(types.ModuleType):
    """This module, which is also the function: torch has both under one name."""

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _Module
