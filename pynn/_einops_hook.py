"""Notices when einops is imported, before pynn or after, and makes pynn's tensors known to it (see _einops)."""

import sys
from typing import Any

_BACKENDS, _LAYERS = "einops._backends", "einops.layers.pynn"


class _AfterImport:  # a loader; importlib.abc costs more to import than it gives
    """Imports einops._backends with its own loader, then registers pynn."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        from pynn._einops import register

        self._loader.exec_module(module)
        register(module)

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
    """Knows two names and passes on all others: two comparisons of strings for each module that a program imports."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name == _BACKENDS:
            from importlib.machinery import PathFinder

            spec = PathFinder.find_spec(name, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _AfterImport(spec.loader)  # type: ignore[assignment]
            return spec
        if name == _LAYERS:
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, _Layers())  # type: ignore[arg-type]
        return None


def install() -> None:
    """Register with einops if it is imported already, else when it will be."""
    if _BACKENDS in sys.modules:
        from pynn._einops import register

        register(sys.modules[_BACKENDS])
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
