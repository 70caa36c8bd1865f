"""LAPACK's work on stacks of NumPy matrices: numpy.linalg where it has the routine, loops over columns where it has not.

Everything here takes arrays of shape (*batch, m, n), float32 or float64, computes in that dtype and returns new arrays.
The loops run over the columns of all matrices of a stack at once, in blocks, so that most of the work is products.
`info` is LAPACK's: 0, or the number (from 1) of the column that stopped it; int32, one a matrix.
"""

import math
from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]

_BLOCK = 24  # columns done one by one; what remains is products of blocks
INFO = numpy.dtype(numpy.int32)


def transposed(a: Array) -> Array:
    """a with its last two dimensions exchanged (a view)."""
    return numpy.swapaxes(a, -1, -2)


def identity(like: Array, n: int) -> Array:
    """Identity matrices of like's batch and dtype, in memory of their own."""
    return numpy.array(numpy.broadcast_to(numpy.eye(n, dtype=like.dtype), (*like.shape[:-2], n, n)))


def set_diagonal(a: Array, value: float) -> None:
    """Write value on the diagonals of a stack of matrices."""
    k = numpy.arange(min(a.shape[-2:]))
    a[..., k, k] = value


def solve_triangular(a: Array, b: Array, upper: bool, unitriangular: bool) -> Array:
    """x in a @ x = b by substitution; only that triangle of a is read. A zero on its diagonal gives inf and NaN."""
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = numpy.array(numpy.broadcast_to(b, (*batch, *b.shape[-2:])), order="C")
    _substitute(numpy.broadcast_to(a, (*batch, *a.shape[-2:])), x, upper, unitriangular)
    return x


def _substitute(a: Array, x: Array, upper: bool, unitriangular: bool) -> None:
    n = a.shape[-1]
    if n > _BLOCK:
        half = n // 2
        low, high = slice(0, half), slice(half, n)
        first, second = (high, low) if upper else (low, high)
        _substitute(a[..., first, first], x[..., first, :], upper, unitriangular)
        x[..., second, :] -= a[..., second, first] @ x[..., first, :]
        _substitute(a[..., second, second], x[..., second, :], upper, unitriangular)
        return
    for i in range(n - 1, -1, -1) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        row = x[..., i, :]
        if known.stop > known.start:
            row -= (a[..., i : i + 1, known] @ x[..., known, :])[..., 0, :]
        if not unitriangular:
            row /= a[..., i, i, None]


def lu_factor(a: Array, pivot: bool) -> tuple[Array, Array, Array]:
    """(L below and U on and above the diagonal, row exchanges counted from 1 (int32), info): as LAPACK's getrf."""
    m, n = a.shape[-2:]
    k = min(m, n)
    batch = a.shape[:-2]
    count = math.prod(batch)
    packed = numpy.array(a, order="C").reshape(count, m, n)
    pivots = numpy.broadcast_to(numpy.arange(1, k + 1, dtype=INFO), (count, k)).copy()
    info = numpy.zeros(count, INFO)
    every = numpy.arange(count)
    for start in range(0, k, _BLOCK):
        end = min(start + _BLOCK, k)
        for j in range(start, end):
            if pivot:
                place = numpy.abs(packed[:, j:, j]).argmax(axis=1) + j
                pivots[:, j] = place + 1
                chosen = packed[every, place]
                packed[every, place] = packed[:, j]
                packed[:, j] = chosen
            head = packed[:, j, j]
            info[(head == 0) & (info == 0)] = j + 1
            packed[:, j + 1 :, j] /= numpy.where(head == 0, 1, head)[:, None]
            packed[:, j + 1 :, j + 1 : end] -= packed[:, j + 1 :, j, None] * packed[:, j, None, j + 1 : end]
        if end < n:
            _substitute(packed[:, start:end, start:end], packed[:, start:end, end:], False, True)
            packed[:, end:, end:] -= packed[:, end:, start:end] @ packed[:, start:end, end:]
    return packed.reshape(a.shape), pivots.reshape(*batch, k), info.reshape(batch)


