"""Fixtures for every test: clean global state, and `lib`, which runs a test against torch too where it is installed."""

import pytest

import pynn
from pynn import _core


@pytest.fixture(params=["pynn", "torch"])
def lib(request):
    """pynn, then torch: a test that takes it proves that both behave alike (torch's turn is skipped without torch)."""
    return pynn if request.param == "pynn" else pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def clean_state():
    """Each test starts from seed 0 and must leave modes, default dtype, backend and print options as they were."""
    pynn.manual_seed(0)
    options = dict(pynn._printing._options)
    before = _core.is_grad_enabled(), _core.state.backend, _core.state.recorder, pynn._backends.default()
    yield
    after = _core.is_grad_enabled(), _core.state.backend, _core.state.recorder, pynn._backends.default()
    assert after == before, "the test left a mode or a backend behind"
    pynn.set_default_dtype(pynn.float32)
    pynn._printing._options.update(options)
