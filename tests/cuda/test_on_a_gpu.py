"""pynn.cuda where there is a GPU."""

import pytest

import pynn
from tests import gpu


@pytest.fixture(scope="module", autouse=True)
def cupy():
    with gpu.present() as module:
        yield module


def test_what_there_is():
    cuda = pynn.cuda
    assert cuda.is_available()
    assert cuda.device_count() >= 1
    assert cuda.current_device() == 0
    assert cuda.get_device_name()
    assert cuda.get_device_capability() >= (5, 0)
    assert cuda.get_device_properties(0).total_memory > 0
    assert cuda.is_bf16_supported()
    cuda.init()
    cuda.synchronize()
    cuda.ipc_collect()
    pynn.ones(1).cuda()
    assert cuda.is_initialized()
    with cuda.device(0), cuda.device_of(pynn.ones(1, device="cuda")), cuda.device(-1):
        cuda.set_device("cuda:0")
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.set_device("cpu")
    with pytest.raises(NotImplementedError, match="nvidia-smi"):
        cuda.temperature()
    assert isinstance(cuda.get_arch_list(), list)


def test_memory(cupy):
    cuda = pynn.cuda
    before = cuda.memory_allocated()
    cuda.reset_peak_memory_stats()
    x = pynn.zeros(1 << 16, device="cuda")
    assert cuda.memory_allocated() >= before + x.nbytes
    assert cuda.max_memory_allocated() >= cuda.memory_allocated()
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    free, total = cuda.mem_get_info()
    assert 0 < free < total
    assert cuda.memory_stats()["allocated_bytes.all.current"] == cuda.memory_allocated()
    assert cuda.memory_stats_as_nested_dict()["reserved_bytes"]["all"]["current"] == cuda.memory_reserved()
    assert "bytes free" in cuda.memory_summary()
    assert "GPU:0" in cuda.list_gpu_processes()
    del x
    cuda.empty_cache()
    assert cuda.memory_allocated() == before
    with pytest.raises(ValueError, match="Invalid fraction"):
        cuda.set_per_process_memory_fraction(2.0)


def test_streams_and_events():
    cuda = pynn.cuda
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    side = cuda.Stream()
    assert cuda.current_stream() == cuda.default_stream()
    with cuda.stream(side):
        assert cuda.current_stream() == side
        start.record()
        x = pynn.ones(10, device="cuda") * 2
        end.record()
    assert cuda.current_stream() == cuda.default_stream()
    side.wait_stream(cuda.default_stream())
    cuda.current_stream().wait_event(end)
    side.synchronize()
    end.synchronize()
    assert end.query()
    assert side.query()
    assert start.elapsed_time(end) >= 0
    assert x.sum().item() == 20
    assert side.device == pynn.device("cuda:0")
    assert cuda.ExternalStream(side.cuda_stream).cuda_stream == side.cuda_stream
    with pytest.raises(RuntimeError, match="enable_timing=True"):
        cuda.Event().elapsed_time(end)
    with cuda.stream(None):
        pass
    with pytest.raises(NotImplementedError, match="not recorded in graphs"):
        cuda.CUDAGraph()


@pytest.mark.parametrize(
    "draw",
    [
        lambda d: pynn.rand(5, device=d), lambda d: pynn.rand(5, device=d, dtype=pynn.float64),
        lambda d: pynn.rand(9, device=d, dtype=pynn.bfloat16), lambda d: pynn.randint(-5, 100, (9,), device=d),
        lambda d: pynn.randperm(9, device=d), lambda d: pynn.nn.functional.dropout(pynn.ones(50, device=d)),
        lambda d: pynn.randn(33, device=d), lambda d: pynn.randn(33, device=d, dtype=pynn.float64),
        lambda d: pynn.bernoulli(pynn.full((9,), 0.5, device=d)), lambda d: pynn.multinomial(pynn.ones(5, device=d), 3),
        lambda d: pynn.nn.init.kaiming_normal_(pynn.empty(4, 5, device=d)),
        lambda d: pynn.nn.init.orthogonal_(pynn.empty(4, 5, device=d)),
        lambda d: pynn.nn.init.trunc_normal_(pynn.empty(4, 5, device=d)),
    ],
)  # fmt: skip
def test_one_seed_gives_the_same_numbers_everywhere(draw):
    found = []
    for device in ("cpu", "cuda"):
        pynn.manual_seed(1)
        found.append(draw(device))
    assert found[1].is_cuda
    assert (found[0] == found[1].cpu()).all()


def test_random_state():
    state = pynn.cuda.get_rng_state()
    a = pynn.rand(3, device="cuda")
    pynn.cuda.set_rng_state_all([state])
    assert (pynn.rand(3, device="cuda") == a).all()
    pynn.cuda.manual_seed_all(5)
    assert pynn.cuda.initial_seed() == 5
    assert len(pynn.cuda.get_rng_state_all()) == pynn.cuda.device_count()


def test_accelerator():
    accelerator = pynn.accelerator
    assert accelerator.is_available()
    assert accelerator.current_accelerator() == pynn.device("cuda")
    assert accelerator.current_device_index() == 0
    accelerator.synchronize()
    with accelerator.device_index(0):
        assert accelerator.memory_allocated() == pynn.cuda.memory_allocated()
    assert pynn.get_device_module("cuda") is pynn.cuda
