"""unique, histograms, searchsorted, mode and quantiles: cases with answers worked out by hand."""

import math

import pytest

import pynn

nan = math.nan


def test_unique_along_a_dimension():
    x = pynn.tensor([[1, 2], [0, 5], [1, 2]])
    values, inverse, counts = x.unique(dim=0, return_inverse=True, return_counts=True)
    assert values.tolist() == [[0, 5], [1, 2]]
    assert inverse.tolist() == [1, 0, 1]
    assert counts.tolist() == [1, 2]


def test_unique_of_all_elements():
    values, inverse = pynn.unique(pynn.tensor([[3, 1], [1, 2]]), return_inverse=True)
    assert values.tolist() == [1, 2, 3]
    assert inverse.tolist() == [[2, 0], [0, 1]]


def test_unique_consecutive():
    x = pynn.tensor([1, 1, 2, 2, 3, 1, 1, 2])
    values, inverse, counts = pynn.unique_consecutive(x, return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 3, 1, 2]
    assert inverse.tolist() == [0, 0, 1, 1, 2, 3, 3, 4]
    assert counts.tolist() == [2, 2, 1, 2, 1]
    assert pynn.unique_consecutive(pynn.tensor([[1, 2], [1, 2]]), dim=0).tolist() == [[1, 2]]


def test_mode_takes_the_smallest_of_the_most_frequent():
    values, indices = pynn.tensor([[3, 1, 3, 1, 2], [5, 5, 4, 4, 4]]).mode()
    assert values.tolist() == [1, 4]
    assert indices.tolist() == [3, 4]


def test_nanmedian():
    x = pynn.tensor([[nan, 3.0, 1.0], [nan, nan, nan], [4.0, 2.0, 3.0]])
    values, indices = x.nanmedian(1)
    assert values.tolist()[::2] == [1.0, 3.0]
    assert math.isnan(values[1].item())
    assert indices.tolist()[::2] == [2, 2]
    assert x.nanmedian().item() == 3.0


def test_aminmax():
    low, high = pynn.tensor([[1.0, 5.0], [2.0, 0.0]]).aminmax(dim=1)
    assert (low.tolist(), high.tolist()) == ([1.0, 0.0], [5.0, 2.0])
    with pytest.raises(RuntimeError, match="no identity"):
        pynn.zeros(0).aminmax()


@pytest.mark.parametrize(
    ("interpolation", "expected"),
    [("linear", 1.75), ("lower", 1.0), ("higher", 2.0), ("midpoint", 1.5), ("nearest", 2.0)],
)
def test_quantile(interpolation, expected):
    x = pynn.tensor([4.0, 1.0, 3.0, 2.0])
    assert pynn.quantile(x, 0.25, interpolation=interpolation).item() == expected


def test_quantile_shapes_and_nan():
    x = pynn.tensor([[1.0, nan, 3.0], [1.0, 2.0, 3.0]])
    q = pynn.tensor([0.0, 1.0])
    assert pynn.quantile(x, q, dim=1, keepdim=True).shape == (2, 2, 1)
    assert math.isnan(pynn.quantile(x, 0.5, dim=1)[0].item())
    assert pynn.nanquantile(x, 0.5, dim=1).tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="range"):
        pynn.quantile(x, 1.5)
    with pytest.raises(RuntimeError, match="float or double"):
        pynn.quantile(pynn.tensor([1, 2]), 0.5)


def test_histograms():
    x = pynn.tensor([0.0, 1.0, 1.5, 4.0])
    hist, edges = pynn.histogram(x, 4)
    assert hist.tolist() == [1.0, 2.0, 0.0, 1.0]
    assert edges.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    hist, _ = pynn.histogram(x, pynn.tensor([0.0, 1.0, 2.0]), weight=pynn.tensor([1.0, 2.0, 3.0, 4.0]))
    assert hist.tolist() == [1.0, 5.0]
    assert pynn.histc(x, 2, 0, 2).tolist() == [1.0, 2.0]
    points = pynn.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    assert pynn.histogramdd(points, [2, 2]).hist.tolist() == [[1.0, 0.0], [1.0, 1.0]]


def test_searchsorted():
    rows = pynn.tensor([[1, 3, 5], [2, 4, 6]])
    assert pynn.searchsorted(rows, pynn.tensor([[3, 6], [4, 1]])).tolist() == [[1, 3], [1, 0]]
    assert pynn.searchsorted(rows, pynn.tensor([[3], [4]]), side="right").tolist() == [[2], [2]]
    unsorted = pynn.tensor([5, 1, 3])
    assert pynn.searchsorted(unsorted, pynn.tensor([4]), sorter=unsorted.argsort()).tolist() == [2]
    assert pynn.searchsorted(pynn.tensor([1.0, 2.0]), 1.5).item() == 1
    with pytest.raises(RuntimeError, match="opposites"):
        pynn.searchsorted(rows, rows, side="left", right=True)
    assert pynn.searchsorted(rows, pynn.tensor([[1.0], [2.5]])).tolist() == [[0], [1]]  # of another dtype, as in torch


def test_bincount():
    assert pynn.bincount(pynn.tensor([0, 2, 2]), minlength=4).tolist() == [1, 0, 2, 0]
    assert pynn.bincount(pynn.tensor([1, 1]), pynn.tensor([0.5, 0.25])).tolist() == [0.0, 0.75]
    with pytest.raises(RuntimeError, match="non-negative"):
        pynn.bincount(pynn.tensor([-1]))


def test_unravel_index():
    rows, columns = pynn.unravel_index(pynn.tensor([0, 5, 3]), (2, 3))
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 1], [0, 2, 0])


def test_named_results():
    out = pynn.tensor([1.0, 3.0]).max(0)
    assert repr(out) == "pynn.return_types.max(\nvalues=tensor(3.),\nindices=tensor(1))"
    assert type(out) is pynn.return_types.max
    assert pynn.tensor([2, 1]).sort().indices.tolist() == [1, 0]


def test_gradient_of_a_product_with_zeros():
    x = pynn.tensor([[2.0, 0.0, 3.0], [0.0, 4.0, 0.0]], requires_grad=True)
    x.prod(1).sum().backward()
    assert x.grad.tolist() == [[0.0, 6.0, 0.0], [0.0, 0.0, 0.0]]
