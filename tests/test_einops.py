"""einops takes tensors, whichever is imported first, and its layers are modules."""

import subprocess
import sys

import pytest

import pynn

pytest.importorskip("einops")


@pytest.mark.parametrize("order", ["import einops, pynn", "import pynn, einops"])
def test_the_order_of_imports_does_not_matter(order):
    code = order + "; print(tuple(einops.rearrange(pynn.zeros(2, 3, 4), 'a b c -> c (a b)').shape))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "(4, 6)\n"


def test_functions():
    from einops import einsum, pack, rearrange, reduce, repeat, unpack

    x = pynn.arange(24).reshape(2, 3, 4).float().requires_grad_()
    assert pynn.equal(rearrange(x, "b c (h w) -> b h w c", h=2), x.reshape(2, 3, 2, 2).permute(0, 2, 3, 1))
    assert pynn.equal(repeat(x, "b c l -> b (k c) l", k=2), x.repeat(1, 2, 1))
    for name in ("sum", "mean", "max", "min", "prod"):
        want = {"max": x.amax((0, 2)), "min": x.amin((0, 2)), "prod": x.prod(2).prod(0)}
        assert pynn.allclose(reduce(x, "b c l -> c", name), want[name] if name in want else getattr(x, name)((0, 2)))
    packed, sizes = pack([x, x[:, :1]], "b * l")
    assert pynn.equal(unpack(packed, sizes, "b * l")[1], x[:, :1])
    assert pynn.allclose(einsum(x, x, "b c l, b d l -> b c d"), x @ x.transpose(1, 2))
    reduce(x, "b c l -> ", "sum").backward()
    assert (x.grad == 1).all()


def test_layers():
    from einops.layers.pynn import EinMix, Rearrange, Reduce

    model = pynn.nn.Sequential(
        Rearrange("b c l -> b l c"),
        Reduce("b l c -> b c", "sum"),
        EinMix("b c -> b d", weight_shape="c d", bias_shape="d", c=3, d=5),
    )
    x = pynn.rand(2, 3, 4)
    want = x.sum(2) @ model[2].weight + model[2].bias
    assert pynn.allclose(model(x), want.reshape(2, 5), atol=1e-6)
    assert [p.numel() for p in model.parameters()] == [15, 5]
    assert "Rearrange" in repr(model)
