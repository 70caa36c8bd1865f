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


def test_arguments_of_to_are_read():
    parse = _C._nn._parse_to
    cpu = pynn.device("cpu")
    assert parse("cpu", pynn.float64, True) == (cpu, pynn.float64, True, None)
    assert parse(pynn.ones(1)) == (cpu, pynn.float32, False, None)
    assert parse(device=cpu, memory_format=pynn.channels_last) == (cpu, None, False, pynn.channels_last)
    assert parse(None) == (None, None, False, None)
