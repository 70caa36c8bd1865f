"""Worker processes and threads: order, errors, deaths, seeds, memory. Nothing here may hang: every wait has a limit."""

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy
import pytest

import pynn
from pynn.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info
from pynn.utils.data._utils import transport, worker

LIMIT = 60  # seconds that a batch may take on a busy machine
METHODS = [{"worker_method": "thread"}, {}]


class Count(Dataset):
    def __init__(self, n, act=None):
        self.n = n
        self.act = act

    def __getitem__(self, index):
        if self.act is not None:
            self.act(index)
        return index

    def __len__(self):
        return self.n


class Shards(IterableDataset):
    """Each worker gives its own part of 0..n-1."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        step, first = (info.num_workers, info.id) if info else (1, 0)
        return iter(range(first, self.n, step))


class Draws(Dataset):
    def __getitem__(self, index):
        return get_worker_info().id, random.random(), numpy.random.rand(), pynn.rand(()).item()

    def __len__(self):
        return 8


def loader(dataset, **options):
    return DataLoader(dataset, **{"num_workers": 2, "timeout": LIMIT, **options})


def values(batches):
    return [batch.tolist() for batch in batches]


def wait_for_end(pids):
    deadline = time.monotonic() + LIMIT
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(os.path.exists(f"/proc/{pid}") for pid in pids)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize("options", METHODS)
@pytest.mark.parametrize("workers", [1, 3])
def test_order_is_that_of_no_workers(workers, options):
    def order(n):
        pynn.manual_seed(5)
        return values(DataLoader(Count(11), 2, shuffle=True, num_workers=n, **(options if n else {})))

    assert order(workers) == order(0)
    assert len(loader(Count(11), batch_size=2, **options)) == 6


@pytest.mark.parametrize("options", METHODS)
def test_values_of_every_kind(options):
    rows = [
        {
            "x": pynn.arange(20000.0).view(100, 200) * i,
            "t": (numpy.arange(3), f"n{i}"),
            "h": pynn.ones(3).bfloat16() * i,
        }
        for i in range(4)
    ]
    batch = next(iter(loader(rows, batch_size=4, **options)))
    assert batch["x"].shape == (4, 100, 200)
    assert batch["x"][3, 0, 2].item() == 6
    assert batch["t"][0].tolist() == [[0, 1, 2]] * 4
    assert batch["t"][1] == ("n0", "n1", "n2", "n3")
    assert batch["h"].dtype is pynn.bfloat16
    assert batch["h"][2].tolist() == [2, 2, 2]
    batch["x"].add_(1)  # the memory is the receiver's own
    assert batch["x"][0, 0, 0].item() == 1


@pytest.mark.parametrize(
    "value",
    [
        numpy.asfortranarray(numpy.arange(40000.0).reshape(200, 200)),
        numpy.arange(40000)[::-2],
        numpy.zeros((0, 4), numpy.float32),
        numpy.array("2020-01-02", "M8[D]"),
        numpy.array([None, 1], object),
        numpy.arange(40000, dtype=">i4"),
        pynn.ones(100, 1).expand(100, 300),
        pynn.nn.Parameter(pynn.ones(30000)),
        pynn.tensor(True),
        "text" * 20000,
    ],
)
def test_the_channel_keeps_values(value):
    back = transport.unpack(*transport.pack({"value": value}))["value"]
    assert type(back) is type(value)
    if isinstance(value, str):
        assert back == value
        return
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert (back == value).all()
    if isinstance(value, pynn.Tensor):
        assert back.requires_grad == value.requires_grad


@linux
def test_large_batches_lie_in_shared_memory_which_goes_with_them():
    def shared():
        with open("/proc/self/maps") as maps:
            return sum("memfd:pynn" in line for line in maps)

    gc.collect()
    before = shared()
    batches = list(loader(TensorDataset(pynn.ones(6, 30000)), batch_size=2))
    assert shared() == before + 3
    view = batches[0][0][1]
    del batches
    gc.collect()
    assert shared() == before + 1
    assert view.sum().item() == 30000
    del view
    gc.collect()
    assert shared() == before
    if os.path.isdir("/dev/shm"):
        assert not [name for name in os.listdir("/dev/shm") if "pynn" in name]


@pytest.mark.parametrize("options", METHODS)
def test_an_error_comes_with_its_type_and_traceback(options):
    def fail(index):
        if index == 1:
            raise KeyError("lost the sample")

    batches = iter(loader(Count(3, fail), **options))
    assert next(batches).item() == 0
    with pytest.raises(KeyError) as caught:
        next(batches)
    text = str(caught.value)
    assert text.startswith("Caught KeyError in DataLoader worker")
    assert 'raise KeyError("lost the sample")' in text
    assert next(batches).item() == 2
    with pytest.raises(StopIteration):
        next(batches)


class Picky(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


def test_errors_that_do_not_travel_become_runtime_errors():
    def fail(index):
        class Local(Exception):
            pass

        if index == 0:
            raise Picky("a", "b")
        raise Local("within")

    batches = iter(loader(Count(2, fail)))
    with pytest.raises(RuntimeError, match="Caught Picky in DataLoader worker process 0"):
        next(batches)
    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 1"):
        next(batches)


def test_a_batch_that_cannot_be_sent_is_an_error():
    batches = iter(loader(Count(4), batch_size=2, collate_fn=lambda batch: lambda: batch, num_workers=1))
    with pytest.raises((AttributeError, TypeError, RuntimeError), match="in DataLoader worker process 0"):
        next(batches)


@pytest.mark.parametrize("options", METHODS)
def test_an_error_at_the_start(options):
    def init(i):
        raise ValueError(f"worker {i} will not")

    with pytest.raises(ValueError, match="worker 0 will not"):
        next(iter(loader(Count(2), worker_init_fn=init, **options)))


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (lambda: os._exit(3), "ended with exit code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "was killed by signal SIGKILL"),
        (lambda: sys.exit(7), "ended with exit code 7"),
    ],
)
def test_a_dead_worker_raises(act, how):
    batches = iter(loader(Count(8, lambda index: act() if index == 3 else None)))
    assert next(batches).item() == 0
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: \d+ {how}"):
        list(batches)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)


@pytest.mark.parametrize("options", METHODS)
def test_timeout(options):
    batches = iter(DataLoader(Count(1, lambda index: time.sleep(0.4)), num_workers=1, timeout=0.05, **options))
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.05 seconds"):
        next(batches)


@linux
def test_workers_end_with_the_iterator():
    batches = iter(loader(Count(100), persistent_workers=False))
    next(batches)
    pids = batches._pool.pids()
    del batches
    assert wait_for_end(pids)


@linux
def test_persistent_workers_stay_until_the_loader_goes():
    data = loader(
        Count(4, lambda index: None), persistent_workers=True, collate_fn=lambda batch: (batch[0], os.getpid())
    )
    first = list(data)
    it = iter(data)
    next(it)  # a pass given up
    second = list(data)
    assert [x for x, _ in first] == [x for x, _ in second] == [0, 1, 2, 3]
    assert {pid for _, pid in first} == {pid for _, pid in second}
    pids = {pid for _, pid in first}
    assert len(pids) == 2
    del data, it
    assert wait_for_end(pids)


@linux
def test_workers_end_when_the_parent_is_killed():
    code = """
        import os, time
        from pynn.utils.data import DataLoader
        batches = iter(DataLoader(list(range(100)), num_workers=2))
        next(batches)
        print(*batches._pool.pids(), flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    try:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
    finally:
        parent.kill()
        parent.wait(LIMIT)
        parent.stdout.close()
    assert wait_for_end(pids)


def test_ctrl_c():
    code = """
        import os, signal, time
        from pynn.utils.data import DataLoader
        signal.signal(signal.SIGINT, signal.default_int_handler)  # programs in the background are started without
        class Slow:
            def __len__(self): return 100
            def __getitem__(self, i): time.sleep(0.05); return i
        try:
            for i, batch in enumerate(DataLoader(Slow(), num_workers=2)):
                if i == 1:  # both workers are at work
                    os.killpg(0, signal.SIGINT)
        except KeyboardInterrupt:
            print("stopped", flush=True)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=120, start_new_session=True, check=False,
    )  # fmt: skip
    assert out.stdout == "stopped\n"
    assert "Traceback" not in out.stderr


def test_exit_with_workers_running():
    code = """
        from pynn.utils.data import DataLoader
        keep = iter(DataLoader(list(range(1000)), num_workers=2, persistent_workers=True))
        next(keep)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=True
    )
    assert out.stderr == ""


