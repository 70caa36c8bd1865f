"""A benchmark worker answers in a process of its own."""

import pytest

from pynn.bench import __main__ as bench


def test_worker_makes_and_times():
    worker = bench.Worker("pynn", 1)
    try:
        (product,) = worker.ask("make", "matmul", 0)
        assert product.shape == (64, 64)
        assert all(t > 0 for t in worker.ask("time", 0.01))
        with pytest.raises(RuntimeError, match="IndexError"):
            worker.ask("make", "matmul", 10_000)
    finally:
        worker.close()
