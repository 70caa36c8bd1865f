"""Names of the top level that few programs ask for, and modules of devices that are not there."""

import importlib
import pickle
import subprocess
import sys

import pytest

import pynn


def test_formats_and_layouts_have_kinds():
    assert isinstance(pynn.strided, pynn.layout)
    assert isinstance(pynn.channels_last, pynn.memory_format)
    assert isinstance(pynn.float32, pynn.dtype)
    assert isinstance(pynn.per_tensor_affine, pynn.qscheme)
    assert pynn.ones(1).layout == pynn.strided
    assert pynn.ones(1).layout != pynn.sparse_coo
    assert repr(pynn.channels_last_3d) == "pynn.channels_last_3d"
    assert pickle.loads(pickle.dumps(pynn.contiguous_format)) == pynn.contiguous_format


def test_typename_and_the_like():
    assert pynn.typename(pynn.ones(1).bool()) == "pynn.BoolTensor"
    assert pynn.typename(3) == "int"
    assert pynn.typename(pynn.nn.Linear(1, 1)) == "pynn.nn.linear.Linear"
    assert not pynn.is_storage(3)
    assert pynn.get_device(pynn.ones(1)) == -1
    assert pynn.get_device_module() is pynn.cpu
    assert pynn.get_device_module("cuda") is pynn.cuda
    with pytest.raises(RuntimeError, match="Invalid device module"):
        pynn.get_device_module("hpu")
    assert pynn.can_cast(pynn.float64, pynn.float32)
    assert not pynn.can_cast(pynn.float32, pynn.int64)
    assert pynn.can_cast(pynn.uint8, pynn.int8)
    assert not pynn.can_cast(pynn.int32, pynn.bool)
    assert (pynn.sym_int(-3.5), pynn.sym_max(1, 2.0), pynn.sym_min(1, 2.0), pynn.sym_not(True)) == (-3, 2.0, 1.0, False)
    assert pynn.newaxis is None
    assert pynn.e == 2.718281828459045


def test_switches():
    pynn.set_deterministic_debug_mode("warn")
    assert pynn.get_deterministic_debug_mode() == 1
    assert pynn.is_deterministic_algorithms_warn_only_enabled()
    pynn.set_deterministic_debug_mode(2)
    assert pynn.get_deterministic_debug_mode() == 2
    pynn.set_deterministic_debug_mode(0)
    assert not pynn.are_deterministic_algorithms_enabled()
    for bad, error in (("foo", RuntimeError), (5, RuntimeError), (None, TypeError)):
        with pytest.raises(error, match="debug_mode"):
            pynn.set_deterministic_debug_mode(bad)
    with pytest.raises(TypeError, match="'mode' must be bool"):
        pynn.use_deterministic_algorithms("a")
    with pytest.raises(RuntimeError, match="expects a bool, but got int"):
        pynn.set_warn_always(1)
    pynn.set_warn_always(True)
    assert pynn.is_warn_always_enabled()
    pynn.set_warn_always(False)
    for bad in (0, 1.5):
        with pytest.raises(RuntimeError, match="set_num_interop_threads expects"):
            pynn.set_num_interop_threads(bad)


@pytest.mark.parametrize("name", ["mps", "xpu", "mtia"])
def test_devices_that_are_not_there(name):
    module = importlib.import_module("pynn." + name)
    assert getattr(pynn, name) is module
    assert not module.is_available()
    assert module.device_count() == 0
    module.manual_seed(1)
    module.empty_cache()
    with pytest.raises(RuntimeError, match=f"not compiled with {name.upper()} enabled"):
        module.synchronize()
    with pytest.raises(AssertionError, match="is_available"):
        module.current_device()


def test_accelerator():
    assert not pynn.accelerator.is_available()
    assert pynn.accelerator.current_accelerator() is None
    assert pynn.accelerator.device_count() == 0
    for name in ("synchronize", "current_device_index", "empty_cache", "memory_allocated", "current_stream"):
        with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
            getattr(pynn.accelerator, name)()
    with pynn.accelerator.device_index(None):
        pass
    with pytest.raises(RuntimeError, match="none is available"), pynn.accelerator.device_index(0):
        pass


