"""torch's name of old for a tensor."""

import warnings
from typing import Any

from pynn._core import Tensor

__all__ = ["Variable", "VariableMeta"]


class VariableMeta(type):
    """Makes every Tensor an instance of Variable."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableMeta):
    """`Variable(x)` is x, without history."""

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: Any = None) -> Any:
        if data is None:
            data = Tensor()
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with pynn.no_grad():` instead.", UserWarning, stacklevel=2
            )
        return data.detach().requires_grad_(requires_grad)
