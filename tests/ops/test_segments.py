"""segment_reduce: runs of unequal length, by lengths and by offsets."""

import pytest

import pynn

X = [[1.0, 2.0], [3.0, -1.0], [0.5, 4.0], [2.0, 2.0], [2.0, 5.0]]
LENGTHS = [2, 0, 3]
INF = float("inf")
EXPECTED = {
    "sum": [[4.0, 1.0], [0.0, 0.0], [4.5, 11.0]],
    "mean": [[2.0, 0.5], [float("nan")] * 2, [1.5, 11 / 3]],
    "max": [[3.0, 2.0], [-INF, -INF], [2.0, 5.0]],
    "min": [[1.0, -1.0], [INF, INF], [0.5, 2.0]],
    "prod": [[3.0, -2.0], [1.0, 1.0], [2.0, 40.0]],
}


@pytest.mark.parametrize("reduce", EXPECTED)
def test_values(reduce):
    x, expected = pynn.tensor(X), pynn.tensor(EXPECTED[reduce])
    found = pynn.segment_reduce(x, reduce, lengths=pynn.tensor(LENGTHS))
    assert pynn.allclose(found, expected, equal_nan=True)
    by_offsets = pynn.segment_reduce(x, reduce, offsets=pynn.tensor([0, 2, 2, 5]))
    assert pynn.equal(by_offsets.nan_to_num(), found.nan_to_num())
    both = pynn.segment_reduce(x.T, reduce, lengths=pynn.tensor([LENGTHS, LENGTHS]), axis=1)
    assert pynn.equal(both.T.nan_to_num(), found.nan_to_num())


@pytest.mark.parametrize(("reduce", "expected"), [
    ("sum", [14.0, 10.0, 14.5]), ("mean", [7.0, 10.0, 14.5 / 3]), ("max", [10.0] * 3), ("min", [1.0, 10.0, 0.5]),
    ("prod", [30.0, 10.0, 20.0]),
])  # fmt: skip
def test_initial_counts_in_every_segment(reduce, expected):
    found = pynn.segment_reduce(pynn.tensor(X)[:, 0], reduce, lengths=pynn.tensor(LENGTHS), initial=10)
    assert pynn.allclose(found, pynn.tensor(expected))


@pytest.mark.parametrize("reduce", EXPECTED)
def test_gradients(reduce):
    x = pynn.tensor(X, dtype=pynn.float64)[:, 1].clone().requires_grad_()
    lengths = pynn.tensor([2, 3])
    assert pynn.autograd.gradcheck(lambda x: pynn.segment_reduce(x, reduce, lengths=lengths), (x,))


def test_gradient_of_ties_is_shared():
    x = pynn.tensor([1.0, 5.0, 5.0, 2.0], requires_grad=True)
    pynn.segment_reduce(x, "max", lengths=pynn.tensor([3, 1])).sum().backward()
    assert x.grad.tolist() == [0.0, 0.5, 0.5, 1.0]


@pytest.mark.parametrize(("reduce", "kwargs"), [
    ("sum", {}), ("median", {"lengths": [5]}), ("sum", {"lengths": [4]}), ("sum", {"lengths": [6, -1]}),
    ("sum", {"lengths": [[5]]}), ("sum", {"indices": [0, 0, 0, 0, 0]}), ("sum", {"lengths": [7, -1], "unsafe": True}),
    ("sum", {"offsets": [0, 9]}), ("sum", {"offsets": [0.0, 5.0]}),
])  # fmt: skip
def test_errors(reduce, kwargs):
    kwargs = {k: pynn.tensor(v) if isinstance(v, list) else v for k, v in kwargs.items()}
    with pytest.raises(RuntimeError, match="segment_reduce"):
        pynn.segment_reduce(pynn.tensor(X), reduce, **kwargs)


def test_unsafe_takes_segments_that_cover_a_part():
    found = pynn.segment_reduce(pynn.tensor(X), "sum", offsets=pynn.tensor([1, 2, 4]), unsafe=True)
    assert found.tolist() == [[3.0, -1.0], [2.5, 6.0]]
