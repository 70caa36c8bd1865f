"""Two tensors exchanged in place."""

import weakref
from typing import Any

from pynn._core import Tensor

_FIELDS = ("_array", "_grad", "_node", "_tracked", "_writes", "_view", "_hooks")


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Exchange what two tensors are, values, gradients, attributes and class; each stays the object that others hold.

    Graphs made before lead to the objects: call backward first. RuntimeError for tensors with weak references, and for a
    plain Tensor and one of a subclass.
    """
    for name, t in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    if t1.__class__ is not t2.__class__:
        if Tensor in (t1.__class__, t2.__class__):
            raise RuntimeError(
                f"Cannot swap t1 and t2 if they have different slots: got {type(t1).__name__} and {type(t2).__name__}. Make "
                "both tensors of a subclass, or neither."
            )
        t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    attributes = dict(t1.__dict__)
    for t, new in ((t1, dict(t2.__dict__)), (t2, attributes)):
        t.__dict__.clear()
        t.__dict__.update(new)
    for field in _FIELDS:
        if field not in t1.__dict__:  # where they are of an interpreted Tensor
            ours: Any = getattr(t1, field)
            setattr(t1, field, getattr(t2, field))
            setattr(t2, field, ours)
