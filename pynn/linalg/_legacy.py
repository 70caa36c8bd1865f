"""Linear algebra under `torch.<name>` and as Tensor's methods, where names, arguments or results differ from torch.linalg's."""

from collections.abc import Callable
from typing import Any

import numpy

from pynn._core import Tensor, call, made, observe
from pynn.amp.autocast_mode import float32_function
from pynn.linalg import _checks, _decompositions, _equations, _products
from pynn.linalg._checks import check_batches, check_floating, check_matrix, check_same_dtype, check_tensor
from pynn.ops import factorization
from pynn.ops import namespace as xp
from pynn.ops.devices import beside, beside_input
from pynn.ops.equations import ORMQR
from pynn.ops.factorization import CHOLESKY_INVERSE, CHOLESKY_SOLVE
from pynn.ops.indefinite import GEQRF
from pynn.ops.registry import export
from pynn.return_types import Named


@export()
def inverse(input: Tensor) -> Tensor:
    """`linalg.inv`."""
    return _equations.inv(input)


@export()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`linalg.pinv` with rtol=rcond."""
    return _equations.pinv(input, rcond)


export("det")(_equations.det)
export("matrix_exp")(_equations.matrix_exp)
export("matrix_power")(_products.matrix_power)


@export()
def slogdet(input: Tensor) -> Named:
    """`linalg.slogdet`."""
    return _checks.slogdet(_equations.slogdet(input))


@export()
def logdet(input: Tensor) -> Tensor:
    """The logarithms of the determinants (*) of square matrices (*, n, n); NaN where one is negative, -inf where it is 0."""
    sign, logabsdet = _equations.slogdet(input)
    return logabsdet.masked_fill(sign == -1, float("nan"))


# ---- Cholesky ----


@export()
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`."""
    factor, info = _decompositions.cholesky_ex(input, upper=upper)
    _checks.raise_for_info("cholesky", info, _decompositions.NOT_POSITIVE)
    return factor


@export()
@float32_function
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X in A @ X = input (*, n, k), of the Cholesky factor input2 (*, n, n) of A: lower triangular, or upper."""
    name = "cholesky_solve"
    check_tensor(name, input, "input")
    check_tensor(name, input2, "input2")
    for argument, x in (("b", input), ("u", input2)):
        if x._array.ndim < 2:
            raise RuntimeError(
                f"{argument} should have at least 2 dimensions, but has {x._array.ndim} dimensions instead"
            )
    check_matrix(name, input2, "input2", square=True)
    check_floating(name, input)
    check_same_dtype(name, input, input2, "input and input2")
    _decompositions.check_equation(name, input2, input, True)
    check_batches(name, input2, input)
    return call(CHOLESKY_SOLVE, (input, input2), (bool(upper),))


@export()
@float32_function
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A (*, n, n), of its Cholesky factor: lower triangular, or upper."""
    check_matrix("cholesky_inverse", input, square=True)
    return call(CHOLESKY_INVERSE, (input,), (bool(upper),))


# ---- QR ----


@export()
def qr(input: Tensor, some: bool = True) -> Named:
    """`linalg.qr`, reduced or (some=False) complete."""
    return _checks.qr(_decompositions.qr(input, "reduced" if some else "complete"))


@export()
@float32_function
def geqrf(input: Tensor) -> Named:
    """(a, tau): R on and above a's diagonal, Householder reflectors below it and their factors, as LAPACK's geqrf.

    Has no gradient; use linalg.qr for one.
    """
    check_matrix("torch.geqrf", input, "input")
    return _checks.geqrf(call(GEQRF, (input,)))


@export()
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """`linalg.householder_product`."""
    return _equations.householder_product(input, input2)


