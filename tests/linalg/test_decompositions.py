"""Factorizations: what they multiply back to, their names, empty and singular matrices, errors."""

import copy
import pickle

import numpy
import pytest

import pynn
from pynn import linalg

DTYPES = (pynn.float32, pynn.float64)
SHAPES = ((3, 3), (5, 3), (3, 5), (2, 4, 3), (2, 1, 3, 4), (40, 30), (0, 3), (3, 0), (0, 2, 2))


def rand(*shape, dtype=pynn.float64):
    return pynn.tensor(numpy.random.default_rng(len(shape)).normal(size=shape)).to(dtype)


def close(a, b, dtype=pynn.float64):
    tolerance = 1e-4 if dtype is pynn.float32 else 1e-10
    numpy.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_products_of_factors_are_the_matrix(shape, dtype):
    x = rand(*shape, dtype=dtype)
    k = min(shape[-2:])
    for full in (True, False):
        u, s, vh = linalg.svd(x, full_matrices=full)
        assert u.shape[-1] == (shape[-2] if full else k)
        assert vh.shape[-2] == (shape[-1] if full else k)
        close((u[..., :k] * s.unsqueeze(-2)) @ vh[..., :k, :], x, dtype)
        close(linalg.svdvals(x), s, dtype)
    for mode in ("reduced", "complete"):
        q, r = linalg.qr(x, mode)
        close(q @ r, x, dtype)
        close(q.mT @ q, pynn.eye(q.shape[-1], dtype=dtype).expand(*shape[:-2], -1, -1), dtype)
        assert not pynn.tril(r, -1).any()
    p, lower, upper = linalg.lu(x)
    close(p @ lower @ upper, x, dtype)
    packed, pivots, info = linalg.lu_factor_ex(x)
    assert pivots.dtype is pynn.int32
    assert info.shape == shape[:-2]
    for a, b in zip(pynn.lu_unpack(packed, pivots), (p, lower, upper)):
        close(a, b, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (0, 0), (0, 2, 2), (30, 30)])
def test_symmetric_matrices(shape, dtype):
    x = rand(*shape, dtype=dtype)
    n = shape[-1]
    positive = x @ x.mT + n * pynn.eye(n, dtype=dtype)
    for upper in (False, True):
        factor = linalg.cholesky(positive, upper=upper)
        close(factor.mT @ factor if upper else factor @ factor.mT, positive, dtype)
        close(pynn.cholesky_solve(positive, factor, upper), pynn.eye(n, dtype=dtype).expand(shape), dtype)
        close(pynn.cholesky_inverse(factor, upper) @ positive, pynn.eye(n, dtype=dtype).expand(shape), dtype)
    values, vectors = linalg.eigh(positive)
    close((vectors * values.unsqueeze(-2)) @ vectors.mT, positive, dtype)
    close(linalg.eigvalsh(positive), values, dtype)


def test_eigh_reads_one_triangle():
    x = pynn.tensor([[2.0, 7.0], [1.0, 2.0]], dtype=pynn.float64)
    close(linalg.eigvalsh(x), pynn.tensor([1.0, 3.0], dtype=pynn.float64))
    close(linalg.eigvalsh(x, UPLO="u"), pynn.tensor([-5.0, 9.0], dtype=pynn.float64))
    close(linalg.eigh(x, "U").eigenvalues, pynn.tensor([-5.0, 9.0], dtype=pynn.float64))


