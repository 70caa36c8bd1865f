"""Records without a gradient: LDL^T of symmetric indefinite matrices, and QR in LAPACK's packed form.

The LDL^T factorization is Bunch and Kaufman's, as in LAPACK's sytf2 and sytrs (lower triangle); matrix by matrix.
"""

import math
from typing import Any

import numpy

from pynn.ops import lapack
from pynn.ops.lapack import INFO, Array
from pynn.ops.registry import Sample, joint, register

_ALPHA = (1 + math.sqrt(17)) / 8  # the growth of elements that Bunch and Kaufman's choice of pivots allows


def _no_gradient(name: str) -> Any:
    @joint
    def vjp(*args: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented. detach() its input.")

    return vjp


def _pivot(a: Array, k: int) -> tuple[int, int]:
    """(the row to exchange, the size of the block of D) at column k; (-1, 1) where the column is 0."""
    n = len(a)
    head = abs(a[k, k])
    if k == n - 1:
        return (-1, 1) if head == 0 or numpy.isnan(head) else (k, 1)
    i = k + 1 + int(numpy.abs(a[k + 1 :, k]).argmax())
    column = abs(a[i, k])
    if max(head, column) == 0 or numpy.isnan(head):
        return -1, 1
    if head >= _ALPHA * column:
        return k, 1
    row = max(numpy.abs(a[i, k:i]).max(), numpy.abs(a[i + 1 :, i]).max(initial=0))
    if head >= _ALPHA * column * (column / row):
        return k, 1
    return (i, 1) if abs(a[i, i]) >= _ALPHA * row else (i, 2)


def _exchange(a: Array, k: int, kk: int, kp: int) -> None:
    """Rows and columns kk and kp of the symmetric matrix from k on, of which the lower triangle is kept."""
    a[kp + 1 :, [kk, kp]] = a[kp + 1 :, [kp, kk]]
    middle = a[kk + 1 : kp, kk].copy()
    a[kk + 1 : kp, kk] = a[kp, kk + 1 : kp]
    a[kp, kk + 1 : kp] = middle
    a[kk, kk], a[kp, kp] = a[kp, kp], a[kk, kk]
    if kk > k:
        a[kk, k], a[kp, k] = a[kp, k], a[kk, k]


def _factor(a: Array, pivots: Array) -> int:
    """Overwrite a matrix's lower triangle with L and D; returns info."""
    n, k, info = len(a), 0, 0
    while k < n:
        kp, step = _pivot(a, k)
        if kp < 0:
            info = info or k + 1
            kp = k
        else:
            kk = k + step - 1
            if kp != kk:
                _exchange(a, k, kk, kp)
            below = slice(k + step, n)
            if step == 1:
                x = a[below, k] / a[k, k]
                a[below, below] -= numpy.tril(numpy.outer(x, a[below, k]))
                a[below, k] = x
            else:
                d = numpy.array([[a[k, k], a[k + 1, k]], [a[k + 1, k], a[k + 1, k + 1]]])
                x = numpy.linalg.solve(d, a[below, k : k + 2].T).T
                a[below, below] -= numpy.tril(x @ a[below, k : k + 2].T)
                a[below, k : k + 2] = x
        pivots[k : k + step] = kp + 1 if step == 1 else -(kp + 1)
        k += step
    return info


def _ldl_factor(xp: Any, a: Array) -> tuple[Array, Array, Array]:
    n = a.shape[-1]
    count = math.prod(a.shape[:-2])
    packed = numpy.tril(a).reshape(count, n, n)
    pivots = numpy.zeros((count, n), INFO)
    info = numpy.zeros(count, INFO)
    for i in range(count):
        info[i] = _factor(packed[i], pivots[i])
    return packed.reshape(a.shape), pivots.reshape(a.shape[:-1]), info.reshape(a.shape[:-2])


def _solve(a: Array, pivots: Array, x: Array) -> None:
    """Overwrite x by the solution of L D L^T x = x."""
    n, k = len(a), 0
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        kk, kp = k + step - 1, abs(int(pivots[k])) - 1
        if kp != kk:
            x[[kk, kp]] = x[[kp, kk]]
        x[k + step :] -= a[k + step :, k : k + step] @ x[k : k + step]
        d = a[k : k + step, k : k + step]
        x[k : k + step] = (
            numpy.linalg.solve(numpy.tril(d) + numpy.tril(d, -1).T, x[k : k + step]) if step == 2 else x[k] / d
        )
        k += step
    k = n - 1
    while k >= 0:
        step = 1 if pivots[k] > 0 else 2
        first = k - step + 1
        x[first : k + 1] -= a[k + 1 :, first : k + 1].T @ x[k + 1 :]
        kp = abs(int(pivots[k])) - 1
        if kp != k:
            x[[k, kp]] = x[[kp, k]]
        k -= step


def _ldl_solve(xp: Any, packed: Array, pivots: Array, b: Array) -> Array:
    batch = numpy.broadcast_shapes(packed.shape[:-2], b.shape[:-2])
    n, count = packed.shape[-1], math.prod(batch)
    x = numpy.array(numpy.broadcast_to(b, (*batch, *b.shape[-2:])), order="C").reshape(count, *b.shape[-2:])
    a = numpy.broadcast_to(packed, (*batch, n, n)).reshape(count, n, n)
    places = numpy.broadcast_to(pivots, (*batch, n)).reshape(count, n)
    for i in range(count):
        _solve(a[i], places[i], x[i])
    return x.reshape(*batch, *b.shape[-2:])


def _symmetric(rng: Any, *shape: int) -> Array:
    x = rng.normal(size=shape)
    return (x + numpy.swapaxes(x, -1, -2)) * (1 - 0.9 * numpy.eye(shape[-1]))  # type: ignore[no-any-return]


LDL_FACTOR = register(
    "ldl_factor_ex",
    vjp=_no_gradient("linalg_ldl_factor_ex"),
    outputs=3,
    shape=lambda a: (a, a[:-1], a[:-2]),
    dtype="same",
    samples=lambda rng: [Sample((_symmetric(rng, *s),), grad=False) for s in ((3, 3), (2, 6, 6), (0, 0), (0, 2, 2))],
    torch=lambda t, a: tuple(t.linalg.ldl_factor_ex(a)),
    tolerance={"float32": 2e-5, "float64": 1e-11},
)(_ldl_factor)

LDL_SOLVE = register(
    "ldl_solve",
    vjp=_no_gradient("linalg_ldl_solve"),
    shape=lambda a, p, b: (*numpy.broadcast_shapes(a[:-2], b[:-2]), *b[-2:]),
    dtype="same",
    samples=lambda rng: [
        Sample((packed, pivots, rng.normal(size=(*packed.shape[:-1], 2))), grad=False)
        for packed, pivots, _ in (_ldl_factor(None, _symmetric(rng, *s)) for s in ((4, 4), (2, 6, 6), (0, 0)))
    ],
    torch=lambda t, a, p, b: t.linalg.ldl_solve(a, p, b),
    tolerance={"float32": 1e-3, "float64": 1e-10},
)(_ldl_solve)

GEQRF = register(
    "geqrf",
    vjp=_no_gradient("geqrf"),
    outputs=2,
    shape=lambda a: (a, (*a[:-2], min(a[-2:]))),
    dtype="same",
    samples=lambda rng: [Sample((rng.normal(size=s),), grad=False) for s in ((3, 3), (2, 4, 3), (3, 5), (0, 3))],
    torch=lambda t, a: tuple(t.geqrf(a)),
    tolerance={"float32": 1e-5, "float64": 1e-11},
)(lambda xp, a: lapack.geqrf(a))
