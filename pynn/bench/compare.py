"""Runs rows on their sides: results first, then times taken in turn."""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pynn.bench.row import Row

PAUSE = 0.25
"""Seconds between two sides' turns, in which threads that still spin go to sleep (OpenMP's after 0.2)."""


class Answers(Protocol):
    """What runs a side: a `Worker`, or a stand-in in a test."""

    def ask(self, *request: Any) -> Any: ...


@dataclass
class Cell:
    """One side's outcome of a row: the median seconds, or what went wrong ("failed: ...", "differs: ...")."""

    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    trouble: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass
class Result:
    """A row's outcomes by side; `wrong` says why pynn's own is not to be trusted, if so."""

    row: Row
    cells: dict[str, Cell]
    wrong: str | None = None

    def ratio(self, side: str) -> float | None:
        """How many times as long as pynn a side took, where both have a time."""
        own = self.cells["pynn"].seconds
        seconds = self.cells[side].seconds if side in self.cells else None
        return seconds / own if own and seconds is not None else None


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


def compared(row: Row, index: int, workers: Mapping[str, Answers]) -> Result:
    """Make a row's step on every side and compare the results with pynn's."""
    result = Result(row, {})
    found: dict[str, list[NDArray[Any]]] = {}
    for name, worker in workers.items():
        if name not in row.sides:
            continue
        cell = result.cells[name] = Cell()
        try:
            found[name], cell.notes = worker.ask("make", row.family, index)
        except RuntimeError as error:
            cell.trouble = f"failed: {error}"
    own = found.get("pynn")
    if own is None:
        result.wrong = result.cells["pynn"].trouble
        return result
    if not all(np.isfinite(array.astype(np.float64)).all() for array in own):
        result.wrong = "pynn's result is not finite"
    rivals = [name for name in found if name != "pynn"]
    for name in rivals:
        off = differs(own, found[name], row.tolerance)
        if off:
            result.cells[name].trouble = f"differs: {off}"
    if rivals and all(result.cells[name].trouble for name in rivals):
        result.wrong = result.wrong or f"pynn agrees with none of {', '.join(rivals)}"
    return result


def run(row: Row, index: int, workers: Mapping[str, Answers], seconds: float, rounds: int) -> Result:
    """Compare a row's results, then time the sides that agree, in turn. A side's failure stays in its cell."""
    result = compared(row, index, workers)
    times: dict[str, list[float]] = {name: [] for name, cell in result.cells.items() if cell.trouble is None}
    for _ in range(rounds):
        for name in list(times):
            time.sleep(PAUSE)
            try:
                times[name] += workers[name].ask("time", seconds)
            except RuntimeError as error:
                result.cells[name].trouble = f"failed: {error}"
                del times[name]
    for name, found in times.items():
        cell = result.cells[name]
        cell.seconds, cell.low, cell.high = statistics.median(found), min(found), max(found)
    if result.wrong is None:
        result.wrong = result.cells["pynn"].trouble
    return result


def memory(row: Row, index: int, workers: Mapping[str, Answers]) -> Result:
    """How many bytes each side's process grows by at most in a row's first step, as the `seconds` of its cell.

    The workers have to be fresh: what earlier steps left behind would be used again.
    """
    result = Result(row, {})
    for name, worker in workers.items():
        cell = result.cells[name] = Cell()
        try:
            cell.seconds = float(worker.ask("memory", row.family, index))
        except RuntimeError as error:
            cell.trouble = f"failed: {error}"
    result.wrong = result.cells["pynn"].trouble
    return result
