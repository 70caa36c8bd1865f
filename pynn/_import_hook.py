"""Notices when einops or threadpoolctl is imported, before pynn or after, and makes pynn known to it.

See `_einops` and `_threadpoolctl`. Also finds stand-ins for modules of torch that pynn lacks: see `_stand_ins`.
"""

import sys
from importlib import import_module
from typing import Any

_LAYERS = "einops.layers.pynn"
_PARTNERS = {
    "einops._backends": "pynn._einops",
    "threadpoolctl": "pynn._threadpoolctl",
}  # whose register(module) to call


class _AfterImport:  # a loader; importlib.abc costs more to import than it gives
    """Imports a module with its own loader, then registers pynn with it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        import_module(_PARTNERS[module.__name__]).register(module)

    def __getattr__(self, name: str) -> Any:  # what else is asked of a loader: sources, resources
        return getattr(self._loader, name)


class _Layers:
    """Makes einops.layers.pynn."""

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        from pynn._einops import define_layers

        define_layers(module)


class _Finder:
    """Knows three names and passes on all others: two look-ups for each module that a program imports."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name in _PARTNERS:
            from importlib.machinery import PathFinder

            spec = PathFinder.find_spec(name, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _AfterImport(spec.loader)  # type: ignore[assignment]
            return spec
        if name == _LAYERS:
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, _Layers())  # type: ignore[arg-type]
        return None


class _Last:
    """Asked where all others found nothing: knows the modules of torch that something stands in for."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith("pynn."):
            return None
        from pynn import _stand_ins

        return _stand_ins.find_spec(name)


def install() -> None:
    """Register with those of them that are imported already, and with the others when they will be."""
    for name, ours in _PARTNERS.items():
        if name in sys.modules:
            import_module(ours).register(sys.modules[name])
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
        sys.meta_path.append(_Last)
