import numpy
import pytest

import pynn
from pynn.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler, TensorDataset, dataloader


class Count(Dataset):
    """0..n-1 as numbers; raises at `bad`."""

    def __init__(self, n, bad=None):
        self.n = n
        self.bad = bad

    def __getitem__(self, index):
        if index == self.bad:
            raise KeyError(f"sample {index}")
        return index

    def __len__(self):
        return self.n


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


class SizedStream(Stream):
    def __init__(self, n, claimed):
        super().__init__(n)
        self.claimed = claimed

    def __len__(self):
        return self.claimed


def values(loader):
    return [batch.tolist() if isinstance(batch, pynn.Tensor) else batch for batch in loader]


@pytest.fixture(autouse=True)
def forget_warnings(monkeypatch):
    monkeypatch.setattr(dataloader, "_warned", set())


def test_defaults():
    loader = DataLoader(Count(3))
    assert values(loader) == [[0], [1], [2]]
    assert len(loader) == 3
    assert loader.batch_size == 1
    assert isinstance(loader.sampler, SequentialSampler)
    assert loader.num_workers == 0
    assert loader.prefetch_factor is None


@pytest.mark.parametrize(("drop", "batches"), [(False, [[0, 1, 2], [3, 4]]), (True, [[0, 1, 2]])])
@pytest.mark.parametrize("dataset", [Count(5), Stream(5), list(range(5))])
def test_batches(dataset, drop, batches):
    loader = DataLoader(dataset, batch_size=3, drop_last=drop)
    assert values(loader) == batches
    assert values(loader) == batches  # and again
    if not isinstance(dataset, Stream):
        assert len(loader) == len(batches)


def test_stream_of_an_exact_multiple():
    assert values(DataLoader(Stream(4), batch_size=2)) == [[0, 1], [2, 3]]
    assert values(DataLoader(Stream(0), batch_size=2)) == []


def test_stream_is_read_no_further_than_needed():
    read = []

    class Watched(IterableDataset):
        def __iter__(self):
            for i in range(100):
                read.append(i)
                yield i

    next(iter(DataLoader(Watched(), batch_size=4)))
    assert read == [0, 1, 2, 3]


def test_without_batching():
    rows = numpy.arange(4.0).reshape(2, 2)
    loader = DataLoader(rows, batch_size=None)
    assert [row.tolist() for row in loader] == [[0, 1], [2, 3]]
    assert all(isinstance(row, pynn.Tensor) for row in loader)
    assert len(loader) == 2
    assert loader.batch_sampler is None
    assert values(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert sorted(values(DataLoader(Count(5), batch_size=None, shuffle=True))) == [0, 1, 2, 3, 4]


def test_keys_need_not_be_numbers():
    assert values(DataLoader({"a": 1, "b": 2}, batch_size=2, sampler=["b", "a"])) == [[2, 1]]


def test_shuffle_repeats_by_seed_and_differs_by_pass():
    def passes():
        pynn.manual_seed(7)
        loader = DataLoader(TensorDataset(pynn.arange(40)), batch_size=8, shuffle=True)
        return [[x for (batch,) in loader for x in batch.tolist()] for _ in range(2)]

    first, second = passes()
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second
    assert passes() == [first, second]


def test_shuffle_by_generator():
    def order(seed):
        return values(DataLoader(Count(20), shuffle=True, generator=pynn.Generator().manual_seed(seed)))

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_samplers():
    assert values(DataLoader(Count(9), batch_size=2, sampler=[8, 1, 5])) == [[8, 1], [5]]
    loader = DataLoader(Count(9), batch_sampler=[[0, 8], [3]])
    assert values(loader) == [[0, 8], [3]]
    assert loader.batch_size is None
    assert len(loader) == 2
    assert values(DataLoader(Count(9), batch_sampler=pynn.tensor([4, 2]).split(1))) == [[4], [2]]


def test_tensor_keys():
    data = TensorDataset(pynn.arange(10) * 2)
    assert [b[0].tolist() for b in DataLoader(data, batch_sampler=pynn.tensor([4, 2]).split(2))] == [[8, 4]]
    assert [b[0].tolist() for b in DataLoader(data, batch_size=2, sampler=pynn.tensor([4, 2]))] == [[8, 4]]


def test_collate_fn_gets_the_samples():
    seen = []
    data = TensorDataset(pynn.arange(3))
    out = list(DataLoader(data, batch_size=2, collate_fn=lambda batch: seen.append(batch) or len(batch)))
    assert out == [2, 1]
    assert isinstance(seen[0], list)
    assert isinstance(seen[0][0], tuple)
    assert seen[0][1][0].item() == 1


def test_getitems_is_preferred():
    class Many(Count):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert values(DataLoader(Many(4), batch_size=2)) == [[0, -1], [-2, -3]]
    assert values(DataLoader(Many(2), batch_size=None)) == [0, 1]


def test_an_error_leaves_the_following_batches():
    batches = iter(DataLoader(Count(4, bad=1), batch_size=2))
    with pytest.raises(KeyError, match="sample 1"):
        next(batches)
    assert next(batches).tolist() == [2, 3]
    with pytest.raises(StopIteration):
        next(batches)


def test_iterators_are_independent():
    loader = DataLoader(Count(3))
    a, b = iter(loader), iter(loader)
    assert next(a).item() == next(b).item() == 0
    assert next(a).item() == 1
    assert next(b).item() == 1
    assert len(a) == 3


def test_len_of_streams():
    assert len(DataLoader(SizedStream(5, 5), batch_size=2)) == 3
    assert len(DataLoader(SizedStream(5, 5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(SizedStream(5, 5), batch_size=None)) == 5
    with pytest.raises(TypeError):
        len(DataLoader(Stream(5)))


def test_a_stream_longer_than_it_said_warns():
    loader = DataLoader(SizedStream(3, 2))
    assert values(loader) == [[0], [1], [2]]  # nobody relied on its length yet
    len(loader)
    with pytest.warns(UserWarning, match=r"reported to be 2 .* but 3 batches have been fetched"):
        values(loader)


def test_pin_memory_warns_and_loads():
    loader = DataLoader(Count(2), pin_memory=True)
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert values(loader) == [[0], [1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"prefetch_factor": -2, "num_workers": 1}, "prefetch_factor option should be non-negative"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context can only be used"),
        ({"multiprocessing_context": "nonsense", "num_workers": 1}, "valid start method"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Count(3), **options)


def test_bad_context_type():
    with pytest.raises(TypeError, match="valid context object or a string"):
        DataLoader(Count(3), num_workers=1, multiprocessing_context=3)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_streams_choose_their_own_order(options):
    with pytest.raises(ValueError, match=f"IterableDataset: expected unspecified {next(iter(options))} option"):
        DataLoader(Stream(3), **options)


def test_shuffle_false_is_fine_for_streams():
    assert values(DataLoader(Stream(2), shuffle=False)) == [[0], [1]]


@pytest.mark.parametrize(
    "name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_fixed_attributes(name):
    loader = DataLoader(Count(3))
    with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
        setattr(loader, name, None)
    loader.collate_fn = lambda batch: "batch"
    assert next(iter(loader)) == "batch"


def test_empty_dataset():
    assert values(DataLoader(Count(0))) == []
    assert len(DataLoader(Count(0))) == 0
    with pytest.raises(ValueError, match="num_samples=0"):
        DataLoader(Count(0), shuffle=True)