@export()
@float32_function
def ormqr(input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q @ input3 of the Q (m x m) that reflectors input (*, mn, k) and factors input2 (*, k) stand for, as geqrf gives them.

    left=False: input3 @ Q. transpose: Q.mT for Q. Q itself is not made.
    """
    name = "torch.ormqr"
    for argument, x in (("input", input), ("tau", input2), ("other", input3)):
        check_tensor(name, x, argument)
    a, tau, other = input._array.shape, input2._array.shape, input3._array.shape
    if len(a) < 2 or len(other) < 2:
        raise RuntimeError(
            f"{name}: input and other must have at least 2 dimensions. Got shapes {list(a)} and {list(other)}."
        )
    side = -2 if left else -1
    if other[side] < (tau[-1] if tau else 0):
        raise RuntimeError(f"{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]")
    if not tau or tau[-1] != min(other[side], a[-1]):
        raise RuntimeError(f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])")
    if other[side] != a[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    if len(a) - len(tau) != 1 or len(a) != len(other):
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input and other as many, but got tau.ndim equal to "
            f"{len(tau)}, input.ndim {len(a)} and other.ndim {len(other)}"
        )
    if a[:-2] != tau[:-1] or a[:-2] != other[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau and other to be equal to input.shape[:-2], {list(a[:-2])}."
        )
    check_floating(name, input)
    check_same_dtype(name, input, input2, "input and tau")
    check_same_dtype(name, input, input3, "input and other")
    return call(ORMQR, (input, input2, input3), (bool(left), bool(transpose)))


# ---- LU ----


@export("lu", method=False)
@float32_function
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Tensor | None = None) -> Any:
    """(LU, pivots), or with get_infos (LU, pivots, infos): `linalg.lu_factor_ex`."""
    packed, pivots, info = _decompositions.lu_factor_ex(A, pivot=pivot)
    if not get_infos:
        _checks.raise_for_info("lu", info, "U[{info},{info}] is zero, singular U.")
    found = (packed, pivots, info) if get_infos else (packed, pivots)
    if out is None:
        return found
    from pynn.ops.out import store

    return store(out, found, "lu")


@export("lu", function=False)
def _lu_method(self: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """`pynn.lu` of this tensor."""
    return lu(self, pivot, get_infos)


@export(method=False)
@beside_input
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Named:
    """(P, L, U) of what lu_factor gives; empty tensors for what is not asked for."""
    name = "torch.lu_unpack"
    check_matrix(name, LU_data, "LU_data")
    empty = made(numpy.zeros((0,), LU_data._array.dtype))
    p, lower, upper = empty, empty, empty
    if unpack_pivots:
        check_tensor(name, LU_pivots, "LU_pivots")
        if LU_pivots._array.dtype != numpy.int32:
            raise RuntimeError(
                f"{name}: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, got {LU_pivots.dtype}. "
                "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
            )
        values, m = observe(LU_pivots), LU_data._array.shape[-2]
        wanted = (*LU_data._array.shape[:-2], min(LU_data._array.shape[-2:]))
        if values.shape != wanted:
            raise RuntimeError(
                f"{name}: LU_pivots must have shape {list(wanted)} for LU_data of shape {list(LU_data._array.shape)}, got "
                f"{list(values.shape)}."
            )
        if values.size and (values.min() < 1 or values.max() > m):
            raise RuntimeError(
                "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you properly pass the result of "
                f"lu_factor? Got values from {values.min()} to {values.max()}."
            )
        p = _decompositions.permutation_matrix(LU_pivots, m, LU_data._array.dtype)
    if unpack_data:
        lower, upper = factorization.lower_of(xp, LU_data), factorization.upper_of(xp, LU_data)
    return _checks.lu_unpack((p, lower, upper))


@export()
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve`, its arguments in another order."""
    return _decompositions.lu_solve(LU_data, LU_pivots, input)


# ---- triangular systems ----


@export()
@float32_function
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Named:
    """(solution, cloned_coefficient): X in A @ X = input (A.mT with transpose) of triangular A, and a copy of A."""
    name = "triangular_solve"
    for argument, x in (("b", input), ("A", A)):
        check_tensor(name, x, argument)
        if x._array.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {argument} to have at least 2 dimensions, but it has {x._array.ndim} "
                "dimensions instead"
            )
    check_matrix(name, A, square=True)
    check_floating(name, input)
    check_same_dtype(name, input, A, "b and A")
    _decompositions.check_equation(name, A, input, True)
    check_batches(name, A, input)
    matrix = A.mT if transpose else A
    x = factorization.solve_left(xp, matrix, input, bool(upper) != bool(transpose), bool(unitriangular))
    batch = check_batches(name, A, input)
    return _checks.triangular_solve((x, A.expand(*batch, *A._array.shape[-2:]).clone()))


