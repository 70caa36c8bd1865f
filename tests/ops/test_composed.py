"""Functions made of other operations: torch's values, gradients and dtypes; without torch, literals."""

import math

import numpy
import pytest

import pynn

X = numpy.array([[1.5, -2.0, 3.0], [4.0, 5.5, -6.0]], numpy.float32)
V = numpy.array([3.0, 1.0, 2.0], numpy.float32)
M = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4) / 7 - 1
EXPRESSIONS = """
T.tril(x), x.triu(1), T.tril(m, -1), x.clone().tril_(), x.clone().triu_(1)
T.tril_indices(3, 4, 1), T.triu_indices(3, 4), T.triu(T.full((3, 3), -math.inf), 1)
T.diag(v), T.diag(x), T.diag(v, 1), x.diagonal(), m.diagonal(1, 1, 2), T.diagonal(x, -1), T.diag_embed(m), T.diag_embed(v, -1)
T.trace(x), x.clone().detach().fill_diagonal_(7)
T.einsum("ij,kj->ik", x, x), T.einsum("bij,bjk->bik", m, m.transpose(1, 2)), T.einsum("ij->", x), T.einsum("i,j->ij", [v, v])
T.einsum("ii->i", x @ x.t()), T.einsum("...ij,...jk->...ik", m, m.mT), T.einsum("ij,jk", x, x.T), T.einsum("bhd,bhd->bh", m, m)
T.einsum("i,ij,kj->k", v[:2], x, x), T.einsum("ij->ji", x), T.einsum("...i->...", m), T.einsum("b...,b...->...", x, x)
T.einsum("ij,j->i", x, v), T.einsum(" i j , j k -> k i ", x, x.T), T.tensordot(x, x, dims=([1], [1])), T.tensordot(m, m.permute(1, 2, 0), 2)
T.roll(v, 1), x.roll(1, 0), T.roll(x, (1, -1), (0, 1)), x.roll(2)
v.repeat_interleave(2), T.repeat_interleave(x, 2, dim=0), x.repeat_interleave(T.tensor([1, 2]), dim=0), x.repeat_interleave(2)
T.repeat_interleave(T.tensor([2, 0, 1])), T.tile(v, (2, 2)), x.tile(2), m.tile((2,)).shape
x.fliplr(), x.flipud(), T.rot90(x), T.rot90(x, 2), T.rot90(x, -1)
T.meshgrid(v, v[:2], indexing="ij"), T.meshgrid([v, v[:2]], indexing="xy"), T.cartesian_prod(v, v[:2]), T.combinations(v)
T.broadcast_tensors(x, v), tuple(T.broadcast_shapes((2, 1), (3,))), T.atleast_1d(x.sum()), T.atleast_2d(v), T.atleast_3d(x)
T.dstack([x, x]), T.column_stack([v, v]), T.tensor_split(v, 2), v.tensor_split([1, -1])
x.unfold(1, 2, 1), m.unfold(0, 1, 1), v.unfold(0, 2, 2), x.take(T.tensor([0, 5])), T.take_along_dim(x, T.tensor([[0], [1]]), dim=1)
x.index_add(0, T.tensor([0, 0]), x, alpha=2), x.index_copy(1, T.tensor([2]), x[:, :1]), x.index_fill(1, T.tensor([0, 2]), 4)
x.index_put((T.tensor([0, 0]),), v, accumulate=True), x.index_put((T.tensor([0]), T.tensor([1])), T.tensor(9.0))
x.masked_scatter(T.tensor([[True, False, True], [False, True, False]]), m), T.argwhere(x > 0)
x.cumprod(1), T.cumprod(v - 1, 0), T.tensor([1, 2, 3]).cumprod(0)
T.var_mean(x), T.std_mean(x, dim=0), T.var_mean(x, 1, keepdim=True), T.std_mean(x, unbiased=False)
x.median(), T.median(x, 1), x.median(0, keepdim=True).values, x.kthvalue(2), T.kthvalue(x, 1, 0)
T.quantile(x, 0.5), T.quantile(x, T.tensor([0.1, 0.9]), dim=1), x.quantile(0.25, dim=0, keepdim=True)
T.count_nonzero(x > 0), x.count_nonzero(dim=1), T.nansum(x / 0), T.nanmean(x), T.isin(x, v)
T.searchsorted(T.arange(5.0), v), T.searchsorted(T.arange(5.0), v, right=True), T.bucketize(v, T.arange(3.0)), T.histc(x, 4, -6, 6)
T.diff(v), x.diff(dim=0), v.diff(2), T.dist(x, x + 1), T.cdist(x, x + 1), T.cdist(x, x + 1, p=1)
T.scalar_tensor(2), T.addcmul(x, x, x, value=0.1), T.addcdiv(x, x, v, value=2), T.lerp(x, v, 0.25), T.lerp(x, v, x)
T.baddbmm(m @ m.mT, m, m.mT, beta=0.5, alpha=2), T.addmv(v[:2], x, v), T.inner(x, v), T.inner(x, x), T.vdot(v, v)
T.fmod(x, 2), T.fmod(x, v), x.frac(), T.logical_xor(x > 0, x), x.clamp_min(0), T.clamp_max(x, 1), T.rsub(x, 2), T.float_power(x, 2)
T.logaddexp(x, v), T.hypot(x, v), T.nan_to_num(T.tensor([math.nan, math.inf, -math.inf, 1.0])), T.deg2rad(x), x.rad2deg(), T.signbit(x)
x.clone().addcmul_(x, x, value=2), x.clone().addcdiv_(x, v, value=-1), x.clone().lerp_(v, 0.5), x.clone().fmod_(2), x.clone().clamp_min_(0)
x.clone().cumsum_(0), x.clone().eq_(1.5), x.clone().ge_(1), x.detach().clone().addmm_(x.detach(), T.eye(3))
x.detach().clone().unsqueeze_(0), x.detach().clone().t_(), x.detach().clone().transpose_(0, 1), T.ones(1, 2).squeeze_(0)
x.detach().clone().index_add_(0, T.tensor([1]), x.detach()[:1]), x.detach().clone().index_fill_(0, T.tensor([1]), 5)
x.is_complex(), T.is_nonzero(T.tensor(1)), x.is_signed(), x.is_same_size(v), x.get_device(), x.is_shared()
x.tan(), x.atan(), (x / 10).asin(), T.acos(x / 10), x.sinh(), x.cosh(), x.exp2(), T.log2(x.abs()), x.abs().log10(), x.clone().sin_()
T.arange(4).clamp(0.5, 2), T.arange(4).clamp(max=2), reversed(x), T.arange(4).clamp(min=1.5)
x.sum(axis=1), x.mean(axis=0, keepdims=True), x.argmax(axis=1), x.max(axis=1), T.cat([x, x], axis=1), T.stack([x, x], axis=1), x.std(axis=0)
T.mm(x, x.t(), out=T.empty(2, 2)), T.cat([x, x], out=T.empty(4, 3)), T.matmul(x, v, out=T.empty(2)), T.stack([v, v], out=T.empty(2, 3))
"""
CASES = EXPRESSIONS.strip().splitlines()


