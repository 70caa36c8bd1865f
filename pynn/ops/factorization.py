"""Records of matrix factorizations: Cholesky, QR, LU, the symmetric eigenvalue problem, the singular value decomposition.

Matrices are the last two dimensions of tensors, those before them a batch. Sources of the gradients: Murray,
Differentiation of the Cholesky decomposition (2016); Walter and Lehmann, Algorithmic differentiation of linear algebra
functions with application in optimum experimental design (2010); Townsend, Differentiating the singular value
decomposition (2016).
"""

from typing import Any

import numpy

from pynn._core import made
from pynn._dtypes import to_numpy
from pynn.ops import lapack
from pynn.ops.registry import Sample, joint, register, run, unbroadcast

INT32 = numpy.dtype(numpy.int32)


# ---- what the gradients are written with, over arrays and Tensors ----


def turn(xp: Any, x: Any) -> Any:
    """x with its last two dimensions exchanged."""
    return xp.permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def constant(xp: Any, array: Any) -> Any:
    """An array as what xp computes with."""
    return made(array) if xp.name == "pynn" else xp.asarray(array)


def eye(xp: Any, like: Any, n: int) -> Any:
    """The identity matrix in like's dtype."""
    return constant(xp, numpy.eye(n, dtype=to_numpy(like.dtype)))


def spread_diagonal(xp: Any, x: Any) -> Any:
    """Diagonal matrices of the last dimension."""
    return xp.expand_dims(x, -1) * eye(xp, x, x.shape[-1])


def diagonal_of(xp: Any, x: Any) -> Any:
    """The diagonals of square matrices."""
    return xp.sum(x * eye(xp, x, x.shape[-1]), axis=(x.ndim - 1,))


def halved_diagonal(xp: Any, x: Any) -> Any:
    """x with its diagonal halved."""
    return x * constant(xp, 1 - 0.5 * numpy.eye(x.shape[-1], dtype=to_numpy(x.dtype)))


def symmetric(xp: Any, x: Any) -> Any:
    """The symmetric part of square matrices."""
    return (x + turn(xp, x)) * 0.5


