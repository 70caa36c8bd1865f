"""Factorizations: cholesky, qr, lu, eigh, svd and their kin."""

from typing import Any, NoReturn

import numpy

from pynn._core import Tensor, call, made_beside, observe
from pynn.amp.autocast_mode import float32_function
from pynn.linalg import _checks
from pynn.linalg._checks import LinAlgError, check_batches, check_matrix, check_same_dtype, check_tensor, raise_for_info
from pynn.ops import factorization, lapack
from pynn.ops import namespace as xp
from pynn.ops.devices import beside_input
from pynn.ops.factorization import CHOLESKY, EIGH, EIGVALSH, LU_FACTOR, QR, SVD, SVDVALS
from pynn.ops.indefinite import LDL_FACTOR, LDL_SOLVE
from pynn.return_types import Named

NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{info} is not positive-definite)."
)


def _converging(name: str, x: Tensor, op: Any, attrs: tuple[Any, ...]) -> Any:
    """An op whose iteration may fail: LinAlgError, in torch's words."""
    try:
        return call(op, (x,), attrs)
    except numpy.linalg.LinAlgError:
        pass
    if not numpy.isfinite(observe(x)).all():
        raise LinAlgError(
            f"{name}: The algorithm failed to converge because the input matrix contained non-finite values."
        )
    raise LinAlgError(
        f"{name}: The algorithm failed to converge: too many repeated values, or an ill-conditioned matrix."
    )


# ---- Cholesky ----


@float32_function
def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> Named:
    """(L, info): the Cholesky factor of symmetric positive definite matrices, without an error where one is not.

    input: (*, n, n), float32 or float64; only its lower triangle is read, with `upper` its upper one (then the factor
        is upper triangular).
    info: (*), int32: 0, or the order of the leading minor that is not positive definite.
    """
    check_matrix("linalg.cholesky", input, square=True)
    factor, info = call(CHOLESKY, (input,), (bool(upper),))
    if check_errors:
        raise_for_info("linalg.cholesky_ex", info, NOT_POSITIVE)
    return _checks.linalg_cholesky_ex((factor, info))


@float32_function
def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """The Cholesky factor L of symmetric positive definite matrices (*, n, n): input = L @ L.mT; see cholesky_ex.

    Raises LinAlgError where a matrix is not positive definite.
    """
    factor, info = cholesky_ex(input, upper=upper)
    raise_for_info("linalg.cholesky", info, NOT_POSITIVE)
    return factor


# ---- QR ----


@float32_function
def qr(A: Tensor, mode: str = "reduced") -> Named:
    """(Q, R) of matrices (*, m, n): Q with orthonormal columns, R upper triangular, A = Q @ R.

    mode: "reduced": Q is (*, m, k), R (*, k, n), k = min(m, n); "complete": (*, m, m) and (*, m, n); "r": R alone, Q empty.
    Differentiable in mode reduced, and in mode complete where m <= n.
    """
    check_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return _checks.linalg_qr(call(QR, (A,), (mode,)))


# ---- LU ----


@float32_function
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Named:
    """(LU, pivots, info): both factors of A (*, m, n) packed in one matrix, and the row exchanges, as LAPACK gives them.

    pivots: (*, min(m, n)), int32, counted from 1. info: (*), int32: 0, or which diagonal element of U is 0.
    Raises RuntimeError with pivot=False, which torch has on GPUs only.
    """
    check_matrix("torch.linalg.lu_factor", A)
    _check_pivot("linalg.lu_factor", pivot)
    packed, pivots, info = call(LU_FACTOR, (A,), (True,))
    if check_errors:
        raise_for_info("torch.linalg.lu_factor_ex", info, _ZERO_PIVOT)
    return _checks.linalg_lu_factor_ex((packed, pivots, info))


