"""Python's multiprocessing, with tensors sent through shared memory, and torch's `spawn`.

Whatever the standard library's module offers is here under the same name. A tensor that is put into a queue or a pipe
moves to shared memory, and the receiver sees the same memory: a write on either side shows on the other.
"""

import multiprocessing as _standard
from multiprocessing import *  # noqa: F403
from typing import Any

from pynn.multiprocessing.reductions import init_reductions
from pynn.multiprocessing.spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

init_reductions()

_strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names set_sharing_strategy takes."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """The name that was set, "file_descriptor" at first."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted, for programs that choose one: memory is shared by descriptors, which need no names in a file system."""
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise ValueError(
            f"sharing strategy must be one of {sorted(get_all_sharing_strategies())}, got {new_strategy!r}."
        )
    _strategy = new_strategy


def __getattr__(name: str) -> Any:  # names that the standard module does not list, such as `connection`
    return getattr(_standard, name)


__all__ = [
    *_standard.__all__,
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
