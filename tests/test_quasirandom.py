"""Sobol sequences."""

import numpy as np
import pytest

import pynn
from pynn.quasirandom import SobolEngine


def test_first_points():
    engine = SobolEngine(3)
    expected = [[0, 0, 0], [0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75], [0.375, 0.375, 0.625]]
    assert engine.draw(5).tolist() == expected
    assert engine.num_generated == 5
    assert engine.reset().fast_forward(3).draw(2, dtype=pynn.float64).tolist() == expected[3:]
    out = pynn.empty(0)
    assert engine.reset().draw(2, out=out) is out
    assert out.tolist() == expected[:2]


@pytest.mark.parametrize("scramble", [False, True])
def test_each_coordinate_falls_once_into_each_part(scramble):
    points = SobolEngine(SobolEngine.MAXDIM, scramble=scramble, seed=1).draw_base2(6).numpy()
    cells = np.sort((points * 64).astype(int), axis=0)
    assert (cells == np.arange(64)[:, None]).all()
    assert 0 <= points.min() <= points.max() < 1


def test_scrambling_follows_the_seed():
    a, b, c = (SobolEngine(4, scramble=True, seed=s).draw(8) for s in (3, 3, 4))
    assert pynn.equal(a, b)
    assert not pynn.equal(a, c)
    pynn.manual_seed(0)
    d = SobolEngine(2, scramble=True).draw(4)
    pynn.manual_seed(0)
    engine = SobolEngine(2, scramble=True)
    assert pynn.equal(d, engine.draw(4))
    assert pynn.equal(d, engine.reset().draw(4))


def test_errors():
    for dimension in (0, 22):
        with pytest.raises(ValueError, match=r"\[1, 21\]"):
            SobolEngine(dimension)
    engine = SobolEngine(1)
    engine.draw(3)
    with pytest.raises(ValueError, match="power of 2"):
        engine.draw_base2(3)
    assert repr(SobolEngine(2, True, 5)) == "SobolEngine(dimension=2, scramble=True, seed=5)"


def test_same_points_as_torch():
    torch = pytest.importorskip("torch")
    for dimension in (1, 7, 21):
        theirs = torch.quasirandom.SobolEngine(dimension).draw(300, dtype=torch.float64).numpy()
        assert (SobolEngine(dimension).draw(300, dtype=pynn.float64).numpy() == theirs).all()
