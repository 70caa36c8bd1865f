"""The generator: Philox by element index, counted draws, states."""

import numpy as np
import pytest

import pynn
from pynn import _random
from tests import cases


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


def everywhere(draw):
    """What draw() gives on each backend, instruction set and number of threads, and where the generator stands."""
    threads, found = pynn.get_num_threads(), []
    for backend, isa in cases.variants():
        for count in (1, 2):
            with cases.running_on(backend, isa):
                pynn.set_num_threads(count)
                pynn.manual_seed(2**63 + 12345)
                pynn.rand(5)
                drawn = draw().numpy()
                found.append((drawn.dtype, drawn.shape, drawn.tobytes(), pynn.default_generator._offset))
    pynn.set_num_threads(threads)
    return found


DRAWS = {
    "rand": lambda n, dtype: pynn.rand(n, dtype=dtype),
    "randn": lambda n, dtype: pynn.randn(n, dtype=dtype),
    "randint": lambda n, dtype: pynn.randint(-5, 1000, (n,)),
    "randint of 64 bits": lambda n, dtype: pynn.randint(-(2**63), 2**63 - 1, (n,)),
    "randperm": lambda n, dtype: pynn.randperm(n),
    "uniform_": lambda n, dtype: pynn.empty(n, 2, dtype=dtype).T.uniform_(-3, 1.7),
    "normal_": lambda n, dtype: pynn.empty(n, dtype=dtype).normal_(0.3, 1.7),
    "bernoulli_": lambda n, dtype: pynn.empty(n, dtype=dtype).bernoulli_(0.3),
    "bernoulli_ of bool": lambda n, dtype: pynn.empty(n, dtype=pynn.bool).bernoulli_(0.3),
    "dropout": lambda n, dtype: pynn.nn.functional.dropout(pynn.arange(3.0 * n, dtype=dtype).reshape(n, 3).T, 0.3),
    "dropout2d": lambda n, dtype: pynn.nn.functional.dropout2d(pynn.ones(n, 3, 2, 2, dtype=dtype), 0.3),
    "alpha_dropout": lambda n, dtype: pynn.nn.functional.alpha_dropout(pynn.ones(n, 3, dtype=dtype), 0.3, True),
}


@pytest.mark.parametrize("dtype", [pynn.float32, pynn.float64])
@pytest.mark.parametrize("name", DRAWS)
def test_every_backend_and_number_of_threads_draws_the_same_bits(name, dtype):
    for n in (0, 1, 5, 33, 40000 if name.startswith("rand") else 1001):
        found = everywhere(lambda n=n: DRAWS[name](n, dtype))
        assert all(f == found[0] for f in found[1:]), n


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_dropout_gives_the_gradient_the_elements_it_kept(p):
    for backend, isa in cases.variants():
        with cases.running_on(backend, isa):
            x = pynn.full((7, 11), 2.0, requires_grad=True)
            y = pynn.nn.functional.dropout(x, p)
            pynn.rand(3)  # what is drawn in between changes nothing
            y.backward(pynn.full((11, 7), 3.0).T)
            np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy() * 1.5 if p else np.full((7, 11), 3.0))


def test_extremes_of_the_normal_numbers():
    from pynn._box_muller import normals

    words = np.array([2**32 - 1, 0, 2**32 - 1, 2**30, 0, 0, 0, 2**31, 2**31, 2**30], np.uint32)
    for dtype in (np.float32, np.float64):
        top = np.sqrt(64 * np.log(2))
        np.testing.assert_allclose(normals(words, dtype), [0, 0, top, -top, 0], rtol=1e-6, atol=1e-12)
        assert not np.signbit(normals(words, dtype)[:2]).any()


def test_bernoulli_writes_into_any_dtype():
    out = pynn.zeros(3, dtype=pynn.int32)
    assert pynn.bernoulli(pynn.tensor([1.0, 0.0, 1.0]), out=out) is out
    assert out.tolist() == [1, 0, 1]