def fit(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """g summed over the batch dimensions in which an input of that shape was broadcast."""
    return g if tuple(g.shape) == tuple(shape) else unbroadcast(xp, g, shape)


def solve_left(xp: Any, a: Any, b: Any, upper: bool, unitriangular: bool = False) -> Any:
    """a^-1 b of a triangular a."""
    return run(xp, SOLVE_TRIANGULAR, (a, b), (upper, unitriangular))


def solve_right(xp: Any, a: Any, b: Any, upper: bool, unitriangular: bool = False) -> Any:
    """b a^-1 of a triangular a."""
    return turn(xp, solve_left(xp, turn(xp, a), turn(xp, b), not upper, unitriangular))


def positive_definite(rng: Any, *shape: int) -> Any:
    """Well-conditioned symmetric positive definite matrices."""
    x = rng.normal(size=shape)
    return x @ numpy.swapaxes(x, -1, -2) / shape[-1] + 0.5 * numpy.eye(shape[-1])


def regular(rng: Any, *shape: int) -> Any:
    """Well-conditioned matrices, such that LU takes its pivots in one order only."""
    return rng.uniform(-0.5, 0.5, shape) + 2 * numpy.eye(shape[-2], shape[-1])[::-1]


# ---- triangular systems ----


def _matrices(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return numpy.broadcast_shapes(*[s[:-2] for s in shapes])


@joint
def _solve_triangular_vjp(xp: Any, needs: Any, g: Any, out: Any, a: Any, b: Any, upper: Any, unitriangular: Any) -> Any:
    gb = run(xp, SOLVE_TRIANGULAR, (turn(xp, a), g), (not upper, unitriangular))
    ga = None
    if needs & 1:
        k = int(unitriangular)
        full = -xp.matmul(gb, turn(xp, out))
        ga = fit(xp, xp.triu(full, k) if upper else xp.tril(full, -k), a.shape)
    return ga, fit(xp, gb, b.shape) if needs & 2 else None


SOLVE_TRIANGULAR = register(
    "solve_triangular",
    vjp=_solve_triangular_vjp,
    saves={0: ("out", 0), 1: (0,)},
    likes=(1,),
    shape=lambda a, b, upper, unitriangular: (*_matrices(a, b), *b[-2:]),
    dtype="same",
    attrs=("upper", "unitriangular"),
    samples=lambda rng: [
        Sample((rng.uniform(-0.5, 0.5, a) + 2 * numpy.eye(a[-1]), rng.normal(size=b)), (upper, unit))
        for a, b in (
            ((3, 3), (3, 2)),
            ((2, 1, 3, 3), (4, 3, 1)),
            ((0, 0), (0, 2)),
            ((0, 2, 2), (0, 2, 1)),
            ((3, 3), (2, 3, 2)),
        )
        for upper, unit in ((True, False), (False, False), (True, True), (False, True))
    ],
    torch=lambda t, a, b, upper, unit: t.linalg.solve_triangular(a, b, upper=upper, unitriangular=unit),
    tolerance={"float32": 1e-5},
)(lambda xp, a, b, upper, unitriangular: lapack.solve_triangular(a, b, upper, unitriangular))


# ---- Cholesky ----


def _cholesky_vjp(xp: Any, g: Any, out: Any, a: Any, upper: Any) -> Any:
    """L^-T Phi(L^T gL) L^-1 made symmetric, Phi the lower triangle with its diagonal halved."""
    grad, factor = g[0], out[0]
    if grad is None:
        return None
    if upper:
        grad, factor = turn(xp, grad), turn(xp, factor)
    inner = halved_diagonal(xp, xp.tril(xp.matmul(turn(xp, factor), grad)))
    inner = solve_left(xp, turn(xp, factor), inner, True)
    return symmetric(xp, solve_right(xp, factor, inner, False))


CHOLESKY = register(
    "cholesky_ex",
    vjp=(_cholesky_vjp,),
    saves=("out0",),
    outputs=2,
    shape=lambda a, upper: (a, a[:-2]),
    dtype="same",
    attrs=("upper",),
    samples=lambda rng: [
        Sample((positive_definite(rng, *s),), (upper,), grad=False) for s in ((3, 3), (2, 1, 4, 4), (0, 0), (0, 2, 2)) for upper in (False, True)
    ],
    torch=lambda t, a, upper: tuple(t.linalg.cholesky_ex(a, upper=upper)),
    tolerance={"float32": 1e-5},
)(lambda xp, a, upper: lapack.cholesky(a, upper))  # fmt: skip


@joint
def _cholesky_solve_vjp(xp: Any, needs: Any, g: Any, out: Any, b: Any, factor: Any, upper: Any) -> Any:
    """As if the factor's other triangle counted too: what torch gives. The triangle that is read has its own gradient."""
    gb = run(xp, CHOLESKY_SOLVE, (g, factor), (upper,))
    grad = None
    if needs & 2:
        common = xp.matmul(gb, turn(xp, out))
        common = common + turn(xp, common)
        grad = fit(xp, -(xp.matmul(factor, common) if upper else xp.matmul(common, factor)), factor.shape)
    return fit(xp, gb, b.shape) if needs & 1 else None, grad


def _cholesky_solve(xp: Any, b: Any, factor: Any, upper: Any) -> Any:
    lower = lapack.transposed(factor) if upper else factor
    return lapack.solve_triangular(
        lapack.transposed(lower), lapack.solve_triangular(lower, b, False, False), True, False
    )


CHOLESKY_SOLVE = register(
    "cholesky_solve",
    vjp=_cholesky_solve_vjp,
    saves={0: (1,), 1: ("out", 1)},
    likes=(0,),
    shape=lambda b, a, upper: (*_matrices(a, b), *b[-2:]),
    dtype="same",
    attrs=("upper",),
    samples=lambda rng: [
        Sample((rng.normal(size=b), rng.uniform(-0.5, 0.5, a) + 2 * numpy.eye(a[-1])), (upper,), grad=False)
        for a, b in (((3, 3), (3, 2)), ((2, 1, 3, 3), (4, 3, 1)), ((0, 0), (0, 2)), ((0, 2, 2), (0, 2, 1)))
        for upper in (False, True)
    ],
    torch=lambda t, b, a, upper: t.cholesky_solve(b, a, upper),
    tolerance={"float32": 1e-5},
)(_cholesky_solve)


def _cholesky_inverse_vjp(xp: Any, g: Any, out: Any, factor: Any, upper: Any) -> Any:
    common = xp.matmul(xp.matmul(out, g + turn(xp, g)), out)
    return -(xp.matmul(factor, common) if upper else xp.matmul(common, factor))


CHOLESKY_INVERSE = register(
    "cholesky_inverse",
    vjp=(_cholesky_inverse_vjp,),
    saves=("out", 0),
    shape=lambda a, upper: a,
    dtype="same",
    attrs=("upper",),
    samples=lambda rng: [
        Sample((rng.uniform(-0.5, 0.5, s) + 2 * numpy.eye(s[-1]),), (upper,), grad=False)
        for s in ((3, 3), (2, 1, 3, 3), (0, 0), (0, 2, 2))
        for upper in (False, True)
    ],
    torch=lambda t, a, upper: t.cholesky_inverse(a, upper),
    tolerance={"float32": 1e-5},
)(lambda xp, a, upper: _cholesky_solve(xp, numpy.eye(a.shape[-1], dtype=a.dtype), a, upper))


# ---- QR ----


def _tall_qr_vjp(xp: Any, gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """(gQ + Q S) R^-T, S = M + M^T with its diagonal halved, M the upper triangle of gR R^T - Q^T gQ."""
    inner = 0
    if gr is not None:
        inner = inner + xp.matmul(gr, turn(xp, r))
    if gq is not None:
        inner = inner - xp.matmul(turn(xp, q), gq)
    inner = xp.triu(inner)
    total = xp.matmul(q, halved_diagonal(xp, inner + turn(xp, inner)))
    if gq is not None:
        total = total + gq
    return solve_right(xp, turn(xp, r), total, False)


def _qr_vjp(xp: Any, g: Any, out: Any, a: Any, mode: Any) -> Any:
    """Of a wide matrix [X Y] = Q [U V]: V = Q^T Y hands its gradient to Q and Y, the rest is X = Q U."""
    gq, gr = g
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Use "
            "linalg.qr(A, mode='reduced') where the gradient is needed."
        )
    if gq is None and gr is None:
        return None
    m, n = a.shape[-2:]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols: got shape "
            f"{list(a.shape)}. Use mode='reduced'."
        )
    q, r = out
    if m >= n:
        return _tall_qr_vjp(xp, gq, gr, q, r)
    left, right = r[..., :m], r[..., m:]
    gleft = None
    gy = None
    if gr is not None:
        gleft, gright = gr[..., :m], gr[..., m:]
        gy = xp.matmul(q, gright)
        y_gv = xp.matmul(xp.matmul(q, right), turn(xp, gright))
        gq = y_gv if gq is None else gq + y_gv
    gx = _tall_qr_vjp(xp, gq, gleft, q, left)
    if gy is None:
        gy = xp.zeros((*gx.shape[:-1], n - m), dtype=gx.dtype)
    return xp.concat([gx, gy], axis=-1)


def _qr_shape(a: Any, mode: Any) -> Any:
    m, n = a[-2:]
    k = m if mode == "complete" else min(m, n)
    return ((0,) if mode == "r" else (*a[:-1], k), (*a[:-2], k, n))


QR = register(
    "linalg_qr",
    vjp=(_qr_vjp,),
    saves=("out",),
    likes=(0,),
    outputs=2,
    shape=_qr_shape,
    dtype="same",
    attrs=("mode",),
    samples=lambda rng: [
        Sample((rng.normal(size=s),), (mode,), grad=mode == "reduced" or (mode == "complete" and s[-2] <= s[-1]))
        for s in ((3, 3), (4, 3), (2, 3, 5), (2, 2, 4, 2), (0, 3), (3, 0), (0, 2, 2))
        for mode in ("reduced", "complete", "r")
    ],
    torch=lambda t, a, mode: tuple(t.linalg.qr(a, mode)),
    tolerance={"float32": 1e-5, "float64": 1e-11},
)(lambda xp, a, mode: lapack.qr(a, mode))


# ---- LU ----


def _permuted(xp: Any, x: Any, order: Any, back: Any) -> Any:
    """x with its rows in the order given; with back, put where that order took them from."""
    places = numpy.argsort(order, axis=-1) if back else order
    places = numpy.broadcast_to(places[..., None], x.shape)
    return xp.take_along_axis(x, constant(xp, numpy.ascontiguousarray(places)), -2)


def lower_of(xp: Any, packed: Any) -> Any:
    """The unit lower triangular factor in what lu_factor packs: (..., m, min(m, n))."""
    m, n = packed.shape[-2:]
    k = min(m, n)
    lower = xp.tril(packed[..., :k], -1)
    return lower + constant(xp, numpy.eye(m, k, dtype=to_numpy(packed.dtype)))


def upper_of(xp: Any, packed: Any) -> Any:
    """The upper triangular factor in what lu_factor packs: (..., min(m, n), n)."""
    k = min(packed.shape[-2:])
    return xp.triu(packed[..., :k, :])


def _lu_vjp(xp: Any, g: Any, out: Any, a: Any, pivot: Any) -> Any:
    """P L^-T [tril(L^T gL, -1) + triu(gU U^T)] U^-T of a square matrix; of others the surplus part is a product."""
    grad, packed = g[0], out[0]
    if grad is None:
        return None
    pivots = out[1]._array if xp.name == "pynn" else out[1]
    m, n = a.shape[-2:]
    k = min(m, n)
    lower, upper = lower_of(xp, packed), upper_of(xp, packed)
    glower, gupper = xp.tril(grad[..., :k], -1), xp.triu(grad[..., :k, :])
    square_l, square_u = lower[..., :k, :], upper[..., :k]
    inner = xp.tril(xp.matmul(turn(xp, lower[..., :k, :]), glower[..., :k, :]), -1)
    inner = inner + xp.triu(xp.matmul(gupper[..., :k], turn(xp, square_u)))
    rest = None
    if m > k:  # A2 = L2 U: L2 = A2 U^-1
        rest = solve_right(xp, turn(xp, square_u), glower[..., k:, :], False)
        inner = inner - xp.triu(xp.matmul(turn(xp, lower[..., k:, :]), glower[..., k:, :]))
    elif n > k:  # A2 = L U2: U2 = L^-1 A2
        rest = solve_left(xp, turn(xp, square_l), gupper[..., k:], True, True)
        inner = inner - xp.tril(xp.matmul(gupper[..., k:], turn(xp, upper[..., k:])), -1)
    total = solve_left(xp, turn(xp, square_l), inner, True, True)
    total = solve_right(xp, turn(xp, square_u), total, False)
    if rest is not None:
        total = xp.concat([total, rest], axis=-2 if m > k else -1)
    return _permuted(xp, total, lapack.permutation(pivots, m), back=True) if pivot else total


LU_FACTOR = register(
    "lu_factor_ex",
    vjp=(_lu_vjp,),
    saves=("out0", "out1"),
    likes=(0,),
    outputs=3,
    shape=lambda a, pivot: (a, (*a[:-2], min(a[-2:])), a[:-2]),
    dtype="same",
    attrs=("pivot",),
    samples=lambda rng: [
        Sample((regular(rng, *s),), (True,)) for s in ((3, 3), (4, 3), (2, 3, 5), (2, 1, 4, 2), (0, 3), (3, 0), (0, 2, 2), (30, 27))
    ],
    torch=lambda t, a, pivot: tuple(t.linalg.lu_factor_ex(a, pivot=pivot)),
    tolerance={"float32": 1e-5, "float64": 1e-11},
)(lambda xp, a, pivot: lapack.lu_factor(a, pivot))  # fmt: skip


# ---- symmetric eigenvalues ----


def _gaps(xp: Any, values: Any, squares: Any) -> Any:
    """x_j - x_i of eigenvalues (or squared singular values) in rows, with 1 on the diagonal."""
    x = values * values if squares else values
    return xp.expand_dims(x, -2) - xp.expand_dims(x, -1) + eye(xp, values, values.shape[-1])


def _eigh_vjp(xp: Any, g: Any, out: Any, a: Any, uplo: Any) -> Any:
    """V (diag(gL) + (V^T gV) / E) V^T, E the differences of eigenvalues."""
    gvalues, gvectors = g
    values, vectors = out
    if gvalues is None and gvectors is None:
        return None
    if gvectors is None:
        inner = turn(xp, vectors) * xp.expand_dims(gvalues, -1)
        return xp.matmul(vectors, inner)
    off = constant(xp, 1 - numpy.eye(values.shape[-1], dtype=to_numpy(values.dtype)))
    inner = xp.matmul(turn(xp, vectors), gvectors) / _gaps(xp, values, False) * off
    if gvalues is not None:
        inner = inner + spread_diagonal(xp, gvalues)
    return symmetric(xp, xp.matmul(xp.matmul(vectors, inner), turn(xp, vectors)))


# The signs of eigenvectors and singular vectors are LAPACK's choice, so there are no golden values: tests/ops/test_spectra.py.
EIGH = register(
    "linalg_eigh",
    vjp=(_eigh_vjp,),
    saves=("out",),
    outputs=2,
    shape=lambda a, uplo: (a[:-1], a),
    dtype="same",
    attrs=("uplo",),
)(lambda xp, a, uplo: lapack.eigh(a, uplo))

EIGVALSH = register(
    "eigvalsh",
    shape=lambda a, uplo: a[:-1],
    dtype="same",
    attrs=("uplo",),
    samples=lambda rng: [
        Sample((x + numpy.swapaxes(x, -1, -2),), (uplo,), grad=False)
        for x in (rng.normal(size=s) for s in ((3, 3), (2, 4, 4), (0, 0), (0, 2, 2)))
        for uplo in ("L", "U")
    ],
    torch=lambda t, a, uplo: t.linalg.eigvalsh((a + a.mT) / 2, UPLO=uplo),
    tolerance={"float32": 2e-5},
)(lambda xp, a, uplo: numpy.linalg.eigvalsh(a, uplo) if xp.name == "numpy" else run(xp, EIGH, (a,), (uplo,))[0])  # fmt: skip


# ---- singular values ----


def _svd_vjp(xp: Any, g: Any, out: Any, a: Any, full_matrices: Any) -> Any:
    """Of the first min(m, n) singular vectors; what full_matrices adds to them has no gradient."""
    gu, gs, gvh = g
    u, s, vh = out
    if gu is None and gs is None and gvh is None:
        return None
    m, n = a.shape[-2:]
    k = min(m, n)
    if full_matrices:
        u, vh = u[..., :k], vh[..., :k, :]
        gu = None if gu is None else gu[..., :k]
        gvh = None if gvh is None else gvh[..., :k, :]
    if gu is None and gvh is None:
        return xp.matmul(u * xp.expand_dims(gs, -2), vh)
    ut, v = turn(xp, u), turn(xp, vh)
    gaps = _gaps(xp, s, True)
    rows, columns = xp.expand_dims(s, -1), xp.expand_dims(s, -2)
    inner = 0 if gs is None else spread_diagonal(xp, gs)
    if gu is not None:
        x = xp.matmul(ut, gu)
        inner = inner + (x - turn(xp, x)) / gaps * columns
    if gvh is not None:
        x = xp.matmul(gvh, v)
        x = turn(xp, x)  # V^T gV
        inner = inner + rows * ((x - turn(xp, x)) / gaps)
    total = xp.matmul(xp.matmul(u, inner), vh)
    if gu is not None and m > k:
        x = gu / columns
        total = total + xp.matmul(x - xp.matmul(u, xp.matmul(ut, x)), vh)
    if gvh is not None and n > k:
        x = gvh / rows
        total = total + xp.matmul(u, x - xp.matmul(xp.matmul(x, v), vh))
    return total


def _svd_shape(a: Any, full_matrices: Any) -> Any:
    m, n = a[-2:]
    k = min(m, n)
    return (*a[:-1], m if full_matrices else k), (*a[:-2], k), (*a[:-2], n if full_matrices else k, n)


SVD = register(
    "linalg_svd",
    vjp=(_svd_vjp,),
    saves=("out",),
    likes=(0,),
    outputs=3,
    shape=_svd_shape,
    dtype="same",
    attrs=("full_matrices",),
)(lambda xp, a, full_matrices: lapack.svd(a, full_matrices))

SVDVALS = register(
    "svdvals",
    shape=lambda a: (*a[:-2], min(a[-2:])),
    dtype="same",
    samples=lambda rng: [Sample((rng.normal(size=s),)) for s in ((3, 3), (4, 2), (2, 2, 5), (0, 3), (3, 0), (0, 2, 2))],
    torch=lambda t, a: t.linalg.svdvals(a),
    tolerance={"float32": 2e-5},
)(lambda xp, a: lapack.svdvals(a) if xp.name == "numpy" else run(xp, SVD, (a,), (False,))[1])
