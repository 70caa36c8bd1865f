"""One pass over a dataset: in the calling thread, or by workers."""

import sys
import warnings
import weakref
from typing import Any

from pynn.ops.random import randint
from pynn.utils.data._utils import state
from pynn.utils.data._utils.fetch import make_fetcher
from pynn.utils.data._utils.worker import Job, Resume


class _Iterator:
    """What both kinds share: the beginning of a pass, and its length."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    _progress: state.Progress

    def _begin(self, resume: dict[str, Any] | None, workers: int) -> dict[str, Any] | None:
        """Set keys and progress; returns resume where a pass is to be gone on with."""
        loader = self._loader
        if resume is not None and resume["finished"]:
            state._restore(loader, resume["start"])
            resume = None
        if resume is None:
            seed = int(randint(0, 2**63 - 1, (), generator=loader.generator).item())
            self._progress = state.Progress(state.starting(loader), seed, workers)
            self._keys = iter(loader._index_sampler)
        else:
            self._progress = state.Progress(resume["start"], resume["base_seed"], workers)
            self._progress.given = resume["given"]
            self._keys = state.keys_from(loader, resume)
        return resume

    def __iter__(self) -> "_Iterator":
        return self

    def __len__(self) -> int:
        loader = self._loader
        return len(loader) if loader._iterable else len(loader._index_sampler)

    def _check_length(self) -> None:
        loader, given = self._loader, self._progress.given
        if loader._iterable and loader._expected is not None and given > len(loader):
            note = ""
            if loader.num_workers:
                note = (
                    " For multiprocessing data-loading, this could be caused by not properly configuring the "
                    "IterableDataset replica at each worker: see get_worker_info()."
                )
            warnings.warn(
                f"Length of IterableDataset {loader.dataset} was reported to be {loader._expected} (when accessing "
                f"len(dataloader)), but {given} batches have been fetched.{note}",
                stacklevel=3,
            )


class LocalIterator(_Iterator):
    """Loads in the calling thread. An error in one batch leaves the following ones to be had."""

    def __init__(self, loader: Any, resume: dict[str, Any] | None) -> None:
        super().__init__(loader)
        resume = self._begin(resume, 0)
        loader._progress = self._progress
        job = Job(
            0, 0, 0, loader.dataset, loader._iterable, loader.batch_size, loader.batch_sampler is not None,
            loader.collate_fn, loader.drop_last, None, None,
        )  # fmt: skip
        self._fetcher = make_fetcher(job, resume["given"] if resume else 0, resume["dataset"] if resume else None)
        self._progress.fetcher = self._fetcher

    def __next__(self) -> Any:
        try:
            key = next(self._keys)
        except StopIteration:
            self._progress.finished = True
            raise
        try:
            batch = self._fetcher.fetch(key)
        except StopIteration:
            self._progress.finished = self._loader._iterable
            raise
        except BaseException:
            self._progress.given += 1  # of a map: its keys are used up
            raise
        self._progress.given += 1
        self._check_length()
        return batch


class WorkerIterator(_Iterator):
    """Loads by workers.

    Batches are given out to the workers in turn, and taken from them in turn: their order depends on the keys alone.
    A worker that comes to the end of its stream drops out of the round.
    """

    def __init__(self, loader: Any, resume: dict[str, Any] | None) -> None:
        super().__init__(_twin(loader) if loader.persistent_workers else loader)
        count = loader.num_workers
        resume = self._begin(resume, count)
        loader._progress = self._progress
        if resume is not None:
            self._go_on(resume, count)
        self._pool = _make_pool(loader, self._jobs(resume is not None))
        self._stop = weakref.finalize(self, self._pool.stop)
        self._skip = [0] * count  # answers still to come of a pass given up
        self._fill()

    def _go_on(self, resume: dict[str, Any], count: int) -> None:
        progress = self._progress
        if resume["num_workers"] == count:
            progress.workers = [dict(worker) for worker in resume["workers"]]
            progress.turn = resume["turn"]

    def _jobs(self, resumed: bool) -> list[Job]:
        loader, progress = self._loader, self._progress
        return [
            Job(
                i, loader.num_workers, progress.base_seed, loader.dataset, loader._iterable, loader.batch_size,
                loader.batch_sampler is not None, loader.collate_fn, loader.drop_last, loader.worker_init_fn,
                Resume(worker["given"], worker["state"]) if resumed and worker["given"] else None,
            )
            for i, worker in enumerate(progress.workers)
        ]  # fmt: skip

    def _fill(self) -> None:
        """Ask each worker for its first batches."""
        count = self._loader.num_workers
        self._asked = [0] * count
        self._dry = False
        turn = self._progress.turn
        for _ in range(max(1, self._loader.prefetch_factor)):
            for i in range(count):
                self._ask((turn + i) % count)

    def _ask(self, i: int) -> None:
        """Give worker i the next key, if there is one."""
        if self._dry or self._progress.workers[i]["ended"]:
            return
        try:
            key = next(self._keys)
        except StopIteration:
            self._dry = True
            return
        self._pool.submit(i, "fetch", None if self._loader._iterable else key)
        self._asked[i] += 1

    def again(self, loader: Any) -> None:
        """Begin the next pass with the same workers."""
        self._loader = _twin(loader)
        self._begin(None, loader.num_workers)
        loader._progress = self._progress
        for i, asked in enumerate(self._asked):
            self._skip[i] += asked
            self._pool.submit(i, "again")
        self._fill()

    def is_stopped(self) -> bool:
        """Whether the workers are gone."""
        return not self._stop.alive

    def stop(self) -> None:
        """End the workers."""
        self._stop()

    def _take(self) -> tuple[int, Any]:
        """(worker, answer): the next one in turn, or any."""
        while True:
            wanted = self._progress.turn if self._loader.in_order else None
            i, answer = self._pool.take(wanted, self._loader.timeout)
            if self._skip[i]:
                self._skip[i] -= 1
                continue
            return i, answer

    _lost = ""  # what is said of a worker that died

    def __next__(self) -> Any:
        if self._lost:
            raise RuntimeError(self._lost)
        try:
            return self._next()
        except RuntimeError as error:
            from pynn.utils.data._utils.pool import WorkerDied

            if not isinstance(error, WorkerDied):
                raise
            self._stop.detach()
            self._lost = str(error)
            raise RuntimeError(self._lost) from None

    def _next(self) -> Any:
        progress = self._progress
        count = self._loader.num_workers
        while any(self._asked):
            if self._loader.in_order and not self._asked[progress.turn]:
                progress.turn = (progress.turn + 1) % count
                continue
            i, (kind, value, after) = self._take()
            self._asked[i] -= 1
            if kind == "end":
                progress.workers[i]["ended"] = True
                self._skip[i] += self._asked[i]
                self._asked[i] = 0
                progress.turn = (i + 1) % count
                continue
            progress.turn = (i + 1) % count
            progress.note(i, after if kind == "data" else progress.workers[i]["state"])
            self._ask(i)
            if kind == "error":
                value.reraise()
            self._check_length()
            return value
        progress.finished = True
        if not self._loader.persistent_workers:
            self.stop()
        raise StopIteration


def _twin(loader: Any) -> Any:
    """The loader's settings, for an iterator that the loader itself holds: no cycle keeps the workers alive."""
    twin = object.__new__(type(loader))
    twin.__dict__.update(loader.__dict__)
    twin.__dict__["_iterator"] = None
    return twin


def _make_pool(loader: Any, jobs: list[Job]) -> Any:
    from pynn.utils.data._utils import pool

    if loader.worker_method == "thread":
        return pool.ThreadPool(jobs)
    import multiprocessing  # 7 ms, and most programs never come here

    context = loader.multiprocessing_context
    if context is None:
        chosen = multiprocessing.get_start_method(allow_none=True)
        if chosen is None and sys.platform == "linux":
            chosen = "fork"  # the pool of threads and the arena are ready for it
        context = chosen
    if isinstance(context, (str, type(None))):
        context = multiprocessing.get_context(context)
    return pool.ProcessPool(jobs, context)
