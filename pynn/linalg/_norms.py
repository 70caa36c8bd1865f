"""Norms of vectors and matrices, and the distances made of them."""

import math
from collections.abc import Sequence
from typing import Any

from pynn._core import Tensor, call
from pynn._dtypes import dtype as Dtype
from pynn._dtypes import to_numpy
from pynn.linalg._checks import check_floating, check_tensor, dims_pair, type_name
from pynn.linalg._decompositions import svdvals
from pynn.ops.cast import CAST
from pynn.ops.reduction import NORM, dims_of

Dims = int | Sequence[int] | None


def _converted(name: str, x: Tensor, dtype: Any) -> Tensor:
    """x in the dtype asked for; RuntimeError where that loses a float's kind, or there is none."""
    check_tensor(name, x, "input")
    if x._array.dtype.kind not in "fV":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {type_name(x)}. Convert it with .float()."
        )
    if dtype is None:
        return x
    wanted = to_numpy(dtype)
    if wanted.kind not in "fV":
        raise RuntimeError(f"{name}: dtype should be floating point or complex. Got {dtype}")
    if wanted.itemsize < x._array.dtype.itemsize:
        raise RuntimeError(
            f"{name}: the dtype of the input ({x.dtype}) should be convertible without narrowing to the specified dtype ({dtype})"
        )
    return x if wanted == x._array.dtype else call(CAST, (x,), (wanted,))


def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """The norm of x's elements (over dim(s), or all of them) as a vector: ord a number, inf or -inf.

    sum(|x| ** ord) ** (1 / ord); for 0 the number of elements that are not 0. Differentiable; 0 where the norm is 0.
    Raises RuntimeError for integers, and where ord < 0 or inf meets no elements.
    """
    name = "linalg.vector_norm"
    x = _converted(name, x, dtype)
    order = float(ord)
    dims = dims_of(dim, x._array.ndim)
    shape = x._array.shape
    if x._array.size == 0 and (order < 0 or order == math.inf) and any(shape[d] == 0 for d in dims):
        raise RuntimeError(
            f"{name} cannot compute the {order} norm on an empty tensor because the operation does not have an identity. "
            f"Got shape {list(shape)}."
        )
    return call(NORM, (x,), (order, dims, bool(keepdim)))


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
) -> Tensor:
    """The norm of the matrices in two dims of A: "fro", "nuc" (the sum of singular values), 2, -2 (the largest, smallest),
    1, -1, inf, -inf (the largest, smallest sum of absolute values of a column, of a row)."""
    name = "linalg.matrix_norm"
    A = _converted(name, A, dtype)
    if A._array.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor A must have at least 2 dimensions. Got shape {list(A._array.shape)}."
        )
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {dim}")
    rows, columns = dims_pair(name, dim, A._array.ndim)
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise RuntimeError(f"{name}: Order {ord} not supported.")
        if ord == "fro":
            return vector_norm(A, 2, (rows, columns), keepdim)
        return _restored(svdvals(_at_the_end(name, A, rows, columns)).sum(-1), rows, columns, keepdim)
    size = abs(ord)
    if size not in (1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    smallest = ord < 0
    if size == 2:
        values = svdvals(_at_the_end(name, A, rows, columns))
        return _restored(_extreme(values, -1, False, smallest), rows, columns, keepdim)
    if size == math.inf:
        rows, columns = columns, rows
    if not keepdim and rows < columns:
        columns -= 1
    sums = A.abs().sum(rows, keepdim)
    return _extreme(sums, columns, keepdim, smallest)


def _extreme(x: Tensor, dim: int, keepdim: bool, smallest: bool) -> Tensor:
    """amax or amin; the largest of nothing is 0, as these are norms."""
    if smallest:
        return x.amin(dim, keepdim)
    return x.amax(dim, keepdim) if x._array.shape[dim] else x.sum(dim, keepdim)


def _at_the_end(name: str, A: Tensor, rows: int, columns: int) -> Tensor:
    check_floating(name, A)
    rest = [d for d in range(A._array.ndim) if d not in (rows, columns)]
    return A.permute(*rest, rows, columns)


def _restored(x: Tensor, rows: int, columns: int, keepdim: bool) -> Tensor:
    if keepdim:
        for d in sorted((rows, columns)):
            x = x.unsqueeze(d)
    return x


def norm(
    A: Tensor, ord: float | str | None = None, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """A vector norm, or with ord of a matrix (dim of two, or A 2-D) a matrix norm; without ord the 2-norm of all elements.

    See vector_norm and matrix_norm. RuntimeError where ord is given without dim and A is neither 1-D nor 2-D.
    """
    name = "linalg.norm"
    check_tensor(name, A, "A")
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"{name}: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if dims is None and ord is not None and A._array.ndim not in (1, 2):
        raise RuntimeError(
            f"{name}: If dim is not specified but ord is, the input must be 1D or 2D. Got {A._array.ndim}D."
        )
    if isinstance(ord, str):
        if dims is not None and len(dims) != 2:
            raise RuntimeError(f"{name}: dim must be a 2-tuple for ord={ord!r}. Got {list(dims)}")
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    if ord is not None and (len(dims) == 2 if dims is not None else A._array.ndim == 2):
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


def nuclear_norm(input: Tensor, dim: Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The sum of a matrix's singular values."""
    return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)


def frobenius_norm(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The root of the sum of squares over dim(s)."""
    return vector_norm(input, 2, dim, keepdim)
