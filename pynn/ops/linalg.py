"""Matrix products: matmul and its relatives, and linear with bias and activation fused."""

import math
from typing import Any

import numpy

from pynn._core import Tensor, binary, call, is_half
from pynn.amp.autocast_mode import low_precision_function, plain_function
from pynn.ops.halves import rounded_once
from pynn.ops.out import store
from pynn.ops.registry import Sample, export, joint, register, unbroadcast


def _check_matmul(inputs: Any, attrs: Any) -> Any:
    for x in inputs:
        if not isinstance(x, Tensor):
            raise TypeError(f"matmul(): both arguments must be Tensor, got {type(x).__name__}.")
    a, b = (x._array for x in inputs)
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D. Use * for scalars."
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}. Cast one with .to(dtype)."
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_as_matrix(a.shape)} and {_as_matrix(b.shape)}): the last "
            f"size of the first, {a.shape[-1]}, must equal {inner}."
        )
    try:
        numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise RuntimeError(
            f"the batch dimensions of matmul must broadcast, got shapes {list(a.shape)} and {list(b.shape)}."
        ) from None
    return inputs


def _as_matrix(shape: Any) -> Any:
    return "x".join(map(str, shape))


def _matmul_shape(a: Any, b: Any) -> Any:
    if len(a) == 1 and len(b) == 1:
        return ()
    if len(a) == 1:
        return b[:-2] + b[-1:]
    if len(b) == 1:
        return a[:-1]
    return numpy.broadcast_shapes(a[:-2], b[:-2]) + (a[-2], b[-1])


def _swap(xp: Any, x: Any) -> Any:
    order = list(range(x.ndim))
    order[-2:] = order[-1], order[-2]
    return xp.permute_dims(x, tuple(order))


@joint
def _matmul_vjp(xp: Any, needs: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    ga = gb = None
    a_vector, b_vector = a.ndim == 1, b.ndim == 1
    a_shape, b_shape = tuple(a.shape), tuple(b.shape)
    left_shape = (1, *a_shape) if a_vector else a_shape
    right_shape = (*b_shape, 1) if b_vector else b_shape
    shape = tuple(g.shape)
    if b_vector:
        shape = shape + (1,)
    if a_vector:
        shape = shape[:-1] + (1,) + shape[-1:]
    g = xp.reshape(g, shape)
    if needs & 1:
        right = xp.reshape(b, right_shape) if b_vector else b  # the values of each are there where they are needed
        ga = xp.reshape(_fit(xp, xp.matmul(g, _swap(xp, right)), left_shape), a_shape)
    if needs & 2:
        left = xp.reshape(a, left_shape) if a_vector else a
        gb = xp.reshape(_fit(xp, xp.matmul(_swap(xp, left), g), right_shape), b_shape)
    return ga, gb


def _fit(xp: Any, g: Any, shape: Any) -> Any:
    return g if tuple(g.shape) == tuple(shape) else unbroadcast(xp, g, shape)


def _matmul_samples(rng: Any) -> Any:
    shapes = [
        ((3, 4), (4, 5)), ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)),
        ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 3, 4), (4,)), ((0, 4), (4, 3)), ((3, 0), (0, 2)), ((17, 33), (33, 19)),
    ]  # fmt: skip
    out = [Sample((rng.normal(size=a), rng.normal(size=b))) for a, b in shapes]
    out.append(Sample((rng.normal(size=(4, 3)).T, rng.normal(size=(5, 4)).T)))
    return out


MATMUL = register(
    "matmul",
    vjp=_matmul_vjp,
    saves={0: (1,), 1: (0,)},
    likes=(0, 1),
    check=_check_matmul,
    shape=_matmul_shape,
    samples=_matmul_samples,
    torch=lambda t, a, b: t.matmul(a, b),
    tolerance={"float32": 1e-5},
)(lambda xp, a, b: xp.matmul(a, b))


def _activate(xp: Any, z: Any, activation: Any) -> Any:
    return z if activation is None else xp.maximum(z, 0)


def _linear_reference(xp: Any, x: Any, weight: Any, bias: Any, activation: Any) -> Any:
    z = xp.matmul(x, _swap(xp, weight))
    if bias is not None:
        z = z + bias
    return _activate(xp, z, activation)