def evaluate(T, source):
    """Values, and the gradients of the sum of all that can have one."""
    grad = "out=" not in source
    x, v, m = (T.tensor(a, requires_grad=grad) for a in (X, V, M))
    found = eval(source, {"T": T, "x": x, "v": v, "m": m, "math": math})
    flat = []

    def collect(item):
        if isinstance(item, (tuple, list)):
            for part in item:
                collect(part)
        else:
            flat.append(item)

    collect(found)
    total = None
    for item in flat:
        if isinstance(item, T.Tensor) and item.requires_grad:
            weight = T.arange(1.0, 1.0 + item.numel()).reshape(item.shape)
            finite = T.where(T.isfinite(item), item, T.zeros_like(item))
            total = (finite * weight).sum() + (0 if total is None else total)
    if total is not None:
        total.backward()
    values = [a.detach().numpy() if isinstance(a, T.Tensor) else a for a in flat]
    return values, [None if a.grad is None else a.grad.numpy() for a in (x, v, m)]


@pytest.mark.parametrize("source", CASES)
def test_as_torch(source):
    torch = pytest.importorskip("torch")
    (values, grads), (wanted, wanted_grads) = evaluate(pynn, source), evaluate(torch, source)
    assert len(values) == len(wanted)
    for i, (a, b) in enumerate(zip(values, wanted)):
        if isinstance(b, numpy.ndarray):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), f"value {i}"
            numpy.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6, err_msg=f"value {i}")
        else:
            assert a == b
    for name, a, b in zip("xvm", grads, wanted_grads):
        assert (a is None) == (b is None), name
        if b is not None:
            numpy.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=f"gradient of {name}")


