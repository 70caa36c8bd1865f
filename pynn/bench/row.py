"""A row of the benchmark table: one piece of work, written once, run by every library with torch's API.

@row("linear 32x512x2048, train", flops=3 * 2 * 32 * 512 * 2048)
def linear(side):
    layer = side.fill(side.nn.Linear(512, 2048))
    x = side.randn(32, 512)

    def step():
        layer.zero_grad()
        layer(x).sum().backward()
        return layer.weight.grad

    return step
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Make = TypeVar("Make", bound=Callable[["Side"], Callable[[], Any]])

ROWS: dict[str, list["Row"]] = {}
"""The rows of each family, in the order of their definition."""


@dataclass(frozen=True)
class Row:
    """One piece of work; `make(side)` gives the step to time, whose results both sides must agree on."""

    family: str
    name: str
    make: Callable[["Side"], Callable[[], Any]]
    flops: float | None
    bytes: float | None
    tolerance: float | None


def row(
    name: str, *, flops: float | None = None, bytes: float | None = None, tolerance: float | None = 1e-4
) -> Callable[[Make], Make]:
    """Add the decorated `make(side)` to its module's family.

    Parameters:
        name: what is measured, with its sizes.
        flops: floating-point operations of one step, for a share of the peak.
        bytes: bytes a step must at least move, for a share of the bandwidth.
        tolerance: largest difference between the sides' results, relative to the largest value in them;
            None where they cannot agree (random numbers).
    """

    def add(make: Make) -> Make:
        family = make.__module__.rpartition(".")[2]
        ROWS.setdefault(family, []).append(Row(family, name, make, flops, bytes, tolerance))
        return make

    return add


class Side:
    """One library under measurement, and numbers that are the same on every side."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.nn = lib.nn
        self.functional = lib.nn.functional
        self._random = np.random.default_rng(0)

    def randn(self, *shape: int, dtype: Any = np.float32, requires_grad: bool = False) -> Any:
        """A tensor of normal numbers."""
        values = self._random.standard_normal(shape).astype(dtype)
        return self.lib.from_numpy(values).requires_grad_(requires_grad)

    def randint(self, high: int, *shape: int) -> Any:
        """An int64 tensor of numbers below `high`."""
        return self.lib.from_numpy(self._random.integers(0, high, shape))

    def fill(self, module: Any) -> Any:
        """The module, its parameters set to small normal numbers."""
        with self.lib.no_grad():
            for parameter in module.parameters():
                scale = 1 / np.sqrt(max(parameter[0].numel() if parameter.dim() > 1 else 1, 16))
                values = self._random.standard_normal(tuple(parameter.shape)) * scale
                parameter.copy_(self.lib.from_numpy(values.astype(np.float32)))
        return module
