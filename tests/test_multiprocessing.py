"""Tensors between processes. Every wait has a limit."""

import multiprocessing
import os
import pickle
import signal
import sys

import pytest

import pynn
import pynn.multiprocessing as mp
from pynn import nn

LIMIT = 60


def fork():
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    return mp.get_context("fork")


def run(context, target, *args):
    process = context.Process(target=target, args=args, daemon=True)
    process.start()
    process.join(LIMIT)
    assert process.exitcode == 0
    return process


def test_names_of_the_standard_module():
    for name in multiprocessing.__all__:
        assert hasattr(mp, name)
    assert mp.connection is multiprocessing.connection
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(ValueError, match="sharing strategy must be one of"):
        mp.set_sharing_strategy("telepathy")
    assert pynn.multiprocessing is mp


def test_shared_memory_is_written_by_forked_processes():
    x = pynn.zeros(3, 2)
    assert not x.is_shared()
    y = pynn.arange(6.0).view(3, 2).t()
    assert x.share_memory_() is x
    assert y.share_memory_().is_shared()
    assert y.tolist() == [[0, 2, 4], [1, 3, 5]]
    assert x.is_shared()
    assert x[1].is_shared()
    run(fork(), lambda: x[1].fill_(7))
    assert x.tolist() == [[0, 0], [7, 7], [0, 0]]
    before = x._array
    assert x.share_memory_()._array is before


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool"])
def test_empty_and_0d_tensors_and_all_kinds_of_numbers(dtype):
    dtype = getattr(pynn, dtype)
    assert pynn.empty(0, 3, dtype=dtype).share_memory_().shape == (0, 3)
    one = pynn.tensor(1, dtype=dtype).share_memory_()
    assert one.is_shared()
    assert one.item() == 1
    assert one.dtype is dtype


def test_modules_are_shared():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    values = {name: value.clone() for name, value in model.state_dict().items()}
    assert model.share_memory() is model
    assert all(p.is_shared() for p in model.parameters())
    assert all(b.is_shared() for b in model.buffers())
    for name, value in model.state_dict().items():
        assert pynn.equal(value, values[name])


def train(model, seed):
    pynn.manual_seed(seed)
    optimizer = pynn.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(60):
        x = pynn.randn(16, 2)
        optimizer.zero_grad()
        (model(x) - x @ pynn.tensor([[2.0], [-3.0]])).square().mean().backward()
        optimizer.step()


def test_hogwild_training():
    context = fork()
    model = nn.Linear(2, 1)
    model.share_memory()
    workers = [context.Process(target=train, args=(model, seed), daemon=True) for seed in range(2)]
    for process in workers:
        process.start()
    for process in workers:
        process.join(LIMIT)
        assert process.exitcode == 0
    assert pynn.allclose(model.weight, pynn.tensor([[2.0, -3.0]]), atol=0.05)


def echo(inbox, outbox):
    for _ in range(2):
        thing = inbox.get(timeout=LIMIT)
        thing["x"].add_(1)
        outbox.put(float(thing["x"].sum()))
    outbox.put(None)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_queue_shares_what_is_sent(method):
    context = mp.get_context(method) if method == "spawn" else fork()
    inbox, outbox = context.Queue(), context.Queue()
    process = context.Process(target=echo, args=(inbox, outbox), daemon=True)
    process.start()
    x = pynn.arange(4.0)
    view = pynn.zeros(4, 4).share_memory_().t()[1]
    inbox.put({"x": x})
    assert outbox.get(timeout=LIMIT) == 10
    assert x.tolist() == [1, 2, 3, 4]  # the other process's write
    inbox.put({"x": view})
    assert outbox.get(timeout=LIMIT) == 4
    assert view.tolist() == [1, 1, 1, 1]
    assert outbox.get(timeout=LIMIT) is None
    process.join(LIMIT)
    assert process.exitcode == 0


def test_a_pipe_keeps_type_attributes_and_gradient_flag():
    ours, theirs = mp.Pipe()
    parameter = nn.Parameter(pynn.ones(3))
    parameter.note = "mine"
    ours.send([parameter, pynn.tensor(2), pynn.ones(2, 0), pynn.tensor([1.5]).bfloat16()])
    back, number, empty, half = theirs.recv()
    assert type(back) is nn.Parameter
    assert back.requires_grad
    assert back.note == "mine"
    with pynn.no_grad():
        back[0] = 5
    assert parameter[0].item() == 5
    assert number.item() == 2
    assert number.dtype is pynn.int64
    assert empty.shape == (2, 0)
    assert half.tolist() == [1.5]
    ours.close()
    theirs.close()


def test_a_graph_stays_at_home():
    ours, theirs = mp.Pipe()
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        ours.send(pynn.ones(2, requires_grad=True) * 2)
    ours.close()
    theirs.close()


def fine(i, queue):
    queue.put(i)


def fail(i):
    if i == 1:
        raise ValueError("process one gives up")


def leave(i, code):
    os._exit(code)


def die(i):
    os.kill(os.getpid(), signal.SIGKILL)


def test_start_processes():
    fork()
    queue = mp.get_context("fork").SimpleQueue()
    assert mp.start_processes(fine, (queue,), nprocs=2, start_method="fork") is None
    assert sorted([queue.get(), queue.get()]) == [0, 1]
    context = mp.start_processes(fine, (queue,), nprocs=1, join=False, start_method="fork")
    assert len(context.pids()) == 1
    while not context.join(LIMIT):
        pass
    assert context.join()


def test_errors_of_processes():
    fork()
    with pytest.raises(mp.ProcessRaisedException, match="-- Process 1 terminated with the following error") as caught:
        mp.start_processes(fail, nprocs=2, start_method="fork")
    assert "ValueError: process one gives up" in str(caught.value)
    assert caught.value.error_index == 1
    with pytest.raises(mp.ProcessExitedException, match="process 0 terminated with exit code 4") as left:
        mp.start_processes(leave, (4,), start_method="fork")
    assert left.value.exit_code == 4
    with pytest.raises(mp.ProcessExitedException, match="process 0 terminated with signal SIGKILL") as killed:
        mp.start_processes(die, start_method="fork")
    assert killed.value.signal_name == "SIGKILL"
    again = pickle.loads(pickle.dumps(killed.value))
    assert (again.error_index, again.exit_code, again.signal_name) == (0, -9, "SIGKILL")


@pytest.mark.skipif(sys.platform != "linux", reason="one platform is enough for the slow start")
def test_spawn():
    with pytest.raises(mp.ProcessRaisedException, match="process one gives up"):
        mp.spawn(fail, nprocs=2)
    with pytest.warns(FutureWarning, match="only supports start_method=spawn"):
        mp.spawn(leave, (0,), start_method="fork")
