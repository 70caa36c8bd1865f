"""The workers of one loader, seen from the parent: give one a key, take its answers.

Every worker has a channel of its own, and answers in the order in which it was asked. So no lock is shared that a
worker could hold as it dies, and an answer needs no number.
"""

import os
import queue
import select
import signal
import socket
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from typing import Any

from pynn.utils.data._utils import worker
from pynn.utils.data._utils.transport import Channel, Closed

Answer = tuple[str, Any, bytes | None]
_PATIENCE = 5.0  # seconds that workers get to end by themselves
_channels: "weakref.WeakSet[Channel]" = weakref.WeakSet()


def _forget_channels() -> None:
    """In a forked child: the parent's ends are not the child's; held, they would hide the parent's death from workers."""
    for channel in list(_channels):
        channel.close()


os.register_at_fork(after_in_child=_forget_channels)


class WorkerDied(RuntimeError):
    """A worker ended by itself; no more batches come."""


class ProcessPool:
    """Worker processes."""

    def __init__(self, jobs: list[worker.Job], context: Any) -> None:
        self._owner = os.getpid()
        self._answers: list[deque[Answer]] = [deque() for _ in jobs]
        self._channels: list[Channel] = []
        self._processes: list[Any] = []
        self._poll = select.poll()
        self._by_fd: dict[int, int] = {}
        self._by_sentinel: dict[int, int] = {}
        self._stopped = False
        try:
            for job in jobs:
                self._start(job, context)
        except BaseException:
            self.stop()
            raise

    def _start(self, job: worker.Job, context: Any) -> None:
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        _channels.add(channel)
        self._channels.append(channel)
        try:
            process = context.Process(target=worker.process_main, args=(theirs, job), daemon=True)
            with warnings.catch_warnings():  # pynn's own threads are ready for a fork
                warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
                process.start()
        finally:
            theirs.close()
        i = len(self._processes)
        self._processes.append(process)
        self._by_fd[channel.fileno()] = i
        self._by_sentinel[process.sentinel] = i
        self._poll.register(channel.fileno(), select.POLLIN)
        self._poll.register(process.sentinel, select.POLLIN)

    def pids(self) -> list[int]:
        """The workers' process ids."""
        return [process.pid for process in self._processes]

    def submit(self, i: int, kind: str, key: Any = None) -> None:
        """Give worker i a task. Never waits. Raises RuntimeError where the worker is gone."""
        channel = self._channels[i]
        try:
            channel.send((kind, key), wait=False)
            self._poll.modify(channel.fileno(), select.POLLIN | (select.POLLOUT if channel.unsent() else 0))
        except Closed:
            self._died([i])

    def take(self, i: int | None, timeout: float) -> tuple[int, Answer]:
        """(worker, answer): worker i's next answer, or anyone's. Raises RuntimeError for a dead worker or a timeout."""
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            for j in range(len(self._answers)) if i is None else (i,):
                if self._answers[j]:
                    return j, self._answers[j].popleft()
            left = None
            if deadline is not None:
                left = (deadline - time.monotonic()) * 1000
                if left <= 0:
                    raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            self._wait(left, i)

    def _wait(self, milliseconds: float | None, wanted: int | None) -> None:
        dead = []
        for fd, event in self._poll.poll(milliseconds):
            if fd in self._by_sentinel:
                dead.append(self._by_sentinel[fd])
                continue
            i = self._by_fd[fd]
            channel = self._channels[i]
            try:
                if event & select.POLLOUT and channel.flush(wait=False):
                    self._poll.modify(fd, select.POLLIN)
                if event & ~select.POLLOUT:
                    self._answers[i].append(channel.receive())
            except Closed:
                dead.append(i)
        if dead:
            self._drain(dead)
            if not any(self._answers) if wanted is None else not self._answers[wanted]:
                self._died(dead)

    def _drain(self, dead: list[int]) -> None:
        """Take what dead workers had sent."""
        for i in dead:
            waiting = select.poll()
            waiting.register(self._channels[i].fileno(), select.POLLIN)
            try:
                while waiting.poll(0):
                    self._answers[i].append(self._channels[i].receive())
            except Closed:
                continue

    def _died(self, dead: list[int]) -> None:
        processes = [self._processes[i] for i in dict.fromkeys(dead)]
        for process in processes:
            process.join(1)
        ends = ", ".join(f"{process.pid} {_how_it_ended(process.exitcode)}" for process in processes)
        pids = ", ".join(str(process.pid) for process in processes)
        self.stop()
        raise WorkerDied(
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly: {ends}. A crash or an exit in the dataset's code ends a "
            "worker so, and so does the system when memory runs out; num_workers=0 runs the same code in this process."
        )

    def stop(self) -> None:
        """End the workers: by closing their channels, and in the end by force. In a forked copy of the parent: nothing."""
        if self._stopped or os.getpid() != self._owner:
            return
        self._stopped = True
        for channel in self._channels:
            channel.close()
        for answers in self._answers:
            answers.clear()
        deadline = time.monotonic() + _PATIENCE
        for process in self._processes:
            process.join(max(0, deadline - time.monotonic()))
        for force in ("terminate", "kill"):
            alive = [process for process in self._processes if process.is_alive()]
            for process in alive:
                getattr(process, force)()
            for process in alive:
                process.join(1)


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "closed its channel"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


