"""Products by groups, beyond what the record's samples ask."""

import pytest

import pynn
from pynn.nn.functional import grouped_mm


def offsets(*ends):
    return pynn.tensor(ends, dtype=pynn.int32)


def test_groups_of_rows():
    x, w = pynn.randn(6, 4, requires_grad=True), pynn.randn(3, 4, 5, requires_grad=True)
    out = grouped_mm(x, w, offs=offsets(2, 2, 5))
    wanted = pynn.cat([x[:2] @ w[0], x[2:5] @ w[2], pynn.zeros(1, 5)])
    pynn.testing.assert_close(out, wanted)
    g = pynn.randn(6, 5)
    for got, want in zip(pynn.autograd.grad(out, (x, w), g), pynn.autograd.grad(wanted, (x, w), g), strict=True):
        pynn.testing.assert_close(got, want)
    assert pynn.equal(pynn._grouped_mm(x, w, offsets(2, 2, 5)), out)


def test_batches():
    a, b = pynn.randn(2, 3, 4), pynn.randn(2, 4, 5)
    assert pynn.equal(grouped_mm(a, b, out_dtype=pynn.bfloat16), (a @ b).bfloat16())


@pytest.mark.parametrize(
    ("a", "b", "offs", "message"),
    [
        ((6, 4), (3, 4, 5), None, "Have to provide offsets"),
        ((2, 6, 4), (2, 4, 5), (1, 2), "no offset if both matrices are 3d"),
        ((6, 4), (3, 3, 5), (1, 2, 6), "contraction dimension"),
        ((6, 4), (3, 4, 5), (1, 6), "got 3 matrices and 2 offsets"),
        ((6, 4), (3, 4, 5), (1, 2, 7), "rise from 0 to 6"),
        ((6, 4), (3, 4, 5), (3, 2, 6), "rise from 0 to 6"),
        ((6,), (3, 4, 5), (3, 2, 6), "2 or 3 dimensional"),
    ],
)
def test_arguments_that_do_not_fit(a, b, offs, message):
    with pytest.raises(RuntimeError, match=message):
        grouped_mm(pynn.ones(a), pynn.ones(b), offs=None if offs is None else offsets(*offs))
    with pytest.raises(RuntimeError, match="int32"):
        grouped_mm(pynn.ones(6, 4), pynn.ones(3, 4, 5), offs=pynn.tensor([1, 2, 3]))
