"""From keys to batches: what both the calling process and the workers do with a dataset."""

import itertools
from typing import Any, Protocol

from pynn.utils.data.collate import default_collate
from pynn.utils.data.dataset import fetch, gather


class Fetcher(Protocol):
    """Makes batches."""

    def fetch(self, key: Any) -> Any:
        """The batch of a key (or keys); StopIteration where a stream has ended."""

    def state(self) -> Any:
        """What `make_fetcher` needs to go on after the last batch; None where counting batches is enough."""


def is_stateful(obj: Any) -> bool:
    """Whether an object can save where it is, and go on there."""
    return callable(getattr(obj, "state_dict", None)) and callable(getattr(obj, "load_state_dict", None))


class MapFetcher:
    """Of a map-style dataset."""

    def __init__(self, dataset: Any, batched: bool, collate_fn: Any) -> None:
        self._dataset = dataset
        self._batched = batched
        self._collate = collate_fn
        self._stateful = is_stateful(dataset)

    def fetch(self, key: Any) -> Any:
        """The batch of a list of keys, or the sample of one."""
        if not self._batched:
            return self._collate(self._dataset[key])
        if self._collate is default_collate:
            batch = gather(self._dataset, key)
            if batch is not None:
                return batch
        return self._collate(fetch(self._dataset, key))

    def state(self) -> Any:
        """The dataset's own state, if it has one."""
        return {"dataset": self._dataset.state_dict()} if self._stateful else None

    def load(self, state: Any) -> None:
        """Give the dataset its state."""
        if state is not None and self._stateful:
            self._dataset.load_state_dict(state["dataset"])


class StreamFetcher:
    """Of an iterable dataset."""

    def __init__(self, dataset: Any, batch_size: int | None, collate_fn: Any, drop_last: bool) -> None:
        self._dataset = dataset
        self._batch_size = batch_size
        self._collate = collate_fn
        self._drop_last = drop_last
        self._ended = False
        self._samples: Any = None

    def begin(self, given: int, state: Any) -> None:
        """Open the stream, where `given` batches were had of it before: by its state, or by reading them again."""
        if state is not None and "dataset" in state:
            self._dataset.load_state_dict(state["dataset"])
        self._samples = iter(self._dataset)
        if state is not None:
            self._ended = state["ended"]
            if "iterator" in state:
                self._samples.load_state_dict(state["iterator"])
            return
        for _ in range(given):
            self._next()

    def _next(self) -> Any:
        if self._batch_size is None:
            return next(self._samples)
        batch = [] if self._ended else list(itertools.islice(self._samples, self._batch_size))
        self._ended = len(batch) < self._batch_size
        if not batch or (self._ended and self._drop_last):
            raise StopIteration
        return batch

    def fetch(self, key: Any = None) -> Any:
        """The next batch."""
        return self._collate(self._next())

    def state(self) -> Any:
        """The stream's own state, if it has one: its iterator's before the dataset's."""
        if is_stateful(self._samples):
            return {"iterator": self._samples.state_dict(), "ended": self._ended}
        if is_stateful(self._dataset):
            return {"dataset": self._dataset.state_dict(), "ended": self._ended}
        return None


def make_fetcher(job: Any, given: int = 0, state: Any = None) -> Fetcher:
    """The fetcher of a loader's (or a worker's) dataset, after `given` batches."""
    if job.iterable:
        stream = StreamFetcher(job.dataset, job.batch_size, job.collate_fn, job.drop_last)
        stream.begin(given, state)
        return stream
    fetcher = MapFetcher(job.dataset, job.batched, job.collate_fn)
    fetcher.load(state)
    return fetcher
