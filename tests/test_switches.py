"""Settings that are kept, checked and without effect."""

import pytest

import pynn


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
