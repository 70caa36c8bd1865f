"""pynn.memory: the allocator's counts, its limit, and what a training step leaves behind."""

import gc
import os
import subprocess
import sys
import threading

import pytest

import pynn
from pynn import memory, nn

MB = 2**20
native = pytest.mark.skipif(memory._native is None, reason="the compiled kernels' allocator")


@pytest.fixture(autouse=True)
def automatic_limit():
    yield
    memory.set_limit(None)


def big(megabytes=8):
    """A tensor that a kernel made, of so many MB."""
    return pynn.ones(megabytes * MB // 4) + 1.0


@native
def test_use_cache_and_peak():
    memory.empty_cache()
    before = memory.stats()
    x = big()
    during = memory.stats()
    assert during.in_use - before.in_use >= 8 * MB
    assert during.peak >= during.in_use
    assert during.allocations > before.allocations
    del x
    after = memory.stats()
    assert after.in_use < during.in_use
    assert after.cached >= 8 * MB
    assert after.peak >= during.in_use
    memory.reset_peak()
    assert memory.stats().peak < during.in_use
    memory.empty_cache()
    assert memory.stats().cached < MB
    y = big()
    del y
    reused = memory.stats().reused
    z = big()
    assert memory.stats().reused > reused
    assert z[0] == 2


@native
def test_limit():
    memory.set_limit(4 * MB)
    assert memory.limit() == memory.stats().limit == 4 * MB
    x = big()
    del x
    assert memory.stats().cached <= 4 * MB
    memory.set_limit(0)
    assert memory.stats().cached < MB
    memory.set_limit(None)
    assert memory.limit() >= 256 * MB
    memory.set_limit(10**30)
    assert memory.limit() >= 256 * MB


@pytest.mark.parametrize(("wrong", "error"), [("1", TypeError), (1.5, TypeError), (-1, ValueError)])
def test_limits_that_are_none(wrong, error):
    with pytest.raises(error, match=r"memory\.set_limit expects"):
        memory.set_limit(wrong)


def test_report():
    text = memory.report()
    if memory._native is None:
        assert "NumPy" in text
        assert memory.stats() == (0, 0, 0, 0, 0, 0)
        assert memory.limit() == 0
        memory.reset_peak()
        memory.empty_cache()
        memory.set_limit(1)
    else:
        assert [line.split()[0] for line in text.splitlines()] == ["in_use", "cached", "peak", "limit", "allocations"]
    assert memory._size(3 * 2**30) == "3.00 GB"


@native
def test_the_environment_sets_the_first_limit():
    code = "import pynn; print(pynn.memory.limit())"
    environment = {**os.environ, "PYNN_ARENA_LIMIT": "7"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert int(out.stdout) == 7 * MB


@native
def test_from_several_threads():
    wrong = []

    def work(seed):
        for i in range(30):
            x = pynn.ones(20000 + 1000 * seed) * float(seed)
            memory.stats()
            if i % 10 == seed:
                memory.empty_cache()
                memory.set_limit((1 + seed) * MB)
            if float(x.sum()) != seed * (20000 + 1000 * seed):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@native
def test_backward_frees_what_it_has_used():
    """Of a chain of layers backward holds one gradient at a time, and saved arrays go as their step is done."""
    depth, x = 12, pynn.ones(MB // 4, requires_grad=True)  # 1 MB each
    gc.collect()
    base = memory.stats().in_use
    y = x
    for _ in range(depth):
        y = (y * 0.5).tanh()  # tanh saves its output
    loss = y.sum()
    saved = memory.stats().in_use - base
    del y
    memory.reset_peak()
    loss.backward()
    assert memory.stats().peak - base <= saved + 3.5 * MB
    del loss
    x.grad = None
    assert memory.stats().in_use - base < MB


@native
def test_a_training_step_leaves_gradients_alone():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 900, 4))
    opt = pynn.optim.SGD(model.parameters(), 1e-3)
    x = pynn.randn(16, 3, 32, 32)

    def step():
        opt.zero_grad()
        model(x).sum().backward()
        opt.step()

    step()
    step()
    before = memory.stats().in_use
    for _ in range(3):
        step()
    assert memory.stats().in_use == before
