"""Signal processing: window functions."""

from pynn.signal import windows

__all__ = ["windows"]