@joint
def _linear_vjp(xp: Any, needs: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any, activation: Any) -> Any:
    if activation == "relu":
        g = g * xp.astype(out > 0, g.dtype)
    rows = 1
    for n in g.shape[:-1]:
        rows *= n
    flat = xp.reshape(g, (rows, g.shape[-1]))
    gx = xp.reshape(xp.matmul(flat, weight), tuple(x.shape)) if needs & 1 else None
    gw = xp.matmul(_swap(xp, flat), xp.reshape(x, (rows, x.shape[-1]))) if needs & 2 else None
    gb = xp.sum(flat, axis=(0,)) if needs & 4 else None
    return gx, gw, gb


def _check_linear(inputs: Any, attrs: Any) -> Any:
    x, weight, bias = inputs
    for name, value in (("input", x), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Tensor) and not (name == "bias" and value is None):
            advice = " A recurrent layer gives (output, state): take its output." if isinstance(value, tuple) else ""
            raise TypeError(f"linear(): argument '{name}' must be Tensor, not {type(value).__name__}.{advice}")
    a, w = x._array, weight._array
    if w.ndim != 2:
        raise RuntimeError(f"linear(): weight must have shape (out_features, in_features), got {list(w.shape)}.")
    if a.ndim == 0 or a.shape[-1] != w.shape[1]:
        rows = a.size // a.shape[-1] if a.ndim and a.shape[-1] else 0
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1] if a.ndim else 1} and "
            f"{w.shape[1]}x{w.shape[0]}): linear got input of shape {list(a.shape)}, but its weight takes "
            f"{w.shape[1]} features in the last dimension."
        )
    if a.dtype != w.dtype:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {a.dtype} and {w.dtype}. Cast the input with "
            f".to(weight.dtype), or the layer with .to(input.dtype)."
        )
    if bias is not None and bias._array.shape != (w.shape[0],):
        raise RuntimeError(f"linear(): bias must have shape [{w.shape[0]}], got {list(bias._array.shape)}.")
    if bias is not None and bias._array.dtype != a.dtype:
        raise RuntimeError(
            f"linear(): input, weight and bias must have the same dtype, but got {a.dtype}, {w.dtype} and "
            f"{bias._array.dtype}. Cast the bias with .to(input.dtype)."
        )
    return inputs


LINEAR = register(
    "linear",
    vjp=_linear_vjp,
    saves={0: ("out", 1), 1: ("out", 0), 2: ("out",)},
    saves_out_if="activation",
    likes=(0,),
    check=_check_linear,
    shape=lambda x, w, b, activation: x[:-1] + w[:1],
    attrs=("activation",),
    samples=lambda rng: (
        [
            Sample(
                (rng.normal(size=s + (5,)), rng.normal(size=(4, 5)), rng.normal(size=(4,)) if bias else None), (act,)
            )
            for s in ((3,), (), (2, 3), (0,))
            for bias in (True, False)
            for act in (None, "relu")
        ]
        + [
            Sample((x, rng.normal(size=(4, 5)), rng.normal(size=4)), (act,))
            for x in (rng.normal(size=(3, 2, 5)).transpose(1, 0, 2), rng.normal(size=(5, 3)).T)
            for act in (None, "relu")
        ]
    ),
    torch=lambda t, x, w, b, act: (lambda z: t.relu(z) if act else z)(t.nn.functional.linear(x, w, b)),
    tolerance={"float32": 1e-5},
)(_linear_reference)


@export()
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product; batches broadcast, vectors stand for a row (left) or a column (right).

    Raises RuntimeError where the inner sizes differ or the dtypes do.
    """
    result = call(MATMUL, (input, other))
    return result if out is None else store(out, result, "matmul")


def _operands(name: Any, **tensors: Any) -> Any:
    for argument, x in tensors.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(x).__name__}.")


def _wrong_matrix(argument: Any, x: Any) -> Any:
    return RuntimeError(
        f"{argument} must be a matrix, got a {x._array.ndim}-D tensor. Use matmul for batches and vectors."
    )


@export()
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices; no broadcasting."""
    _operands("mm", input=input, mat2=mat2)
    if input._array.ndim != 2:
        raise _wrong_matrix("self", input)
    if mat2._array.ndim != 2:
        raise _wrong_matrix("mat2", mat2)
    result = binary(MATMUL, input, mat2)
    return result if out is None else store(out, result, "mm")


