"""Records of linear equations and what comes with them: solve, inverse, determinants, pseudoinverse, least squares, exponential.

Sources of the gradients: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008); Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems
whose variables separate (1973); Higham, Functions of matrices (2008), for the exponential.
"""

from typing import Any

import numpy

from pynn._dtypes import to_numpy
from pynn.ops import lapack
from pynn.ops.factorization import SVD, constant, eye, fit, regular, turn
from pynn.ops.registry import Sample, joint, register, run

# ---- solve, inverse ----


@joint
def _solve_vjp(xp, needs, g, out, a, b):
    grad, x = g[0], out[0]
    if grad is None:
        return None, None
    gb = run(xp, SOLVE, (turn(xp, a), grad))[0]
    ga = fit(xp, -xp.matmul(gb, turn(xp, x)), a.shape) if needs & 1 else None
    return ga, fit(xp, gb, b.shape) if needs & 2 else None


def _solve_shape(a, b):
    batch = numpy.broadcast_shapes(a[:-2], b[:-2])
    return (*batch, *b[-2:]), batch


def _solve(xp, a, b):
    x, info = lapack.solve(a, b)
    return x, numpy.array(numpy.broadcast_to(info, x.shape[:-2]))


SOLVE = register(
    "linalg_solve_ex",
    vjp=_solve_vjp,
    saves={0: ("out0", 0), 1: (0,)},
    likes=(1,),
    outputs=2,
    shape=_solve_shape,
    dtype="same",
    samples=lambda rng: [
        Sample((regular(rng, *a), rng.normal(size=b)))
        for a, b in (((3, 3), (3, 2)), ((2, 1, 3, 3), (4, 3, 1)), ((0, 0), (0, 2)), ((0, 2, 2), (0, 2, 1)), ((3, 3), (2, 3, 2)), ((3, 3), (3, 0)))
    ],
    torch=lambda t, a, b: tuple(t.linalg.solve_ex(a.expand(t.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + a.shape[-2:]), b.expand(t.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:]))),
    tolerance={"float32": 1e-5},
)(_solve)  # fmt: skip


def _inverse_vjp(xp, g, out, a):
    if g[0] is None:
        return None
    back = turn(xp, out[0])
    return -xp.matmul(xp.matmul(back, g[0]), back)


INV = register(
    "linalg_inv_ex",
    vjp=(_inverse_vjp,),
    saves=("out0",),
    outputs=2,
    shape=lambda a: (a, a[:-2]),
    dtype="same",
    samples=lambda rng: [Sample((regular(rng, *s),)) for s in ((3, 3), (2, 1, 4, 4), (0, 0), (0, 2, 2))],
    torch=lambda t, a: tuple(t.linalg.inv_ex(a)),
    tolerance={"float32": 1e-5},
)(lambda xp, a: lapack.inverse(a))


# ---- determinants ----


def _scaled(xp, g, x):
    """Matrices x, each times its number in g."""
    return xp.expand_dims(xp.expand_dims(g, -1), -1) * x


def _det_vjp(xp, g, out, a):
    """The determinant times the inverse's transpose; of singular matrices the adjugate, by their singular values."""
    values = out._array if xp.name == "pynn" else out
    if not (values == 0).any():
        return _scaled(xp, g * out, turn(xp, run(xp, INV, (a,))[0]))
    u, s, vh = run(xp, SVD, (a,), (False,))
    n = a.shape[-1]
    rows = xp.broadcast_to(xp.expand_dims(s, -2), (*s.shape, n))
    others = xp.where(constant(xp, numpy.eye(n, dtype=bool)), xp.ones_like(rows), rows)
    products = others[..., 0]  # of all the other singular values
    for i in range(1, n):
        products = products * others[..., i]
    signs = run(xp, DET, (u,)) * run(xp, DET, (vh,))
    return _scaled(xp, g * signs, xp.matmul(u * xp.expand_dims(products, -2), vh))


DET = register(
    "det",
    vjp=(_det_vjp,),
    saves=("out", 0),
    shape=lambda a: a[:-2],
    dtype="same",
    samples=lambda rng: [Sample((regular(rng, *s),)) for s in ((3, 3), (2, 1, 4, 4), (1, 1), (0, 0), (0, 2, 2))],
    torch=lambda t, a: t.linalg.det(a),
    tolerance={"float32": 1e-5},
)(lambda xp, a: numpy.linalg.det(a))


def _slogdet_vjp(xp, g, out, a):
    if g[1] is None:
        return None
    return _scaled(xp, g[1], turn(xp, run(xp, INV, (a,))[0]))