def test_overrides():
    from pynn import overrides

    assert not overrides.has_torch_function((pynn.ones(1),))
    assert overrides.is_tensor_like(pynn.ones(1))
    assert not overrides.is_tensor_like(1)
    assert overrides.is_tensor_method_or_property(pynn.Tensor.add)
    with pytest.raises(TypeError, match="no implementation found for 'len'"):
        overrides.handle_torch_function(len, ())


def test_version_and_configuration():
    assert pynn.version.cuda is None
    assert pynn.version.__version__ == pynn.__version__
    assert "backends" in pynn.__config__.show()
    assert "get_num_threads()" in pynn.__config__.parallel_info()


def test_types_of_results():
    assert isinstance(pynn.ones(2).max(0), pynn.return_types.max)
    assert isinstance(pynn.ones(2).sort(), pynn.return_types.sort)
    with pytest.raises(AttributeError, match="'nothing'"):
        pynn.return_types.nothing  # noqa: B018
    assert pynn.types.Number


def test_import_statements():
    for name in (
        "jit",
        "compiler",
        "testing",
        "overrides",
        "types",
        "version",
        "onnx",
        "utils.data",
        "cuda.amp",
        "nn.attention",
    ):
        assert importlib.import_module("pynn." + name)
    from pynn.cuda import amp, nvtx  # noqa: F401
    from pynn.optim.adam import Adam  # noqa: F401
    from pynn.optim.lbfgs import LBFGS  # noqa: F401
    from pynn.optim.lr_scheduler import _LRScheduler  # noqa: F401
    from pynn.optim.optimizer import Optimizer, required  # noqa: F401


@pytest.mark.parametrize("name", ["_dynamo", "export", "distributions"])
def test_what_is_not_here_says_why(name):
    with pytest.raises(AttributeError, match=r"scope|compile"):
        getattr(pynn, name)


def test_all_lazy_names_are_there():
    for name in pynn._LAZY:
        assert getattr(pynn, name) is not None
        assert name in dir(pynn)


def test_assertions_as_functions():
    pynn._assert(pynn.tensor([True]), "no")
    pynn._assert(1, "no")
    with pytest.raises(AssertionError, match="no"):
        pynn._assert(pynn.tensor(False), "no")
    with pytest.raises(RuntimeError, match="nonzero"):
        pynn._assert_async(pynn.tensor(0))
    for name, error in (
        ("_check", RuntimeError),
        ("_check_value", ValueError),
        ("_check_type", TypeError),
        ("_check_index", IndexError),
        ("_check_not_implemented", NotImplementedError),
    ):
        getattr(pynn, name)(True, "why")
        with pytest.raises(error, match="why"):
            getattr(pynn, name)(False, lambda: "why")
    with pytest.raises(TypeError, match="cond must be a bool"):
        pynn._check(pynn.tensor(True))
    pynn._check_is_size(3, max=3)
    with pytest.raises(RuntimeError, match="Expected cond"):
        pynn._check_is_size(-1)
    pynn._check_tensor_all(pynn.ones(2) > 0)
    with pytest.raises(RuntimeError, match="some"):
        pynn._check_tensor_all(pynn.tensor([True, False]), "some")
    assert pynn._shape_as_tensor(pynn.ones(2, 3)).tolist() == [2, 3]


def test_import_leaves_out_what_is_not_asked_for():
    code = (
        "import numpy, sys; before = set(sys.modules); import pynn; print(*set(sys.modules) - before); "
        "pynn.backends.mps.is_available(); pynn.optim.swa_utils.SWALR; pynn.optim.rprop.Rprop; pynn.optim.Adagrad; "
        "pynn.utils.data.DataLoader; pynn.utils.checkpoint.checkpoint; pynn.cuda.is_available(); pynn.cpu.is_available()"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(out.stdout.split())
    assert "pynn.nn" in loaded
    for name in (
        "numpy.random", "socket", "select", "hmac", "selectors", "mmap", "dataclasses", "inspect", "multiprocessing", "hashlib",
        "pynn.optim", "pynn.utils", "pynn.backends", "pynn.cuda", "pynn.cpu",
    ):  # fmt: skip
        assert name not in loaded, name


def test_every_name_that_optim_utils_and_backends_promise():
    for module in (pynn.optim, pynn.utils, pynn.backends):
        for name in set(module.__all__) - {"tensorboard"}:
            assert getattr(module, name) is not None
            assert name in dir(module)
