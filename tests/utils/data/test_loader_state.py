"""A loader's place in its pass, saved and gone on from: exactly the batches that were left."""

import io
import random

import numpy
import pytest

import pynn
from pynn.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    WeightedRandomSampler,
    get_worker_info,
)


class Noisy(Dataset):
    """Samples with a worker's random numbers."""

    def __getitem__(self, index):
        if get_worker_info() is None:
            return index
        return index, random.random(), numpy.random.rand(), pynn.rand(()).item()

    def __len__(self):
        return 23


class Stream(IterableDataset):
    """Shards, without a state."""

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id if info else 0, 17, info.num_workers if info else 1))


class Stateful(IterableDataset):
    """Counts, and knows where it is."""

    def __init__(self):
        self.at = 0
        self.reads = 0

    def __iter__(self):
        if get_worker_info() and self.at == 0:
            self.at = 100 * get_worker_info().id
        while self.at % 100 < 9:
            self.at += 1
            self.reads += 1
            yield self.at - 1
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class Cursor:
    """An iterator with a state."""

    def __init__(self):
        self.i = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.i == 9:
            raise StopIteration
        self.i += 1
        return self.i

    def state_dict(self):
        return self.i

    def load_state_dict(self, i):
        self.i = i


class Cursors(IterableDataset):
    def __iter__(self):
        return Cursor()


def text(batch):
    return str([c.tolist() for c in batch] if isinstance(batch, list) else batch.tolist())


def through_a_file(state):
    file = io.BytesIO()
    pynn.save(state, file)
    file.seek(0)
    return pynn.load(file)


WORKERS = [
    {},
    {"num_workers": 2},
    {"num_workers": 2, "worker_method": "thread"},
    {"num_workers": 2, "persistent_workers": True},
]


@pytest.mark.parametrize("options", WORKERS)
@pytest.mark.parametrize("stop", [0, 1, 4, 5, 6])
def test_shuffled(options, stop):
    def make():
        return DataLoader(Noisy(), 4, shuffle=True, **options)

    def line(batch):
        return text(batch) if options.get("worker_method") != "thread" else text([batch[0], batch[3]])

    pynn.manual_seed(1)
    loader = make()
    whole = [line(batch) for batch in loader]
    pynn.manual_seed(1)
    loader = make()
    batches = iter(loader)
    head = [line(next(batches)) for _ in range(stop)]
    state = through_a_file(loader.state_dict())
    pynn.manual_seed(77)
    again = make()
    again.load_state_dict(state)
    assert again.state_dict() == state
    before = pynn.get_rng_state()
    tail = [line(batch) for batch in again]
    if not options:
        assert (pynn.get_rng_state() == before).all()  # the process's own numbers are left alone
    assert head + tail == whole
    assert len(list(again)) == 6


@pytest.mark.parametrize(
    "make",
    [
        lambda g: DataLoader(range(20), 3, shuffle=True, generator=g),
        lambda g: DataLoader(range(20), 3, sampler=RandomSampler(range(20), True, 30, generator=g)),
        lambda g: DataLoader(range(20), 3, sampler=WeightedRandomSampler([1.0] * 20, 25)),
        lambda g: DataLoader(range(20), batch_sampler=BatchSampler(RandomSampler(range(20), generator=g), 3, True)),
        lambda g: DataLoader(range(20), batch_size=None, shuffle=True, generator=g),
    ],
)
def test_the_following_passes_agree_too(make):
    generator = pynn.Generator().manual_seed(2)
    loader = make(generator)
    next(iter(loader))
    passes = iter(loader)
    next(passes)
    next(passes)
    state = loader.state_dict()
    now = pynn.get_rng_state()
    rest = [text(b) if isinstance(b, pynn.Tensor) else b for b in passes]
    following = [text(b) if isinstance(b, pynn.Tensor) else b for b in loader]
    again = make(pynn.Generator())
    again.load_state_dict(through_a_file(state))
    pynn.set_rng_state(now)
    assert [text(b) if isinstance(b, pynn.Tensor) else b for b in again] == rest
    assert [text(b) if isinstance(b, pynn.Tensor) else b for b in again] == following


@pytest.mark.parametrize("options", WORKERS[:3])
@pytest.mark.parametrize("dataset", [Stream, Stateful, Cursors])
@pytest.mark.parametrize("stop", [1, 3, 4])
def test_streams(options, dataset, stop):
    whole = [text(b) for b in DataLoader(dataset(), 2, **options)]
    loader = DataLoader(dataset(), 2, **options)
    batches = iter(loader)
    head = [text(next(batches)) for _ in range(stop)]
    state = through_a_file(loader.state_dict())
    fresh = dataset()
    again = DataLoader(fresh, 2, **options)
    again.load_state_dict(state)
    if options.get("worker_method") != "thread" or dataset is not Stateful:  # threads share the one dataset
        assert head + [text(b) for b in again] == whole
    if dataset is Stateful and not options:
        assert fresh.reads == 9 - 2 * stop  # none was read twice


def test_after_a_break():
    loader = DataLoader(range(9), 2, num_workers=2)
    for i, _ in enumerate(loader):
        if i == 1:
            break
    state = loader.state_dict()
    again = DataLoader(range(9), 2, num_workers=1)  # of a map-style dataset, any number of workers
    again.load_state_dict(state)
    assert [b.tolist() for b in again] == [[4, 5], [6, 7], [8]]


def test_at_the_end_the_next_pass_is_whole():
    generator = pynn.Generator().manual_seed(1)
    loader = DataLoader(range(6), 2, shuffle=True, generator=generator)
    list(loader)
    state = loader.state_dict()
    following = [b.tolist() for b in loader]
    again = DataLoader(range(6), 2, shuffle=True, generator=pynn.Generator())
    again.load_state_dict(state)
    assert [b.tolist() for b in again] == following


def test_a_sampler_with_a_state():
    class Rotating:
        def __init__(self):
            self.start = 0

        def __iter__(self):
            order = [(self.start + i) % 5 for i in range(5)]
            self.start += 1
            return iter(order)

        def __len__(self):
            return 5

        def state_dict(self):
            return {"start": self.start}

        def load_state_dict(self, state):
            self.start = state["start"]

    loader = DataLoader(range(5), batch_size=1, sampler=Rotating())
    list(loader)
    batches = iter(loader)
    assert next(batches).item() == 1
    again = DataLoader(range(5), batch_size=1, sampler=Rotating())
    again.load_state_dict(loader.state_dict())
    assert [b.item() for b in again] == [2, 3, 4, 0]
    assert [b.item() for b in again] == [2, 3, 4, 0, 1]


def test_errors():
    with pytest.raises(ValueError, match="load_state_dict takes what state_dict"):
        DataLoader(range(3)).load_state_dict({"epoch": 3})
    loader = DataLoader(Stream(), 2, num_workers=2)
    next(iter(loader))
    with pytest.raises(ValueError, match=r"num_workers=1\. Make it with the same number"):
        DataLoader(Stream(), 2, num_workers=1).load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="of a loader of an iterable dataset, this one has a map-style one"):
        DataLoader(range(3)).load_state_dict(loader.state_dict())
    loader = DataLoader(range(9), num_workers=2, in_order=False)
    next(iter(loader))
    with pytest.raises(RuntimeError, match="in_order=True"):
        loader.state_dict()
