"""The other distributions: moments of many draws, bounds, seeds and refusals."""

import pytest

import pynn

N = 20000


@pytest.fixture(autouse=True)
def _seeded():
    pynn.manual_seed(3)


def test_moments():
    x = pynn.empty(N)
    assert x.exponential_(2.0).mean().item() == pytest.approx(0.5, abs=0.02)
    assert x.geometric_(0.25).mean().item() == pytest.approx(4.0, abs=0.15)
    assert x.min().item() == 1.0
    assert x.cauchy_(1.0).median().item() == pytest.approx(1.0, abs=0.05)
    assert x.log_normal_(0.0, 0.5).log().std().item() == pytest.approx(0.5, abs=0.02)
    assert pynn.poisson(pynn.full((N,), 3.0)).mean().item() == pytest.approx(3.0, abs=0.06)
    assert pynn.binomial(pynn.full((N,), 10.0), pynn.full((N,), 0.3)).mean().item() == pytest.approx(3.0, abs=0.05)


def test_a_seed_repeats_the_numbers():
    first = pynn.poisson(pynn.full((9,), 3.0), generator=pynn.Generator().manual_seed(5))
    again = pynn.poisson(pynn.full((9,), 3.0), generator=pynn.Generator().manual_seed(5))
    assert first.tolist() == again.tolist()


def test_forms_of_normal():
    assert pynn.normal(pynn.zeros(3), pynn.tensor([0.0, 0.0, 1.0])).tolist()[:2] == [0.0, 0.0]
    assert pynn.normal(2.0, 0.0, (2,)).tolist() == [2.0, 2.0]
    assert pynn.normal(1.0, pynn.zeros(2)).tolist() == [1.0, 1.0]
    assert pynn.normal(0, 1, size=(2,), dtype=pynn.float64).dtype is pynn.float64
    with pytest.raises(RuntimeError, match="std"):
        pynn.normal(0.0, -1.0, (2,))


@pytest.mark.parametrize("dtype", [pynn.uint8, pynn.int16, pynn.int64, pynn.bool, pynn.float32])
def test_random_fills_what_the_dtype_holds(dtype):
    x = pynn.empty(64, dtype=dtype).random_()
    assert len(set(x.tolist())) > 1
    assert min(x.tolist()) >= 0


def test_random_within_bounds():
    x = pynn.empty(200, dtype=pynn.int64)
    assert set(x.random_(3).tolist()) == {0, 1, 2}
    assert set(x.random_(-1, 1).tolist()) == {-1, 0}
    with pytest.raises(RuntimeError, match="less than"):
        x.random_(5, 5)
    with pytest.raises(RuntimeError, match="out of bounds"):
        pynn.empty(2, dtype=pynn.uint8).random_(0, 1000)


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: x.exponential_(0.0),
        lambda x: x.geometric_(1.0),
        lambda x: x.cauchy_(0.0, 0.0),
        lambda x: x.log_normal_(0.0, 0.0),
        lambda x: x.bernoulli_(2.0),
        lambda x: pynn.bernoulli(x + 2),
        lambda x: pynn.poisson(x - 1),
        lambda x: pynn.multinomial(x.reshape(1, 1, 2), 1),
        lambda x: pynn.randperm(-1),
    ],
)
def test_refused(bad):
    with pytest.raises(RuntimeError):
        bad(pynn.zeros(2))


def test_windows():
    windows = pynn.signal.windows
    assert windows.hann(5).tolist() == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])
    assert pynn.hann_window(4).tolist() == pytest.approx([0.0, 0.5, 1.0, 0.5])
    assert windows.bartlett(3).tolist() == [0.0, 1.0, 0.0]
    assert pynn.hamming_window(1).tolist() == [1.0]
    assert pynn.kaiser_window(0).shape == (0,)
    assert windows.gaussian(3, std=1.0).tolist() == pytest.approx([0.60653, 1.0, 0.60653], abs=1e-5)
    assert windows.cosine(2).tolist() == pytest.approx([0.70711, 0.70711], abs=1e-5)
    assert windows.exponential(3, tau=1.0).tolist() == pytest.approx([0.36788, 1.0, 0.36788], abs=1e-5)
    with pytest.raises(ValueError, match="non-negative"):
        windows.hann(-1)
