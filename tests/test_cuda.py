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
