"""Operations. Each module holds records (see `registry`) and the public functions that call them."""

from pynn import _backends, _core, _native_hooks, _random
from pynn._backends import numpy_namespace
from pynn.ops import registry
from pynn.ops import pointwise, cast, creation, view, reduction, indexing, linalg, random, values  # noqa: I001
from pynn.ops import activation  # noqa: I001
from pynn.ops import namespace

_core.configure(
    _native_hooks.same_shape,
    _native_hooks.is_fresh,
    numpy_namespace,
    namespace,
    registry.unbroadcast,
    _random.default_generator,
)
_backends.set_default(_backends.choose_default())

__all__ = ["cast", "creation", "indexing", "linalg", "pointwise", "random", "reduction", "values", "view"]
