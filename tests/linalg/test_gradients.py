"""Gradients of linear algebra, and their gradients: against finite differences, and against torch's where it is installed."""

import numpy
import pytest

import pynn


def sym(x):
    return (x + x.mT) / 2


def positive(m, x):
    return x @ x.mT + m.eye(x.shape[-1], dtype=m.float64)


# name -> (function of the module and tensors, shapes); functions do not depend on the signs of vectors.
CASES = {
    "cholesky": (lambda m, x: m.linalg.cholesky(positive(m, x)), [(3, 3)]),
    "cholesky_upper": (lambda m, x: m.linalg.cholesky(positive(m, x), upper=True), [(2, 3, 3)]),
    "cholesky_solve": (lambda m, x, b: m.cholesky_solve(b, m.linalg.cholesky(positive(m, x))), [(3, 3), (3, 2)]),
    "cholesky_solve_upper": (
        lambda m, x, b: m.cholesky_solve(b, m.linalg.cholesky(positive(m, x), upper=True), upper=True),
        [(3, 3), (3, 2)],
    ),
    "cholesky_inverse": (lambda m, x: m.cholesky_inverse(m.linalg.cholesky(positive(m, x))), [(2, 3, 3)]),
    "cholesky_inverse_upper": (
        lambda m, x: m.cholesky_inverse(m.linalg.cholesky(positive(m, x), upper=True), True),
        [(3, 3)],
    ),
    "eigh": (lambda m, x: m.linalg.eigh(sym(x)).eigenvectors.square(), [(3, 3)]),
    "eigh_values": (lambda m, x: m.linalg.eigh(sym(x), UPLO="U").eigenvalues, [(2, 3, 3)]),
    "eigh_both": (lambda m, x: sum(t.square() for t in (lambda e: (e[1] * e[0].unsqueeze(-2),))(m.linalg.eigh(sym(x)))), [(3, 3)]),
    "eigvalsh": (lambda m, x: m.linalg.eigvalsh(sym(x)), [(3, 3)]),
    "svd_u": (lambda m, x: m.linalg.svd(x, full_matrices=False).U.square(), [(4, 3)]),
    "svd_v": (lambda m, x: m.linalg.svd(x, full_matrices=False).Vh.square(), [(3, 4)]),
    "svd_uv": (lambda m, x: (lambda u, s, v: u @ (s.exp().unsqueeze(-1) * v))(*m.linalg.svd(x, False)), [(2, 4, 3)]),
    "svd_wide": (lambda m, x: (lambda u, s, v: u @ (s.exp().unsqueeze(-1) * v))(*m.linalg.svd(x, False)), [(3, 5)]),
    "svd_full": (lambda m, x: m.linalg.svd(x).U[..., :2].square(), [(4, 2)]),
    "svdvals": (lambda m, x: m.linalg.svdvals(x), [(2, 3, 4)]),
    "svd_legacy": (lambda m, x: (lambda u, s, v: (u * s) @ v.mT * s.sum())(*m.svd(x)), [(4, 3)]),
    "qr": (lambda m, x: (lambda q, r: q @ r.exp())(*m.linalg.qr(x)), [(4, 3)]),
    "qr_wide": (lambda m, x: (lambda q, r: q @ r.exp())(*m.linalg.qr(x)), [(2, 3, 5)]),
    "qr_complete": (lambda m, x: m.linalg.qr(x, "complete").R, [(3, 4)]),
    "qr_q": (lambda m, x: m.linalg.qr(x).Q, [(3, 3)]),
    "lu": (lambda m, x: (lambda p, l, u: l.exp() @ u)(*m.linalg.lu(x)), [(4, 3)]),
    "lu_wide": (lambda m, x: (lambda p, l, u: l.exp() @ u)(*m.linalg.lu(x)), [(2, 3, 4)]),
    "lu_factor": (lambda m, x: m.linalg.lu_factor(x).LU, [(3, 3)]),
    "lu_solve": (lambda m, x, b: m.linalg.lu_solve(*m.linalg.lu_factor(x), b), [(3, 3), (3, 2)]),
    "lu_solve_right": (
        lambda m, x, b: m.linalg.lu_solve(*m.linalg.lu_factor(x), b, left=False, adjoint=True),
        [(2, 3, 3), (2, 2, 3)],
    ),
    "inv": (lambda m, x: m.linalg.inv(x), [(2, 3, 3)]),
    "solve": (lambda m, x, b: m.linalg.solve(x, b), [(3, 3), (2, 3, 2)]),
    "solve_vector": (lambda m, x, b: m.linalg.solve(x, b), [(2, 3, 3), (2, 3)]),
    "solve_right": (lambda m, x, b: m.linalg.solve(x, b, left=False), [(3, 3), (2, 3)]),
    "solve_triangular": (lambda m, x, b: m.linalg.solve_triangular(x, b, upper=True), [(3, 3), (3, 2)]),
    "solve_triangular_right": (
        lambda m, x, b: m.linalg.solve_triangular(x, b, upper=False, left=False, unitriangular=True),
        [(3, 3), (2, 3)],
    ),
    "triangular_solve": (lambda m, b, x: m.linalg.solve_triangular(x.mT, b, upper=False), [(3, 2), (3, 3)]),
    "det": (lambda m, x: m.linalg.det(x), [(2, 3, 3)]),
    "slogdet": (lambda m, x: m.linalg.slogdet(x).logabsdet, [(2, 3, 3)]),
    "logdet": (lambda m, x: m.logdet(positive(m, x)), [(3, 3)]),
    "pinv": (lambda m, x: m.linalg.pinv(x), [(4, 3)]),
    "pinv_wide": (lambda m, x: m.linalg.pinv(x), [(2, 3, 4)]),
    "pinv_low_rank": (lambda m, x, y: m.linalg.pinv(x @ y, rtol=1e-8), [(4, 2), (2, 3)]),
    "pinv_hermitian": (lambda m, x: m.linalg.pinv(sym(x), hermitian=True), [(3, 3)]),
    "lstsq": (lambda m, x, b: m.linalg.lstsq(x, b).solution, [(4, 3), (4, 2)]),
    "lstsq_wide": (lambda m, x, b: m.linalg.lstsq(x, b).solution, [(2, 3, 4), (2, 3, 2)]),
    "lstsq_residuals": (lambda m, x, b: m.linalg.lstsq(x, b, driver="gelsd").residuals, [(4, 3), (4, 2)]),
    "matrix_exp": (lambda m, x: m.linalg.matrix_exp(x), [(2, 3, 3)]),
    "matrix_power": (lambda m, x: m.linalg.matrix_power(x, 3), [(3, 3)]),
    "matrix_power_negative": (lambda m, x: m.linalg.matrix_power(x, -2), [(3, 3)]),
    "householder_product": (lambda m, x, t: m.linalg.householder_product(x, t), [(4, 3), (2,)]),
    "ormqr": (lambda m, x, t, y: m.ormqr(x, t, y, transpose=True), [(4, 3), (3,), (4, 2)]),
    "multi_dot": (lambda m, a, b, c: m.linalg.multi_dot([a, b, c]), [(2, 3), (3, 4), (4,)]),
    "tensorinv": (lambda m, x: m.linalg.tensorinv(x, ind=1), [(4, 2, 2)]),
    "tensorsolve": (lambda m, x, b: m.linalg.tensorsolve(x, b), [(2, 2, 4), (2, 2)]),
    "norm_nuc": (lambda m, x: m.linalg.matrix_norm(x, "nuc"), [(2, 3, 4)]),
    "norm_2": (lambda m, x: m.linalg.matrix_norm(x, 2), [(3, 4)]),
    "norm_min_2": (lambda m, x: m.linalg.matrix_norm(x, -2), [(3, 3)]),
    "norm_1": (lambda m, x: m.linalg.matrix_norm(x, 1, dim=(0, 2)), [(3, 2, 4)]),
    "vector_norm": (lambda m, x: m.linalg.vector_norm(x, 2.5, dim=1), [(3, 4)]),
    "cond": (lambda m, x: m.linalg.cond(x), [(3, 3)]),
    "cond_1": (lambda m, x: m.linalg.cond(x, 1), [(3, 3)]),
    "cross": (lambda m, a, b: m.linalg.cross(a, b), [(2, 3), (1, 3)]),
    "vander": (lambda m, x: m.linalg.vander(x, N=4), [(2, 3)]),
    "kron": (lambda m, a, b: m.kron(a, b), [(2, 3), (2, 2, 1)]),
    "renorm": (lambda m, x: m.renorm(x, 2, 0, 1.0), [(3, 4)]),
    "cov": (lambda m, x: m.cov(x), [(3, 5)]),
    "corrcoef": (lambda m, x: m.corrcoef(x), [(3, 5)]),
    "cdist": (lambda m, a, b: m.cdist(a, b), [(3, 2), (4, 2)]),
    "cdist_products": (lambda m, a, b: m.cdist(a, b, compute_mode="use_mm_for_euclid_dist"), [(2, 3, 2), (4, 2)]),
    "cdist_3": (lambda m, a, b: m.cdist(a, b, p=3.0), [(3, 2), (4, 2)]),
    "einsum": (lambda m, a, b, c: m.einsum("bij,jk,bkl->il", a, b, c), [(2, 3, 4), (4, 2), (2, 2, 3)]),
    "einsum_diagonal": (lambda m, a, b: m.einsum("bii,bj->ij", a, b), [(2, 3, 3), (2, 4)]),
    "tensordot": (lambda m, a, b: m.tensordot(a, b, dims=([0, 2], [1, 0])), [(2, 3, 4), (4, 2)]),
    "addbmm": (lambda m, x, a, b: m.addbmm(x, a, b, beta=0.5, alpha=2.0), [(3, 2), (2, 3, 4), (2, 4, 2)]),
    "addr": (lambda m, x, a, b: m.addr(x, a, b, beta=0.5, alpha=2.0), [(3, 2), (3,), (2,)]),
    "block_diag": (lambda m, a, b: m.block_diag(a, b), [(2, 3), (4,)]),
    "diagflat": (lambda m, x: m.diagflat(x, 1), [(2, 2)]),
}  # fmt: skip


