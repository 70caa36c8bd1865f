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


def test_modes_can_be_inherited_from_and_say_why_they_cannot_be_entered():
    class Mine(overrides.TorchFunctionMode):
        pass

    with pytest.raises(NotImplementedError, match="functions do not ask who takes them over"):
        Mine()
