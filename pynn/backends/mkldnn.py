"""Whether this build uses mkldnn: it has kernels and threads of its own. The switches are kept, and without effect."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

VERBOSE_OFF = 0
VERBOSE_ON = 1
VERBOSE_ON_CREATION = 2

enabled = False
deterministic = False
allow_tf32: bool | None = None
fp32_precision = "none"
matmul = SimpleNamespace(fp32_precision="none")
conv = SimpleNamespace(fp32_precision="none")
rnn = SimpleNamespace(fp32_precision="none")


def is_available() -> bool:
    """Whether mkldnn is used."""
    return False


def is_acl_available() -> bool:
    """Whether Arm's library is used."""
    return False


@contextlib.contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none"
) -> Iterator[None]:
    """Set the switches for a `with` block."""
    new = {
        "enabled": enabled,
        "deterministic": deterministic,
        "allow_tf32": allow_tf32,
        "fp32_precision": fp32_precision,
    }
    before = {name: globals()[name] for name in new}
    globals().update(new)
    try:
        yield
    finally:
        globals().update(before)


class verbose:
    """A block in which torch has mkldnn print its calls: there are none."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> "verbose":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""
