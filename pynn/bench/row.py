"""A row of the benchmark table: one piece of work, written once, run by every library that can.

@row("linear 32x512x2048, train", flops=3 * 2 * 32 * 512 * 2048)
def linear(side):
    layer = side.model(side.nn.Linear(512, 2048))
    x = side.randn(32, 512)

    def step():
        layer.zero_grad()
        layer(x).sum().backward()
        return layer.weight.grad

    return step

`side` is a `pynn.bench.side.Side`: a library with torch's API and numbers that are the same on every side.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pynn.bench.side import Side

Step = Callable[[], Any]
Make = TypeVar("Make", bound=Callable[..., Step])

ROWS: dict[str, list["Row"]] = {}
"""The rows of each family, in the order of their definition."""

EAGER = ("pynn", "numba", "torch", "torch tuned")
"""The sides that run every row: libraries with torch's API."""


@dataclass(frozen=True)
class Row:
    """One piece of work; `make(side)` gives the step to time, whose results all sides must agree on."""

    family: str
    name: str
    make: Callable[["Side"], Step]
    flops: float | None = None
    bytes: float | None = None
    tolerance: float | None = 1e-4
    sides: tuple[str, ...] = EAGER
    jax: Callable[["Side"], Step] | None = None
    checked: int = 1
    long: bool = False
    memory: bool = False

    def maker(self, side: str) -> Callable[["Side"], Step]:
        """What makes the step of a side."""
        return self.jax if side == "jax" and self.jax else self.make


def row(
    name: str,
    *,
    flops: float | None = None,
    bytes: float | None = None,
    tolerance: float | None = 1e-4,
    also: Iterable[str] = (),
    jax: Callable[..., Step] | None = None,
    checked: int = 1,
    long: bool = False,
    memory: bool = False,
) -> Callable[[Make], Make]:
    """Add the decorated `make(side)` to its module's family.

    Parameters:
        name: what is measured, with its sizes.
        flops: floating-point operations of one step, for a share of the peak.
        bytes: bytes a step must at least move, for a share of the bandwidth.
        tolerance: largest difference between the sides' results, relative to the largest value in them;
            None where they cannot agree (random numbers).
        also: sides beyond those with torch's API that `make` runs on ("jax", "numpy", "ort", "torch compile").
        jax: the same work for JAX, where it has to be written apart; it must draw the same numbers in the same order.
        checked: how many first steps are compared.
        long: a step that may take a second; a quick run leaves it out.
        memory: the memory of a step is worth a line in the table of memory.
    """

    def add(make: Make) -> Make:
        family = make.__module__.rpartition(".")[2]
        sides = EAGER + tuple(also) + (("jax",) if jax else ())
        ROWS.setdefault(family, []).append(
            Row(family, name, make, flops, bytes, tolerance, sides, jax, checked, long, memory)
        )
        return make

    return add