@export()
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The products of two batches of matrices of one length; no broadcasting."""
    _operands("bmm", input=input, mat2=mat2)
    if input._array.ndim != 3 or mat2._array.ndim != 3:
        which, x = ("batch1", input) if input._array.ndim != 3 else ("batch2", mat2)
        raise RuntimeError(f"{which} must be a 3D tensor, got {x._array.ndim}D. Use matmul.")
    shape, other = input._array.shape, mat2._array.shape
    if shape[0] != other[0] or shape[2] != other[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{shape[0]}, {shape[2]}] but got: "
            f"[{other[0]}, {other[1]}], in bmm."
        )
    result = binary(MATMUL, input, mat2)
    return result if out is None else store(out, result, "bmm")


@export()
@plain_function
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    _operands("mv", input=input, vec=vec)
    if input._array.ndim != 2 or vec._array.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input._array.ndim}, {vec._array.ndim}")
    return binary(MATMUL, input, vec)


@export()
@plain_function
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors' elements."""
    _operands("dot", input=input, tensor=tensor)
    a, b = input._array, tensor._array
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors.")
    if a.dtype != b.dtype:
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {a.dtype} and {b.dtype}.")
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of elements, "
            f"but got {a.size} and {b.size} elements respectively"
        )
    return binary(MATMUL, input, tensor)


@export()
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """`dot`, for real numbers."""
    result: Tensor = dot(input, other)
    return result


def combined(name: Any, input: Any, product: Tensor, beta: Any, alpha: Any, promote: Any = False) -> Tensor:
    """beta * input + alpha * product, of a matrix product; without input, NaNs and all, where beta is 0.

    Raises RuntimeError where input does not broadcast to the product's shape or, unless `promote`, has another dtype.
    Of integers the factors are cut to integers, as torch does.
    """
    shape, wanted = input._array.shape, product._array.shape
    if shape != wanted and (
        len(shape) > len(wanted) or any(n not in (1, m) for n, m in zip(reversed(shape), reversed(wanted)))
    ):
        raise RuntimeError(
            f"{name}: The expanded size of the tensor must match the existing size. Target sizes: {list(wanted)}. Tensor "
            f"sizes: {list(shape)}: input must broadcast to the product."
        )
    dtype = product._array.dtype
    if input._array.dtype != dtype and not promote:
        raise RuntimeError(
            f"{name}: self and mat2 must have the same dtype, but got {input.dtype} and {product.dtype}."
        )
    if dtype.kind in "iu" and not promote:
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    result: Tensor = product + (input if beta == 1 else input * beta)
    return result


@export()
@low_precision_function
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2); without input where beta is 0."""
    _operands("addmm", input=input, mat1=mat1, mat2=mat2)
    for argument, x in (("mat1", mat1), ("mat2", mat2)):
        if x._array.ndim != 2:
            raise _wrong_matrix(argument, x)
    if beta == 1 == alpha and is_half(input._array.dtype) and input._array.shape == mat2._array.shape[1:]:
        return call(LINEAR, (mat1, mat2.permute(1, 0), input), (None,))  # 16-bit products have kernels
    return _addmm(input, mat1, mat2, beta, alpha)


@rounded_once
def _addmm(input: Tensor, mat1: Tensor, mat2: Tensor, beta: float, alpha: float) -> Tensor:
    return combined("addmm", input, binary(MATMUL, mat1, mat2), beta, alpha)


@export()
@low_precision_function
@rounded_once
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), by batches; without input where beta is 0."""
    _operands("baddbmm", input=input, batch1=batch1, batch2=batch2)
    return combined("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@export()
@plain_function
@rounded_once
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec); without input where beta is 0."""
    _operands("addmv", input=input, mat=mat, vec=vec)
    if mat._array.ndim != 2 or vec._array.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input._array.ndim}, {mat._array.ndim}, {vec._array.ndim}"
        )
    return combined("addmv", input, binary(MATMUL, mat, vec), beta, alpha)


@export("outer", "ger")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The matrix of products of two vectors' elements."""
    _operands("outer", input=input, vec2=vec2)
    for argument, x in (("self", input), ("vec2", vec2)):
        if x._array.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {argument}, but got {x._array.ndim}-D.")
    return input.unsqueeze(-1) * vec2.unsqueeze(0)


@export()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sums of products over the last dimension of both."""
    _operands("inner", input=input, other=other)
    a, b = input._array.shape, other._array.shape
    if not a or not b:
        return input * other
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    flat = other.reshape(math.prod(b[:-1]), b[-1])
    return binary(MATMUL, input.reshape(math.prod(a[:-1]), a[-1]), flat.permute(1, 0)).reshape(a[:-1] + b[:-1])