ONCE_IN_TORCH = {"cdist", "cdist_3"}  # what torch cannot differentiate twice


def inputs(name):
    rng = numpy.random.default_rng(sum(map(ord, name)))
    arrays = []
    for shape in CASES[name][1]:
        x = rng.uniform(0.2, 1.0, shape) * rng.choice([-1, 1], shape)
        if len(shape) > 1 and shape[-1] == shape[-2]:
            x = x + numpy.diag(1.5 + numpy.arange(shape[-1]))  # far from singular, values well apart
        arrays.append(x)
    return arrays


def weights(shape, seed):
    return numpy.cos(0.7 * numpy.arange(int(numpy.prod(shape))) + seed).reshape(shape)


def run(m, name, arrays, make):
    """(value, gradients of its weighted sum, gradients of the weighted sum of those) as arrays."""
    tensors = [make(a) for a in arrays]
    for t in tensors:
        t.requires_grad_()
    out = CASES[name][0](m, *tensors)
    total = (out * make(weights(tuple(out.shape), 1))).sum()
    first = m.autograd.grad(total, tensors, create_graph=True)
    again = sum((g * make(weights(tuple(g.shape), 2))).sum() for g in first)
    second = [None] * len(tensors)
    if again.requires_grad and not (m is not pynn and name in ONCE_IN_TORCH):
        second = m.autograd.grad(again, tensors, allow_unused=True)
    second = [None if g is None else g + 0 for g in second]
    zero = [numpy.zeros(a.shape) if g is None else g.detach().numpy() for g, a in zip(second, arrays)]
    return out.detach().numpy(), [g.detach().numpy() for g in first], zero