def test_cholesky_by_hand():
    x = pynn.tensor([[4.0, 99.0], [2.0, 10.0]])
    assert linalg.cholesky(x).tolist() == [[2.0, 0.0], [1.0, 3.0]]
    assert linalg.cholesky_ex(x).info.item() == 0
    with pytest.raises(linalg.LinAlgError, match=r"the leading minor of order 2 is not positive-definite"):
        linalg.cholesky(pynn.tensor([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(RuntimeError, match=r"\(Batch element 1\)"):
        linalg.cholesky(pynn.stack([pynn.eye(2), -pynn.eye(2)]))
    factor, info = linalg.cholesky_ex(pynn.stack([pynn.eye(2), -pynn.eye(2)]))
    assert info.tolist() == [0, 1]
    assert info.dtype is pynn.int32
    assert factor[0].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert linalg.cholesky_ex(pynn.full((2, 2), float("nan"))).info.item() == 1


def test_lu_by_hand():
    x = pynn.tensor([[0.0, 2.0], [4.0, 6.0]])
    packed, pivots = linalg.lu_factor(x)
    assert packed.tolist() == [[4.0, 6.0], [0.0, 2.0]]
    assert pivots.tolist() == [2, 2]
    p, lower, upper = linalg.lu(x)
    assert p.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert lower.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert upper.tolist() == [[4.0, 6.0], [0.0, 2.0]]
    with pytest.raises(RuntimeError, match=r"U\[2,2\] is zero"):
        linalg.lu_factor(pynn.ones(3, 3))
    assert linalg.lu_factor_ex(pynn.ones(3, 3)).info.item() == 2
    with pytest.raises(RuntimeError, match="without pivoting"):
        linalg.lu(x, pivot=False)
    assert pynn.lu(x)[1].tolist() == [2, 2]
    assert x.lu(get_infos=True)[2].item() == 0


def test_lu_solve_in_all_directions():
    a, b = rand(2, 30, 30), rand(2, 30, 3)
    packed, pivots = linalg.lu_factor(a)
    close(a @ linalg.lu_solve(packed, pivots, b), b)
    close(a.mT @ linalg.lu_solve(packed, pivots, b, adjoint=True), b)
    close(linalg.lu_solve(packed, pivots, b.mT, left=False) @ a, b.mT)
    close(linalg.lu_solve(packed, pivots, b.mT, left=False, adjoint=True) @ a.mT, b.mT)
    close(pynn.lu_solve(b, packed, pivots), linalg.lu_solve(packed, pivots, b))
    with pytest.raises(RuntimeError, match="int32"):
        linalg.lu_solve(packed, pivots.long(), b)
    with pytest.raises(RuntimeError, match="between 1 and 30"):
        linalg.lu_solve(packed, pivots * 0, b)


def test_reflectors_make_q():
    x = rand(2, 5, 3)
    packed, tau = pynn.geqrf(x)
    q, r = linalg.qr(x)
    close(linalg.householder_product(packed, tau), q)
    close(pynn.orgqr(packed, tau), q)
    close(pynn.triu(packed)[..., :3, :], r)
    y = rand(2, 5, 4)
    full = linalg.qr(x, "complete").Q
    close(pynn.ormqr(packed, tau, y), full @ y)
    close(pynn.ormqr(packed, tau, y, transpose=True), full.mT @ y)
    close(pynn.ormqr(packed, tau, y.mT, left=False), y.mT @ full)
    assert linalg.qr(x, "r").Q.shape == (0,)


def test_results_have_names():
    x = pynn.eye(2)
    found = linalg.svd(x)
    assert found.S is found[1]
    assert "linalg_svd" in repr(found)
    assert pickle.loads(pickle.dumps(linalg.qr(x))).R.tolist() == x.tolist() or linalg.qr(x).R[0, 0] < 0
    assert copy.copy(linalg.eigh(x)).eigenvalues.tolist() == [1.0, 1.0]
    assert pynn.svd(x).V.shape == (2, 2)
    assert x.qr().Q.shape == (2, 2)
    u, s, v = pynn.svd(pynn.ones(3, 2), compute_uv=False)
    assert u.shape == (3, 3)
    assert not u.any()
    assert v.shape == (2, 2)
    assert s.shape == (2,)
    u, s, v = pynn.svd(pynn.ones(3, 2), some=False)
    assert u.shape == (3, 3)


def test_out_takes_all_results():
    x = rand(3, 3)
    q, r = pynn.empty(0, dtype=pynn.float64), pynn.empty(0, dtype=pynn.float64)
    found = linalg.qr(x, out=(q, r))
    assert found[0] is q
    close(q @ r, x)


def test_low_rank():
    x = rand(20, 3) @ rand(3, 12)
    pynn.manual_seed(0)
    u, s, v = pynn.svd_lowrank(x, q=3)
    close((u * s) @ v.mT, x)
    close(s, linalg.svdvals(x)[:3])
    u, s, v = pynn.svd_lowrank(x.mT, q=3)
    close((u * s) @ v.mT, x.mT)
    centred = x - x.mean(0, keepdim=True)
    u, s, v = pynn.pca_lowrank(x, q=4)
    close((u * s) @ v.mT, centred)
    with pytest.raises(ValueError, match="not greater than"):
        pynn.pca_lowrank(x, q=13)


def test_lobpcg_gives_the_extreme_eigenvalues():
    x = rand(9, 9)
    a = x @ x.mT + pynn.eye(9, dtype=pynn.float64)
    values, vectors = pynn.lobpcg(a, k=2)
    close(values, linalg.eigvalsh(a).flip(-1)[:2])
    close(a @ vectors, vectors * values)
    b = pynn.diag(pynn.arange(1.0, 10.0).double())
    values, vectors = pynn.lobpcg(a, k=3, B=b, largest=False)
    close(a @ vectors, b @ vectors * values)
    assert (values[1:] >= values[:-1]).all()
    with pytest.raises(ValueError, match="smaller than 3 x"):
        pynn.lobpcg(a, k=4)


@pytest.mark.parametrize(
    "name", ["cholesky", "qr", "lu", "lu_factor", "svd", "svdvals", "eigh", "eigvalsh", "inv", "det"]
)
def test_what_is_no_stack_of_float_matrices_is_refused(name):
    function = getattr(linalg, name)
    with pytest.raises(RuntimeError, match="Expected a floating point"):
        function(pynn.eye(2).long())
    with pytest.raises(RuntimeError, match=r"Low precision dtypes not supported. Got Half"):
        function(pynn.eye(2).half())
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        function(pynn.ones(3))
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        function([[1.0]])


@pytest.mark.parametrize("name", ["cholesky", "eigh", "inv", "det", "slogdet", "matrix_exp"])
def test_square_matrices_are_asked_for(name):
    with pytest.raises(RuntimeError, match="must be batches of square matrices, but they are 2 by 3"):
        getattr(linalg, name)(pynn.ones(2, 3))


def test_what_does_not_converge_or_is_complex():
    with pytest.raises(linalg.LinAlgError, match="non-finite values"):
        linalg.svd(pynn.full((2, 2), float("nan")))
    for function in (linalg.eig, linalg.eigvals):
        with pytest.raises(NotImplementedError, match="complex tensors are out of pynn's scope"):
            function(pynn.eye(2))
    with pytest.raises(RuntimeError, match="'L' or 'U'"):
        linalg.eigh(pynn.eye(2), "X")
    with pytest.raises(RuntimeError, match="unrecognized mode"):
        linalg.qr(pynn.eye(2), "x")
    with pytest.raises(RuntimeError, match="not differentiable when mode='complete'"):
        linalg.qr(pynn.ones(3, 2, requires_grad=True), "complete").R.sum().backward()
    with pytest.raises(RuntimeError, match="mode='r'"):
        linalg.qr(pynn.ones(3, 2, requires_grad=True), "r").R.sum().backward()


def test_autocast_computes_in_float32():
    x = (pynn.eye(3) * 2).bfloat16()
    with pynn.autocast("cpu"):
        assert linalg.inv(x).dtype is pynn.float32
        assert linalg.cholesky(x).dtype is pynn.float32
        assert pynn.cdist(x, x).dtype is pynn.float32


def test_ldl_of_indefinite_matrices():
    x = rand(3, 7, 7) * (1 - 0.9 * pynn.eye(7, dtype=pynn.float64))  # small diagonals: blocks of two
    a, b = x + x.mT, rand(3, 7, 2)
    packed, pivots = linalg.ldl_factor(a)
    assert pivots.dtype is pynn.int32
    assert (pivots < 0).any()
    close(a @ linalg.ldl_solve(packed, pivots, b), b)
    assert linalg.ldl_factor_ex(pynn.zeros(2, 2)).info.item() == 1
    with pytest.raises(linalg.LinAlgError, match="element 1 of D is zero"):
        linalg.ldl_factor(pynn.zeros(2, 2))
    with pytest.raises(RuntimeError, match="pivots must lie"):
        linalg.ldl_solve(packed, pivots * 100, b)


def test_what_has_no_gradient_says_so():
    x = pynn.eye(3).requires_grad_()
    for out in (linalg.ldl_factor(x).LD, pynn.geqrf(x).a):
        with pytest.raises(NotImplementedError, match="the derivative for"):
            out.sum().backward()