_ZERO_PIVOT = (
    "U[{info},{info}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform "
    "the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)


def _check_pivot(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU. Leave pivot=True.")


@float32_function
def lu_factor(A: Tensor, *, pivot: bool = True) -> Named:
    """(LU, pivots) of A (*, m, n); see lu_factor_ex. RuntimeError where U has a 0 on its diagonal."""
    packed, pivots, info = lu_factor_ex(A, pivot=pivot)
    raise_for_info("torch.linalg.lu_factor", info, _ZERO_PIVOT)
    return _checks.linalg_lu_factor((packed, pivots))


def permutation_matrix(pivots: Tensor, m: int, dtype: Any) -> Tensor:
    """P of P @ L @ U, of the row exchanges that lu_factor gives."""
    order = lapack.permutation(observe(pivots), m)
    rows = numpy.zeros((*order.shape[:-1], m, m), dtype)
    numpy.put_along_axis(rows, order[..., None, :], 1, -2)
    return made_beside(pivots, rows)


@float32_function
@beside_input
def lu(A: Tensor, *, pivot: bool = True) -> Named:
    """(P, L, U) of A (*, m, n) = P @ L @ U: a permutation, a unit lower and an upper triangular matrix."""
    check_matrix("linalg.lu", A)
    _check_pivot("linalg.lu", pivot)
    packed, pivots, _ = call(LU_FACTOR, (A,), (True,))
    p = permutation_matrix(pivots, A._array.shape[-2], A._array.dtype)
    return _checks.linalg_lu((p, factorization.lower_of(xp, packed), factorization.upper_of(xp, packed)))


def check_pivots(name: str, packed: Tensor, pivots: Any) -> None:
    """Raise unless pivots are an int32 tensor of row exchanges of those factors."""
    check_tensor(name, pivots, "pivots")
    if pivots._array.dtype != numpy.int32:
        raise RuntimeError(
            f"{name}: pivots should be a Tensor of scalar type torch.int32, got {pivots._array.dtype}. Pass what lu_factor "
            "returned."
        )
    m, n = packed._array.shape[-2:]
    if pivots._array.shape[-1:] != (min(m, n),):
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix: got shapes "
            f"{list(packed._array.shape)} and {list(pivots._array.shape)}."
        )
    values = observe(pivots)
    if values.size and (values.min() < 1 or values.max() > m):
        raise RuntimeError(f"{name}: pivots must lie between 1 and {m}. Pass what lu_factor returned.")


@float32_function
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X in A @ X = B of factors that lu_factor made of square A; X @ A = B with left=False, A.mT for A with adjoint.

    B: (*, n, k), or (*, k, n) with left=False; batches broadcast.
    """
    name = "linalg.lu_solve"
    check_matrix(name, LU, "LU", square=True)
    check_matrix(name, B, "B")
    check_same_dtype(name, LU, B, "LU and B")
    check_pivots(name, LU, pivots)
    if LU._array.shape[:-1] != pivots._array.shape:
        raise RuntimeError(
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots._array.shape)} and LU with shape {list(LU._array.shape)}."
        )
    check_equation(name, LU, B, left)
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    batch = check_batches(name, LU, B)
    p = permutation_matrix(pivots, LU._array.shape[-1], LU._array.dtype)
    B = B.expand(*batch, *B._array.shape[-2:])
    if adjoint:
        x = factorization.solve_left(xp, LU.mT, B, False)
        answer: Tensor = p @ factorization.solve_left(xp, LU.mT, x, True, True)
        return answer
    x = factorization.solve_left(xp, LU, p.mT @ B, False, True)
    answer = factorization.solve_left(xp, LU, x, True)
    return answer


def check_equation(name: str, a: Tensor, b: Tensor, left: bool) -> None:
    """RuntimeError unless a @ x = b (x @ a = b) can be."""
    m, n = b._array.shape[-2:]
    size = a._array.shape[-1]
    if (m if left else n) != size:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a._array.shape[-2]}x{size} and {m}x{n})"
        )


# ---- LDL of symmetric indefinite matrices ----


def ldl_factor_ex(input: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Named:
    """(LD, pivots, info): L and the blocks of D of symmetric matrices (*, n, n), packed as LAPACK's sytrf packs them.

    Only the lower triangle is read. pivots: (*, n), int32; negative for blocks of two. info: 0, or which element of D is
    0. hermitian is for complex matrices. Has no gradient.
    """
    check_matrix("torch.linalg.ldl_factor_ex", input, square=True)
    packed, pivots, info = call(LDL_FACTOR, (input,))
    if check_errors:
        raise_for_info("torch.linalg.ldl_factor_ex", info, _ZERO_D)
    return _checks.linalg_ldl_factor_ex((packed, pivots, info))


_ZERO_D = "The diagonal element {info} of D is zero: the factorization cannot be used to solve equations."


def ldl_factor(input: Tensor, *, hermitian: bool = False) -> Named:
    """(LD, pivots) of symmetric matrices; see ldl_factor_ex. LinAlgError where D has a 0 on its diagonal."""
    packed, pivots, info = ldl_factor_ex(input, hermitian=hermitian)
    raise_for_info("torch.linalg.ldl_factor", info, _ZERO_D)
    return _checks.linalg_ldl_factor((packed, pivots))


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X in A @ X = B (*, n, k), of the factors that ldl_factor made of A. Has no gradient."""
    name = "torch.linalg.ldl_solve"
    check_matrix(name, LD, "LD", square=True)
    check_matrix(name, B, "B")
    check_same_dtype(name, LD, B, "LD and B")
    check_equation(name, LD, B, True)
    check_batches(name, LD, B)
    check_tensor(name, pivots, "pivots")
    if pivots._array.dtype.kind not in "iu" or pivots._array.shape != LD._array.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected pivots to be integers of shape {list(LD._array.shape[:-1])}, got {pivots.dtype} of shape "
            f"{list(pivots._array.shape)}. Pass what ldl_factor returned."
        )
    places = observe(pivots)
    if places.size and (places.min() < -LD._array.shape[-1] or places.max() > LD._array.shape[-1] or not places.all()):
        raise RuntimeError(f"{name}: pivots must lie between 1 and {LD._array.shape[-1]} in size.")
    return call(LDL_SOLVE, (LD, pivots, B))


