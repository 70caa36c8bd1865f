"""Helpers around training: `data` feeds it."""

from pynn.utils import data

__all__ = ["data"]
