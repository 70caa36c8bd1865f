"""What copies of torch's attention layers read from nn.functional."""

import math

import pytest

import pynn
import pynn.nn.functional as F


def test_masks():
    keep = pynn.tensor([0.0, 1.0])
    assert F._canonical_mask(None, "mask", None, "", pynn.float32) is None
    assert F._canonical_mask(keep, "mask", None, "", pynn.float32) is keep
    found = F._canonical_mask(keep.bool(), "mask", F._none_or_dtype(keep), "other", pynn.float64)
    assert found.tolist() == [0.0, -math.inf]
    assert found.dtype is pynn.float64
    with pytest.raises(AssertionError, match="only bool and floating types of mask"):
        F._canonical_mask(keep.long(), "mask", None, "", pynn.float32)
    with pytest.raises(RuntimeError, match="must be None or"):
        F._none_or_dtype(3)


def test_projections():
    x, y = pynn.rand(4, 2), pynn.rand(3, 2)
    w, b = pynn.rand(6, 2), pynn.rand(6)
    parts = F._in_projection(x, y, y, *w.chunk(3), *b.chunk(3))
    for packed in (F._in_projection_packed(x, y, y, w, b), F._in_projection_packed(x, y, y.clone(), w, b)):
        for mine, other in zip(packed, parts):
            pynn.testing.assert_close(mine, other)
    for mine, other in zip(F._in_projection_packed(x, x, x, w), w.chunk(3)):
        pynn.testing.assert_close(mine, x @ other.T)
    assert [F._get_softmax_dim("softmax", n) for n in range(5)] == [0, 0, 1, 0, 1]


def test_nothing_is_overridden():
    assert not F.has_torch_function((1,))
    assert not F.has_torch_function_unary(pynn.ones(1))
    assert not F.has_torch_function_variadic(pynn.ones(1), 2)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("gelu", ()), ("softplus", ()), ("logsigmoid", ()), ("hardshrink", ()), ("softshrink", ()), ("avg_pool2d", (2,)),
        ("avg_pool3d", (1,)),
    ],
)  # fmt: skip
def test_results_are_written_where_out_says(name, arguments):
    x = pynn.linspace(-2, 2, 16).reshape(1, 1, 4, 4)
    out = pynn.empty(0)
    function = getattr(F, name)
    assert function(x, *arguments, out=out) is out
    assert pynn.equal(out, function(x, *arguments))
