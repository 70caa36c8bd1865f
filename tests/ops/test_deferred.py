"""Names whose modules are imported when they are first used."""

import subprocess
import sys

import pytest

import pynn
from pynn.ops import deferred


@pytest.mark.parametrize("name", sorted(deferred.FUNCTION_MODULES))
def test_functions_are_found(name):
    assert callable(getattr(pynn, name))
    assert name in dir(pynn)


@pytest.mark.parametrize("name", sorted(deferred.METHOD_MODULES))
def test_methods_are_found(name):
    deferred.importlib.import_module(deferred.METHOD_MODULES[name])
    assert "<locals>.method" not in getattr(pynn.Tensor, name).__qualname__, "the module published no such method"


def test_importing_pynn_imports_none_of_them():
    code = (
        "import sys, pynn; assert not [m for m in sys.modules if m.startswith(('pynn.linalg', 'pynn.ops.lapack'))]; "
        "x = pynn.eye(2) * 2; assert x.inverse().tolist() == [[0.5, 0.0], [0.0, 0.5]]; "
        "assert 'pynn.linalg' in sys.modules and pynn.linalg.det(x).item() == x.det().item() == pynn.det(x).item() == 4.0"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
