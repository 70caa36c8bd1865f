"""diff, gradient and trapezoids: small cases by hand."""

import pytest

import pynn


def test_diff():
    x = pynn.tensor([1, 4, 9])
    assert x.diff().tolist() == [3, 5]
    assert x.diff(n=2).tolist() == [2]
    assert x.diff(prepend=pynn.tensor([0]), append=pynn.tensor([16])).tolist() == [1, 3, 5, 7]
    assert pynn.tensor([True, False, False]).diff().tolist() == [True, False]
    assert x.diff(n=9).tolist() == []
    with pytest.raises(RuntimeError, match="one-dimensional"):
        pynn.tensor(1).diff()


def test_gradient():
    x = pynn.tensor([1.0, 2.0, 4.0, 8.0])
    assert pynn.gradient(x)[0].tolist() == [1.0, 1.5, 3.0, 4.0]
    assert pynn.gradient(x, spacing=2.0)[0].tolist() == [0.5, 0.75, 1.5, 2.0]
    assert pynn.gradient(x, edge_order=2)[0].tolist() == [0.5, 1.5, 3.0, 5.0]
    square = pynn.tensor([0.0, 1.0, 9.0, 16.0])  # of 0, 1, 3, 4: exact inside
    assert pynn.gradient(square, spacing=(pynn.tensor([0.0, 1.0, 3.0, 4.0]),))[0].tolist()[1:3] == pytest.approx(
        [2.0, 6.0]
    )
    assert len(pynn.gradient(pynn.ones(3, 3))) == 2
    with pytest.raises(RuntimeError, match="edge_order"):
        pynn.gradient(x, edge_order=3)


def test_trapezoid():
    y = pynn.tensor([1.0, 2.0, 3.0])
    assert pynn.trapezoid(y).item() == 4.0
    assert pynn.trapezoid(y, dx=2).item() == 8.0
    assert pynn.trapz(y, pynn.tensor([0.0, 1.0, 3.0])).item() == 6.5
    assert pynn.cumulative_trapezoid(y).tolist() == [1.5, 4.0]
    assert pynn.trapezoid(pynn.zeros(2, 0)).tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="one `x` value"):
        pynn.trapezoid(y, pynn.zeros(2))