# ---- singular values ----


@export()
@beside_input
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Named:
    """(U, S, V), of input = U @ diag(S) @ V.mT: `linalg.svd` with V for Vh. Without compute_uv, U and V are zeros."""
    if not compute_uv:
        s = _decompositions.svdvals(input)
        *batch, m, n = input._array.shape
        zeros = [made(numpy.zeros((*batch, k, k), input._array.dtype)) for k in (m, n)]
        return _checks.svd((zeros[0], s, zeros[1]))
    u, s, vh = _decompositions.svd(input, not some)
    return _checks.svd((u, s, vh.mT))


def _approximate_basis(A: Tensor, q: int, niter: int, M: Tensor | None) -> Tensor:
    """Orthonormal columns near A's (A - M's) range, by random products (Halko et al., 2009, algorithm 4.4)."""
    from pynn.ops.random import randn

    if not isinstance(niter, int) or niter < 0:
        raise ValueError(f"niter(={niter}) must be a non-negative integer")
    shift: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    shift = (lambda x: A @ x) if M is None else (lambda x: A @ x - M @ x)
    back = (lambda x: A.mT @ x) if M is None else (lambda x: A.mT @ x - M.mT @ x)
    x = randn((A._array.shape[-1], q), dtype=A.dtype, device=beside(A, None))
    basis = _decompositions.qr(shift(x))[0]
    for _ in range(niter):
        basis = _decompositions.qr(back(basis))[0]
        basis = _decompositions.qr(shift(basis))[0]
    return basis


@export(method=False)
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V): about the q largest singular values of A (*, m, n), less M where given, and their vectors, by random products.

    niter: how many times the random subspace is multiplied by A @ A.mT. Draws from the default generator.
    """
    check_matrix("svd_lowrank", A)
    q = 6 if q is None else q
    m, n = A._array.shape[-2:]
    if M is not None:
        M = M.expand(A._array.shape)
    if m < n:
        flipped = None if M is None else M.mT
        v, s, u = svd_lowrank(A.mT, q, niter, flipped)
        return u, s, v
    basis = _approximate_basis(A, q, 2 if niter is None else niter, M)
    small = basis.mT @ (A if M is None else A - M)
    u, s, vh = _decompositions.svd(small, False)
    return basis @ u, s, vh.mT


@export(method=False)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V): about the q principal components of A (*, m, n), rows as samples; see svd_lowrank."""
    check_matrix("pca_lowrank", A)
    m, n = A._array.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not center:
        return svd_lowrank(A, q, niter)
    return svd_lowrank(A - A.mean(-2, keepdim=True), q, niter)


@export(method=False)
def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: Any = None,
    ortho_fparams: Any = None,
    ortho_bparams: Any = None,
) -> tuple[Tensor, Tensor]:
    """(eigenvalues, eigenvectors): the k largest (or smallest) of symmetric A (*, m, m), of A x = lambda B x where B is given.

    Computed directly, by eigh: X, iK, niter, tol, method and what follows steer torch's iteration and are not needed.
    """
    check_matrix("lobpcg", A, square=True)
    m = A._array.shape[-1]
    k = (X._array.shape[-1] if X is not None else 1) if k is None else k
    if m < 3 * k:
        raise ValueError(f"LPBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
                         f"requested eigenpairs (={k})")  # fmt: skip
    root = None
    if B is not None:
        root = _decompositions.cholesky(B)
        half = factorization.solve_left(xp, root, A, False)
        A = factorization.solve_right(xp, root.mT, half, True)
    values, vectors = _decompositions.eigh(A)
    if largest is None or largest:
        values, vectors = values.flip(-1)[..., :k], vectors.flip(-1)[..., :k]
    else:
        values, vectors = values[..., :k], vectors[..., :k]
    if root is not None:
        vectors = factorization.solve_left(xp, root.mT, vectors, True)
    return values, vectors