def make(array):
    return pynn.tensor(numpy.ascontiguousarray(array))


def differences(function, arrays, step=1e-5):
    """Central differences of a scalar function of arrays, along three directions for each array."""
    for i, array in enumerate(arrays):
        for seed in range(3):
            direction = weights(array.shape, 3 + seed)
            moved = [[a + sign * step * direction if j == i else a for j, a in enumerate(arrays)] for sign in (1, -1)]
            yield i, direction, (function(moved[0]) - function(moved[1])) / (2 * step)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_finite_differences(name):
    arrays = inputs(name)
    out, first, second = run(pynn, name, arrays, make)

    def value(xs):
        y = CASES[name][0](pynn, *[make(x) for x in xs]).numpy()
        return float((y * weights(y.shape, 1)).sum())

    def slope(xs):
        return float(sum((g * weights(g.shape, 2)).sum() for g in run(pynn, name, xs, make)[1]))

    for function, got in ((value, first), (slope, second)):
        for i, direction, wanted in differences(function, arrays):
            assert (got[i] * direction).sum() == pytest.approx(wanted, rel=2e-5, abs=2e-6), (i, function.__name__)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_torchs(name):
    torch = pytest.importorskip("torch")
    arrays = inputs(name)
    ours = run(pynn, name, arrays, make)
    theirs = run(torch, name, arrays, lambda a: torch.tensor(a))
    numpy.testing.assert_allclose(ours[0], theirs[0], rtol=1e-9, atol=1e-9)
    count = 1 if name in ONCE_IN_TORCH else 2
    for a, b in zip(sum(ours[1 : 1 + count], []), sum(theirs[1 : 1 + count], [])):
        numpy.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)
