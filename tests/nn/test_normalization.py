"""LayerNorm, RMSNorm, GroupNorm, LocalResponseNorm."""

import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize(
    "arguments", [(4,), ((3, 4),), (4, 1e-2, False), ([4], 1e-5, True, False)], ids=str
)  # fmt: skip
def test_layer_norm_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.LayerNorm(*arguments), rng.normal(size=(2, 3, 4)), tolerance=1e-9)


@pytest.mark.parametrize("arguments", [(4,), ((3, 4), 1e-3), (4, None, False)], ids=str)
def test_rms_norm_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.RMSNorm(*arguments), rng.normal(size=(2, 3, 4)), tolerance=1e-9)


@pytest.mark.parametrize("arguments", [(2, 6), (6, 6), (1, 6, 1e-2, False)], ids=str)
def test_group_norm_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.GroupNorm(*arguments), rng.normal(size=(2, 6, 3, 2)), tolerance=1e-9)
    twin(lambda nn: nn.GroupNorm(2, 6, bias=False), rng.normal(size=(3, 6)), tolerance=1e-9)


@pytest.mark.parametrize("shape", [(2, 6, 3), (2, 6, 3, 4)])
def test_local_response_norm_matches_torch(twin, rng, shape):
    twin(lambda nn: nn.LocalResponseNorm(3, 0.1, 0.5, 2.0), rng.normal(size=shape), tolerance=1e-9)


def test_initial_values():
    m = nn.LayerNorm(3)
    assert m.weight.tolist() == [1.0] * 3
    assert m.bias.tolist() == [0.0] * 3
    assert nn.GroupNorm(2, 4, affine=False).state_dict() == {}


def test_errors():
    with pytest.raises(ValueError, match=r"num_channels \(5\) must be divisible by num_groups \(2\)"):
        nn.GroupNorm(2, 5)
    with pytest.raises(RuntimeError, match=r"\[in LayerNorm\]$"):
        nn.LayerNorm(3)(pynn.ones(2, 4))
