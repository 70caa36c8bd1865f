"""Order along a dimension, running totals, conversions, triangles."""

from collections.abc import Callable
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _done(name: str, shape: tuple[int, ...], run: Callable[..., Any]) -> None:
    @row(name)
    def done(side: Side) -> Step:
        return side.forward(run, side.randn(*shape))


_done("sort 1M", (1 << 20,), lambda x: x.sort()[0])
_done("sort 1024 x 1024 by row", (1024, 1024), lambda x: x.sort(1)[0])
_done("sort 32 x 10 by row", (32, 10), lambda x: x.sort(1)[0])
_done("argsort 4096 x 64 by row", (4096, 64), lambda x: x.argsort(1))
_done("10 largest of 1M", (1 << 20,), lambda x: x.topk(10)[0])
_done("5 largest of 1024 by row", (1024, 1024), lambda x: x.topk(5, 1)[0])
_done("median 1024 x 1024 by row", (1024, 1024), lambda x: x.median(1)[0])
_done("cumsum 1024 x 1024 by row", (1024, 1024), lambda x: x.cumsum(1))
_done("cumsum 1024 x 1024 by column", (1024, 1024), lambda x: x.cumsum(0))
_done("cummax 1024 x 1024 by row", (1024, 1024), lambda x: x.cummax(1)[0])
_done("float32 to float64, 1M", (1024, 1024), lambda x: x.double())
_done("float32 to int64, 1M", (1024, 1024), lambda x: x.long())
_done("tril 1024 x 1024", (1024, 1024), lambda x: x.tril())
