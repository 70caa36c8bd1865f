"""torch's names for building extensions in C++: pynn builds none, and says what to do instead.

`include_paths` is real: the folder of pynn's C header.
"""

from typing import Any, NoReturn

__all__ = ["CUDA_HOME", "BuildExtension", "CUDAExtension", "CppExtension", "include_paths", "load", "load_inline"]

CUDA_HOME = None
ROCM_HOME = None


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(
        f"pynn.utils.cpp_extension.{name}: extensions for torch use torch's C++ classes, which pynn has not. Call code of your "
        "own by ctypes, cffi or pybind11 on x.numpy(), or build against pynn's C interface (pynn.get_include())."
    )


def load(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: RuntimeError."""
    _refuse("load")


def load_inline(name: str, cpp_sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: RuntimeError."""
    _refuse("load_inline")


def CppExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: RuntimeError."""
    _refuse("CppExtension")


def CUDAExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: RuntimeError."""
    _refuse("CUDAExtension")


class BuildExtension:
    """Refused: RuntimeError where it is made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse("BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> NoReturn:
        """Refused: RuntimeError."""
        _refuse("BuildExtension")


def include_paths(device_type: str = "cpu") -> list[str]:
    """Where pynn's C header lies."""
    from pynn import get_include

    return [get_include()]


def is_ninja_available() -> bool:
    """Whether the build tool ninja can be run."""
    import shutil

    return shutil.which("ninja") is not None
