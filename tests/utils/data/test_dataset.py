import pickle

import numpy
import pytest

import pynn
from pynn.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __getitem__(self, index):
        return index * index

    def __len__(self):
        return self.n


class Stream(IterableDataset):
    def __init__(self, *values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


def test_bare_classes_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="must define __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="must define __iter__"):
        iter(IterableDataset())
    with pytest.raises(TypeError):
        len(Dataset())
    assert Dataset[int] is not None


def test_tensor_dataset():
    x, y = pynn.arange(6).reshape(3, 2), pynn.tensor([7, 8, 9])
    data = TensorDataset(x, y)
    assert len(data) == 3
    row, label = data[1]
    assert row.tolist() == [2, 3]
    assert label.item() == 8
    assert data[-1][1].item() == 9
    assert [t.tolist() for t in data[0:2]] == [[[0, 1], [2, 3]], [7, 8]]
    assert len(pickle.loads(pickle.dumps(data))) == 3


def test_tensor_dataset_errors():
    with pytest.raises(AssertionError, match=r"Size mismatch between tensors.*\[3, 2\]"):
        TensorDataset(pynn.zeros(3), pynn.zeros(2))
    with pytest.raises(IndexError, match="at least one tensor"):
        TensorDataset()
    with pytest.raises(IndexError):
        TensorDataset(pynn.zeros(3))[3]


def test_concat():
    data = Squares(3) + Squares(2) + Squares(1)
    assert isinstance(data, ConcatDataset)
    assert len(data) == 6
    assert [data[i] for i in range(6)] == [0, 1, 4, 0, 1, 0]
    assert [data[i] for i in (-1, -2, -6)] == [0, 1, 0]
    assert list(data) == [0, 1, 4, 0, 1, 0]  # by IndexError at the end
    with pytest.raises(ValueError, match="should not exceed dataset length"):
        data[-7]
    with pytest.raises(AssertionError, match="empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream(1)])


def test_chain():
    data = Stream(1, 2) + Stream(3)
    assert isinstance(data, ChainDataset)
    assert list(data) == [1, 2, 3]
    assert len(data) == 3
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([Squares(2)]))


def test_stack():
    pairs = StackDataset(Squares(3), TensorDataset(pynn.arange(3)))
    assert pairs[2][0] == 4
    assert pairs.__getitems__([0, 1])[1][0] == 1
    named = StackDataset(a=Squares(3), b=Subset(Squares(9), [3, 4, 5]))
    assert len(named) == 3
    assert named[1] == {"a": 1, "b": 16}
    assert named.__getitems__([0, 2]) == [{"a": 0, "b": 9}, {"a": 4, "b": 25}]
    with pytest.raises(ValueError, match="At least one"):
        StackDataset()
    with pytest.raises(ValueError, match="not both"):
        StackDataset(Squares(1), a=Squares(1))
    with pytest.raises(ValueError, match=r"Size mismatch.*\[1, 2\]"):
        StackDataset(Squares(1), Squares(2))


def test_stack_checks_what_nested_getitems_returns():
    class Short(Squares):
        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        StackDataset(Short(3)).__getitems__([0, 1])


def test_subset():
    data = Subset(Squares(10), [5, 2, 2])
    assert len(data) == 3
    assert [data[i] for i in range(3)] == [25, 4, 4]
    assert data.__getitems__([1, 0]) == [4, 25]
    nested = Subset(Subset(TensorDataset(pynn.arange(10)), range(2, 8)), [0, 5])
    assert [t[0].item() for t in nested.__getitems__([0, 1])] == [2, 7]
    assert [t.tolist() for t in nested[[0, 1]]] == [[2, 7]]


def test_subset_subclass_must_override_both():
    class Half(Subset):
        def __getitem__(self, idx):
            return super().__getitem__(idx) / 2

    with pytest.raises(NotImplementedError, match="Half overrides __getitem__ but not __getitems__"):
        next(iter(DataLoader(Half(Squares(4), [0, 1]))))


@pytest.mark.parametrize("lengths", [[7, 3], [0.7, 0.3], [0.5, 0.25, 0.25], [10], [1.0]])
def test_random_split_covers_the_dataset(lengths):
    parts = random_split(Squares(10), lengths, generator=pynn.Generator().manual_seed(1))
    assert sorted(v for part in parts for v in part) == [i * i for i in range(10)]
    if isinstance(lengths[0], int):
        assert [len(p) for p in parts] == lengths


def test_random_split_gives_what_is_left_in_turn():
    assert [len(p) for p in random_split(Squares(11), [0.5, 0.25, 0.25])] == [6, 3, 2]


def test_random_split_repeats_with_its_seed():
    def split(seed):
        return random_split(Squares(20), [10, 10], generator=pynn.Generator().manual_seed(seed))[0].indices

    assert split(3) == split(3)
    assert split(3) != split(4)
    pynn.manual_seed(5)
    first = random_split(Squares(20), [10, 10])[0].indices
    pynn.manual_seed(5)
    assert random_split(Squares(20), [10, 10])[0].indices == first


def test_random_split_errors():
    with pytest.raises(ValueError, match="sum to 9, the dataset has 10"):
        random_split(Squares(10), [4, 5])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        random_split(Squares(10), [1.2, -0.2])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(Squares(1), [0.9, 0.1])


@pytest.mark.parametrize("index", [[3, 0, 3], [-1, 2], [numpy.int64(2), 1]])
def test_whole_batches_equal_sample_by_sample(index):
    tensors = pynn.rand(5, 2, 3), pynn.arange(5), pynn.arange(10).reshape(2, 5).t()
    for data in (TensorDataset(*tensors), Subset(TensorDataset(*tensors), [4, 3, 2, 1, 0])):
        fast = next(iter(DataLoader(data, batch_sampler=[index])))
        samples = [data[int(i)] for i in index]
        slow = pynn.utils.data.default_collate(samples)
        assert type(fast) is type(slow)
        for a, b in zip(fast, slow, strict=True):
            assert a.dtype is b.dtype
            assert pynn.equal(a, b)


def test_batches_do_not_share_the_datasets_memory():
    x = pynn.zeros(4)
    (batch,) = next(iter(DataLoader(TensorDataset(x), batch_size=4)))
    batch.add_(1)
    assert x.tolist() == [0, 0, 0, 0]


def test_overridden_samples_are_respected():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * t for t in super().__getitem__(index))

    class Marked(Doubled):
        def __getitems__(self, indices):
            return [(pynn.tensor(-i),) for i in indices]

    doubled, marked = Doubled(pynn.arange(3)), Marked(pynn.arange(3))
    assert next(iter(DataLoader(doubled, batch_size=3)))[0].tolist() == [0, 2, 4]
    assert next(iter(DataLoader(Subset(doubled, [1, 2]), batch_size=3)))[0].tolist() == [2, 4]
    assert next(iter(DataLoader(marked, batch_size=3)))[0].tolist() == [0, -1, -2]
