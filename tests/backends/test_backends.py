"""The switches that training scripts set first."""

import pytest

import pynn
import pynn.backends.cudnn as cudnn


def test_usual_switches():
    assert pynn.backends.cudnn is cudnn
    assert not cudnn.is_available()
    assert cudnn.version() is None
    assert not pynn.backends.mps.is_available()
    assert not pynn.backends.cuda.is_built()
    with cudnn.flags(benchmark=True):
        assert cudnn.benchmark
        assert not cudnn.enabled
    assert cudnn.enabled
    assert not cudnn.benchmark
    pynn.backends.cuda.matmul.allow_tf32 = False
    assert not any(m.is_available() for m in (pynn.backends.mkl, pynn.backends.mkldnn, pynn.backends.openmp))


def test_settings_are_checked():
    pynn.set_float32_matmul_precision("high")
    assert pynn.get_float32_matmul_precision() == "high"
    pynn.set_float32_matmul_precision("highest")
    with pytest.raises(RuntimeError, match="'highest', 'high'"):
        pynn.set_float32_matmul_precision("low")
    pynn.use_deterministic_algorithms(True, warn_only=True)
    assert pynn.are_deterministic_algorithms_enabled()
    assert pynn.is_deterministic_algorithms_warn_only_enabled()
    pynn.use_deterministic_algorithms(False)
    assert not pynn.are_deterministic_algorithms_enabled()
    pynn.set_default_device("cpu")
    assert pynn.get_default_device() == pynn.device("cpu")
    with pytest.raises(RuntimeError, match="device='cpu'"):
        pynn.set_default_device("cuda")
    assert not pynn.set_flush_denormal(True)
    assert pynn.get_num_interop_threads() == 1
