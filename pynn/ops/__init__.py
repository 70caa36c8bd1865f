"""Operations. Each module holds records (see `registry`) and the public functions that call them."""

from pynn import _backends, _core, _native_hooks, _random
from pynn._backends import numpy_namespace
from pynn.ops import registry

# One module a line, each after those it builds on.
from pynn.ops import pointwise
from pynn.ops import unary
from pynn.ops import comparisons
from pynn.ops import elementary
from pynn.ops import pointwise_functions
from pynn.ops import devices
from pynn.ops import cast
from pynn.ops import creation
from pynn.ops import from_data
from pynn.ops import elementary_functions
from pynn.ops import view
from pynn.ops import reduction
from pynn.ops import indexing
from pynn.ops import selecting
from pynn.ops import extremes
from pynn.ops import scan
from pynn.ops import sorting
from pynn.ops import joining
from pynn.ops import linalg
from pynn.ops import random
from pynn.ops import random_fill
from pynn.ops import values
from pynn.ops import diagonals
from pynn.ops import strided
from pynn.ops import copies
from pynn.ops import triangles
from pynn.ops import einsum
from pynn.ops import arranging
from pynn.ops import scattering
from pynn.ops import statistics
from pynn.ops import counting
from pynn.ops import interchange
from pynn.ops import window_functions
from pynn.ops import tensor_methods
from pynn.ops import calculus
from pynn.ops import formulas
from pynn.ops import sharing
from pynn.ops import gradients
from pynn.ops import activation
from pynn.ops import softmax
from pynn.ops import loss
from pynn.ops import pad
from pynn.ops import conv
from pynn.ops import pool
from pynn.ops import resample
from pynn.ops import unfold
from pynn.ops import norm
from pynn.ops import embedding
from pynn.ops import recurrent
from pynn.ops import attention
from pynn.ops import optim
from pynn.ops import optim_variants
from pynn.ops import special
from pynn.ops import namespace
from pynn.ops import deferred
from pynn.ops import other_calls

_core.configure(
    _native_hooks.is_fresh,
    _native_hooks.convert,
    numpy_namespace,
    namespace,
    registry.unbroadcast,
    _random.default_generator,
)
_backends.set_default(_backends.choose_default())


def __getattr__(name: str) -> object:
    if not name.startswith("_"):
        from pynn._ops import namespace

        found = namespace(name)  # operations by their names in torch.ops, and a program's own
        if found is not None:
            return found
    raise AttributeError(f"module 'pynn.ops' has no attribute {name!r}.")
