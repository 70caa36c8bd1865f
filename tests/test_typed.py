"""FloatTensor and its kin, random's names."""

import pytest

import pynn


def test_constructors():
    assert pynn.LongTensor([[1, 2], [3, 4]]).dtype is pynn.int64
    assert pynn.FloatTensor([1, 2]).tolist() == [1.0, 2.0]
    assert pynn.DoubleTensor(2, 3).shape == (2, 3)
    assert pynn.BoolTensor([1, 0]).tolist() == [True, False]
    assert pynn.ByteTensor().shape == (0,)
    with pytest.raises(TypeError, match="FloatTensor"):
        pynn.LongTensor(pynn.ones(2))


def test_type_tests_and_conversions():
    x = pynn.ones(2)
    assert isinstance(x, pynn.FloatTensor)
    assert not isinstance(x, pynn.LongTensor)
    for kind in (pynn.LongTensor, "torch.LongTensor", "pynn.LongTensor", pynn.int64):
        assert x.type(kind).dtype is pynn.int64
    with pytest.raises(TypeError, match="dtype"):
        x.type("torch.Foo")


def test_default_tensor_type():
    try:
        pynn.set_default_tensor_type(pynn.DoubleTensor)
        assert pynn.tensor([1.0]).dtype is pynn.float64
        pynn.set_default_tensor_type("torch.FloatTensor")
        assert pynn.tensor([1.0]).dtype is pynn.float32
        with pytest.raises(TypeError):
            pynn.set_default_tensor_type("torch.Foo")
    finally:
        pynn.set_default_dtype(pynn.float32)


def test_size_by_name():
    assert pynn.zeros(size=(2, 3)).shape == (2, 3)
    assert pynn.ones(2).new_zeros(size=(3,)).shape == (3,)


def test_fork_rng():
    pynn.random.manual_seed(3)
    first = pynn.rand(2)
    pynn.random.manual_seed(3)
    with pynn.random.fork_rng():
        pynn.rand(5)
    assert pynn.equal(pynn.rand(2), first)
    assert pynn.default_generator.initial_seed() == 3