SLOGDET = register(
    "slogdet",
    vjp=(_slogdet_vjp,),
    saves=(0,),
    outputs=2,
    shape=lambda a: (a[:-2], a[:-2]),
    dtype="same",
    samples=lambda rng: [Sample((regular(rng, *s),)) for s in ((3, 3), (2, 1, 4, 4), (1, 1), (0, 0), (0, 2, 2))],
    torch=lambda t, a: tuple(t.linalg.slogdet(a)),
    tolerance={"float32": 1e-5},
)(lambda xp, a: tuple(numpy.linalg.slogdet(a)))


# ---- pseudoinverse and least squares ----


def pinv_gradient(xp: Any, g: Any, p: Any, a: Any) -> Any:
    """The gradient of a's pseudoinverse p: three terms, the second and third of which vanish on full column or row rank."""
    m, n = a.shape[-2:]
    gt, pt = turn(xp, g), turn(xp, p)
    first = -xp.matmul(xp.matmul(pt, g), pt)
    if m <= n:
        k = xp.matmul(gt, p)
        second = xp.matmul(k, pt)
        second = second - xp.matmul(a, xp.matmul(p, second))
        third = xp.matmul(xp.matmul(pt, p), gt - xp.matmul(k, a))
    else:
        k = xp.matmul(p, gt)
        second = xp.matmul(xp.matmul(gt - xp.matmul(a, k), p), pt)
        third = xp.matmul(pt, k)
        third = third - xp.matmul(xp.matmul(third, p), a)
    return first + second + third


def _reciprocals(values, atol, rtol):
    """1 / x of the values whose size is above the tolerance, 0 for the others."""
    size = numpy.abs(values)
    largest = size.max(axis=-1, keepdims=True)
    tolerance = numpy.maximum(numpy.asarray(atol)[..., None], numpy.asarray(rtol)[..., None] * largest)
    kept = size > tolerance
    return numpy.where(kept, 1 / numpy.where(kept, values, 1), 0).astype(values.dtype)


def _pinv(xp, a, atol, rtol, hermitian):
    """By the singular values (or eigenvalues) above max(atol, rtol * the largest)."""
    if a.size == 0:
        return numpy.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    if hermitian:
        values, vectors = lapack.eigh(a, "L")
        return (vectors * _reciprocals(values, atol, rtol)[..., None, :]) @ lapack.transposed(vectors)
    u, s, vh = lapack.svd(a, False)
    return (lapack.transposed(vh) * _reciprocals(s, atol, rtol)[..., None, :]) @ lapack.transposed(u)


def _pinv_samples(rng):
    def low_rank(*s):
        return rng.normal(size=(*s[:-1], 2)) @ rng.normal(size=(*s[:-2], 2, s[-1]))

    found = [Sample((rng.normal(size=s),), (0.0, 1e-5, False)) for s in ((3, 3), (4, 2), (2, 2, 4), (0, 3), (0, 2, 2))]
    found += [Sample((low_rank(*s),), (1e-3, 0.0, False), grad=False) for s in ((4, 3), (2, 3, 4))]
    x = rng.normal(size=(3, 3))
    return found + [Sample((x + x.T,), (0.0, 1e-5, True), grad=False)]


def _pinv_vjp(xp, g, out, a, atol, rtol, hermitian):
    return pinv_gradient(xp, g, out, a)


PINV = register(
    "linalg_pinv",
    vjp=(_pinv_vjp,),
    saves=("out", 0),
    shape=lambda a, atol, rtol, hermitian: (*a[:-2], a[-1], a[-2]),
    dtype="same",
    attrs=("atol", "rtol", "hermitian"),
    samples=_pinv_samples,
    torch=lambda t, a, atol, rtol, hermitian: t.linalg.pinv(a, atol=atol, rtol=rtol, hermitian=hermitian),
    tolerance={"float32": 1e-4, "float64": 1e-11},
)(_pinv)


@joint
def _lstsq_vjp(xp, needs, g, out, a, b, rcond):
    """By the pseudoinverse: X = A^+ B."""
    if g[0] is None:
        return None, None
    p = run(xp, PINV, (a,), (0.0, rcond, False))
    ga = None
    if needs & 1:
        ga = fit(xp, pinv_gradient(xp, xp.matmul(g[0], turn(xp, b)), p, a), a.shape)
    return ga, fit(xp, xp.matmul(turn(xp, p), g[0]), b.shape) if needs & 2 else None


LSTSQ = register(
    "lstsq",
    vjp=_lstsq_vjp,
    saves=(0, 1),
    outputs=2,
    shape=lambda a, b, rcond: (
        (*numpy.broadcast_shapes(a[:-2], b[:-2]), a[-1], b[-1]),
        numpy.broadcast_shapes(a[:-2], b[:-2]),
    ),
    dtype="same",
    attrs=("rcond",),
    samples=lambda rng: [
        Sample((rng.normal(size=a), rng.normal(size=b)), (1e-6,))
        for a, b in (((3, 3), (3, 2)), ((4, 2), (4, 1)), ((2, 2, 4), (2, 2, 3)), ((2, 4, 3), (1, 4, 1)))
    ],
    torch=lambda t, a, b, rcond: _torch_lstsq(t, a, b, rcond),
    tolerance={"float32": 2e-5, "float64": 1e-11},
)(lambda xp, a, b, rcond: lapack.lstsq(a, b, rcond))


