"""functional_call, skip_init, fusion of layers, memory formats."""

import pytest

import pynn
from pynn import nn
from pynn.nn import utils
from pynn.nn.utils.stateless import functional_call


def test_functional_call():
    module = nn.Linear(2, 3)
    before = dict(module.named_parameters())
    weight = pynn.ones(3, 2, requires_grad=True)
    out = functional_call(module, {"weight": weight, "bias": pynn.zeros(3)}, (pynn.tensor([1.0, 2.0]),))
    assert out.tolist() == [3.0, 3.0, 3.0]
    out.sum().backward()
    assert weight.grad.tolist() == [[1.0, 2.0]] * 3
    assert module.weight.grad is None
    assert dict(module.named_parameters()) is not None
    assert all(value is before[name] for name, value in module.named_parameters())


def test_functional_call_with_nested_names_buffers_and_keywords():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.BatchNorm1d(2)

        def forward(self, x, *, scale=1.0):
            return self.inner(x) * scale

    model = Model()
    given = {"inner.running_mean": pynn.zeros(2), "inner.num_batches_tracked": pynn.tensor(5)}
    out = functional_call(model, given, pynn.tensor([[1.0, 3.0], [3.0, 5.0]]), {"scale": 2.0})
    assert pynn.allclose(out, pynn.tensor([[-2.0, -2.0], [2.0, 2.0]]), atol=1e-4)
    assert pynn.allclose(given["inner.running_mean"], pynn.tensor([0.2, 0.4]))
    assert given["inner.num_batches_tracked"].item() == 6
    assert model.inner.num_batches_tracked.item() == 0


def test_functional_call_ties_weights():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    given = {"0.weight": 2 * pynn.eye(2)}
    assert functional_call(model, given, pynn.ones(2)).tolist() == [4.0, 4.0]
    with pynn.no_grad():
        model[0].weight.copy_(pynn.eye(2))
    assert functional_call(model, given, pynn.ones(2), tie_weights=False).tolist() == [2.0, 2.0]
    both = {"0.weight": pynn.eye(2), "1.weight": pynn.eye(2)}
    with pytest.raises(ValueError, match="got multiple values for keys"):
        functional_call(model, both, pynn.ones(2))


def test_functional_call_restores_after_an_error_and_checks_names():
    module = nn.Linear(2, 3)
    weight = module.weight
    with pytest.raises(RuntimeError):
        functional_call(module, {"weight": pynn.ones(3, 5)}, pynn.ones(2))
    assert module.weight is weight
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): 'foo'"):
        functional_call(module, {"foo": pynn.ones(1)}, pynn.ones(2), strict=True)
    with pytest.raises(RuntimeError, match=r"Missing key\(s\): 'weight', 'bias'"):
        functional_call(module, {}, pynn.ones(2), strict=True)
    with pytest.raises(AttributeError, match="foo"):
        functional_call(module, {"foo.weight": pynn.ones(1)}, pynn.ones(2))
    with pytest.raises(TypeError, match="3 is not an instance of"):
        functional_call(module, {"weight": 3}, pynn.ones(2))
    with pytest.raises(TypeError, match="attribute `in_features`: 2 is not an instance of"):
        functional_call(module, {"weight": weight, "in_features": pynn.ones(1)}, pynn.ones(2))
    assert module.weight is weight


def test_functional_call_gives_other_names_for_the_call_only():
    class Model(nn.Module):
        def forward(self, x):
            return x * self.scale

    model = Model()
    assert functional_call(model, {"scale": pynn.tensor(3.0)}, pynn.ones(2)).tolist() == [3.0, 3.0]
    assert not hasattr(model, "scale")


def test_skip_init():
    module = utils.skip_init(nn.Linear, 5, 1)
    assert isinstance(module, nn.Linear)
    assert module.weight.shape == (1, 5)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        utils.skip_init(nn.ReLU)
    with pytest.raises(RuntimeError, match="Expected a Module"):
        utils.skip_init(int)


@pytest.mark.parametrize("transpose", [False, True])
def test_fuse_conv_bn(transpose, rng):
    conv = (nn.ConvTranspose2d if transpose else nn.Conv2d)(3, 4, 2).double().eval()
    bn = nn.BatchNorm2d(4).double()
    bn(pynn.tensor(rng.normal(size=(5, 4, 3, 3)) * 2 + 1))
    bn.eval()
    x = pynn.tensor(rng.normal(size=(2, 3, 5, 5)))
    fused = utils.fuse_conv_bn_eval(conv, bn, transpose)
    assert pynn.allclose(fused(x), bn(conv(x)))
    assert type(fused) is type(conv)
    assert fused is not conv
    with pytest.raises(AssertionError, match="Fusion only for eval"):
        utils.fuse_conv_bn_eval(conv, bn.train())


def test_fuse_linear_bn(rng):
    linear = nn.Linear(3, 4, bias=False).double().eval()
    bn = nn.BatchNorm1d(4).double()
    bn(pynn.tensor(rng.normal(size=(5, 4)) * 2 + 1))
    bn.eval()
    x = pynn.tensor(rng.normal(size=(2, 3)))
    assert pynn.allclose(utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)))
    with pytest.raises(AssertionError, match="got 4 and 3"):
        utils.fuse_linear_bn_eval(linear, nn.BatchNorm1d(3).double().eval())


def test_memory_format():
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Linear(2, 2))
    before = model[0].weight.detach().clone()
    assert utils.convert_conv2d_weight_memory_format(model, pynn.channels_last) is model
    assert pynn.equal(model[0].weight, before)
    assert isinstance(model[0].weight, nn.Parameter)
