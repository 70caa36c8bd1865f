"""MultiheadAttention."""

import numpy
import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"bias": False},
        {"batch_first": True},
        {"add_bias_kv": True},
        {"add_zero_attn": True},
        {"kdim": 3, "vdim": 5},
    ],
    ids=str,
)
def test_matches_torch(twin, rng, arguments):
    def make(nn):
        return nn.MultiheadAttention(6, 2, **arguments)

    first, last = (2, 4) if arguments.get("batch_first") else (4, 2)
    keys = (first, 3) if arguments.get("batch_first") else (3, last)
    query = rng.normal(size=(first, last, 6))
    key, value = (rng.normal(size=(*keys, arguments.get(n, 6))) for n in ("kdim", "vdim"))
    twin(make, query, key, value)


def test_masks_match_torch(twin, rng):
    x = [rng.normal(size=(4, 2, 6)) for _ in range(3)]
    padding = numpy.array([[False, False, False, True], [False, False, False, False]])
    causal = numpy.triu(numpy.ones((4, 4), bool), 1)
    twin(lambda nn: nn.MultiheadAttention(6, 3), *x, padding)
    twin(lambda nn: nn.MultiheadAttention(6, 3), *x, None, True, causal)
    twin(lambda nn: nn.MultiheadAttention(6, 3), *x, padding, True, causal, False)


def test_without_batch_matches_torch(twin, rng):
    twin(lambda nn: nn.MultiheadAttention(6, 3), *[rng.normal(size=(4, 6)) for _ in range(3)])


def test_weights_are_left_out():
    x = pynn.randn(4, 2, 6)
    assert nn.MultiheadAttention(6, 3)(x, x, x, need_weights=False)[1] is None


def test_dropout_in_training_only():
    m, x = nn.MultiheadAttention(6, 3, dropout=0.5), pynn.randn(4, 2, 6)
    assert not pynn.equal(m(x, x, x)[0], m(x, x, x)[0])
    m.eval()
    assert pynn.equal(m(x, x, x)[0], m(x, x, x)[0])


def test_errors():
    with pytest.raises(ValueError, match="embed_dim must be divisible by num_heads, got 6 and 4"):
        nn.MultiheadAttention(6, 4)
    with pytest.raises(ValueError, match="must be greater than 0, got embed_dim=0 and num_heads=1"):
        nn.MultiheadAttention(0, 1)
