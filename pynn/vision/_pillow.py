"""Pillow, imported when a picture is first made, read or changed."""

import functools
import importlib
from types import ModuleType
from typing import Any

__all__ = ["is_picture", "pillow"]


@functools.cache
def pillow(part: str = "Image") -> ModuleType:
    """The module PIL.<part>. Raises ModuleNotFoundError that says what to install."""
    try:
        return importlib.import_module("PIL." + part)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Pictures need Pillow, which is not installed: pip install pillow", name="PIL"
        ) from error


def is_picture(value: Any) -> bool:
    """Whether `value` is a Pillow picture; does not import Pillow where no picture can have been made."""
    import sys

    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)
