"""One side of a comparison, in a process of its own: makes steps and times them as its parent asks.

Messages are pickles over stdin and stdout: ("make", family, index) is answered by the step's results as arrays,
("time", seconds) by the seconds each call took. An error is answered by its text.
"""

import importlib
import os
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def results(value: Any) -> list[NDArray[Any]]:
    """The tensors in a step's result as arrays."""
    if value is None:
        return []
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in results(item)]
    value = value.detach()
    if str(value.dtype).endswith(("bfloat16", "float16")):
        value = value.float()
    return [np.array(value.numpy())]


def timed(step: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds a call: calls enough for a readable clock, as often as the time allows, after a warm-up."""
    clock = time.perf_counter
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
    while len(found) < 3 or clock() < until:
        start = clock()
        for _ in range(inner):
            step()
        found.append((clock() - start) / inner)
    return found


def main(library: str, threads: int) -> None:
    """Serve until the parent closes the pipe."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    lib = importlib.import_module(library)
    lib.set_num_threads(threads)
    from pynn.bench.row import ROWS, Side

    step: Callable[[], Any] | None = None
    while True:
        try:
            request, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        reply: Any
        try:
            if request == "make":
                family, index = arguments
                importlib.import_module(f"pynn.bench.rows.{family}")
                step = None  # frees the last one's memory first
                step = ROWS[family][index].make(Side(lib))
                reply = results(step())
            else:
                if step is None:
                    raise RuntimeError("no step was made yet")
                reply = timed(step, *arguments)
        except Exception as error:
            reply = f"{type(error).__name__}: {error}"
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
