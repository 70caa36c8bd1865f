"""Every op that has a CUDA kernel, values and gradients, against what torch computed: kernels run emulated on the CPU."""

import pytest

from pynn import _backends
from tests import cases
from tests.cuda_kernels import emulated
from tests.ops import test_golden as golden

pytestmark = pytest.mark.skipif(emulated.BACKEND is None, reason="build/emulated has no _cuda_emulated")

KERNELS = sorted(emulated.module.kernels) if emulated.module else []
NAMES = [n for n in golden.WITH_TWIN if n in KERNELS or n + ".backward" in KERNELS]


@pytest.fixture(autouse=True)
def emulated_backend(monkeypatch):
    monkeypatch.setitem(_backends.BACKENDS, "emulated", emulated.BACKEND)


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_kernels(name, dtype):
    before = emulated.SERVED[name] + emulated.SERVED[name + ".backward"]
    with cases.running_on("emulated", None):
        golden.check(name, dtype)
    after = emulated.SERVED[name] + emulated.SERVED[name + ".backward"]
    assert after > before, "no sample of the op was served by its kernel"
