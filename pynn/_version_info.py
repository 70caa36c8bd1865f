"""The version: from the build (git tags), else the fallback that pyproject.toml has too."""

__all__ = ["__version__"]

__version__: str
try:
    from pynn._version import version as __version__
except ImportError:
    __version__ = "0.1.0"
