"""The version: from the build (git tags), else the fallback that pyproject.toml has too."""

__all__ = ["__version__"]

try:
    from pynn._version import version as _version
except ImportError:
    _version = "0.1.0"

__version__: str = _version
