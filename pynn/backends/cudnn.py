"""cuDNN's switches: kept as they are set, and without effect."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True
benchmark_limit: int | None = None
fp32_precision = "none"
conv = SimpleNamespace(fp32_precision="tf32")
rnn = SimpleNamespace(fp32_precision="tf32")


def is_available() -> bool:
    """Whether cuDNN can be used: not with this build."""
    return False


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN takes a tensor: not with this build."""
    return False


def version() -> int | None:
    """cuDNN's version: None, for there is none."""
    return None


def set_flags(_enabled: bool | None = None, _benchmark: bool | None = None, _benchmark_limit: int | None = None,
              _deterministic: bool | None = None, _allow_tf32: bool | None = None, _fp32_precision: str = "none") -> tuple[Any, ...]:  # fmt: skip
    """Set the switches that are given; returns what all were."""
    names = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32", "fp32_precision")
    before = tuple(globals()[name] for name in names)
    values = (_enabled, _benchmark, _benchmark_limit, _deterministic, _allow_tf32, _fp32_precision)
    globals().update({name: value for name, value in zip(names, values) if value is not None})
    return before


@contextlib.contextmanager
def flags(enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10, deterministic: bool = False,
          allow_tf32: bool = True, fp32_precision: str = "none") -> Iterator[None]:  # fmt: skip
    """Set the switches for a `with` block."""
    new: dict[str, Any] = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit}
    new |= {"deterministic": deterministic, "allow_tf32": allow_tf32, "fp32_precision": fp32_precision}
    before = {name: globals()[name] for name in new}
    globals().update(new)
    try:
        yield
    finally:
        globals().update(before)
