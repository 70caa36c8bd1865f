"""DataLoader: batches of a dataset, in a sampler's order."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from pynn._random import Generator
from pynn.utils.data._utils import state
from pynn.utils.data._utils.info import get_worker_info
from pynn.utils.data._utils.iterators import LocalIterator, WorkerIterator, _Iterator
from pynn.utils.data.collate import collate, default_collate, default_collate_fn_map, default_convert, pinned
from pynn.utils.data.dataset import IterableDataset
from pynn.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = [
    "DataLoader",
    "collate",
    "default_collate",
    "default_collate_fn_map",
    "default_convert",
    "get_worker_info",
]

T_co = TypeVar("T_co", covariant=True)
_worker_init_fn_t = Callable[[int], None]
_collate_fn_t = Callable[[list[T_co]], Any]
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
_warned: set[str] = set()  # what was warned of in this process


def _warn_once(key: Any, message: Any) -> None:
    if key not in _warned:
        _warned.add(key)
        warnings.warn(message, UserWarning, stacklevel=3)


class _DatasetKind:
    """torch's name for whether a dataset is a map or a stream, which libraries ask loaders for."""

    Map = 0
    Iterable = 1


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches; every `for` starts a new pass.

    dataset: a map-style dataset (`__getitem__` and `__len__`) or an IterableDataset.
    batch_size: samples a batch; None gives single samples, converted by `default_convert`.
    shuffle: a new random order each pass, from generator or `pynn.manual_seed`'s.
    sampler, batch_sampler: the order of keys, or of lists of keys, instead.
    collate_fn: makes a batch of a list of samples; `default_collate` unless given.
    drop_last: leave out a last, shorter batch.
    num_workers: how many workers load ahead; 0 loads in the calling thread. The order of batches is the same.
    pin_memory: give batches in page-locked memory, from which `.to("cuda", non_blocking=True)` copies beside other work;
        it warns where there is no GPU, and does nothing then. pin_memory_device: taken.
    timeout: seconds to wait for a worker's batch; 0 waits for ever.
    worker_init_fn: called with its id in each worker, after the seeding and before the dataset is used.
    multiprocessing_context: how worker processes start ("fork", "spawn", "forkserver", or a context of the standard
        library); by default "fork" on Linux.
    prefetch_factor: batches that each worker loads ahead, 2 unless given.
    persistent_workers: keep the workers for the next pass.
    in_order: False gives batches as they come from the workers, whichever are first.
    worker_method: "multiprocessing", or "thread" for workers that are threads: they start at once and copy nothing,
        and suit datasets that spend their time in NumPy, pynn or reading. The argument is pynn's own.

    Workers are seeded (random, numpy.random and pynn) by a number drawn from generator, or from `pynn.manual_seed`'s,
    plus the worker's id; `get_worker_info()` tells a dataset in which it is. Arrays come back through shared memory.
    An error in a worker is raised here with the worker's traceback; a worker that dies raises RuntimeError.
    Worker threads share Python's and NumPy's global generators: draw from `get_worker_info().rng` there.

    `state_dict()` says where the current pass is and `load_state_dict()` lets the next one begin there.

    Raises ValueError for options that exclude each other, as torch does.
    """

    __initialized = False  # under torch's name: programs that exchange a sampler afterwards set it

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        worker_method: str = "multiprocessing",
    ) -> None:
        if worker_method not in ("multiprocessing", "thread"):
            raise ValueError(f"worker_method must be 'multiprocessing' or 'thread', got {worker_method!r}.")
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
        self._expected: int | None = None  # an iterable dataset's len(), once it was asked for
        self.worker_method = worker_method
        self._iterator: Any = None  # with persistent workers
        self._progress: state.Progress | None = None  # of the newest pass
        self._resume: dict[str, Any] | None = None  # what the next pass begins with
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__initialized:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make a new loader."
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            from pynn import _gpu

            if _gpu.reason() is None:
                return map(pinned, self._pass())
            _warn_once(
                "pin",
                "'pin_memory' argument is set as true but no accelerator is found, then pinned memory won't be used.",
            )
        return self._pass()

    def _pass(self) -> Iterator[Any]:
        """The iterator of one pass, its batches as they were collated."""
        if self.num_workers == 0 or not self.persistent_workers:
            out: Iterator[Any] = self._get_iterator()
            return out
        resume = self._resume
        if self._iterator is not None and (resume is not None or self._iterator.is_stopped()):
            self._iterator.stop()
            self._iterator = None
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator.again(self)
        out = self._iterator
        return out

    def _get_iterator(self) -> Any:
        """A new pass, by new workers."""
        resume, self._resume = self._resume, None
        return LocalIterator(self, resume) if self.num_workers == 0 else WorkerIterator(self, resume)

    def state_dict(self) -> dict[str, Any]:
        """Where the newest pass is: picklable, for `load_state_dict` of a loader made with the same arguments.

        RuntimeError for workers with in_order=False, where the batches given are not the first ones.
        """
        if self._resume is not None:
            return dict(self._resume)
        return state.save(self, self._progress)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass give exactly the batches that were left when `state_dict()` was called.

        A map-style dataset is read from where it was: keys are skipped, not samples. An iterable one goes on by its
        own state_dict and load_state_dict (its iterator's first), or else reads the samples once more to pass them
        by. Workers go on with the random numbers they were at; random numbers of this process are the caller's.

        Raises ValueError for what is no state of a loader, or of one with other workers where those matter.
        """
        state.check(self, state_dict)
        self._resume = dict(state_dict)
        self._progress = None

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        n = self._expected = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Nothing: any number of workers is taken as it is, without a warning."""

    @property
    def _dataset_kind(self) -> int:
        return _DatasetKind.Iterable if self._iterable else _DatasetKind.Map

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler


def _check_workers(num_workers: Any, timeout: Any, prefetch_factor: Any, persistent_workers: Any, context: Any) -> Any:
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


def _check_context(context: Any, num_workers: Any) -> None:
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


def _check_order(
    iterable: Any, shuffle: Any, sampler: Any, batch_sampler: Any, batch_size: Any, drop_last: Any
) -> None:
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

    def __iter__(self) -> Any:
        return itertools.repeat(None)


# torch's names, which libraries import.
_BaseDataLoaderIter = _Iterator
_SingleProcessDataLoaderIter = LocalIterator
_MultiProcessingDataLoaderIter = WorkerIterator
_InfiniteConstantSampler = _Endless
