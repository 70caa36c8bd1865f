"""The engines for quantized tensors."""

import pynn


def test_there_is_none():
    assert pynn.backends.quantized.engine == "none"
    assert pynn.backends.quantized.engine in pynn.backends.quantized.supported_engines