def _torch_lstsq(t, a, b, rcond):
    x = t.linalg.lstsq(a, b.expand(a.shape[:-2] + b.shape[-2:]), rcond=rcond, driver="gelsd")
    return x.solution, x.rank


# ---- exponential ----


def _matrix_exp_vjp(xp, g, out, a):
    """The upper right block of exp([[A^T, G], [0, A^T]])."""
    n = a.shape[-1]
    back = turn(xp, a)
    zero = xp.zeros(tuple(a.shape), dtype=a.dtype)
    top, bottom = xp.concat([back, g], axis=-1), xp.concat([zero, back], axis=-1)
    both = run(xp, MATRIX_EXP, (xp.concat([top, bottom], axis=-2),))[..., :n, n:]
    return xp.copy(both)


MATRIX_EXP = register(
    "matrix_exp",
    vjp=(_matrix_exp_vjp,),
    saves=(0,),
    shape=lambda a: a,
    dtype="same",
    samples=lambda rng: [
        Sample((scale * rng.normal(size=s),))
        for s, scale in (((3, 3), 1e-6), ((3, 3), 0.01), ((2, 3, 3), 0.3), ((2, 1, 2, 2), 2.0), ((0, 0), 1), ((0, 2, 2), 1))
    ],
    torch=lambda t, a: t.linalg.matrix_exp(a),
    tolerance={"float32": 2e-5, "float64": 1e-10},
)(lambda xp, a: lapack.matrix_exp(a))


# ---- Householder reflectors ----


def _reflected(xp, v, tau, x):
    """(1 - tau v v^T) x for columns v."""
    return x - xp.matmul(_scaled(xp, tau, v), xp.matmul(turn(xp, v), x))


def reflectors(xp: Any, a: Any, tau: Any) -> list[tuple[Any, Any]]:
    """The vectors (unit lower trapezoidal columns of a) and factors of LAPACK's elementary reflectors, in order."""
    m, k = a.shape[-2], tau.shape[-1]
    v = xp.tril(a[..., :k], -1) + constant(xp, numpy.eye(m, k, dtype=to_numpy(a.dtype)))
    return [(v[..., i : i + 1], tau[..., i]) for i in range(k)]


def _householder_product(xp, a, tau):
    """The first columns of H1 H2 ... Hk, applied to the identity from the last."""
    m, n = a.shape[-2:]
    q = xp.broadcast_to(eye(xp, a, m)[:, :n], tuple(a.shape))
    for v, factor in reversed(reflectors(xp, a, tau)):
        q = _reflected(xp, v, factor, q)
    if tau.shape[-1] == 0:  # depends on a by name only
        return xp.where(constant(xp, numpy.ones(a.shape, bool)), q, a)
    return q


HOUSEHOLDER_PRODUCT = register(
    "linalg_householder_product",
    shape=lambda a, tau: a,
    dtype="same",
    samples=lambda rng: [
        Sample((rng.normal(size=a), rng.normal(size=t)))
        for a, t in (((3, 3), (3,)), ((4, 2), (2,)), ((2, 4, 3), (2, 2)), ((3, 2), (0,)), ((0, 3, 2), (0, 1)))
    ],
    torch=lambda t, a, tau: t.linalg.householder_product(a, tau),
    tolerance={"float32": 1e-5, "float64": 1e-11},
)(_householder_product)


def _multiply_reflectors(xp, a, tau, x, left, transpose):
    """Q x, Q^T x, x Q or x Q^T of Q = H1 H2 ... Hk without making Q."""
    if not left:
        return turn(xp, _multiply_reflectors(xp, a, tau, turn(xp, x), True, not transpose))
    found = reflectors(xp, a, tau)
    for v, factor in found if transpose else reversed(found):
        x = _reflected(xp, v, factor, x)
    return x if found else xp.copy(x)


ORMQR = register(
    "ormqr",
    shape=lambda a, tau, x, left, transpose: (*numpy.broadcast_shapes(a[:-2], x[:-2]), *x[-2:]),
    dtype="same",
    attrs=("left", "transpose"),
    samples=lambda rng: [
        Sample((rng.normal(size=(*b, 4, 3)), rng.normal(size=(*b, 3)), rng.normal(size=(*b, 4, 5) if left else (*b, 5, 4))), (left, back))
        for b in ((), (2,)) for left in (True, False) for back in (True, False)
    ],
    torch=lambda t, a, tau, x, left, transpose: t.ormqr(a, tau, x, left, transpose),
    tolerance={"float32": 1e-5, "float64": 1e-11},
)(_multiply_reflectors)  # fmt: skip

