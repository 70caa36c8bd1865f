"""The switch of MultiheadAttention's fast path in eval mode: kept, and without effect."""

_fastpath = True


def get_fastpath_enabled() -> bool:
    """What set_fastpath_enabled was given."""
    return _fastpath


def set_fastpath_enabled(value: bool) -> None:
    """Accepted: results are the same either way."""
    global _fastpath
    _fastpath = bool(value)
