"""torch._inductor's settings."""

import pynn
from pynn import _inductor


def test_settings_are_kept_by_part():
    _inductor.config.triton.unique_kernel_names = True
    assert _inductor.config.triton.unique_kernel_names
    assert _inductor.config.cpp.unique_kernel_names is None
    assert _inductor.config.max_autotune is None
    assert not hasattr(_inductor.config, "__len__")
    assert pynn._inductor is _inductor
