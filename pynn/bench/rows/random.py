"""Random fills and dropout. The sides draw different numbers, so results are not compared."""

from collections.abc import Callable
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _fill(name: str, size: int, call: Callable[..., Any], bytes_each: int = 4) -> None:
    @row(name, bytes=size * bytes_each, tolerance=None)
    def fill(side: Side) -> Step:
        step: Step = call(side.lib, size)
        return step


def _inplace(method: str, *args: Any) -> Any:
    def make(lib: Any, size: int) -> Any:
        x = lib.empty(size)
        return lambda: getattr(x, method)(*args)

    return make


_fill("normal_, 25 M", 25_000_000, _inplace("normal_", 0.0, 0.1))
_fill("uniform_, 25 M", 25_000_000, _inplace("uniform_", -0.1, 0.1))
_fill("bernoulli_, 1 M", 1_000_000, _inplace("bernoulli_", 0.3))
_fill("rand, 1 M", 1_000_000, lambda lib, n: lambda: lib.rand(n))
_fill("randn, 1 M", 1_000_000, lambda lib, n: lambda: lib.randn(n))
_fill("randn, 1 M float64", 1_000_000, lambda lib, n: lambda: lib.randn(n, dtype=lib.float64), 8)
_fill("randn, 16", 16, lambda lib, n: lambda: lib.randn(n))
_fill("randint, 1 M", 1_000_000, lambda lib, n: lambda: lib.randint(0, 1000, (n,)), 8)
_fill("randperm, 60000", 60_000, lambda lib, n: lambda: lib.randperm(n), 8)


def _dropout(shape: tuple[int, ...], train: bool) -> None:
    @row(f"dropout {' x '.join(map(str, shape))}, {'train' if train else 'forward'}", tolerance=None)
    def dropout(side: Side) -> Step:
        x, g = side.randn(*shape, requires_grad=train), side.randn(*shape)
        if not train:
            return lambda: side.functional.dropout(x, 0.1)

        def step() -> None:
            x.grad = None
            side.functional.dropout(x, 0.1).backward(g)

        return step


for _shape in ((32, 64), (64, 128, 256)):
    for _train in (False, True):
        _dropout(_shape, _train)