class _Board:
    """Where worker threads put their answers."""

    def __init__(self, count: int) -> None:
        self.news = threading.Condition()
        self.answers: list[deque[Answer]] = [deque() for _ in range(count)]


def _thread_main(job: worker.Job, tasks: "queue.SimpleQueue[Any]", board: _Board, rng: worker.RNG) -> None:
    worker._thread.info = worker.WorkerInfo(
        job.id, job.num_workers, job.base_seed + job.id, job.dataset, rng, worker_method="thread"
    )
    session = worker.Session(job, threaded=True)
    while (task := tasks.get()) is not None:
        kind, key = task
        if kind == "again":
            session.again()
            continue
        answer = session.answer(key)
        with board.news:
            board.answers[job.id].append(answer)
            board.news.notify_all()
        del answer, key, task


def _stop_threads(tasks: list[Any], threads: list[threading.Thread]) -> None:
    for box in tasks:
        while True:  # what was asked for and not begun is not wanted any more
            try:
                box.get_nowait()
            except queue.Empty:
                break
        box.put(None)
    if sys.is_finalizing():
        return
    deadline = time.monotonic() + _PATIENCE
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(0, deadline - time.monotonic()))


class ThreadPool:
    """Worker threads, with the same methods. They share the dataset and the global random generators."""

    def __init__(self, jobs: list[worker.Job]) -> None:
        self._board = _Board(len(jobs))
        self._tasks: list[Any] = [queue.SimpleQueue() for _ in jobs]
        self._threads = []
        worker.route_threads()
        for job, tasks in zip(jobs, self._tasks):
            rng = worker.make_rng(job.base_seed, job.id)
            thread = threading.Thread(
                target=_thread_main, args=(job, tasks, self._board, rng), name=f"pynn_data_worker_{job.id}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def submit(self, i: int, kind: str, key: Any = None) -> None:
        """Give worker i a task."""
        self._tasks[i].put((kind, key))

    def take(self, i: int | None, timeout: float) -> tuple[int, Answer]:
        """(worker, answer): worker i's next answer, or anyone's. Raises RuntimeError for a timeout."""
        answers = self._board.answers
        wanted = range(len(answers)) if i is None else (i,)
        with self._board.news:
            if not self._board.news.wait_for(lambda: any(answers[j] for j in wanted), timeout or None):
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            j = next(j for j in wanted if answers[j])
            return j, answers[j].popleft()

    def stop(self) -> None:
        """End the threads, after what they are at."""
        _stop_threads(self._tasks, self._threads)
        self._threads = []
