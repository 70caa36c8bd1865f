"""Several threads, forks in the middle, an exit with threads running."""

import io
import os
import subprocess
import sys
import threading
import time

import numpy
import pytest

import pynn
from pynn import _config, _threads, nn, optim

COMMON = """
import threading, time
import pynn
from pynn import nn, optim
"""


def train(seed, steps=8):
    """The parameters of a small model after some steps; large enough that kernels let go of the interpreter lock."""
    rng = numpy.random.default_rng(seed)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(800, 10))
    with pynn.no_grad():
        for p in model.parameters():
            p.copy_(pynn.from_numpy(0.1 * rng.standard_normal(tuple(p.shape)).astype("f4")))
    opt = optim.Adam(model.parameters(), 1e-3)
    x = pynn.from_numpy(rng.standard_normal((32, 1, 12, 12)).astype("f4"))
    y = pynn.from_numpy(rng.integers(0, 10, 32))
    for _ in range(steps):
        opt.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        opt.step()
        with pynn.no_grad():
            assert not model(x).requires_grad
    return [p.detach().numpy().copy() for p in model.parameters()]


def wait_for(pid, seconds=30):
    """A child's exit code; it is killed, and None returned, if it takes longer."""
    for _ in range(int(seconds * 50)):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None


def test_threads_train_as_one_alone_does():
    alone = [train(seed) for seed in range(3)]
    found = {}
    threads = [threading.Thread(target=lambda s=s: found.__setitem__(s, train(s))) for s in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for seed, expected in enumerate(alone):
        for a, b in zip(found[seed], expected):
            numpy.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_forked_while_others_train():
    threads = [threading.Thread(target=train, args=(s, 20)) for s in range(2)]
    for t in threads:
        t.start()
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                train(0, 3)
                os._exit(0)
            except BaseException:
                os._exit(1)
        pids.append(pid)
        time.sleep(0.01)
    for t in threads:
        t.join()
    assert [wait_for(pid) for pid in pids] == [0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_forked_during_another_threads_backward():
    inside, leave = threading.Event(), threading.Event()

    def hook(grad):
        inside.set()
        leave.wait(30)

    def run():
        x = pynn.ones(2, requires_grad=True)
        x.register_hook(hook)
        (x * 2).sum().backward()

    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(30)
    pid = os.fork()
    if pid == 0:
        x = pynn.ones(2, requires_grad=True)
        (x * 2).sum().backward()
        os._exit(0 if x.grad.tolist() == [2, 2] else 1)
    code = wait_for(pid, 10)
    leave.set()
    thread.join()
    assert code == 0


def test_exit_with_a_thread_in_a_kernel():
    code = COMMON + (
        "x = pynn.ones(300, 300)\n"
        "def run():\n"
        "    while True:\n"
        "        x @ x\n"
        "threading.Thread(target=run, daemon=True).start()\n"
        "time.sleep(0.1)\n"
        "print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_long_graph_is_freed_without_recursion():
    x = pynn.ones(1, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1]
    y = x
    for _ in range(200_000):
        y = y + 1
    del y


NATIVE = pytest.mark.skipif(_config._native is None, reason="only the compiled kernels have a pool")


@pytest.mark.parametrize("pure", [pytest.param("", marks=NATIVE), "1"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"PYNN_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, 3),
        ({"OMP_NUM_THREADS": "5,2"}, 5),  # a list names the threads of nested regions; the first counts
        ({"PYNN_NUM_THREADS": "many", "OMP_NUM_THREADS": "2"}, 2),
    ],
)
def test_the_environment_sets_the_number_of_threads(given, expected, pure):
    given = given | {"PYNN_PURE": pure}
    environment = {k: v for k, v in os.environ.items() if k not in ("PYNN_NUM_THREADS", "OMP_NUM_THREADS")} | given
    code = "import pynn; print(pynn.get_num_threads())"
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(out.stdout) == expected


@NATIVE
def test_without_compiled_code_as_many_threads_are_counted():
    code = "import pynn; print(pynn.get_num_threads())"
    environment = {k: v for k, v in os.environ.items() if k not in ("PYNN_NUM_THREADS", "OMP_NUM_THREADS")}
    found = [
        subprocess.run([sys.executable, "-c", code], env=environment | pure, capture_output=True, text=True, check=True).stdout
        for pure in ({"PYNN_PURE": ""}, {"PYNN_PURE": "1"})
    ]
    assert found[0] == found[1]


def test_a_quota_of_a_control_group_limits_the_count(monkeypatch):
    files = {
        "/proc/self/cgroup": "1:cpu:/old\n0::/outer/inner\n",
        "/sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/outer/cpu.max": "250000 100000\n",
    }

    def opened(path):
        if path not in files:
            raise FileNotFoundError(path)
        return io.StringIO(files[path])

    monkeypatch.setattr(_threads, "open", opened, raising=False)
    assert _threads._within_quota(8) == 3
    assert _threads._within_quota(2) == 2
    files["/sys/fs/cgroup/outer/cpu.max"] = "1000 100000\n"
    assert _threads._within_quota(8) == 1
    del files["/proc/self/cgroup"]
    assert _threads._within_quota(8) == 8


def test_beside_numpys_own_threads():
    """Products in NumPy (OpenBLAS has a pool of its own) and training in pynn, at once, change nothing in either."""
    alone = train(4)
    a = numpy.random.default_rng(0).standard_normal((200, 200)).astype("f4")
    product, wrong, stop = a @ a, [], threading.Event()

    def multiply():
        while not stop.is_set():
            if not numpy.array_equal(a @ a, product):
                wrong.append(1)

    thread = threading.Thread(target=multiply)
    thread.start()
    try:
        beside = train(4)
    finally:
        stop.set()
        thread.join()
    assert not wrong
    for x, y in zip(beside, alone):
        numpy.testing.assert_array_equal(x, y)


@NATIVE
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_has_a_pool_of_its_own():
    before = pynn.get_num_threads()
    pynn.set_num_threads(3)
    try:
        alone = train(5)  # the pool's threads run now, and are lost to a child
        pid = os.fork()
        if pid == 0:
            try:
                same = all(numpy.array_equal(x, y) for x, y in zip(train(5), alone))
                pynn.set_num_threads(2)
                train(5)
                os._exit(0 if same and pynn.get_num_threads() == 2 else 1)
            except BaseException:
                os._exit(1)
        assert wait_for(pid) == 0
        assert pynn.get_num_threads() == 3
        for x, y in zip(train(5), alone):
            numpy.testing.assert_array_equal(x, y)
    finally:
        pynn.set_num_threads(before)
