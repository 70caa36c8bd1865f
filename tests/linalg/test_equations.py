"""Equations, determinants, inverses, ranks: by hand."""

import math

import numpy
import pytest

import pynn
from pynn import linalg

inf = math.inf


def t(values, dtype=pynn.float64):
    return pynn.tensor(values, dtype=dtype)


def close(a, b, tolerance=1e-10):
    numpy.testing.assert_allclose(a.numpy(), numpy.asarray(b), rtol=tolerance, atol=tolerance)


A = [[2.0, 1.0], [4.0, 4.0]]


def test_solve_vectors_matrices_and_from_the_right():
    close(linalg.solve(t(A), t([3.0, 8.0])), [1.0, 1.0])
    close(linalg.solve(t(A), t([[3.0], [8.0]])), [[1.0], [1.0]])
    close(linalg.solve(t(A), t([[6.0, 5.0]]), left=False), [[1.0, 1.0]])
    close(linalg.solve(t([A, A]), t([[3.0, 8.0], [6.0, 16.0]])), [[1.0, 1.0], [2.0, 2.0]])  # a vector a matrix
    assert linalg.solve(t(A), pynn.ones(5, 2, 3, dtype=pynn.float64)).shape == (5, 2, 3)
    x, info = linalg.solve_ex(t([A, [[1.0, 1.0], [1.0, 1.0]]]), t([3.0, 8.0]))
    assert info.tolist() == [0, 2]
    assert x[0].tolist() == [1.0, 1.0]
    assert not x[1].isfinite().any()


def test_singular_matrices():
    one = pynn.ones(3, 3)
    with pytest.raises(linalg.LinAlgError, match="The diagonal element 2 is zero"):
        linalg.inv(one)
    with pytest.raises(linalg.LinAlgError, match="solver failed because the input matrix is singular"):
        linalg.solve(one, pynn.ones(3))
    inverse, info = linalg.inv_ex(pynn.stack([pynn.eye(3), one]))
    assert info.tolist() == [0, 2]
    assert inverse[0].tolist() == pynn.eye(3).tolist()
    with pytest.raises(RuntimeError, match=r"Batch element 1"):
        linalg.inv_ex(pynn.stack([pynn.eye(3), one]), check_errors=True)
    assert linalg.cond(pynn.zeros(2, 2), 1).item() == inf
    assert linalg.cond(pynn.zeros(2, 2), "nuc").item() == inf
    assert pynn.logdet(pynn.zeros(2, 2)).item() == -inf
    assert math.isnan(pynn.logdet(-pynn.eye(3)).item())
    sign, size = linalg.slogdet(pynn.zeros(2, 2))
    assert sign.item() == 0
    assert size.item() == -inf


def test_determinants_and_their_gradient_where_they_are_0():
    assert linalg.det(t(A)).item() == pytest.approx(4.0)
    sign, size = pynn.slogdet(t([[0.0, 2.0], [3.0, 0.0]]))
    assert sign.item() == -1
    assert size.item() == pytest.approx(math.log(6))
    assert t(A).det().item() == pytest.approx(4.0)
    assert linalg.det(pynn.ones(0, 0)).item() == 1
    x = t([[1.0, 2.0], [2.0, 4.0]]).requires_grad_()
    linalg.det(x).backward()
    close(x.grad, [[4.0, -2.0], [-2.0, 1.0]])  # the adjugate, transposed
    x = pynn.zeros(3, 3, dtype=pynn.float64).requires_grad_()
    linalg.det(x).backward()
    close(x.grad, numpy.zeros((3, 3)))


def test_triangular_systems_read_one_triangle():
    a = t([[2.0, 9.0], [1.0, 4.0]])
    close(linalg.solve_triangular(a, t([[2.0], [9.0]]), upper=False), [[1.0], [2.0]])
    close(linalg.solve_triangular(a, t([[2.0], [9.0]]), upper=False, unitriangular=True), [[2.0], [7.0]])
    close(linalg.solve_triangular(a, t([[20.0, 22.0]]), upper=True, left=False), [[10.0, -17.0]])
    found = pynn.triangular_solve(t([[2.0], [9.0]]), a.mT, upper=True, transpose=True)
    close(found.solution, [[1.0], [2.0]])
    close(found.cloned_coefficient, a.mT.numpy())
    big = pynn.tril(pynn.tensor(numpy.random.default_rng(0).normal(size=(3, 70, 70)))) + 9 * pynn.eye(
        70, dtype=pynn.float64
    )
    x = pynn.tensor(numpy.random.default_rng(1).normal(size=(70, 4)))
    close(linalg.solve_triangular(big, big @ x, upper=False), x.expand(3, 70, 4).numpy(), 1e-9)
    close(linalg.solve_triangular(big.mT, big.mT @ x, upper=True), x.expand(3, 70, 4).numpy(), 1e-9)
    assert linalg.solve_triangular(pynn.zeros(1, 1), pynn.ones(1, 1), upper=True).item() == inf