@pytest.mark.parametrize("options", METHODS)
def test_streams_are_sharded(options):
    assert values(loader(Shards(7), batch_size=2, **options)) == [[0, 2], [1, 3], [4, 6], [5]]
    assert values(loader(Shards(7), batch_size=2, drop_last=True, **options)) == [[0, 2], [1, 3], [4, 6]]
    assert values(loader(Shards(1), num_workers=3, **options)) == [[0]]
    assert sorted(v for (v,) in values(loader(Shards(9), in_order=False, **options))) == list(range(9))


@pytest.mark.parametrize("options", METHODS)
def test_persistent_streams(options):
    data = loader(Shards(7), batch_size=2, persistent_workers=True, **options)
    assert values(data) == values(data) == [[0, 2], [1, 3], [4, 6], [5]]


def test_a_sharded_stream_that_is_not_warns_of_its_length():
    class Whole(IterableDataset):
        def __iter__(self):
            return iter(range(2))

        def __len__(self):
            return 2

    data = loader(Whole())
    assert len(data) == 2
    with pytest.warns(UserWarning, match="not properly configuring the IterableDataset replica"):
        list(data)


@pytest.mark.parametrize("options", METHODS)
def test_in_order_false_gives_what_is_ready(options, tmp_path):
    go_on = tmp_path / "go on"

    def act(index):
        deadline = time.monotonic() + LIMIT
        while index == 0 and not go_on.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    batches = iter(loader(Count(6, act), in_order=False, **options))
    first = next(batches).item()
    assert first != 0
    go_on.touch()
    assert sorted([first, *(batch.item() for batch in batches)]) == list(range(6))


