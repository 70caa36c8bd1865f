"""Linear equations: solve, inv, determinants, pinv, lstsq, the matrix exponential."""

import math
from typing import Any

import numpy

from pynn._core import Tensor, call, made, observe
from pynn._dtypes import from_numpy
from pynn.amp.autocast_mode import float32_function
from pynn.linalg import _checks
from pynn.linalg._checks import (
    LinAlgError,
    check_batches,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_tensor,
    raise_for_info,
)
from pynn.linalg._decompositions import check_equation, eigvalsh, svdvals
from pynn.ops import factorization
from pynn.ops import namespace as xp
from pynn.ops.devices import beside_input
from pynn.ops.equations import DET, HOUSEHOLDER_PRODUCT, INV, LSTSQ, MATRIX_EXP, PINV, SLOGDET, SOLVE
from pynn.return_types import Named

_SINGULAR = (
    "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."
)


@float32_function
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Named:
    """(inverse, info) of square matrices (*, n, n), without an error where one is singular.

    info: (*), int32: 0, or the number of the pivot that is 0; that matrix's inverse then holds inf and NaN.
    """
    check_matrix("linalg.inv", A, square=True)
    inverse, info = call(INV, (A,))
    if check_errors:
        raise_for_info("linalg.inv_ex", info, _SINGULAR)
    return _checks.linalg_inv_ex((inverse, info))


@float32_function
def inv(A: Tensor) -> Tensor:
    """The inverses of square matrices (*, n, n). LinAlgError where one is singular."""
    inverse, info = inv_ex(A)
    raise_for_info("linalg.inv", info, _SINGULAR)
    return inverse


def _is_vector(a: Tensor, b: Tensor) -> bool:
    """Whether b is one vector a matrix rather than a matrix."""
    shape, other = a._array.shape, b._array.shape
    return len(other) == 1 or (len(shape) - 1 == len(other) and other == shape[:-1])


@float32_function
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Named:
    """(result, info): X in A @ X = B (X @ A = B with left=False), without an error where a matrix is singular.

    A: (*, n, n); B: (*, n, k) or (*, n); batches broadcast. info: as of inv_ex.
    """
    name = "linalg.solve"
    check_matrix(name, A, square=True)
    check_tensor(name, B, "B")
    check_floating(name, B)
    check_same_dtype(name, A, B)
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(f"{name}: Vector broadcasting of the left hand side is not supported for left=False.")
    if B._array.ndim == 0:
        raise RuntimeError(f"{name}: The tensor B must have at least 1 dimension, got shape [].")
    right = B.unsqueeze(-1) if vector else B
    check_batches(name, A, right)
    check_equation(name, A, right, left)
    x, info = call(SOLVE, (A, right) if left else (A.mT, right.mT))
    if check_errors:
        raise_for_info("torch.linalg.solve_ex", info, _UNSOLVABLE)
    x = x if left else x.mT
    return _checks.linalg_solve_ex((x.squeeze(-1) if vector else x, info))


_UNSOLVABLE = "The solver failed because the input matrix is singular."


@float32_function
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X in A @ X = B (X @ A = B with left=False) of square A; see solve_ex. LinAlgError where a matrix is singular."""
    x, info = solve_ex(A, B, left=left)
    raise_for_info("torch.linalg.solve", info, _UNSOLVABLE)
    return x


@float32_function
def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X in A @ X = B (X @ A = B with left=False) of triangular A (*, n, n), by substitution.

    Only the triangle named by `upper` is read; unitriangular takes its diagonal for 1. A 0 there gives inf and NaN.
    """
    name = "linalg.solve_triangular"
    check_matrix(name, input, square=True)
    check_matrix(name, B, "B")
    check_same_dtype(name, input, B)
    check_batches(name, input, B)
    check_equation(name, input, B, left)
    if left:
        found: Tensor = factorization.solve_left(xp, input, B, bool(upper), bool(unitriangular))
        return found
    answer: Tensor = factorization.solve_right(xp, input, B, bool(upper), bool(unitriangular))
    return answer


# ---- determinants ----


@float32_function
def det(A: Tensor) -> Tensor:
    """The determinants (*) of square matrices (*, n, n)."""
    check_matrix("linalg.det", A, square=True)
    return call(DET, (A,))


@float32_function
def slogdet(A: Tensor) -> Named:
    """(sign, logabsdet) of square matrices' determinants: -1, 0 or 1, and the logarithm of the absolute value."""
    check_matrix("linalg.slogdet", A, square=True)
    return _checks.linalg_slogdet(call(SLOGDET, (A,)))


