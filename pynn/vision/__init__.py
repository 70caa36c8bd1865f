"""Models, data sets, transforms and operations for images, under torchvision's names.

    import pynn.vision as torchvision

Its parts are imported when first asked for; reading and writing pictures needs Pillow (`pip install pillow`).
"""

from pynn import _lazy

__version__ = "0.28.0"  # of the torchvision whose names these are: programs compare it

__all__ = [
    "__version__",
    "datasets",
    "get_image_backend",
    "io",
    "models",
    "ops",
    "set_image_backend",
    "transforms",
    "utils",
]

_PARTS = ("datasets", "io", "models", "ops", "transforms", "utils")
__getattr__, __dir__ = _lazy.names(__name__, dict.fromkeys(_PARTS, ""))


def _is_tracing() -> bool:
    """Whether a graph is being traced, as some models ask: never."""
    return False


def set_image_backend(backend: str) -> None:
    """Choose what reads pictures: only "PIL" is there. Raises ValueError for another."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}': pynn.vision reads pictures with 'PIL' (Pillow) only.")


def get_image_backend() -> str:
    """What reads pictures: "PIL"."""
    return "PIL"
