"""What programs reach for in torch._C."""

import pytest

import pynn
from pynn import _C


def test_switches_stay_off():
    assert not _C._jit_set_profiling_mode(False)
    assert not _C._jit_override_can_fuse_on_cpu(True)
    assert not _C._debug_set_autodiff_subgraph_inlining(True)
    assert not _C._are_functorch_transforms_active()
    assert _C._log_api_usage_once("here") is None


def test_names():
    assert _C.Generator is pynn.Generator
    assert not hasattr(_C, "__nothing__")
    with pytest.raises(NotImplementedError, match=r"^pynn\._C\._nn_something: .*inner workings"):
        _C._nn_something()


def test_nothing_is_traced():
    assert _C._get_tracing_state() is None