# ---- tolerances, rank, pseudoinverse ----


def _eps(x: Tensor) -> float:
    return float(numpy.finfo(x._array.dtype).eps)


def tolerances(name: str, x: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """(absolute, relative) tolerance of singular values as numbers or arrays; relative max(m, n) * eps unless either is given."""
    found = []
    for label, value in (("atol", atol), ("rtol", rtol)):
        if isinstance(value, Tensor):
            if value._array.dtype.kind == "c":
                raise RuntimeError(f"{name}: {label} tensor of complex type is not supported.")
            value = observe(value).astype(numpy.float64)
        found.append(value)
    absolute, relative = found
    if relative is None:
        default = _eps(x) * max(x._array.shape[-2:])
        if absolute is None:
            relative = default
        else:
            relative = numpy.where(numpy.asarray(absolute) > 0, 0.0, default)
    absolute = 0.0 if absolute is None else absolute
    return absolute, relative if isinstance(relative, numpy.ndarray) and relative.ndim else float(relative)


@beside_input
def matrix_rank(
    input: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The ranks (*), int64, of matrices (*, m, n): how many singular values are above max(atol, rtol * the largest).

    atol, rtol: numbers or tensors that broadcast with the batch; rtol is max(m, n) * eps unless atol > 0 is given.
    tol: the older name of atol, with rtol 0. hermitian: the matrices are symmetric: by their eigenvalues.
    """
    check_matrix("linalg.matrix_rank", input, "input", square=bool(hermitian))
    if tol is not None:
        atol, rtol = tol, 0.0
    absolute, relative = tolerances("torch.linalg.matrix_rank", input, atol, rtol)
    x = input.detach()
    values = observe(eigvalsh(x).abs() if hermitian else svdvals(x))
    if values.shape[-1] == 0:
        return made(numpy.zeros(values.shape[:-1], numpy.int64))
    bound = numpy.maximum(absolute, relative * values.max(axis=-1))
    return made(numpy.asarray((values > numpy.asarray(bound)[..., None]).sum(axis=-1), numpy.int64))


@float32_function
def pinv(input: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """The pseudoinverses (*, n, m) of matrices (*, m, n), by singular values above max(atol, rtol * the largest).

    atol, rtol: numbers or tensors that broadcast with the batch; rtol is max(m, n) * eps unless atol > 0 is given.
    rcond: the older name of rtol. hermitian: the matrices are symmetric: by their eigenvalues.
    """
    check_matrix("linalg.pinv", input, square=bool(hermitian))
    if rcond is not None:
        atol, rtol = 0.0, rcond
    absolute, relative = tolerances("torch.linalg.pinv", input, atol, rtol)
    try:
        return call(PINV, (input,), (absolute, relative, bool(hermitian)))
    except numpy.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.pinv: The singular values did not converge: the input may contain non-finite values."
        ) from None


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@float32_function
@beside_input
def lstsq(input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Named:
    """(solution, residuals, rank, singular_values): the X of least norm(A @ X - B), and of least norm among several.

    input: A (*, m, n); b: B (*, m, k), or (*, m); batches broadcast. rcond: singular values below rcond * the largest
    count as 0; max(m, n) * eps by default. driver: "gelsy" (the default), "gelsd", "gelss", or "gels" for full rank: one
    algorithm (gelsd's) serves all. residuals: (*, k), the squared norms, where m > n, the ranks are full and driver
    is not "gelsy", else empty. rank: (*), empty for "gels". singular_values: for "gelsd" and "gelss", else empty.
    """
    name = "torch.linalg.lstsq"
    check_tensor(name, input, "input")
    check_tensor(name, b, "b")
    if input._array.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions. Got shape {list(input._array.shape)}.")
    if b._array.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    check_floating(name, input)
    if input._array.dtype != b._array.dtype:
        raise RuntimeError(f"{name}: Expected input and other to have the same dtype, but got input's dtype "
                           f"{from_numpy(input._array.dtype)} and other's dtype {from_numpy(b._array.dtype)}")  # fmt: skip
    if driver is not None and driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver!r}.")
    driver = "gelsy" if driver is None else driver
    m, n = input._array.shape[-2:]
    vector = b._array.ndim == 1 or (
        input._array.ndim - 1 == b._array.ndim and b._array.shape == input._array.shape[:-1]
    )
    right = b.unsqueeze(-1) if vector else b
    if right._array.shape[-2] != m:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size(-{1 if vector else 2}), got shapes {list(input._array.shape)} "
            f"and {list(b._array.shape)}."
        )
    check_batches(name, input, right)
    bound = _eps(input) * max(m, n) if rcond is None else float(rcond)
    try:
        solution, rank = call(LSTSQ, (input, right), (0.0 if driver == "gels" else bound,))
    except numpy.linalg.LinAlgError:
        raise LinAlgError(f"{name}: the singular values did not converge: are there non-finite values?") from None
    if driver == "gels" and (observe(rank) < min(m, n)).any():
        raise LinAlgError(
            f"{name}: The least squares solution could not be computed because A does not have full rank."
        )
    empty = solution.detach().reshape(-1)[:0]
    none = solution.reshape(-1)[:0]
    residuals, values = none, empty
    if m > n and driver != "gelsy" and (observe(rank) == n).all():
        residuals = (input @ solution - right).square().sum(-2)
    if driver in ("gelsd", "gelss"):
        values = svdvals(input.detach())
    if driver == "gels":
        rank = made(numpy.zeros((0,), numpy.int64))
    return _checks.linalg_lstsq((solution.squeeze(-1) if vector else solution, residuals, rank, values))


@beside_input
def cond(input: Tensor, p: Any = None) -> Tensor:
    """The condition numbers (*) of matrices (*, m, n) in norm p: None or 2, -2, or (of square ones) 1, -1, inf, -inf, fro, nuc.

    Infinite for singular matrices.
    """
    from pynn.linalg._norms import matrix_norm

    check_matrix("linalg.cond", input, "A")
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        if input._array.size == 0:
            return made(numpy.zeros(input._array.shape[:-2], input._array.dtype))
        values = svdvals(input)
        result: Tensor = (
            values[..., -1] / values[..., 0] if p is not None and p < 0 else values[..., 0] / values[..., -1]
        )
        return result
    if p not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise RuntimeError(
            f"linalg.cond: got an invalid norm type: {p}. Use None, 2, -2, 1, -1, inf, -inf, 'fro' or 'nuc'."
        )
    check_matrix("linalg.cond", input, "A", square=True)
    if input._array.size == 0:
        return made(numpy.zeros(input._array.shape[:-2], input._array.dtype))
    inverse, info = inv_ex(input)
    singular = made(numpy.asarray(observe(info) != 0))
    inverse = inverse.masked_fill(singular.unsqueeze(-1).unsqueeze(-1), math.inf)
    if p == "nuc" and observe(singular).any():  # the singular values of infinities do not converge
        clean = inverse.masked_fill(singular.unsqueeze(-1).unsqueeze(-1), 0)
        return (matrix_norm(input, p) * matrix_norm(clean, p)).masked_fill(singular, math.inf)
    return (matrix_norm(input, p) * matrix_norm(inverse, p)).masked_fill(singular, math.inf)


# ---- functions of matrices ----


def matrix_exp(input: Tensor) -> Tensor:
    """The exponentials of square matrices (*, n, n)."""
    check_matrix("linalg.matrix_exp", input, square=True, floating=False)
    check_floating("linalg.matrix_exp", input, halves=True)
    return call(MATRIX_EXP, (input,))


@float32_function
def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of the product of Householder reflectors (*, m, n), m >= n, with factors tau (*, k), as geqrf gives.

    Raises RuntimeError where the shapes do not fit.
    """
    name = "torch.linalg.householder_product"
    check_tensor(name, input, "input")
    check_tensor(name, tau, "tau")
    shape, factors = input._array.shape, tau._array.shape
    if len(shape) < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions. Got shape {list(shape)}.")
    if shape[-2] < shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]. Got {list(shape)}."
        )
    if not factors or shape[-1] < factors[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]. Got {list(factors)}."
        )
    if len(shape) - len(factors) != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {len(factors)} and "
            f"input.ndim is equal to {len(shape)}"
        )
    if shape[:-2] != factors[:-1]:
        raise RuntimeError(f"{name}: Expected batch of tau to be equal to that of input, but got {list(factors[:-1])}.")
    check_floating(name, input)
    if input._array.dtype != tau._array.dtype:
        raise RuntimeError(f"{name}: tau dtype {tau.dtype} does not match input dtype {input.dtype}.")
    return call(HOUSEHOLDER_PRODUCT, (input, tau))
