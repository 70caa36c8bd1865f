"""Futures."""

import threading

import pytest

import pynn
from pynn.futures import Future, collect_all, wait_all


def test_a_result_reaches_who_waits_and_what_follows():
    future = Future()
    after = future.then(lambda f: f.wait() + 1).then(lambda f: f.value() * 2)
    seen = []
    future.add_done_callback(lambda f: seen.append(f.value()))
    assert not future.done()
    with pytest.raises(RuntimeError, match="not there yet"):
        future.value()
    threading.Timer(0.01, lambda: future.set_result(3)).start()
    assert after.wait() == 8
    assert seen == [3]
    assert future.then(lambda f: f.value()).value() == 3
    with pytest.raises(RuntimeError, match="only be marked completed once"):
        future.set_result(4)


def test_errors_are_raised_where_one_waits():
    future = Future()
    after = future.then(lambda f: f.wait())
    future.set_exception(ValueError("no"))
    for f in (future, after):
        with pytest.raises(ValueError, match="no"):
            f.wait()
    with pytest.raises(AssertionError, match="not an Exception"):
        Future().set_exception(3)


def test_several():
    futures = [Future() for _ in range(3)]
    together = collect_all(futures)
    for i, future in enumerate(futures):
        assert not together.done()
        future.set_result(i)
    assert together.wait() is futures
    assert wait_all(futures) == [0, 1, 2]
    assert wait_all([]) == []
    assert isinstance(pynn.futures.Future(), Future)


def test_what_jit_forks_is_a_future():
    future = pynn.jit.fork(lambda a, b: a + b, 1, b=2)
    assert isinstance(future, Future)
    assert pynn.jit.wait(future) == future.wait() == 3
