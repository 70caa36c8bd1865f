import pytest

import pynn
from pynn.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_bare_sampler_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="must define __iter__"):
        iter(Sampler())
    with pytest.raises(TypeError):
        len(Sampler())


def test_sequential():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3


def test_random_is_a_permutation_and_changes():
    sampler = RandomSampler(range(50))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert len(sampler) == 50
    assert all(type(i) is int for i in first)


def test_random_repeats_by_seed_whatever_is_drawn_meanwhile():
    pynn.manual_seed(1)
    first = list(RandomSampler(range(2000), replacement=True, num_samples=3000))
    pynn.manual_seed(1)
    second = []
    for i in RandomSampler(range(2000), replacement=True, num_samples=3000):
        pynn.rand(1)
        second.append(i)
    assert first == second
    assert min(first) >= 0
    assert max(first) < 2000
    assert len(set(first)) < 2000


def test_random_from_a_generator():
    def draw(seed):
        return list(RandomSampler(range(20), generator=pynn.Generator().manual_seed(seed)))

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


@pytest.mark.parametrize("count", [1, 7, 10, 25])
def test_random_num_samples(count):
    drawn = list(RandomSampler(range(10), num_samples=count))
    assert len(drawn) == count
    for start in range(0, count, 10):
        part = drawn[start : start + 10]
        assert len(set(part)) == len(part)


def test_random_follows_a_growing_dataset():
    data = [1, 2]
    sampler = RandomSampler(data)
    data.append(3)
    assert sorted(sampler) == [0, 1, 2]


def test_random_errors():
    with pytest.raises(TypeError, match="replacement should be a boolean value, but got replacement=1"):
        RandomSampler([1], replacement=1)
    for bad in (0, -1, 2.0):
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            RandomSampler([1], num_samples=bad)
    with pytest.raises(ValueError, match="num_samples=0"):
        RandomSampler([])


def test_subset_random():
    sampler = SubsetRandomSampler([3, 5, 9], generator=pynn.Generator().manual_seed(0))
    assert sorted(sampler) == [3, 5, 9]
    assert len(sampler) == 3


def test_weighted():
    pynn.manual_seed(0)
    drawn = list(WeightedRandomSampler([0.0, 3.0, 1.0], 4000))
    assert len(drawn) == 4000
    assert 0 not in drawn
    assert 2800 < drawn.count(1) < 3200  # 3000 expected, sigma 27
    assert sorted(WeightedRandomSampler([0.2, 0.5, 3], 3, replacement=False)) == [0, 1, 2]


def test_weighted_errors():
    with pytest.raises(ValueError, match="num_samples should be a positive integer value, but got num_samples=True"):
        WeightedRandomSampler([1.0], True)
    with pytest.raises(ValueError, match="replacement should be a boolean"):
        WeightedRandomSampler([1.0], 1, replacement="yes")
    with pytest.raises(ValueError, match=r"weights have shape \(1, 2\)"):
        WeightedRandomSampler([[1.0, 2.0]], 1)


@pytest.mark.parametrize(("drop", "batches"), [(False, [[0, 1, 2], [3, 4, 5], [6, 7]]), (True, [[0, 1, 2], [3, 4, 5]])])
def test_batch(drop, batches):
    sampler = BatchSampler(SequentialSampler(range(8)), 3, drop)
    assert list(sampler) == batches
    assert len(sampler) == len(batches)


def test_batch_of_an_exact_multiple():
    for drop in (False, True):
        assert list(BatchSampler(range(4), 2, drop)) == [[0, 1], [2, 3]]


def test_batch_errors():
    for bad in (0, -2, 1.5, True):
        with pytest.raises(ValueError, match="batch_size should be a positive integer"):
            BatchSampler([1], bad, False)
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        BatchSampler([1], 1, 0)


def test_weighted_draws_when_the_first_index_is_asked_for():
    sampler = WeightedRandomSampler([1.0, 2.0, 3.0, 4.0], 20)
    passes = iter(sampler), iter(sampler)
    drawn = []
    for keys in passes:
        pynn.manual_seed(0)
        drawn.append(list(keys))
    assert drawn[0] == drawn[1]
