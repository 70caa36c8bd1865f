"""Functions of several operations on 16-bit floats: computed in float32 as a whole, and rounded once."""

import numpy
import pytest

import pynn
from pynn.nn import functional as F

RNG = numpy.random.default_rng(3)
BAGS = numpy.array([[0, 1, 2], [3, 3, 0]])


def normal(*shape):
    return RNG.normal(size=shape)


def share(*shape):
    return RNG.uniform(0.1, 0.9, size=shape)


def bag(w, *weights, **named):
    return F.embedding_bag(pynn.tensor(BAGS), w, per_sample_weights=weights[0] if weights else None, **named)


CASES = {
    "addmm": (lambda a, b, c: pynn.addmm(a, b, c, beta=0.3, alpha=0.7), normal(3, 5), normal(3, 17), normal(17, 5)),
    "addmv": (lambda a, b, c: pynn.addmv(a, b, c, beta=0.3, alpha=0.7), normal(3), normal(3, 17), normal(17)),
    "addr": (lambda a, b, c: pynn.addr(a, b, c, beta=0.3, alpha=0.7), normal(3, 5), normal(3), normal(5)),
    "baddbmm": (lambda a, b, c: pynn.baddbmm(a, b, c, beta=0.3), normal(3, 5), normal(2, 3, 17), normal(2, 17, 5)),
    "addbmm": (lambda a, b, c: pynn.addbmm(a, b, c, alpha=0.7), normal(3, 5), normal(2, 3, 17), normal(2, 17, 5)),
    "bilinear": (F.bilinear, normal(3, 4), normal(3, 5), normal(2, 4, 5), normal(2)),
    "embedding_bag sum": (lambda w, p: bag(w, p, mode="sum"), normal(5, 4), normal(2, 3)),
    "embedding_bag mean": (bag, normal(5, 4)),
    "embedding_bag max": (lambda w: bag(w, mode="max"), normal(5, 4)),
    "bce": (F.binary_cross_entropy, share(3, 4), share(3, 4), share(3, 4)),
    "bce_with_logits": (F.binary_cross_entropy_with_logits, normal(3, 4), share(3, 4), share(4)),
    "bce_with_logits pos_weight": (
        lambda x, y, p: F.binary_cross_entropy_with_logits(x, y, pos_weight=p),
        normal(3, 4),
        share(3, 4),
        share(4),
    ),
    "cross_entropy of shares": (lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1), normal(3, 5), share(3, 5)),
    "cosine_embedding_loss": (
        lambda x, y: F.cosine_embedding_loss(x, y, pynn.tensor([1, -1, 1])),
        normal(3, 5),
        normal(3, 5),
    ),
    "renorm": (lambda x: pynn.renorm(x, 2, 0, 1.0), normal(3, 5)),
    "rms_norm": (lambda x, w: F.rms_norm(x, (5,), w), normal(3, 5), normal(5)),
}


@pytest.mark.parametrize("dtype", [pynn.bfloat16, pynn.float16], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_is_rounded_once(name, dtype):
    function, *arrays = CASES[name]
    narrow = [pynn.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]
    wide = [x.detach().float().requires_grad_() for x in narrow]
    out, wanted = function(*narrow), function(*wide)
    assert out.dtype is dtype
    assert pynn.equal(out, wanted.to(dtype))
    g = pynn.tensor(share(*out.shape), dtype=dtype)
    for got, want in zip(pynn.autograd.grad(out, narrow, g), pynn.autograd.grad(wanted, wide, g.float()), strict=True):
        assert pynn.equal(got, want.to(dtype))


def test_addmm_of_a_bias_is_rounded_once():
    bias, x, w = (pynn.tensor(normal(*s), dtype=pynn.bfloat16, requires_grad=True) for s in ((5,), (3, 17), (17, 5)))
    out = pynn.addmm(bias, x, w)
    wanted = pynn.addmm(bias.float(), x.float(), w.float())
    pynn.testing.assert_close(out.float(), wanted, rtol=2**-8, atol=1e-5)
    assert out.grad_fn.name() == "AddmmBackward0"
    assert w.stride() == pynn.autograd.grad(out.sum(), w)[0].contiguous().stride()


def test_mixed_dtypes_are_left_to_the_function():
    with pytest.raises(RuntimeError, match="must have the same dtype"):
        pynn.addmm(pynn.ones(2), pynn.ones(2, 2).half(), pynn.ones(2, 2).half())
    assert pynn.addr(pynn.ones(2, 2), pynn.ones(2).half(), pynn.ones(2)).dtype is pynn.float32


def test_under_autocast_the_steps_stay_float32():
    a, b, c = (pynn.tensor(normal(*s)).float() for s in ((3, 5), (3, 17), (17, 5)))
    with pynn.autocast("cpu", dtype=pynn.bfloat16):
        got = pynn.addmm(a, b, c, beta=0.3)
    wanted = pynn.addmm(*(x.bfloat16() for x in (a, b, c)), beta=0.3)
    assert got.dtype is pynn.bfloat16
    assert pynn.equal(got, wanted)


def test_max_norm_writes_the_table_itself():
    table = pynn.full((5, 4), 3.0, dtype=pynn.bfloat16)
    bag(table, max_norm=1.0)
    assert table[0].float().norm().item() < 1.01
    assert table[4].float().norm().item() == 6.0
