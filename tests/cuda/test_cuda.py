"""torch.cuda's names where there is no GPU."""

import pytest

import pynn


def test_usual_device_choice_gives_the_cpu():
    device = pynn.device("cuda" if pynn.cuda.is_available() else "cpu")
    assert pynn.zeros(2).to(device).device == pynn.device("cpu")
    assert pynn.cuda.device_count() == 0
    pynn.cuda.manual_seed_all(0)
    pynn.cuda.empty_cache()


@pytest.mark.parametrize("call", [pynn.cuda.current_device, pynn.cuda.get_device_name, pynn.cuda.synchronize])
def test_asking_for_a_gpu_says_what_to_do(call):
    with pytest.raises(RuntimeError, match="device='cpu'"):
        call()


def test_moving_to_a_gpu_says_what_to_do():
    with pytest.raises(RuntimeError, match="Use device='cpu'"):
        pynn.zeros(2).cuda()


def test_questions_and_things_without_effect():
    cuda = pynn.cuda
    assert not any((cuda.is_available(), cuda.is_initialized(), cuda.is_bf16_supported(), cuda.is_tf32_supported()))
    assert [
        cuda.memory_allocated(),
        cuda.max_memory_allocated(0),
        cuda.memory_reserved(),
        cuda.max_memory_reserved(),
    ] == [0] * 4
    assert cuda.memory_stats() == {}
    assert cuda.get_rng_state_all() == cuda.get_arch_list() == []
    cuda.set_rng_state_all([])
    cuda.seed()
    cuda.ipc_collect()
    cuda.reset_peak_memory_stats()
    with cuda.stream(None), cuda.device_of(pynn.ones(1)), cuda.device(-1), cuda.nvtx.range("a"):
        cuda.nvtx.mark("b")
    assert cuda.nvtx.range_push("a") == 0
    assert cuda.nvtx.range_pop() == 0
    assert cuda.memory.memory_allocated() == 0
    cuda.random.manual_seed_all(3)
    with pytest.warns(FutureWarning, match="renamed"):
        cuda.memory_cached()
    assert issubclass(cuda.OutOfMemoryError, RuntimeError)
    assert not isinstance(pynn.ones(1), cuda.FloatTensor)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get_rng_state(), lambda c: c.get_device_properties(0), lambda c: c.init(), lambda c: c.mem_get_info(),
        lambda c: c.set_device(0), lambda c: c.device(0).__enter__(), lambda c: c.current_stream(), lambda c: c.Stream(),
        lambda c: c.Event(enable_timing=True), lambda c: c.CUDAGraph(), lambda c: c.make_graphed_callables(len, ()),
    ],
)  # fmt: skip
def test_what_needs_a_gpu_raises_what_programs_catch(call):
    for kind in (AssertionError, RuntimeError):
        with pytest.raises(kind, match="Torch not compiled with CUDA enabled"):
            call(pynn.cuda)


def test_wrong_uses():
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        pynn.cuda.set_device("cpu")
    with pytest.raises(TypeError, match=r"type cuda\.FloatTensor not available"):
        pynn.cuda.FloatTensor(3)
    with pytest.raises(AttributeError, match="no such part of torch"):
        pynn.cuda.nothing  # noqa: B018
