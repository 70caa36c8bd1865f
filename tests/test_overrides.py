"""Nothing is overridden."""

import pytest

import pynn
from pynn import overrides


def test_overrides():
    assert not overrides.has_torch_function((pynn.ones(1),))
    assert overrides.is_tensor_like(pynn.ones(1))
    assert not overrides.is_tensor_like(1)
    assert overrides.is_tensor_method_or_property(pynn.Tensor.add)
    with pytest.raises(TypeError, match="no implementation found for 'len'"):
        overrides.handle_torch_function(len, ())
