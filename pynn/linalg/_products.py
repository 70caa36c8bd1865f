"""Products of vectors, matrices and tensors: multi_dot, matrix_power, cross, vander and their kin."""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor, made_beside
from pynn.amp.autocast_mode import low_precision_function
from pynn.linalg._checks import check_floating, check_matrix, check_same_dtype, check_tensor
from pynn.linalg._equations import inv, solve
from pynn.ops import strided
from pynn.ops.joining import cat
from pynn.ops.view import normal_dim


def _order(sizes: Sequence[int]) -> list[list[int]]:
    """Where to cut each run of matrices for the fewest multiplications; matrix i is sizes[i] x sizes[i + 1]."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], cut[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return cut


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, in the order of fewest multiplications.

    The first may be a vector (a row), the last too (a column). Raises RuntimeError where the shapes do not chain.
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    for i, x in enumerate(tensors):
        check_tensor("multi_dot", x, "tensors")
        ends = i in (0, len(tensors) - 1)
        if not (x._array.ndim == 2 or (ends and x._array.ndim == 1)):
            raise RuntimeError(f"multi_dot(): tensor {i} must be {'1D or ' if ends else ''}2D but got {x._array.ndim}D")
        if x._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {tensors[0].dtype} and tensor {i} "
                f"{x.dtype}"
            )
    row, column = tensors[0]._array.ndim == 1, tensors[-1]._array.ndim == 1
    if row:
        tensors[0] = tensors[0].unsqueeze(0)
    if column:
        tensors[-1] = tensors[-1].unsqueeze(1)
    for i in range(len(tensors) - 1):
        a, b = tensors[i]._array.shape, tensors[i + 1]._array.shape
        if a[1] != b[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a)} and {list(b)} cannot be multiplied"
            )
    cut = _order([x._array.shape[0] for x in tensors] + [tensors[-1]._array.shape[1]])

    def product(i: int, j: int) -> Tensor:
        return tensors[i] if i == j else product(i, cut[i][j]) @ product(cut[i][j] + 1, j)

    out = product(0, len(tensors) - 1)
    if row:
        out = out.squeeze(0)
    return out.squeeze(-1) if column else out


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices (*, m, m), by repeated squaring; of the inverse for n < 0."""
    name = "linalg.matrix_power"
    check_matrix(name, input, square=True, floating=n < 0)
    if not isinstance(n, int):
        raise TypeError(f"matrix_power(): argument 'n' must be int, not {type(n).__name__}.")
    if n < 0:
        input, n = inv(input), -n
    if n == 0:
        one = made_beside(input, numpy.eye(input._array.shape[-1], dtype=input._array.dtype)).expand(input._array.shape)
        return input.masked_fill(made_beside(input, numpy.ones((), bool)), 0) + one
    out: Any = None
    square = input
    while True:
        if n & 1:
            out = square if out is None else out @ square
        n >>= 1
        if not n:
            return out.clone() if out is input else out
        square = square @ square


def _cross(name: str, input: Any, other: Any, dim: int) -> Tensor:
    for argument, x in (("input", input), ("other", other)):
        check_tensor(name, x, argument)
    a, b = input._array.shape, other._array.shape
    if len(a) != len(b):
        raise RuntimeError(
            f"{name}: inputs must have the same number of dimensions, got shapes {list(a)} and {list(b)}."
        )
    d = normal_dim(dim, len(a))
    if not a or a[d] != 3 or b[d] != 3:
        raise RuntimeError(
            f"{name}: inputs dimension {dim} must have length 3. Got {a[d] if a else 1} and {b[d] if b else 1}"
        )
    try:
        numpy.broadcast_shapes(a, b)
    except ValueError:
        raise RuntimeError(f"{name}: the shapes {list(a)} and {list(b)} do not broadcast.") from None
    next_, last = made_beside(input, numpy.array([1, 2, 0])), made_beside(input, numpy.array([2, 0, 1]))
    first = input.index_select(d, next_) * other.index_select(d, last)
    result: Tensor = first - input.index_select(d, last) * other.index_select(d, next_)
    return result


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross products of the vectors of three elements along dim; the other dimensions broadcast."""
    return _cross("linalg.cross", input, other, dim)


@low_precision_function
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The dot products of the vectors along dim; the other dimensions broadcast."""
    check_tensor("linalg.vecdot", x, "x")
    check_tensor("linalg.vecdot", y, "y")
    check_floating("linalg.vecdot", x, halves=True)
    check_same_dtype("linalg.vecdot", x, y, "x and y")
    return (x * y).sum(dim)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0 ... N - 1 (as many as x has elements by default) of x's elements: (*, n) -> (*, n, N)."""
    check_tensor("linalg.vander", x, "x")
    if x._array.dtype == bool:
        raise RuntimeError("linalg.vander supports floating point, complex, and integer tensors, but got Bool")
    if x._array.ndim == 0:
        x = x.unsqueeze(0)
    size = x._array.shape[-1] if N is None else int(N)
    if size <= 1:
        raise RuntimeError(f"N must be greater than 1, got {size}.")
    if x._array.dtype.kind in "iu":
        x = x.long()
    powers = x.unsqueeze(-1).expand(*x._array.shape, size - 1).cumprod(-1)
    return cat([x.new_ones((*x._array.shape, 1)), powers], -1)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The elements of a diagonal of dims dim1 and dim2 (the last two), as the last dimension."""
    check_tensor("linalg.diagonal", A)
    return strided.diagonal(A, offset, dim1, dim2)


def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """The inverse of input as a linear map from its last dimensions to its first `ind`: tensordot(out, input, ind) is the identity."""
    name = "linalg.tensorinv"
    check_tensor(name, input, "input")
    if not ind > 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', got {ind}")
    shape = input._array.shape
    first, last = shape[:ind], shape[ind:]
    if math.prod(first) != math.prod(last):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(last)} != {math.prod(first)}"
        )
    return inv(input.reshape(math.prod(last), math.prod(first))).reshape(*last, *first)


def tensorsolve(input: Tensor, other: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X in tensordot(input, X, X.ndim) = other; dims of input are moved to its end first."""
    name = "linalg.tensorsolve"
    check_tensor(name, input, "input")
    check_tensor(name, other, "other")
    if dims is not None:
        moved = [normal_dim(d, input._array.ndim) for d in dims]
        input = input.movedim(tuple(moved), tuple(range(input._array.ndim - len(moved), input._array.ndim)))
    ndim = other._array.ndim
    shape = input._array.shape[ndim:]
    count = other._array.size
    if math.prod(shape) != count or math.prod(input._array.shape[:ndim]) != count:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{math.prod(shape)} != {count}, of shapes {list(input._array.shape)} and {list(other._array.shape)}"
        )
    return solve(input.reshape(count, count), other.reshape(count)).reshape(shape)
