"""A benchmark worker answers in a process of its own, and one that dies or hangs is replaced."""

import os
import signal

import pytest

from pynn.bench._worker import results, timed
from pynn.bench.worker import Worker


@pytest.fixture
def worker():
    found = Worker("pynn", 1)
    yield found
    found.close()


def test_makes_and_times(worker):
    (product,), notes = worker.ask("make", "matmul", 0)
    assert product.shape == (64, 64)
    assert notes == []
    assert all(t > 0 for t in worker.ask("time", 0.01))


def test_errors_are_told_and_leave_it_running(worker):
    with pytest.raises(RuntimeError, match="no step was made yet"):
        worker.ask("time", 0.01)
    with pytest.raises(RuntimeError, match="IndexError"):
        worker.ask("make", "matmul", 10_000)
    assert worker.ask("make", "matmul", 0)


def test_a_dead_one_is_told_and_replaced(worker):
    worker.ask("make", "matmul", 0)
    os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="its process ended with status -9"):
        worker.ask("time", 0.01)
    assert worker.ask("make", "matmul", 0)


def test_a_slow_one_is_ended():
    worker = Worker("pynn", 1, timeout=0.01)
    try:
        with pytest.raises(RuntimeError, match=r"no answer in 0\.01 s"):
            worker.ask("make", "matmul", 0)
        worker.timeout = 100
        assert worker.ask("make", "matmul", 0)
    finally:
        worker.close()


def test_timing_calls_until_the_time_is_up():
    calls = []
    assert len(timed(lambda: calls.append(1), 0.01)) >= 1
    assert len(calls) > 3


def test_a_step_slower_than_its_time_is_called_once():
    calls = []
    assert len(timed(lambda: calls.append(1), 0.0, pace=1.0)) == 1
    assert len(calls) == 1


def test_results_are_arrays():
    import pynn

    value = (pynn.ones(2, dtype=pynn.bfloat16), [pynn.zeros(3, requires_grad=True), None])
    assert [(a.shape, str(a.dtype)) for a in results(value)] == [((2,), "float32"), ((3,), "float32")]
