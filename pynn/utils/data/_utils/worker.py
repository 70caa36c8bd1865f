"""What a worker runs: it takes keys from its channel and sends batches back, until the channel closes."""

import os
import pickle
import random
import select
import socket
from typing import Any

import numpy

from pynn import _random
from pynn._utils import ExceptionWrapper
from pynn.utils.data._utils import info
from pynn.utils.data._utils.fetch import Fetcher, make_fetcher
from pynn.utils.data._utils.info import RNG, Job, Resume, WorkerInfo, get_worker_info
from pynn.utils.data._utils.transport import Channel, Closed

_CHECK_PARENT = 2000  # milliseconds between looks whether the parent is still there, beside its closing the channel


def numpy_seed(base_seed: int, worker_id: int) -> Any:
    """The seed of numpy.random in a worker: NumPy's mix of both numbers, as torch has it."""
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32 & 0xFFFFFFFF]
    return numpy.random.SeedSequence(words).generate_state(4)


def seed_process(base_seed: int, worker_id: int) -> None:
    """Seed random, numpy.random and pynn for a worker process."""
    random.seed(base_seed + worker_id)
    _random.manual_seed(base_seed + worker_id)
    numpy.random.seed(numpy_seed(base_seed, worker_id))


def make_rng(base_seed: int, worker_id: int) -> RNG:
    """A worker thread's own generators."""
    return RNG(
        random.Random(base_seed + worker_id),
        _random.Generator().manual_seed(base_seed + worker_id),
        numpy.random.default_rng(numpy_seed(base_seed, worker_id)),
    )


class _Routed(_random.Generator):
    """The default generator once there are worker threads: in one of those, draws come from that worker's own."""

    def reserve(self, count: int) -> tuple[int, int]:
        """(seed, offset) for a draw of `count` words."""
        mine = getattr(info._thread, "info", None)
        if mine is None or self is not _random.default_generator:
            out: tuple[int, int] = super().reserve(count)
            return out
        out = mine.rng.torch_generator.reserve(count)
        return out


def route_threads() -> None:
    """Let worker threads draw pynn's random numbers from generators of their own. Changes nothing for other threads."""
    _random.default_generator.__class__ = _Routed


class Session:
    """A worker's work, apart from how keys come and batches go: the same in a process and in a thread."""

    def __init__(self, job: Job, threaded: bool) -> None:
        self._job = job
        self._threaded = threaded
        self._fetcher: Fetcher | None = None
        self._failure: ExceptionWrapper | None = None
        self._where = f"in DataLoader worker {'thread' if threaded else 'process'} {job.id}"
        try:
            if job.init_fn is not None:
                job.init_fn(job.id)
            self._begin(job.resume)
        except Exception:
            self._failure = ExceptionWrapper(where=self._where)
        job.resume = None

    def _begin(self, resume: Resume | None) -> None:
        job = self._job
        state = None if resume is None or resume.state is None else pickle.loads(resume.state)
        given = 0 if resume is None else resume.given
        self._fetcher = make_fetcher(job, given, None if state is None else state["dataset"])
        if state is not None:
            self._set_rng_state(state["rng"])

    def again(self) -> None:
        """Begin a new pass."""
        self._failure = None
        try:
            self._begin(None)
        except Exception:
            self._failure = ExceptionWrapper(where=self._where)

    def answer(self, key: Any) -> tuple[str, Any, bytes | None]:
        """(what it is, the batch or error, the state after it) for a key: "data", "error" or, of a stream, "end"."""
        fetcher = self._fetcher
        if self._failure is not None or fetcher is None:
            return "error", self._failure, None
        try:
            return "data", fetcher.fetch(key), self._state(fetcher)
        except StopIteration:
            if self._job.iterable:
                return "end", None, None
            return "error", ExceptionWrapper(where=self._where), None
        except Exception:
            return "error", ExceptionWrapper(where=self._where), None

    def unsendable(self) -> tuple[str, Any, None]:
        """The answer in place of one that could not be pickled: that error."""
        return "error", ExceptionWrapper(where=self._where), None

    def _state(self, fetcher: Fetcher) -> bytes:
        """What it takes to go on from here; in bytes, so that the parent, which seldom needs it, reads none of it."""
        return pickle.dumps({"dataset": fetcher.state(), "rng": self._rng_state()})

    def _rng_state(self) -> tuple[Any, Any, tuple[int, int]]:
        if self._threaded:
            rng: RNG = info._thread.info.rng
            ours = rng.torch_generator
            return rng.random_generator.getstate(), rng.numpy_generator.bit_generator.state, (ours._seed, ours._offset)
        ours = _random.default_generator
        return random.getstate(), numpy.random.get_state(), (ours._seed, ours._offset)

    def _set_rng_state(self, state: tuple[Any, Any, tuple[int, int]]) -> None:
        python, np, (seed, offset) = state
        ours = _random.default_generator
        if self._threaded:
            rng: RNG = info._thread.info.rng
            rng.random_generator.setstate(python)
            rng.numpy_generator.bit_generator.state = np
            ours = rng.torch_generator
        else:
            random.setstate(python)
            numpy.random.set_state(np)
        ours._seed, ours._offset = seed, offset


def process_main(sock: socket.socket, job: Job) -> None:
    """A worker process, from its start to its end."""
    channel = Channel(sock)
    try:
        from pynn._config import set_num_threads

        set_num_threads(1)  # the workers are what runs in parallel
        seed_process(job.base_seed, job.id)
        info._worker_info = WorkerInfo(job.id, job.num_workers, job.base_seed + job.id, job.dataset)
        session = Session(job, threaded=False)
        watch = _Watch(channel)
        while watch.has_task():
            kind, key = channel.receive()
            if kind == "again":
                session.again()
                continue
            answer = session.answer(key)
            try:
                channel.send(answer, wait=True)
            except Closed:
                raise
            except Exception:
                channel.send(_portable(answer if answer[0] == "error" else session.unsendable()), wait=True)
            del answer, key
    except (Closed, KeyboardInterrupt):  # the parent is done, or ends the same way
        pass
    finally:
        channel.close()


def _portable(answer: tuple[str, Any, Any]) -> tuple[str, Any, Any]:
    """An error whose type may be one that cannot be pickled, such as a class within a function: its name goes instead."""
    wrapper = answer[1]
    try:
        pickle.loads(pickle.dumps(wrapper))
    except Exception:
        wrapper.exc_type = wrapper.exc_type.__name__
    return answer


class _Watch:
    """Waits for a task, or for the parent's end."""

    def __init__(self, channel: Channel) -> None:
        import multiprocessing

        self._parent = os.getppid()
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        parent = multiprocessing.parent_process()
        if parent is not None:
            self._poll.register(parent.sentinel, select.POLLIN)

    def has_task(self) -> bool:
        """Whether there is a task to receive (or the channel's end to find); False once the parent is gone."""
        while True:
            ready = [fd for fd, _ in self._poll.poll(_CHECK_PARENT)]
            if self._channel.fileno() in ready:
                return True
            if ready or os.getppid() != self._parent:
                return False


__all__ = [
    "RNG",
    "Job",
    "Resume",
    "Session",
    "WorkerInfo",
    "get_worker_info",
    "numpy_seed",
    "process_main",
    "seed_process",
]
