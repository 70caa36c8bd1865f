"""What `import pynn` loads, and what it has by name (pynn/__init__.py)."""

import importlib
import subprocess
import sys

import pynn


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


def test_all_lazy_names_are_there():
    for name in pynn._LAZY:
        assert getattr(pynn, name) is not None
        assert name in dir(pynn)


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


def test_torch_torch_is_torch():
    assert pynn.torch is pynn
