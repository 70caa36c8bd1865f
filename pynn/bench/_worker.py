"""One side of a comparison, in a process of its own: makes steps and times them as its parent asks.

    python -m pynn.bench._worker SIDE THREADS

Messages are pickles over stdin and stdout: ("make", family, index) is answered by the first steps' results as arrays
and the side's notes, ("time", seconds) by the seconds each call took, ("memory", family, index) by bytes.
An error is answered by its text.
"""

import importlib
import logging
import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynn.bench.row import ROWS, Row
from pynn.bench.side import Side
from pynn.bench.sides import SIDES, limit_threads


def results(value: Any) -> list[NDArray[Any]]:
    """The tensors in a step's result as arrays."""
    if value is None:
        return []
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in results(item)]
    if hasattr(value, "detach"):
        value = value.detach()
        if str(value.dtype).endswith(("bfloat16", "float16")):
            value = value.float()
        value = value.numpy()
    return [np.array(value)]


def timed(step: Callable[[], Any], seconds: float, pace: float = 0.0) -> list[float]:
    """Seconds a call: calls enough for a readable clock, as often as the time allows, after a warm-up.

    pace: what a call took before. One slower than `seconds` is called once, and is warm from having been checked.
    """
    clock = time.perf_counter
    inner = 1
    if pace < seconds:
        until = clock() + 0.3 * seconds
        calls = 0
        start = clock()
        while True:
            step()
            calls += 1
            if clock() > until:
                break
        inner = max(1, int(0.002 / ((clock() - start) / calls)))
    found: list[float] = []
    until = clock() + seconds
    while not found or clock() < until:
        start = clock()
        for _ in range(inner):
            step()
        found.append((clock() - start) / inner)
    return found


def resident(field: str) -> int:
    """Bytes of this process's memory: VmRSS now, VmHWM at most since `step_memory` last reset it."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise OSError(f"the system does not say {field}")


def step_memory(step: Callable[[], Any]) -> int:
    """How many bytes a process grows by at most while a first step runs."""
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # the highest mark starts again from what is resident now
    step()
    return resident("VmHWM") - before


class Server:
    """The worker's state: its side and the step made last."""

    def __init__(self, name: str, threads: int) -> None:
        self.kind, self.threads = SIDES[name], threads
        self.lib = importlib.import_module(self.kind.library)
        limit_threads(self.lib, threads)
        self.step: Callable[[], Any] | None = None
        self.side: Side | None = None
        self.pace = 0.0

    def _prepare(self, family: str, index: int) -> tuple[Row, Side, Callable[[], Any]]:
        importlib.import_module(f"pynn.bench.rows.{family}")
        self.step = self.side = None  # frees the last one's memory first
        row = ROWS[family][index]
        self.side = self.kind.make(self.lib, self.threads)
        self.step = row.maker(self.kind.name)(self.side)
        return row, self.side, self.step

    def make(self, family: str, index: int) -> tuple[list[NDArray[Any]], list[str]]:
        row, side, step = self._prepare(family, index)
        found = []
        with side.scope():
            for _ in range(row.checked):
                start = time.perf_counter()
                value = step()
                self.pace = time.perf_counter() - start
                if row.tolerance is not None:
                    found += results(value)
        return found, sorted(side.notes)

    def time(self, seconds: float) -> list[float]:
        if self.step is None or self.side is None:
            raise RuntimeError("no step was made yet")
        with self.side.scope():
            return timed(self.step, seconds, self.pace)

    def memory(self, family: str, index: int) -> int:
        _, side, step = self._prepare(family, index)
        with side.scope():
            return step_memory(step)


def main(name: str, threads: int) -> None:
    """Serve until the parent closes the pipe."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    server: Server | None = None
    while True:
        try:
            request, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        reply: Any
        try:
            server = server or Server(name, threads)
            reply = getattr(server, request)(*arguments)
        except Exception as error:
            reply = f"{type(error).__name__}: {error}"
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
