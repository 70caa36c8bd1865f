"""torch's import paths and private names that public programs lean on."""

import importlib

import pytest

import pynn
from pynn.utils.data import BatchSampler, DataLoader, SequentialSampler


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sampler", "Sampler"),
        ("dataset", "Dataset"),
        ("dataloader", "default_collate"),
        ("dataloader", "DataLoader"),
        ("dataloader", "get_worker_info"),
        ("dataloader", "_MultiProcessingDataLoaderIter"),
        ("distributed", "DistributedSampler"),
        ("_utils.collate", "default_collate"),
        ("_utils.collate", "default_collate_fn_map"),
        ("_utils.worker", "WorkerInfo"),
    ],
)
def test_paths(module, name):
    assert hasattr(importlib.import_module(f"pynn.utils.data.{module}"), name)


def test_data_pipes_are_explained():
    with pytest.raises(AttributeError, match="data pipes are not part of pynn; write an IterableDataset"):
        pynn.utils.data.IterDataPipe  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        pynn.utils.data.nonsense  # noqa: B018
    assert pynn.utils.data._utils.collate.default_collate([1, 2]).tolist() == [1, 2]
    with pytest.raises(AttributeError):
        pynn.utils.data._utils.nonsense  # noqa: B018


class Repeat:
    def __init__(self, sampler):
        self.sampler = sampler

    def __len__(self):
        return len(self.sampler)

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


class Endless(DataLoader):
    """The loader that object detectors and image classifiers use, whose workers outlive a pass."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._DataLoader__initialized = False
        self.batch_sampler = Repeat(self.batch_sampler)
        self._DataLoader__initialized = True
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)

    def reset(self):
        self.iterator = self._get_iterator()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_that_never_ends(workers):
    loader = Endless(range(5), 2, num_workers=workers)
    assert [b.tolist() for b in loader] == [b.tolist() for b in loader] == [[0, 1], [2, 3], [4]]
    if workers:
        assert len(loader.iterator._workers) == 2
        assert all(w.is_alive() for w in loader.iterator._workers)
    loader.reset()
    assert next(iter(loader)).tolist() == [0, 1]
    with pytest.raises(ValueError, match="batch_sampler attribute should not be set after Endless is initialized"):
        loader.batch_sampler = BatchSampler(SequentialSampler(range(3)), 1, False)
    if workers:
        gone = loader.iterator._workers
        loader.iterator._shutdown_workers()
        assert not any(w.is_alive() for w in gone)


def test_collate_by_type():
    from pynn.utils.data._utils.collate import collate, default_collate_fn_map

    class Box:
        def __init__(self, x):
            self.x = x

    def boxes(batch, *, collate_fn_map):
        return collate([box.x for box in batch], collate_fn_map=collate_fn_map)

    mapping = {Box: boxes, **default_collate_fn_map}
    out = collate([{"b": Box(1.5), "n": (1, "a")}, {"b": Box(2.5), "n": (2, "b")}], collate_fn_map=mapping)
    assert out["b"].tolist() == [1.5, 2.5]
    assert out["n"][1] == ("a", "b")
    with pytest.raises(TypeError, match="found <class"):
        collate([Box(1)])
    default_collate_fn_map[Box] = boxes
    try:
        assert next(iter(DataLoader([Box(1), Box(2)], 2))).tolist() == [1, 2]
    finally:
        del default_collate_fn_map[Box]