def test_pinv_and_rank():
    x = t([[1.0, 0.0], [0.0, 1e-3], [0.0, 0.0]])
    close(linalg.pinv(x), [[1.0, 0.0, 0.0], [0.0, 1e3, 0.0]])
    close(linalg.pinv(x, rtol=1e-2), [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    close(linalg.pinv(x, 1e-2), [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    close(linalg.pinv(x, atol=t(1e-2)), [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    close(pynn.pinverse(x), linalg.pinv(x).numpy())
    close(linalg.pinv(t([[2.0, 0.0], [0.0, 0.0]]), hermitian=True), [[0.5, 0.0], [0.0, 0.0]])
    assert linalg.pinv(pynn.ones(2, 0, 3)).shape == (2, 3, 0)
    assert linalg.matrix_rank(x).item() == 2
    assert linalg.matrix_rank(x, rtol=1e-2).item() == 1
    assert linalg.matrix_rank(x, 0.5).item() == 1
    assert linalg.matrix_rank(pynn.zeros(2, 3, 0)).tolist() == [0, 0]
    stack = pynn.stack([pynn.eye(2), pynn.diag(pynn.tensor([3.0, 0.1]))])
    assert linalg.matrix_rank(stack, atol=pynn.tensor([0.5, 0.5])).tolist() == [2, 1]
    assert linalg.matrix_rank(pynn.diag(pynn.tensor([-3.0, 0.0])), hermitian=True).item() == 1


def test_lstsq():
    a = t([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    found = linalg.lstsq(a, t([[1.0], [2.0], [4.0]]), driver="gelsd")
    close(found.solution, [[5 / 6], [1.5]])
    close(found.residuals, [1 / 6])
    assert found.rank.item() == 2
    assert found.singular_values.shape == (2,)
    assert linalg.lstsq(a, t([1.0, 2.0, 4.0])).solution.shape == (2,)
    assert linalg.lstsq(a, t([[1.0], [2.0], [4.0]])).residuals.shape == (0,)
    assert linalg.lstsq(a, t([[1.0], [2.0], [4.0]]), driver="gels").rank.shape == (0,)
    close(linalg.lstsq(t([[1.0, 1.0]]), t([[2.0]])).solution, [[1.0], [1.0]])  # of least norm
    with pytest.raises(linalg.LinAlgError, match="full rank"):
        linalg.lstsq(pynn.ones(2, 2), pynn.ones(2, 1), driver="gels")
    with pytest.raises(RuntimeError, match="driver"):
        linalg.lstsq(a, a, driver="qr")
    with pytest.raises(RuntimeError, match="should match"):
        linalg.lstsq(a, t([[1.0], [2.0]]))


def test_matrix_exp():
    turn = t([[0.0, -math.pi / 2], [math.pi / 2, 0.0]])
    close(linalg.matrix_exp(turn), [[0.0, -1.0], [1.0, 0.0]])
    close(pynn.matrix_exp(20 * turn), [[1.0, 0.0], [0.0, 1.0]], 1e-9)
    close(linalg.matrix_exp(t([[0.0, 1.0], [0.0, 0.0]])), [[1.0, 1.0], [0.0, 1.0]])
    mixed = pynn.stack([pynn.zeros(2, 2), pynn.diag(pynn.tensor([1.0, -9.0])), pynn.full((2, 2), inf)])
    found = mixed.matrix_exp()
    assert found[0].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert found[2].isnan().all()
    close(found[1], [[math.e, 0.0], [0.0, math.exp(-9)]], 1e-6)
    assert linalg.matrix_exp(pynn.zeros(0, 3, 3)).shape == (0, 3, 3)
    assert pynn.matrix_exp(pynn.zeros(2, 2).bfloat16()).dtype is pynn.bfloat16


def test_equations_that_do_not_fit():
    with pytest.raises(RuntimeError, match=r"Incompatible shapes of A and B for the equation AX = B \(3x3 and 4x1\)"):
        linalg.solve(pynn.eye(3), pynn.ones(4))
    with pytest.raises(RuntimeError, match="found A of type Float and B of type Double"):
        linalg.solve(pynn.eye(3), pynn.eye(3).double())
    with pytest.raises(RuntimeError, match="batch dimensions must broadcast"):
        linalg.solve(pynn.eye(3).expand(2, 3, 3), pynn.ones(3, 3, 1))
    with pytest.raises(RuntimeError, match="left=False"):
        linalg.solve(pynn.eye(3), pynn.ones(3), left=False)
    with pytest.raises(RuntimeError, match=r"greater than or equal to input.shape"):
        linalg.householder_product(pynn.ones(2, 3), pynn.ones(2))
    with pytest.raises(RuntimeError, match="invalid norm type"):
        linalg.cond(pynn.eye(2), 3)


def test_out():
    out = pynn.empty(0, dtype=pynn.float64)
    assert linalg.inv(t(A), out=out) is out
    close(out, [[1.0, -0.25], [-1.0, 0.5]])
    with pytest.raises(RuntimeError, match="can't be cast"):
        linalg.inv(t(A), out=pynn.empty(2, 2, dtype=pynn.int64))
