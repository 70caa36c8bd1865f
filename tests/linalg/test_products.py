"""Products of vectors, matrices and tensors, and what is made of them: by hand, and what is refused."""

import math

import numpy
import pytest

import pynn
from pynn import linalg

nan = math.nan


def test_products_with_a_sum():
    m, a = pynn.tensor([[1.0, 2.0], [3.0, 4.0]]), pynn.eye(2)
    assert pynn.addmm(a, m, m, beta=2, alpha=0.5).tolist() == [[5.5, 5.0], [7.5, 13.0]]
    assert pynn.addmm(pynn.full((2,), nan), m, m, beta=0).tolist() == [[7.0, 10.0], [15.0, 22.0]]
    assert pynn.baddbmm(pynn.full((1,), nan), m[None], m[None], beta=0).tolist() == [[[7.0, 10.0], [15.0, 22.0]]]
    assert pynn.addbmm(a, m.expand(2, 2, 2), m.expand(2, 2, 2)).tolist() == [[15.0, 20.0], [30.0, 45.0]]
    assert pynn.addmv(pynn.ones(2), m, pynn.ones(2)).tolist() == [4.0, 8.0]
    assert pynn.addr(a, pynn.ones(2), pynn.tensor([1.0, 2.0]), alpha=2).tolist() == [[3.0, 4.0], [2.0, 5.0]]
    assert a.clone().addmm_(m, m).tolist() == [[8.0, 10.0], [15.0, 23.0]]
    assert a.clone().addr_(pynn.ones(2), pynn.ones(2)).tolist() == [[2.0, 1.0], [1.0, 2.0]]
    assert pynn.addmm(a.long(), m.long(), m.long(), beta=0.2, alpha=2.6).tolist() == [[14, 20], [30, 44]]  # factors cut
    with pytest.raises(RuntimeError, match="must not be a floating point number"):
        pynn.addr(a.long(), m[0].long(), m[0].long(), alpha=0.5)
    with pytest.raises(RuntimeError, match="input must broadcast"):
        pynn.addmm(pynn.ones(3), m, m)
    with pytest.raises(RuntimeError, match="same dtype"):
        pynn.addmm(a.double(), m, m)


def test_products_that_do_not_fit():
    a = pynn.ones(2, 3)
    for function, args, match in (
        (pynn.mm, (a, a), "cannot be multiplied"),
        (pynn.mm, (a, a[0]), "mat2 must be a matrix"),
        (pynn.mm, (a, a.t().double()), "same dtype"),
        (pynn.bmm, (a, a), "batch1 must be a 3D tensor"),
        (pynn.bmm, (pynn.ones(1, 3, 3), pynn.ones(2, 3, 3)), r"\[1, 3\] but got: \[2, 3\]"),
        (pynn.mv, (a, a), "vector expected"),
        (pynn.dot, (a, a), "1D tensors expected"),
        (pynn.dot, (a[0], pynn.ones(2)), "same number of elements"),
        (pynn.outer, (a, a), "Expected 1-D argument self"),
        (pynn.inner, (a, pynn.ones(2)), "last dimension must match"),
    ):
        with pytest.raises(RuntimeError, match=match):
            function(*args)
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        pynn.mm([[1.0]], a)


@pytest.mark.parametrize(
    "call",
    [
        lambda: pynn.tensordot(1, 2), lambda: pynn.trace(3), lambda: pynn.diag(3), lambda: pynn.diag_embed(3),
        lambda: linalg.diagonal(3), lambda: pynn.cdist(1, 2), lambda: pynn.kron(1, 2), lambda: linalg.solve(pynn.eye(2), None),
        lambda: linalg.multi_dot([1, 2]), lambda: pynn.cov(1), lambda: pynn.svd_lowrank(3),
        lambda: linalg.norm(None), lambda: pynn.norm([1.0]),
    ],
)  # fmt: skip
def test_what_is_no_tensor_is_refused(call):
    with pytest.raises(TypeError, match=r"must be Tensor, not (int|list|NoneType)"):
        call()