def permutation(pivots: Array, m: int) -> Array:
    """The order of rows that the exchanges of lu_factor make: row i of P^T A is row order[i] of A. int64."""
    batch = pivots.shape[:-1]
    flat = pivots.reshape(math.prod(batch), pivots.shape[-1]).astype(numpy.int64) - 1
    order = numpy.broadcast_to(numpy.arange(m), (len(flat), m)).copy()
    every = numpy.arange(len(flat))
    for j in range(flat.shape[1]):
        other = order[every, flat[:, j]]
        order[every, flat[:, j]] = order[:, j]
        order[:, j] = other
    return order.reshape(*batch, m)


def solve(a: Array, b: Array) -> tuple[Array, Array]:
    """(x in a @ x = b, info); of a singular matrix x holds inf and NaN. Batches broadcast."""
    try:
        return numpy.linalg.solve(a, b), numpy.zeros(a.shape[:-2], INFO)
    except numpy.linalg.LinAlgError:
        pass
    packed, pivots, info = lu_factor(a, True)
    order = permutation(pivots, a.shape[-1])
    rows = numpy.broadcast_to(order[..., None], (*order.shape, 1))
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    b = numpy.take_along_axis(
        numpy.broadcast_to(b, (*batch, *b.shape[-2:])), numpy.broadcast_to(rows, (*batch, *rows.shape[-2:])), -2
    )
    return solve_triangular(packed, solve_triangular(packed, b, False, True), True, False), info


def inverse(a: Array) -> tuple[Array, Array]:
    """(the inverse, info); that of a singular matrix holds inf and NaN."""
    try:
        return numpy.linalg.inv(a), numpy.zeros(a.shape[:-2], INFO)
    except numpy.linalg.LinAlgError:
        return solve(a, identity(a, a.shape[-1]))


def cholesky(a: Array, upper: bool) -> tuple[Array, Array]:
    """(the factor, info); only that triangle of a is read. Where a is not positive definite, what stood when it stopped."""
    lower = transposed(a) if upper else a
    try:
        out = numpy.linalg.cholesky(lower)
        info = numpy.zeros(a.shape[:-2], INFO)
        stopped = bool(numpy.isnan(out).any())
    except numpy.linalg.LinAlgError:
        stopped = True
    if stopped:
        out, info = _cholesky_by_columns(lower)
    return (numpy.ascontiguousarray(transposed(out)) if upper else out), info


def _cholesky_by_columns(a: Array) -> tuple[Array, Array]:
    n = a.shape[-1]
    out = numpy.tril(a).reshape(math.prod(a.shape[:-2]), n, n)
    info = numpy.zeros(len(out), INFO)
    for matrix, place in zip(out, info.reshape(-1, 1)):
        for j in range(n):
            head = matrix[j, j] - matrix[j, :j] @ matrix[j, :j]
            if not head > 0:
                place[0] = j + 1
                break
            matrix[j, j] = numpy.sqrt(head)
            matrix[j + 1 :, j] = (matrix[j + 1 :, j] - matrix[j + 1 :, :j] @ matrix[j, :j]) / matrix[j, j]
    return out.reshape(a.shape), info.reshape(a.shape[:-2])


def eigh(a: Array, uplo: str) -> tuple[Array, Array]:
    """(eigenvalues in ascending order, eigenvectors as columns) of symmetric matrices; NaN where a holds any.

    Raises numpy.linalg.LinAlgError where the iteration does not converge.
    """
    values, vectors = numpy.linalg.eigh(a, "U" if uplo == "U" else "L")
    return values, vectors


def svd(a: Array, full_matrices: bool) -> tuple[Array, Array, Array]:
    """(U, S, Vh), singular values in descending order."""
    u, s, vh = numpy.linalg.svd(a, full_matrices=full_matrices)
    return u, s, vh


def svdvals(a: Array) -> Array:
    """The singular values alone."""
    values: Array = numpy.linalg.svd(a, compute_uv=False)
    return values


def qr(a: Array, mode: str) -> tuple[Array, Array]:
    """(Q, R) in mode reduced or complete; (an empty array, R) in mode r."""
    if mode == "r":
        r: Any = numpy.linalg.qr(a, "r")
        return numpy.zeros_like(a, shape=(0,)), r
    q, r = numpy.linalg.qr(a, "complete" if mode == "complete" else "reduced")
    return q, r