# ---- eigenvalues ----


def _check_uplo(name: str, uplo: Any) -> str:
    if not isinstance(uplo, str) or uplo.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return uplo.upper()


@float32_function
def eigh(input: Tensor, UPLO: str = "L") -> Named:
    """(eigenvalues, eigenvectors) of symmetric matrices (*, n, n): eigenvalues in ascending order, eigenvectors as columns.

    UPLO: which triangle is read, "L" or "U". The gradient through the eigenvectors is finite only where no two
    eigenvalues are equal, and means something only for a loss that does not depend on the vectors' signs.
    Raises LinAlgError where the iteration does not converge.
    """
    check_matrix("linalg.eigh", input, square=True)
    return _checks.linalg_eigh(_converging("linalg.eigh", input, EIGH, (_check_uplo("linalg.eigh", UPLO),)))


@float32_function
def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices (*, n, n) in ascending order; see eigh."""
    check_matrix("linalg.eigvalsh", input, square=True)
    result: Tensor = _converging("linalg.eigvalsh", input, EIGVALSH, (_check_uplo("linalg.eigvalsh", UPLO),))
    return result


def eig(input: Tensor) -> NoReturn:
    """NotImplementedError: eigenvalues of matrices that are not symmetric are complex, and pynn has no complex tensors."""
    raise NotImplementedError(
        "linalg.eig: its results are complex, and complex tensors are out of pynn's scope so far. Of a symmetric matrix use "
        "linalg.eigh; of others numpy.linalg.eig(x.numpy())."
    )


def eigvals(input: Tensor) -> NoReturn:
    """NotImplementedError: eigenvalues of matrices that are not symmetric are complex, and pynn has no complex tensors."""
    raise NotImplementedError(
        "linalg.eigvals: its results are complex, and complex tensors are out of pynn's scope so far. Of a symmetric matrix "
        "use linalg.eigvalsh; of others numpy.linalg.eigvals(x.numpy())."
    )


# ---- singular values ----


def _check_driver(driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


@float32_function
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Named:
    """(U, S, Vh) of matrices (*, m, n): A = U[..., :k] @ diag(S) @ Vh[..., :k, :], k = min(m, n), S in descending order.

    full_matrices: U is (*, m, m) and Vh (*, n, n); else (*, m, k) and (*, k, n). Gradients flow through the first k
    singular vectors; they are finite only where no two singular values are equal, and mean something only for a loss
    that does not depend on the vectors' signs. For the singular values alone use svdvals.
    Raises LinAlgError where the iteration does not converge.
    """
    check_matrix("linalg.svd", A)
    _check_driver(driver)
    return _checks.linalg_svd(_converging("linalg.svd", A, SVD, (bool(full_matrices),)))


@float32_function
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values (*, min(m, n)) of matrices (*, m, n), in descending order."""
    check_matrix("linalg.svdvals", A)
    _check_driver(driver)
    result: Tensor = _converging("linalg.svd", A, SVDVALS, ())
    return result