def test_literals():
    x = pynn.arange(6.0).reshape(2, 3)
    assert x.tril().tolist() == [[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]
    assert pynn.triu(x, 1).tolist() == [[0.0, 1.0, 2.0], [0.0, 0.0, 5.0]]
    assert pynn.einsum("ij,kj->ik", x, x).tolist() == [[5.0, 14.0], [14.0, 50.0]]
    assert x.roll(1, 1).tolist() == [[2.0, 0.0, 1.0], [5.0, 3.0, 4.0]]
    assert x.repeat_interleave(2, 0).shape == (4, 3)
    assert pynn.median(x).item() == 2.0
    assert pynn.cumprod(pynn.tensor([2.0, 0.0, 3.0]), 0).tolist() == [2.0, 0.0, 0.0]
    assert x.index_add(0, pynn.tensor([1, 1]), x).tolist() == [[0.0, 1.0, 2.0], [6.0, 9.0, 12.0]]


def test_cumprod_has_a_gradient_at_zero():
    x = pynn.tensor([2.0, 0.0, 3.0], requires_grad=True)
    x.cumprod(0).sum().backward()
    assert x.grad.tolist() == [1.0, 8.0, 0.0]


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (RuntimeError, "at least 2 dimensions", lambda x: x[0].tril()),
        (RuntimeError, "number of subscripts", lambda x: pynn.einsum("i->i", x)),
        (RuntimeError, "fewer operands were provided", lambda x: pynn.einsum("ij,jk->ik", x)),
        (RuntimeError, "does not broadcast", lambda x: pynn.einsum("ij,jk->ik", x, x)),
        (RuntimeError, "does not appear", lambda x: pynn.einsum("ij->k", x)),
        (RuntimeError, "out of range", lambda x: x.kthvalue(9)),
        (RuntimeError, "range", lambda x: x.quantile(2.0)),
        (RuntimeError, "broadcast to a single shape", lambda x: pynn.broadcast_shapes((2,), (3,))),
        (RuntimeError, "maximum size", lambda x: x.unfold(0, 9, 1)),
        (RuntimeError, "leaf Variable that requires grad", lambda x: x.detach().requires_grad_().t_()),
        (RuntimeError, "enough elements", lambda x: x.masked_scatter(x > -1, x[0])),
        (RuntimeError, "contracted dimensions", lambda x: pynn.tensordot(x, x, 1)),
    ],
)
def test_bad_input(error, match, call):
    with pytest.raises(error, match=match):
        call(pynn.arange(6.0).reshape(2, 3))


def test_random_names():
    pynn.manual_seed(0)
    assert pynn.tensor([0.0, 1.0]).multinomial(1).item() == 1
    assert pynn.ones(3).bernoulli().tolist() == [1.0] * 3
    assert pynn.zeros(3).bernoulli(1.0).tolist() == [1.0] * 3
    drawn = pynn.empty(10000).exponential_(2.0)
    assert (drawn >= 0).all()
    assert abs(drawn.mean().item() - 0.5) < 0.03


def test_new():
    x = pynn.ones(2, dtype=pynn.float64)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new([1, 2]).dtype is pynn.float64
