"""Run a function in several processes, and raise here what one of them raised."""

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any


class ProcessException(Exception):
    """A process failed. error_index: which of them; error_pid: its process id."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = error_pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """Its function raised an error, whose traceback the message has."""


class ProcessExitedException(ProcessException):
    """It ended by a signal (signal_name) or an exit code other than 0."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], i: int, args: tuple[Any, ...], report: str) -> None:
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass
    except Exception:
        with open(report, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """Processes that were started together."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        self.error_files = error_files
        self.processes = processes
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for the next one to end (at most timeout seconds); whether all have ended.

        Where one failed, the others are ended too (after grace_period seconds) and ProcessRaisedException or
        ProcessExitedException is raised.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in multiprocessing.connection.wait(list(self.sentinels), timeout=timeout):
            i = self.sentinels.pop(sentinel)
            self.processes[i].join()
            if self.processes[i].exitcode != 0:
                failed = i
                break
        if failed is None:
            return not self.sentinels
        self._end(grace_period)
        self._raise(failed)
        return False

    def _end(self, grace_period: float | None) -> None:
        if grace_period is not None:
            self._wait(grace_period)
        for force, patience in (("terminate", 30 if grace_period is None else grace_period), ("kill", 30)):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, force)()
            self._wait(patience)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0, end - time.monotonic()))

    def _raise(self, i: int) -> None:
        process, report = self.processes[i], self.error_files[i]
        if os.path.exists(report):
            with open(report, "rb") as file:
                trace = pickle.load(file)
            os.remove(report)
            text = f"\n\n-- Process {i} terminated with the following error:\n{trace}"
            raise ProcessRaisedException(text, i, process.pid)
        code = process.exitcode
        if code >= 0:
            raise ProcessExitedException(f"process {i} terminated with exit code {code}", i, process.pid, code)
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"<Unknown signal {-code}>"
        raise ProcessExitedException(f"process {i} terminated with signal {name}", i, process.pid, code, name)


class SpawnContext(ProcessContext):
    """The old name of ProcessContext."""


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run fn(i, *args) for i in range(nprocs), each in a process of its own.

    join: wait for all, and raise what `ProcessContext.join` raises; False returns the ProcessContext at once.
    start_method: "spawn", "fork" or "forkserver".
    """
    context: Any = multiprocessing.get_context(start_method)
    reports, processes = [], []
    for i in range(nprocs):
        handle, report = tempfile.mkstemp(prefix="pynn-error-", suffix=".pickle")
        os.close(handle)
        os.remove(report)  # a process that fails makes it anew
        process = context.Process(target=_run, args=(fn, i, args, report), daemon=daemon)
        with warnings.catch_warnings():  # pynn's own threads are ready for a fork
            warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
            process.start()
        reports.append(report)
        processes.append(process)
    started = ProcessContext(processes, reports)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """`start_processes` by "spawn". fn is the top-level function of a module; it is called as fn(i, *args)."""
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}). To use a different start_method use "
            "pynn.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, "spawn")
