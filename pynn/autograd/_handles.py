"""What `register_hook` and its like return."""

from collections.abc import Iterable
from typing import Any


class RemovableHandle:
    """Takes a hook off again: `handle.remove()`, or at the end of a `with` block.

    hooks: the table that holds the hook under this handle's id. extra: further tables (one, or several) that may
    hold something under it.
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks: Any, extra: Any = (), *, extra_dict: Any = None) -> None:
        self._hooks = hooks
        more = extra if extra_dict is None else extra_dict
        self._extra: Iterable[Any] = (more,) if isinstance(more, dict) else more
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        """Take the hook off; nothing happens the second time."""
        self._hooks.pop(self.id, None)
        for table in self._extra:
            table.pop(self.id, None)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def add_hook(hooks: Any, hook: Any) -> RemovableHandle:
    """Put a hook into a table; returns its handle."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
