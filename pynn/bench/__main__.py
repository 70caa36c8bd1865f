"""Measure pynn beside torch, row by row.

    python -m pynn.bench                     every family
    python -m pynn.bench conv pool           two of them
    python -m pynn.bench rnn --match train   only the rows whose name has "train"
    python -m pynn.bench --list              what there is

Each side runs in a process of its own, in turn (A B A B); both must give the same results before they are timed.
The figures are medians. Let nothing else run meanwhile. Where torch is not installed pynn is measured alone.
"""

import argparse
import importlib
import importlib.util
import pickle
import pkgutil
import statistics
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynn.bench import peak, rows
from pynn.bench.row import ROWS, Row


class Worker:
    """A process that runs one library."""

    def __init__(self, library: str, threads: int) -> None:
        command = [sys.executable, "-m", "pynn.bench._worker", library, str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker process has no pipes")
        self._requests, self._replies = self._process.stdin, self._process.stdout

    def ask(self, *request: Any) -> Any:
        """The reply to a request; RuntimeError with the worker's message where it failed."""
        pickle.dump(request, self._requests)
        self._requests.flush()
        reply = pickle.load(self._replies)
        if isinstance(reply, str):
            raise RuntimeError(reply)
        return reply

    def close(self) -> None:
        """End the process."""
        self._requests.close()
        self._process.wait()
        self._replies.close()


def differs(first: list[NDArray[Any]], second: list[NDArray[Any]], tolerance: float | None) -> str | None:
    """Why two sides' results are not the same, or None."""
    if tolerance is None:
        return None
    if len(first) != len(second):
        return f"{len(first)} results and {len(second)}"
    for i, (a, b) in enumerate(zip(first, second)):
        if a.shape != b.shape:
            return f"result {i} has shapes {a.shape} and {b.shape}"
        if not a.size:
            continue
        scale = max(float(np.abs(b).max()), 1e-30)
        off = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) / scale
        if not off <= tolerance:
            return f"result {i} is off by {off:.1e} of its largest value"
    return None


def measured(workers: dict[str, Worker], seconds: float, rounds: int) -> dict[str, float]:
    """The median seconds of each worker's step, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            times[name] += worker.ask("time", seconds)
    return {name: statistics.median(found) for name, found in times.items()}


def duration(seconds: float) -> str:
    """Seconds with a fitting unit."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def share(row: Row, seconds: float, ceiling: peak.Ceiling) -> str:
    """What of the machine's peak or bandwidth a time is."""
    if row.flops:
        return f"{row.flops / seconds / ceiling.flops:.0%} of peak"
    if row.bytes:
        return f"{row.bytes / seconds / ceiling.bandwidth:.0%} of bandwidth"
    return ""


def families() -> list[str]:
    """The names of all families."""
    return sorted(module.name for module in pkgutil.iter_modules(rows.__path__))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pynn.bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("family", nargs="*", help="families to measure (all unless given)")
    parser.add_argument("--match", default="", help="only rows whose name has this text")
    parser.add_argument("--against", default="torch", help="the library to compare with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.25, help="time for a row, side and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--list", action="store_true", help="print the rows and end")
    arguments = parser.parse_args()
    unknown = set(arguments.family) - set(families())
    if unknown:
        parser.error(f"no family {', '.join(sorted(unknown))}: there are {', '.join(families())}")
    wanted = arguments.family or families()
    for family in wanted:
        importlib.import_module(f"pynn.bench.rows.{family}")
    if arguments.list:
        for family in wanted:
            for row in ROWS[family]:
                print(f"{family}: {row.name}")
        return
    names = ["pynn"] + [arguments.against] * bool(importlib.util.find_spec(arguments.against))
    ceiling = peak.measure(arguments.threads)
    print(
        f"{arguments.threads} threads; {ceiling.flops / 1e9:.0f} GF/s float32, {ceiling.bandwidth / 1e9:.0f} GB/s copied\n"
    )
    workers = {name: Worker(name, arguments.threads) for name in names}
    try:
        for family in wanted:
            table(family, arguments, workers, ceiling)
    finally:
        for worker in workers.values():
            worker.close()


def table(family: str, arguments: argparse.Namespace, workers: dict[str, Worker], ceiling: peak.Ceiling) -> None:
    """Measure and print one family's rows as a Markdown table."""
    print(f"| {family} | " + " | ".join(workers) + " | ratio | share |")
    print("|---|" + "---|" * (len(workers) + 2))
    for index, row in enumerate(ROWS[family]):
        if arguments.match not in row.name:
            continue
        try:
            found = [worker.ask("make", family, index) for worker in workers.values()]
            off = differs(found[0], found[1], row.tolerance) if len(found) == 2 else None
            if off:
                raise RuntimeError(f"the results differ: {off}")
            times = measured(workers, arguments.seconds, arguments.rounds)
        except RuntimeError as error:
            print(f"| {row.name} | {error} |", flush=True)
            continue
        own = times["pynn"]
        ratio = f"{times[arguments.against] / own:.2f}" if arguments.against in times else ""
        cells = [row.name, *map(duration, times.values()), ratio, share(row, own, ceiling)]
        print(f"| {' | '.join(cells)} |", flush=True)
    print()


if __name__ == "__main__":
    main()
