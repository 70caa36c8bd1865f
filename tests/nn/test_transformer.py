"""Transformer layers, stacks and the whole, against torch."""

import numpy
import pytest

import pynn
from pynn import nn

SMALL = {"dim_feedforward": 12, "dropout": 0.0}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"norm_first": True},
        {"batch_first": True, "activation": "gelu"},
        {"bias": False},
        {"layer_norm_eps": 0.1},
    ],
    ids=str,
)
def test_layers_match_torch(twin, rng, arguments):
    x, memory = (rng.normal(size=(4, 3, 6)) for _ in range(2))
    twin(lambda nn: nn.TransformerEncoderLayer(6, 2, **SMALL, **arguments), x)
    twin(lambda nn: nn.TransformerDecoderLayer(6, 3, **SMALL, **arguments), x, memory)


def test_masks_match_torch(twin, rng):
    x, memory = rng.normal(size=(4, 2, 6)), rng.normal(size=(5, 2, 6))
    causal = numpy.triu(numpy.ones((4, 4), bool), 1)
    padding, memory_padding = numpy.zeros((2, 4), bool), numpy.zeros((2, 5), bool)
    padding[1, 3:] = memory_padding[0, 2:] = True
    twin(lambda nn: nn.TransformerEncoderLayer(6, 2, **SMALL), x, causal, padding)
    twin(lambda nn: nn.TransformerEncoderLayer(6, 2, **SMALL), x, causal, None, True)
    twin(lambda nn: nn.TransformerDecoderLayer(6, 2, **SMALL), x, memory, causal, None, padding, memory_padding)


def test_without_batch_matches_torch(twin, rng):
    twin(lambda nn: nn.TransformerEncoderLayer(6, 2, **SMALL), rng.normal(size=(4, 6)))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_stacks_match_torch(twin, rng):
    x, memory = rng.normal(size=(4, 2, 6)), rng.normal(size=(5, 2, 6))
    causal = numpy.triu(numpy.ones((4, 4), bool), 1)
    twin(lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, **SMALL), 2, nn.LayerNorm(6)), x, causal)
    twin(lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, **SMALL), 2), x, memory, causal)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("arguments", [{}, {"batch_first": True, "norm_first": True}], ids=str)
def test_the_whole_matches_torch(twin, rng, arguments):
    first = arguments.get("batch_first")
    src = rng.normal(size=(2, 5, 6) if first else (5, 2, 6))
    tgt = rng.normal(size=(2, 4, 6) if first else (4, 2, 6))
    twin(lambda nn: nn.Transformer(6, 2, 1, 2, **SMALL, **arguments), src, tgt)


def test_subsequent_mask():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0.0, -numpy.inf, -numpy.inf], [0.0, 0.0, -numpy.inf], [0.0, 0.0, 0.0]]
    assert nn.Transformer.generate_square_subsequent_mask(2, dtype=pynn.float64).dtype is pynn.float64


def test_dropout_in_training_only():
    layer, x = nn.TransformerEncoderLayer(6, 2, 12, dropout=0.5), pynn.randn(4, 2, 6)
    assert not pynn.equal(layer(x), layer(x))
    layer.eval()
    assert pynn.equal(layer(x), layer(x))


def test_stacked_layers_are_copies():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 12), 2)
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert first is not second
    assert pynn.equal(first, second)


def test_errors():
    with pytest.raises(RuntimeError, match="relu/gelu, not tanh"):
        nn.TransformerEncoderLayer(6, 2, activation="tanh")
    model = nn.Transformer(6, 2, 1, 1, 12)
    with pytest.raises(RuntimeError, match="batch number"):
        model(pynn.zeros(3, 2, 6), pynn.zeros(3, 1, 6))
    with pytest.raises(RuntimeError, match="feature number"):
        model(pynn.zeros(3, 2, 6), pynn.zeros(3, 2, 5))


def test_a_subclass_can_replace_a_block():
    class Quiet(nn.TransformerEncoderLayer):
        def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
            return pynn.zeros_like(x)

        def _ff_block(self, x):
            return pynn.ones_like(x)

    class Deaf(nn.TransformerDecoderLayer):
        def _mha_block(self, x, mem, attn_mask, key_padding_mask, is_causal=False):
            return super()._mha_block(x, pynn.zeros_like(mem), attn_mask, key_padding_mask, is_causal)

    x = pynn.rand(3, 1, 4)
    assert pynn.equal(Quiet(4, 2, 8, norm_first=True)(x), x + 1)
    deaf = Deaf(4, 2, 8, 0.0)
    assert pynn.equal(deaf(x, pynn.rand(5, 1, 4)), deaf(x, pynn.rand(5, 1, 4)))
    stack = nn.modules.transformer._get_clones(deaf, 2)
    assert len(stack) == 2
    assert stack[0] is not stack[1]
    assert nn.modules.transformer._get_activation_fn("gelu") is nn.functional.gelu
