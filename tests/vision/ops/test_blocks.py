"""Building blocks: what they are made of, and what chance does in them."""

import pytest

import pynn
from pynn import nn
from pynn.vision import ops


def test_convolution_norm_activation():
    block = ops.Conv2dNormActivation(3, 8, 5, stride=2)
    assert [type(m).__name__ for m in block] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert block[0].bias is None
    assert block.out_channels == 8
    assert block(pynn.rand(2, 3, 9, 9)).shape == (2, 8, 5, 5)
    bare = ops.Conv2dNormActivation(3, 8, (3, 5), norm_layer=None, activation_layer=None, dilation=2)
    assert bare[0].padding == (2, 4)
    assert bare[0].bias is not None
    assert len(bare) == 1
    assert ops.Conv3dNormActivation(2, 3)(pynn.rand(1, 2, 4, 4, 4)).shape == (1, 3, 4, 4, 4)


def test_squeeze_and_excitation():
    block = ops.SqueezeExcitation(4, 2)
    for p in block.parameters():
        nn.init.zeros_(p)
    x = pynn.rand(2, 4, 3, 3)
    assert pynn.allclose(block(x), x / 2)  # sigmoid(0)
    assert list(block.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def test_perceptron_and_permute():
    block = ops.MLP(4, [8, 2], norm_layer=nn.LayerNorm, dropout=0.1)
    assert [type(m).__name__ for m in block] == ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    assert block(pynn.rand(3, 4)).shape == (3, 2)
    assert ops.Permute([0, 2, 1])(pynn.rand(2, 3, 4)).shape == (2, 4, 3)


def test_frozen_batch_norm_is_one_in_evaluation():
    norm = nn.BatchNorm2d(3)
    nn.init.uniform_(norm.weight)
    norm.running_mean.uniform_()
    norm.running_var.uniform_(0.5, 2.0)
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = pynn.rand(2, 3, 4, 4)
    assert pynn.allclose(frozen(x), norm.eval()(x), atol=1e-6)
    assert not list(frozen.parameters())
    for module in (norm, frozen):
        module.running_var.fill_(1e-5)  # as small as eps
    assert pynn.allclose(frozen(x), norm(x), rtol=1e-4)


def test_stochastic_depth():
    x = pynn.ones(1000, 2, 2)
    out = ops.stochastic_depth(x, 0.25, "row")
    rows = out.flatten(1)
    assert ((rows == 0).all(1) | (rows == 1 / 0.75).all(1)).all()
    assert 0.7 < (rows[:, 0] != 0).float().mean().item() < 0.8
    assert ops.stochastic_depth(x, 0.25, "row", training=False) is x
    assert ops.stochastic_depth(x, 1.0, "batch").abs().sum() == 0
    assert len({ops.StochasticDepth(0.5, "batch")(x).unique().numel() for _ in range(5)}) == 1
    with pytest.raises(ValueError, match="between 0 and 1"):
        ops.stochastic_depth(x, 1.5, "row")
    with pytest.raises(ValueError, match="either 'batch' or 'row'"):
        ops.stochastic_depth(x, 0.5, "column")


def test_drop_block():
    x = pynn.ones(4, 8, 16, 16)
    out = ops.drop_block2d(x, 0.2, 3)
    assert 0.1 < (out == 0).float().mean().item() < 0.3
    assert out.mean().item() == pytest.approx(1.0, rel=1e-4)
    assert ops.DropBlock2d(0.2, 3).eval()(x) is x
    with pytest.raises(ValueError, match="4 dimensional"):
        ops.drop_block2d(x[0], 0.1, 3)
