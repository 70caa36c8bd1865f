"""How the kernels of this backend are compiled, kept on disk, and run on several threads.

Compiled code is kept in a folder named after a digest of the backend's sources, because Numba itself looks at the
file of the outermost function only: in NUMBA_CACHE_DIR where that is set, else among the user's caches, so that an
installation may be read-only. The threads are the backend's own, over kernels that let go of the interpreter lock:
Numba's threading layers do not survive both a fork (DataLoader workers) and calls from several threads.
"""

import hashlib
import logging
import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import numba
from numba import config as numba_config
from numba.core import event

from pynn import _config

# What may change a last bit but neither infinities nor NaN, which references keep.
FAST = {"reassoc", "contract", "nsz", "arcp"}
PARALLEL_FROM = 1 << 15  # operations; fewer take less time than waking a thread


def _digest() -> str:
    found = hashlib.sha256(numba.__version__.encode())
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _make_folder() -> str:
    """A folder that can be written, made; a temporary one where the user has none."""
    base = numba_config.CACHE_DIR or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "pynn"
    )
    folder = os.path.join(base, f"numba-{_digest()}")
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return tempfile.mkdtemp(prefix="pynn-numba-")


FOLDER = _make_folder()


class _Announcer(event.Listener):  # type: ignore[misc]
    """Says once that kernels are being compiled, and counts how many and for how long."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self._depth, self._start = 0, 0.0

    def on_start(self, event: Any) -> None:
        if self._depth == 0:
            self._start = time.perf_counter()
            if self.count == 0:
                logging.getLogger("pynn.numba").warning(
                    "pynn: Numba compiles this backend's kernels as they are first used, a second or so each; later "
                    "runs find them in %s (NUMBA_CACHE_DIR chooses another folder).",
                    FOLDER,
                )
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.count += 1
            self.seconds += time.perf_counter() - self._start


compiled = _Announcer()
event.register("numba:compile", compiled)


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, with code kept on disk; it runs without the interpreter lock."""
    before, numba_config.CACHE_DIR = numba_config.CACHE_DIR, FOLDER
    try:
        return numba.njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")(function)
    finally:
        numba_config.CACHE_DIR = before


# ---- threads ----


class _Worker(threading.Thread):
    """A thread that waits for one call after the other."""

    def __init__(self) -> None:
        super().__init__(name="pynn-numba", daemon=True)
        self._wake, self._done = threading.Lock(), threading.Lock()
        self._wake.acquire()
        self._done.acquire()
        self._call: tuple[Any, ...] = ()
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        while True:
            self._wake.acquire()
            function, args = self._call
            try:
                function(*args)
            except BaseException as error:
                self._error = error
            self._call = function = args = ()  # hold no array while idle
            self._done.release()

    def begin(self, function: Any, args: tuple[Any, ...]) -> None:
        self._call = (function, args)
        self._wake.release()

    def end(self) -> None:
        """Wait for the call; raises what it raised."""
        self._done.acquire()
        error, self._error = self._error, None
        if error is not None:
            raise error


_workers: list[_Worker] = []
_busy = threading.Lock()


def _forget() -> None:
    """In a forked child, which has none of the parent's threads."""
    global _busy
    _workers.clear()
    _busy = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def parallel(function: Any, count: int, work: float, *args: Any) -> None:
    """Run function(start, stop, *args) over range(count), cut among the threads where there is work enough.

    function must compute the same for an index whatever the cut, and write to places of that index alone. While
    another thread has the workers, the caller does all of it.
    """
    threads = min(_config.get_num_threads(), count) if work >= PARALLEL_FROM else 1
    lock = _busy
    if threads < 2 or not lock.acquire(blocking=False):
        function(0, count, *args)
        return
    try:
        while len(_workers) < threads - 1:
            _workers.append(_Worker())
        used = _workers[: threads - 1]
        for i, worker in enumerate(used):
            worker.begin(function, ((i + 1) * count // threads, (i + 2) * count // threads, *args))
        try:
            function(0, count // threads, *args)
        finally:
            for worker in used:
                worker.end()
    finally:
        lock.release()
