"""DataLoader: batches of a dataset, in a sampler's order."""

import itertools
import warnings
from typing import Generic, TypeVar

from pynn.utils.data.collate import default_collate, default_convert
from pynn.utils.data.dataset import IterableDataset, fetch, gather
from pynn.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
_warned: set[str] = set()  # what was warned of in this process


def get_worker_info():
    """What a worker process knows of itself; None in the main process, where all loading is done."""


def _warn_once(key, message):
    if key not in _warned:
        _warned.add(key)
        warnings.warn(message, UserWarning, stacklevel=3)


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches; every `for` starts a new pass.

    dataset: a map-style dataset (`__getitem__` and `__len__`) or an IterableDataset.
    batch_size: samples a batch; None gives single samples, converted by `default_convert`.
    shuffle: a new random order each pass, from generator or `pynn.manual_seed`'s.
    sampler, batch_sampler: the order of keys, or of lists of keys, instead.
    collate_fn: makes a batch of a list of samples; `default_collate` unless given.
    drop_last: leave out a last, shorter batch.
    num_workers: worker processes are not in this release; with more than 0 the calling thread loads, a
        UserWarning says so once, and worker_init_fn is not called. The batches are the same.

    Raises ValueError for options that exclude each other, as torch does.
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        prefetch_factor = _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
        self._iterable = isinstance(dataset, IterableDataset)
        _check_order(self._iterable, shuffle, sampler, batch_sampler, batch_size, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None and not self._iterable:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if sampler is None:
            sampler = _Endless()
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._expected = None  # an iterable dataset's len(), once it was asked for
        self._ready = True
        if num_workers > 0:
            _warn_once(
                "workers",
                f"DataLoader got num_workers={num_workers}: this release of pynn has no worker processes and loads in the "
                "calling thread, with the same batches. Pass num_workers=0 to load so without this warning.",
            )

    def __setattr__(self, name, value):
        if name in _FIXED and getattr(self, "_ready", False):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make a new loader."
            )
        super().__setattr__(name, value)

    def __iter__(self):
        if self.pin_memory:
            _warn_once(
                "pin",
                "'pin_memory' argument is set as true but no accelerator is found, then pinned memory won't be used.",
            )
        return _StreamIterator(self) if self._iterable else _MapIterator(self)

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        n = self._expected = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    @property
    def _index_sampler(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, context):
    """Refuse worker options that make no sense; returns prefetch_factor."""
    if num_workers < 0:
        raise ValueError(
            f"num_workers option should be non-negative, got {num_workers}; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}.")
    if prefetch_factor is not None and num_workers == 0:
        raise ValueError(
            f"prefetch_factor option could only be specified in multiprocessing, got {prefetch_factor} with "
            "num_workers=0: leave it None, or let num_workers > 0."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(f"prefetch_factor option should be non-negative, got {prefetch_factor}.")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0, got num_workers=0.")
    if context is not None:
        _check_context(context, num_workers)
    return 2 if prefetch_factor is None and num_workers > 0 else prefetch_factor


def _check_context(context, num_workers):
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers=0."
        )
    import multiprocessing  # 7 ms, and most programs never come here

    methods = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in methods:
        raise ValueError(
            f"multiprocessing_context option should specify a valid start method in {methods!r}, but got {context!r}."
        )
    if not isinstance(context, (str, multiprocessing.context.BaseContext)):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got {context!r}."
        )


def _check_order(iterable, shuffle, sampler, batch_sampler, batch_size, drop_last):
    """Refuse options of order and batching that exclude each other."""
    if iterable:
        given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}. "
                    "An iterable dataset chooses its own order."
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle: a sampler chooses the order itself.")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last; got "
                f"batch_size={batch_size}, shuffle={shuffle}, sampler={sampler}, drop_last={drop_last}."
            )
    elif batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last.")


class _Endless:
    """The keys of a dataset that has none."""

    def __iter__(self):
        return itertools.repeat(None)


class _MapIterator:
    """One pass over a map-style dataset. An error in one batch leaves the following ones to be had."""

    def __init__(self, loader):
        self._dataset = loader.dataset
        self._collate = loader.collate_fn
        self._batched = loader.batch_sampler is not None
        self._sampler = loader._index_sampler
        self._keys = iter(self._sampler)

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._sampler)

    def __next__(self):
        key = next(self._keys)
        if not self._batched:
            return self._collate(self._dataset[key])
        if self._collate is default_collate:
            batch = gather(self._dataset, key)
            if batch is not None:
                return batch
        return self._collate(fetch(self._dataset, key))


class _StreamIterator:
    """One pass over an iterable dataset."""

    def __init__(self, loader):
        self._loader = loader
        self._samples = iter(loader.dataset)
        self._ended = False
        self._given = 0

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader)

    def __next__(self):
        loader = self._loader
        if loader.batch_size is None:
            batch = next(self._samples)
        else:
            batch = [] if self._ended else list(itertools.islice(self._samples, loader.batch_size))
            self._ended = len(batch) < loader.batch_size
            if not batch or (self._ended and loader.drop_last):
                raise StopIteration
        self._given += 1
        if loader._expected is not None and self._given > len(loader):
            warnings.warn(
                f"Length of IterableDataset {loader.dataset} was reported to be {loader._expected} (when accessing "
                f"len(dataloader)), but {self._given} batches have been fetched.",
                stacklevel=2,
            )
        return loader.collate_fn(batch)
