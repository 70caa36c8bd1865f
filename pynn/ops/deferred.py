"""Public names whose modules are imported when the names are first used: what most programs never call costs no import time.

A module named here publishes its functions with `export` as any other. `pynn.<name>` finds them as attributes of this module;
`Tensor.<name>` is at first a small method that imports the module, which then puts the true method in its place.
"""

import importlib
from collections.abc import Callable
from typing import Any

from pynn import _core
from pynn._core import Tensor
from pynn.ops.registry import FUNCTIONS

# module -> (names of functions that are methods too, functions alone, methods alone)
_NAMES = {
    "pynn.linalg._legacy": (
        "inverse pinverse det logdet slogdet cholesky cholesky_inverse cholesky_solve qr svd lu_solve geqrf orgqr ormqr "
        "triangular_solve matrix_exp matrix_power",
        "lu lu_unpack svd_lowrank pca_lowrank lobpcg",
        "lu",
    ),
    "pynn.linalg._tensors": (
        "addr addbmm kron cross renorm corrcoef cov diagflat",
        "chain_matmul cartesian_prod combinations vander frobenius_norm nuclear_norm",
        "addr_ addbmm_ renorm_",
    ),
    "pynn.ops.distances": ("", "cdist", ""),
    "pynn.ops.segments": ("", "segment_reduce", ""),
}  # fmt: skip

FUNCTION_MODULES = {
    n: module for module, (both, functions, _) in _NAMES.items() for n in (both + " " + functions).split()
}
METHOD_MODULES = {n: module for module, (both, _, methods) in _NAMES.items() for n in (both + " " + methods).split()}


def __getattr__(name: str) -> Any:
    """The public function of that name, its module imported."""
    if name not in FUNCTION_MODULES:
        raise AttributeError(f"module 'pynn.ops.deferred' has no attribute '{name}'.")
    importlib.import_module(FUNCTION_MODULES[name])
    return FUNCTIONS[name]


def _stub(name: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        importlib.import_module(METHOD_MODULES[name])
        found = _core.METHODS[name]
        if found is method:
            raise AttributeError(f"{METHOD_MODULES[name]} publishes no method {name}.")
        return found(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"`pynn.{name}` of this tensor."
    return method


for _name in METHOD_MODULES:
    if _name not in _core.METHODS:
        _method = _stub(_name)
        _core.METHODS[_name] = _method
        _core.install(Tensor, _name, _method)
