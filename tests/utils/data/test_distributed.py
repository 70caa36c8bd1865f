import pytest

import pynn
from pynn.utils.data import DataLoader, DistributedSampler


def parts(n, replicas, **options):
    return [list(DistributedSampler(range(n), replicas, rank, **options)) for rank in range(replicas)]


def test_parts_in_order():
    assert parts(7, 3, shuffle=False) == [[0, 3, 6], [1, 4, 0], [2, 5, 1]]
    assert parts(7, 3, shuffle=False, drop_last=True) == [[0, 3], [1, 4], [2, 5]]
    assert parts(2, 5, shuffle=False) == [[0], [1], [0], [1], [0]]
    assert len(DistributedSampler(range(7), 3, 0)) == 3


def test_as_torch():
    torch = pytest.importorskip("torch")
    for n in (1, 2, 7, 8, 9):
        for replicas in (1, 2, 3, 8):
            for drop in (False, True):
                theirs = [
                    list(torch.utils.data.DistributedSampler(range(n), replicas, rank, False, drop_last=drop))
                    for rank in range(replicas)
                ]
                assert parts(n, replicas, shuffle=False, drop_last=drop) == theirs


def test_shuffled_parts_are_of_one_order_which_the_epoch_changes():
    first = parts(8, 2)
    assert sorted(first[0] + first[1]) == list(range(8))
    assert first == parts(8, 2)
    sampler = DistributedSampler(range(8), 2, 0)
    sampler.set_epoch(1)
    assert list(sampler) != first[0]
    assert list(DistributedSampler(range(8), 2, 0, seed=1)) == list(sampler)
    assert len(DataLoader(range(8), 2, sampler=sampler)) == 2


def test_ranks():
    with pytest.raises(ValueError, match=r"Invalid rank 2, rank should be in the interval \[0, 1\]"):
        DistributedSampler(range(3), 2, 2)
    with pytest.raises(RuntimeError, match="Requires distributed package to be available"):
        DistributedSampler(range(3))
    pynn.distributed.init_process_group()
    try:
        assert list(DistributedSampler(range(3), shuffle=False)) == [0, 1, 2]
    finally:
        pynn.distributed.destroy_process_group()