def test_vectors():
    x, y = pynn.tensor([1.0, 2.0, 3.0]), pynn.tensor([4.0, 5.0, 6.0])
    assert linalg.cross(x, y).tolist() == [-3.0, 6.0, -3.0]
    assert pynn.cross(x, y).tolist() == [-3.0, 6.0, -3.0]
    assert pynn.cross(x.reshape(3, 1).long(), y.reshape(3, 1).long()).tolist() == [[-3], [6], [-3]]
    assert linalg.vecdot(x, pynn.stack([y, x])).tolist() == [32.0, 14.0]
    assert pynn.inner(x, pynn.stack([y, x])).tolist() == [32.0, 14.0]
    assert pynn.vdot(x, y).item() == 32.0
    assert pynn.kron(pynn.tensor([1, 2]), pynn.tensor([[1, 10]])).tolist() == [[1, 10, 2, 20]]
    assert linalg.vander(pynn.tensor([2, 3])).tolist() == [[1, 2], [1, 3]]
    assert pynn.vander(pynn.tensor([2.0, 3.0]), 3).tolist() == [[4.0, 2.0, 1.0], [9.0, 3.0, 1.0]]
    with pytest.raises(RuntimeError, match="must have length 3"):
        linalg.cross(pynn.ones(2), pynn.ones(2))
    with pytest.raises(RuntimeError, match="no dimension of size 3"):
        pynn.cross(pynn.ones(2), pynn.ones(2))


def test_powers_and_chains():
    x = pynn.tensor([[1, 1], [0, 1]])
    assert linalg.matrix_power(x, 5).tolist() == [[1, 5], [0, 1]]
    assert x.matrix_power(0).tolist() == [[1, 0], [0, 1]]
    assert linalg.matrix_power(x.double(), -2).tolist() == [[1.0, -2.0], [0.0, 1.0]]
    assert pynn.matrix_power(x, 1) is not x
    a, b, c = pynn.ones(2, 30), pynn.ones(30, 4), pynn.ones(4, 5)
    assert linalg.multi_dot([a, b, c]).tolist() == [[120.0] * 5] * 2
    assert linalg.multi_dot([pynn.ones(30), b, pynn.ones(4)]).item() == 120.0
    assert pynn.chain_matmul(a, b, c).shape == (2, 5)
    assert pynn.chain_matmul(a) is a
    with pytest.raises(RuntimeError, match="at least 2 tensors"):
        linalg.multi_dot([a])
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        linalg.multi_dot([a, a])


def test_tensors_as_maps():
    x = pynn.tensor(numpy.random.default_rng(0).normal(size=(2, 3, 6)))
    inverse = linalg.tensorinv(x)
    numpy.testing.assert_allclose(pynn.tensordot(inverse, x, dims=2).numpy(), numpy.eye(6), atol=1e-10)
    b = pynn.ones(2, 3).double()
    found = linalg.tensorsolve(x, b)
    numpy.testing.assert_allclose(pynn.tensordot(x, found, dims=1).numpy(), b.numpy(), atol=1e-10)
    with pytest.raises(RuntimeError, match="prod"):
        linalg.tensorinv(pynn.ones(2, 3), ind=1)


def test_tensordot_dims():
    x, y = pynn.ones(2, 3), pynn.ones(3, 5)
    assert pynn.tensordot(x, y, dims=1).tolist() == [[3.0] * 5] * 2
    assert pynn.tensordot(x, y, dims=([1], [0])).shape == pynn.tensordot(x, y, dims=pynn.tensor(1)).shape
    assert pynn.tensordot(x, pynn.ones(1, 5), dims=1).tolist() == [[3.0] * 5] * 2  # size 1 broadcasts
    assert pynn.tensordot(x, y, dims=0).shape == (2, 3, 3, 5)
    for dims, match in (
        (-1, ">= 0"),
        (3, "dims <"),
        (([0], [0, 1]), "same length"),
        (([0, 0], [0, 0]), "multiple times"),
    ):
        with pytest.raises(RuntimeError, match=match):
            pynn.tensordot(x, y, dims=dims)
    with pytest.raises(RuntimeError, match="first has size 3 in dim 1 and second has size 2"):
        pynn.tensordot(x, x, dims=1)


def test_einsum_forms():
    x = pynn.arange(6.0).reshape(2, 3)
    assert pynn.einsum("ij->ji", x).tolist() == x.t().tolist()
    assert pynn.einsum(x, [0, 1], x, [2, 1], [0, 2]).tolist() == (x @ x.t()).tolist()
    assert pynn.einsum(x, [..., 1], [1, ...]).tolist() == x.t().tolist()
    assert pynn.einsum("iij->j", pynn.ones(2, 2, 3)).tolist() == [2.0, 2.0, 2.0]
    assert pynn.einsum("i,i->", pynn.ones(3), pynn.ones(1)).item() == 3.0
    assert pynn.einsum("...ij,...jk->...ik", pynn.ones(4, 1, 2, 3), pynn.ones(5, 3, 2)).shape == (4, 5, 2, 2)
    assert pynn.einsum("bB,Ba", x, pynn.ones(3, 2)).shape == (2, 2)
    assert pynn.einsum(",", pynn.tensor(2.0), pynn.tensor(3.0)).item() == 6.0


