"""Modules of devices that are not there: mps, xpu and mtia."""

import importlib

import pytest

import pynn


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