def test_seeds():
    def draws(seed):
        pynn.manual_seed(seed)
        return [tuple(column[0].item() for column in batch) for batch in loader(Draws())]

    one = draws(1)
    assert one == draws(1)
    assert one != draws(2)
    assert [row[0] for row in one] == [0, 1] * 4
    assert len({row[1] for row in one}) == len({row[2] for row in one}) == len({row[3] for row in one}) == 8


def test_seeds_are_base_seed_and_id():
    def report(batch):
        info = get_worker_info()
        return (
            info.seed,
            random.getstate(),
            pynn.initial_seed(),
            numpy.random.get_state()[1].tolist(),
            pynn.get_num_threads(),
        )

    infos = list(loader(Count(2), collate_fn=report, generator=pynn.Generator().manual_seed(3)))
    base = infos[0][0]
    assert [info[0] for info in infos] == [base, base + 1]
    for i, (seed, python, ours, np, threads) in enumerate(infos):
        assert python == random.Random(base + i).getstate()
        assert ours == seed
        assert np == numpy.random.RandomState(worker.numpy_seed(base, i)).get_state()[1].tolist()
        assert threads == 1


def test_numpy_seed_is_torchs():
    assert worker.numpy_seed(123456789012345, 3).tolist() == [3999280408, 2418223825, 1775828080, 3641838301]


def test_threads_draw_from_their_own_generators():
    class Augment(Dataset):
        def __getitem__(self, index):
            return pynn.rand(()).item(), get_worker_info().rng.numpy_generator.random()

        def __len__(self):
            return 12

    def draws():
        pynn.manual_seed(4)
        return [[c.item() for c in batch] for batch in loader(Augment(), worker_method="thread")], pynn.rand(()).item()

    assert draws() == draws()
    assert draws()[0] != [draws()[0][0]] * 12


def test_worker_info():
    assert get_worker_info() is None
    info = next(iter(loader(Count(2), collate_fn=lambda batch: str(get_worker_info()))))
    assert info.startswith("WorkerInfo(id=0, num_workers=2, seed=")
    seen = []
    next(
        iter(
            loader(
                Count(2), worker_method="thread", worker_init_fn=lambda i: seen.append(get_worker_info().worker_method)
            )
        )
    )
    assert "thread" in seen


def test_many_keys_do_not_fill_the_channel():
    many = list(range(60000))
    data = DataLoader(Count(60000), batch_sampler=[many] * 6, num_workers=1, prefetch_factor=6, timeout=LIMIT,
                      collate_fn=lambda batch: "x" * 20000 + str(len(batch)))  # fmt: skip
    assert [len(text) for text in data] == [20005] * 6


def test_no_prefetching_still_loads():
    assert values(loader(Count(3), prefetch_factor=0)) == [[0], [1], [2]]


def test_prefetching_is_bounded(tmp_path):
    log = tmp_path / "log"
    batches = iter(loader(Count(50, lambda index: log.open("a").write(f"{index}\n")), num_workers=1, prefetch_factor=3))
    next(batches)
    time.sleep(0.2)
    assert len(log.read_text().splitlines()) <= 4


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    data = DataLoader(TensorDataset(pynn.arange(6.0)), 2, num_workers=1, multiprocessing_context=method)
    assert [batch[0].tolist() for batch in data] == [[0, 1], [2, 3], [4, 5]]


def test_two_loaders_at_once_and_many_batches_kept():
    a, b = loader(Count(5)), loader(TensorDataset(pynn.ones(40, 20000)), batch_size=2)
    pairs = list(zip(a, b))
    assert [x.item() for x, _ in pairs] == list(range(5))
    kept = list(b)
    assert len(kept) == 20
    assert sum(float(x.sum()) for (x,) in kept) == 800000


def test_worker_info_cannot_be_set():
    info = worker.WorkerInfo(0, 2, 7, [1])
    assert (info.id, info.num_workers, info.seed, info.dataset, info.worker_method) == (0, 2, 7, [1], "multiprocessing")
    with pytest.raises(AttributeError, match="cannot be set"):
        info.seed = 3


def test_import_does_not_load_what_only_workers_need():
    code = "import numpy, sys; before = set(sys.modules); import pynn; print(*set(sys.modules) - before)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(out.stdout.split())
    for name in ("socket", "multiprocessing", "pynn.utils.data._utils.pool", "pynn.multiprocessing", "pynn.hub"):
        assert name not in loaded