def geqrf(a: Array) -> tuple[Array, Array]:
    """(R on and above the diagonal, the reflectors' vectors below; their factors tau), as LAPACK's geqrf."""
    if a.size == 0:
        return a.copy(), numpy.zeros((*a.shape[:-2], min(a.shape[-2:])), a.dtype)
    h, tau = numpy.linalg.qr(a, "raw")
    return numpy.ascontiguousarray(transposed(h)), tau


def lstsq(a: Array, b: Array, rcond: float) -> tuple[Array, Array]:
    """(the least-squares solutions of least norm, ranks), matrix by matrix."""
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, n = a.shape[-2:]
    count = math.prod(batch)
    left = numpy.broadcast_to(a, (*batch, m, n)).reshape(count, m, n)
    right = numpy.broadcast_to(b, (*batch, *b.shape[-2:])).reshape(count, *b.shape[-2:])
    x = numpy.zeros((len(left), n, b.shape[-1]), a.dtype)
    rank = numpy.zeros(len(left), numpy.int64)
    for i in range(len(left)):
        x[i], _, rank[i], _ = numpy.linalg.lstsq(left[i], right[i], rcond)
    return x.reshape(*batch, n, b.shape[-1]), rank.reshape(batch)


# Taylor polynomials of degrees 1, 2, 4, 8, 12 and 18 and the 1-norms up to which each is exact to the dtype's rounding
# (Bader, Blanes, Casas: Computing the matrix exponential with an optimized Taylor polynomial approximation,
# Mathematics 7, 2019, 1174). Their bounds; the polynomials are evaluated by Paterson and Stockmeyer's scheme.
_BOUNDS = {
    numpy.dtype(numpy.float32): (
        (1, 1.192092800768788e-07), (2, 5.978858893805233e-04), (4, 5.116619363445086e-02), (8, 5.800524627688768e-01),
        (12, 1.461661507209034e00), (18, 3.010066362817634e00),
    ),
    numpy.dtype(numpy.float64): (
        (1, 2.220446049250313e-16), (2, 2.580956802971767e-08), (4, 3.397168839976962e-04), (8, 4.991228871115323e-02),
        (12, 2.996158913811580e-01), (18, 1.090863719290036e00),
    ),
}  # fmt: skip


def matrix_exp(a: Array) -> Array:
    """The matrix exponential: a Taylor polynomial of the matrix scaled to a small norm, then squared back."""
    n = a.shape[-1]
    flat = a.reshape(math.prod(a.shape[:-2]), n, n)
    out = identity(flat, n)
    if flat.size == 0:
        return out.reshape(a.shape)
    norm = numpy.abs(flat).sum(axis=1).max(axis=1)
    finite = numpy.isfinite(norm)
    out[~finite] = numpy.nan
    below = numpy.zeros(len(flat), bool)
    bounds = _BOUNDS[a.dtype]
    for degree, bound in bounds:
        mine = finite & ~below & (norm <= bound)
        below |= mine
        if mine.any():
            out[mine] = _taylor(flat[mine], degree)
    large = finite & ~below
    if large.any():
        degree, bound = bounds[-1]
        times = numpy.ceil(numpy.log2(norm[large] / bound)).astype(numpy.int64)
        value = _taylor(numpy.ldexp(flat[large], -times[:, None, None]).astype(a.dtype), degree)
        for i in range(int(times.max())):
            more = times > i
            value[more] = value[more] @ value[more]
        out[large] = value
    return out.reshape(a.shape)


def _taylor(a: Array, degree: int) -> Array:
    """The sum of a^k / k! up to degree, by powers up to a^s and Horner's rule in a^s."""
    s = max(1, round(degree**0.5))
    powers = [identity(a, a.shape[-1]), a]
    while len(powers) <= s:
        powers.append(powers[-1] @ a)
    factorial = [1.0]
    for k in range(1, degree + 1):
        factorial.append(factorial[-1] * k)
    out = numpy.zeros_like(a)
    for first in range(degree // s * s, -1, -s):
        out = out @ powers[s] if first < degree // s * s else out
        for k in range(s):
            if first + k <= degree:
                out = out + powers[k] * a.dtype.type(1 / factorial[first + k])
    return out
