"""A run's report, made up."""

from pynn.bench.compare import Cell, Result
from pynn.bench.machine import Machine
from pynn.bench.peak import Ceiling
from pynn.bench.report import Report
from pynn.bench.row import Row

SIDES = ("pynn", "torch", "torch tuned")


def sample():
    """Two families: a row with every kind of cell, and one of pynn alone."""
    full = Row("models", "CNN b32, train", None, flops=5.0, sides=(*SIDES, "jax"))
    cells = {
        "pynn": Cell(1.0, 0.9, 1.1),
        "torch": Cell(2.5, 2.4, 2.6),
        "torch tuned": Cell(trouble="failed: out|of\nmemory " + 80 * "x", notes=["channels_last", "fused"]),
    }
    alone = Row("small", "add", None, bytes=2.0)
    return Report(
        "2026-01-02", Machine("A processor", 2, "avx2", "Linux x86_64", "3.11.7"), 2, Ceiling(10, 4), list(SIDES),
        {"pynn": "1", "torch": "2.13"}, {"jax": "needs jax, not installed"},
        {"models": [Result(full, cells)], "small": [Result(alone, {"pynn": Cell(4.2e-6, 4e-6, 5e-6)})]},
        [Result(full, {"pynn": Cell(2e6), "torch": Cell(3e9), "torch tuned": Cell(trouble="failed: no")})],
        {"numpy": 0.1, "pynn": 0.12}, {"numpy": 50_000_000, "pynn": 8_000_000},
    )  # fmt: skip
