"""Which implementation of attention to use: torch's choices, taken and without effect, as there is one."""

import contextlib
import enum
from collections.abc import Iterator


class SDPBackend(enum.IntEnum):
    """An implementation of scaled dot product attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __repr__(self) -> str:
        return f"<SDPBackend.{self.name}: {self.value}>"


_enabled: dict[SDPBackend, bool] = dict.fromkeys((b for b in SDPBackend if b is not SDPBackend.ERROR), True)


def is_enabled(backend: SDPBackend) -> bool:
    """Whether a choice is allowed."""
    return _enabled[backend]


def enable(backend: SDPBackend, on: bool) -> None:
    """Allow a choice, or not."""
    _enabled[backend] = bool(on)


@contextlib.contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator[dict[str, object]]:
    """A block in which only these choices are allowed; attention computes the same whichever they are.

    Raises AssertionError for what is neither an SDPBackend nor a list of them.
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    chosen = backends if isinstance(backends, list) else [backends]
    before = dict(_enabled)
    _enabled.update({b: b in chosen for b in _enabled})
    try:
        yield {}
    finally:
        _enabled.update(before)
