"""Chooses between the compiled core and the plain Python file it was compiled from.

PYNN_INTERPRETED=1 runs `_core.py` as it stands (the test suite runs both ways);
PYNN_PURE=1 also leaves the compiled kernels unloaded, as an installation without a
compiler does.
"""

import os
import sys


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


pure = _flag("PYNN_PURE")
interpreted = pure or _flag("PYNN_INTERPRETED")

if interpreted and "pynn._core" not in sys.modules:
    import importlib.util  # costs as much as a tenth of the whole import: only where it is needed

    _path = os.path.join(os.path.dirname(__file__), "_core.py")
    _spec = importlib.util.spec_from_file_location("pynn._core", _path)
    if _spec is None or _spec.loader is None:
        raise ImportError(f"{_path} cannot be loaded.")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["pynn._core"] = _module
    _spec.loader.exec_module(_module)
    setattr(sys.modules["pynn"], "_core", _module)  # noqa: B010  (mypy knows no such attribute of a module)
if pure:
    sys.modules["pynn._native"] = None  # type: ignore[assignment]  # `import pynn._native` raises ImportError from here on