@pytest.mark.parametrize(
    ("args", "error", "match"),
    [
        (("ij,jk", pynn.ones(2, 2)), RuntimeError, "fewer operands"),
        (("i", pynn.ones(2), pynn.ones(2)), RuntimeError, "more operands"),
        (("i", pynn.ones(2, 2)), RuntimeError, "number of subscripts"),
        (("ij->ijk", pynn.ones(2, 2)), RuntimeError, "output subscript k does not appear"),
        (("ij->ii", pynn.ones(2, 2)), RuntimeError, "more than once"),
        (("i1", pynn.ones(2, 2)), RuntimeError, "invalid subscript given at index 1"),
        (("i.j", pynn.ones(2, 2)), RuntimeError, "not part of any ellipsis"),
        (("i...j...", pynn.ones(2, 2)), RuntimeError, "already found"),
        (("ii", pynn.ones(2, 3)), RuntimeError, "sizes don't match, 3 != 2"),
        (("ij,jk", pynn.ones(3, 3), pynn.ones(2, 2)), RuntimeError, "does not broadcast"),
        (("i,i", pynn.ones(2), pynn.ones(2).double()), RuntimeError, "one dtype"),
        (("i,", pynn.ones(2), 2), TypeError, "expected Tensor as element 1"),
        ((pynn.ones(2), [52]), ValueError, r"valid range \[0, 52\)"),
        (("i",), ValueError, "at least one operand"),
        ((), ValueError, "at least one operand"),
    ],
)
def test_einsum_refuses(args, error, match):
    with pytest.raises(error, match=match):
        pynn.einsum(*args)


def test_arrangements():
    assert pynn.block_diag(pynn.tensor([[1, 2]]), pynn.tensor(3)).tolist() == [[1, 2, 0], [0, 0, 3]]
    assert pynn.block_diag(pynn.tensor([1]), pynn.tensor([0.5])).dtype is pynn.float32
    assert pynn.cartesian_prod(pynn.tensor([1, 2]), pynn.tensor([3, 4])).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert pynn.combinations(pynn.tensor([1, 2, 3])).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert pynn.combinations(pynn.tensor([1, 2]), 2, True).tolist() == [[1, 1], [1, 2], [2, 2]]
    assert pynn.combinations(pynn.tensor([1, 2]), 3).shape == (0, 3)
    assert pynn.diagflat(pynn.tensor([[1, 2]]), -1).tolist() == [[0, 0, 0], [1, 0, 0], [0, 2, 0]]
    assert pynn.diag_embed(pynn.tensor([[1, 2]]), 1, 0, 2).shape == (3, 1, 3)
    with pytest.raises(RuntimeError, match="identical"):
        pynn.diag_embed(pynn.ones(2), 0, 0, 0)
    with pytest.raises(RuntimeError, match="non-negative"):
        pynn.tril_indices(-1, 2)


def test_covariance():
    x = pynn.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    assert pynn.cov(x).tolist() == [[1.0, -1.0], [-1.0, 1.0]]
    assert pynn.cov(x[0]).item() == 1.0
    assert pynn.cov(x, correction=0).tolist()[0] == pytest.approx([2 / 3, -2 / 3])
    assert pynn.corrcoef(x).tolist() == [[1.0, -1.0], [-1.0, 1.0]]
    counts = pynn.tensor([1, 2, 1])
    expected = numpy.cov(x.numpy(), fweights=counts.numpy())
    numpy.testing.assert_allclose(pynn.cov(x, fweights=counts).numpy(), expected, rtol=1e-6)
    shares = pynn.tensor([0.2, 0.5, 0.3])
    expected = numpy.cov(x.numpy(), aweights=shares.numpy(), fweights=counts.numpy())
    numpy.testing.assert_allclose(pynn.cov(x, aweights=shares, fweights=counts).numpy(), expected, rtol=1e-5)
    with pytest.raises(RuntimeError, match="integral dtype"):
        pynn.cov(x, fweights=shares)
    with pytest.raises(RuntimeError, match="two or fewer dimensions"):
        pynn.cov(x[None])


@pytest.mark.parametrize("equation", ["ij,ij->ij", "ij,jk->ijk", "ij,kl->jk"])
def test_einsum_promotes_where_nothing_is_summed_over_both(equation):
    x, y = pynn.tensor([[1.0, 2.0], [3.0, 4.0]]), pynn.tensor([[5, 6], [7, 8]])
    found = pynn.einsum(equation, x.bfloat16(), y.double())
    assert found.dtype == pynn.float64
    assert found.tolist() == pynn.einsum(equation, x, y.float()).tolist()
    assert pynn.einsum(equation, x, y).dtype == pynn.float32
