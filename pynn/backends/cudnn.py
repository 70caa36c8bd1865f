"""cuDNN's switches: kept as they are set, and without effect."""

import contextlib

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True
benchmark_limit = 10


def is_available():
    """Whether cuDNN can be used: not with this build."""
    return False


def version():
    """cuDNN's version: None, for there is none."""
    return None


@contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Set the switches for a `with` block."""
    new = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit}
    new |= {"deterministic": deterministic, "allow_tf32": allow_tf32}
    before = {name: globals()[name] for name in new}
    globals().update(new)
    try:
        yield
    finally:
        globals().update(before)
