"""The accelerator that is not there."""

import pytest

import pynn


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
