"""The generator: Philox by element index, counted draws, states."""

import numpy as np
import pytest

import pynn
from pynn import _random


def test_philox_gives_the_published_words():
    # Random123's known answers for philox4x32-10: counter and key of zeros.
    assert [hex(w) for w in _random.philox(0, 0, 4)] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


def test_any_part_of_a_stream_can_be_made_alone():
    whole = _random.philox(7, 0, 40)
    np.testing.assert_array_equal(_random.philox(7, 3, 28), whole[12:])


def test_the_same_seed_draws_the_same():
    pynn.manual_seed(5)
    first = pynn.rand(3), pynn.randn(2, 2), pynn.randint(0, 9, (4,)), pynn.randperm(6)
    pynn.manual_seed(5)
    again = pynn.rand(3), pynn.randn(2, 2), pynn.randint(0, 9, (4,)), pynn.randperm(6)
    assert all(pynn.equal(a, b) for a, b in zip(first, again))
    assert not pynn.equal(first[0], pynn.rand(3))


def test_state_goes_back():
    state = pynn.get_rng_state()
    first = pynn.randn(5)
    pynn.set_rng_state(state)
    assert pynn.equal(first, pynn.randn(5))
    with pytest.raises(RuntimeError, match="uint8 tensor of 16 elements"):
        pynn.set_rng_state(pynn.zeros(3))


def test_a_generator_of_ones_own_leaves_the_default_alone():
    pynn.manual_seed(1)
    expected = pynn.rand(4)
    pynn.manual_seed(1)
    own = pynn.Generator().manual_seed(9)
    pynn.rand(4, generator=own)
    assert pynn.equal(pynn.rand(4), expected)
    assert own.initial_seed() == 9


@pytest.mark.parametrize("dtype", [pynn.float32, pynn.float64])
def test_moments(dtype):
    pynn.manual_seed(0)
    u, z = pynn.rand(200_000, dtype=dtype).numpy(), pynn.randn(200_000, dtype=dtype).numpy()
    assert u.min() >= 0
    assert u.max() < 1
    np.testing.assert_allclose([u.mean(), u.var()], [0.5, 1 / 12], atol=3e-3)
    np.testing.assert_allclose([z.mean(), z.var(), (z**4).mean()], [0, 1, 3], atol=6e-2)


def test_randint_covers_its_range():
    drawn = pynn.randint(-2, 3, (2000,)).numpy()
    assert set(drawn.tolist()) == {-2, -1, 0, 1, 2}
    with pytest.raises(RuntimeError, match="from=5 >= to=5"):
        pynn.randint(5, 5, (2,))


def test_randperm_is_a_permutation():
    assert sorted(pynn.randperm(100).tolist()) == list(range(100))


def test_multinomial_follows_the_weights():
    pynn.manual_seed(0)
    drawn = pynn.multinomial(pynn.tensor([0.0, 3.0, 1.0]), 4000, replacement=True).numpy()
    assert abs((drawn == 1).mean() - 0.75) < 0.03
    assert not (drawn == 0).any()
    assert sorted(pynn.multinomial(pynn.tensor([1.0, 2.0, 3.0]), 3).tolist()) == [0, 1, 2]
    with pytest.raises(RuntimeError, match="without replacement: 3 of 2"):
        pynn.multinomial(pynn.ones(2), 3)


def test_a_seed_that_does_not_fit_is_refused():
    with pytest.raises(RuntimeError, match="64 bits"):
        pynn.manual_seed(2**64)
