"""MultiheadAttention."""

import numpy
import pytest

import pynn
from pynn import nn
from pynn.nn import functional as F


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


@pytest.mark.parametrize("with_weights", [True, False])
def test_batch_first_self_attention_is_that_of_the_turned_input(with_weights):
    first, second = nn.MultiheadAttention(6, 2, batch_first=True), nn.MultiheadAttention(6, 2)
    second.load_state_dict(first.state_dict())
    x = pynn.randn(3, 4, 6, requires_grad=True)
    y = x.detach().transpose(0, 1).contiguous().requires_grad_()
    out = first(x, x, x, need_weights=with_weights)[0]
    wanted = second(y, y, y, need_weights=with_weights)[0]
    pynn.testing.assert_close(out, wanted.transpose(0, 1))
    g = pynn.randn(3, 4, 6)
    out.backward(g)
    wanted.backward(g.transpose(0, 1))
    pynn.testing.assert_close(x.grad, y.grad.transpose(0, 1))
    for a, b in zip(first.parameters(), second.parameters()):
        pynn.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("with_weights", [True, False])
def test_batch_first_is_projected_as_it_lies(monkeypatch, with_weights):
    shapes = []
    plain = F.linear

    def noted(x, *weights):
        shapes.append((tuple(x.shape), x.is_contiguous()))
        return plain(x, *weights)

    monkeypatch.setattr("pynn.nn.functional.attention.linear", noted)
    x = pynn.randn(3, 4, 6)
    out, _ = nn.MultiheadAttention(6, 2, batch_first=True)(x, x, x, need_weights=with_weights)
    assert shapes == [((3, 4, 6), True)] * 2  # of query, key and value together, and of the output
    assert out.is_contiguous()


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
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads, got 6 and 4"):
        nn.MultiheadAttention(6, 4)
    with pytest.raises(ValueError, match="must be greater than 0, got embed_dim=0 and num_heads=1"):
        nn.MultiheadAttention(0, 1)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"query": (8,)}, AssertionError, "query should be unbatched 2D or batched 3D tensor but received 1-D"),
        ({"query": (3, 8)}, AssertionError, "expected `key` and `value` to be 2-D but found 3-D and 3-D"),
        ({"value": (3, 3, 8)}, AssertionError, "does not match value shape"),
        ({"attn_mask": (2, 2)}, RuntimeError, r"The shape of the 2D attn_mask is .*, but should be \(3, 3\)"),
        ({"attn_mask": (2, 3, 3)}, RuntimeError, r"The shape of the 3D attn_mask is .*, but should be \(4, 3, 3\)"),
        ({"attn_mask": (3,)}, AssertionError, "expected `attn_mask` to be `None`, 2-D or 3-D but found 1-D"),
        ({"key_padding_mask": (3, 3)}, AssertionError, r"Expected key_padded_mask.shape\[0\] to be 2, but got 3"),
        ({"key_padding_mask": (3,)}, AssertionError, "expected `key_padding_mask` to be `None` or 2-D but found 1-D"),
    ],
)
def test_shapes_that_do_not_fit(change, error, match):
    shapes = {"query": (3, 2, 8), "key": (3, 2, 8), "value": (3, 2, 8)} | change
    with pytest.raises(error, match=match):
        pynn.nn.MultiheadAttention(8, 2)(**{name: pynn.zeros(*shape) for name, shape in shapes.items()})


def test_masks_of_integers_and_a_causal_hint_without_a_mask():
    x, module = pynn.ones(3, 2, 8), pynn.nn.MultiheadAttention(8, 2)
    with pytest.raises(AssertionError, match="only bool and floating types of attn_mask are supported"):
        module(x, x, x, attn_mask=pynn.zeros(3, 3).int())
    with pytest.raises(RuntimeError, match="Need attn_mask if specifying the is_causal hint"):
        module(x, x, x, is_causal=True)


@pytest.mark.parametrize("extra", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_causal_hint_without_weights_leaves_the_appended_positions_last(twin, rng, extra):
    """As in torch: what is appended to the keys is masked for every query that comes before it."""

    def make(nn):
        class Module(nn.MultiheadAttention):
            def forward(self, x, mask):
                return super().forward(x, x, x, attn_mask=mask > 0.5, is_causal=True, need_weights=False)[0]

        return Module(8, 2, **extra)

    twin(make, rng.normal(size=(3, 2, 8)), numpy.triu(numpy.ones((3, 3)), 1))
