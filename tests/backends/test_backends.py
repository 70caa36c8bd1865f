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


def test_switches_of_gpu_libraries_are_kept():
    cuda = pynn.backends.cuda
    assert cuda.flash_sdp_enabled()
    cuda.enable_flash_sdp(False)
    assert not cuda.flash_sdp_enabled()
    cuda.enable_flash_sdp(True)
    with pytest.warns(FutureWarning, match="sdpa_kernel"):
        block = cuda.sdp_kernel(enable_flash=False, enable_math=True, enable_mem_efficient=False)
    with block:
        assert not cuda.flash_sdp_enabled()
        assert cuda.math_sdp_enabled()
    assert cuda.flash_sdp_enabled()
    with pytest.raises(AttributeError):
        cuda.matmul.allow_tf23 = True
    assert cuda.preferred_linalg_library() == "default"
    assert cudnn.set_flags(_benchmark=True)[1] is False
    assert cudnn.benchmark
    cudnn.benchmark = False


def test_choices_of_attention():
    from pynn.nn.attention import SDPBackend, sdpa_kernel

    q = pynn.randn(1, 2, 3, 4)
    expected = pynn.nn.functional.scaled_dot_product_attention(q, q, q)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        assert not pynn.backends.cuda.mem_efficient_sdp_enabled()
        assert (pynn.nn.functional.scaled_dot_product_attention(q, q, q) == expected).all()
    assert pynn.backends.cuda.mem_efficient_sdp_enabled()
    with pytest.raises(AssertionError, match="Backend must be an instance of SDPBackend"), sdpa_kernel(3):
        pass
    assert repr(SDPBackend.MATH) == "<SDPBackend.MATH: 0>"


def test_other_modules():
    backends = pynn.backends
    assert backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
    assert not any(m.is_available() for m in (backends.opt_einsum, backends.nnpack, backends.cusparselt))
    backends.mha.set_fastpath_enabled(False)
    assert not backends.mha.get_fastpath_enabled()
    backends.mha.set_fastpath_enabled(True)
    with backends.mkldnn.flags(enabled=False), backends.mkldnn.verbose(0), backends.mkl.verbose(0):
        pass
    assert not backends.flags_frozen()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        backends.nothing  # noqa: B018
