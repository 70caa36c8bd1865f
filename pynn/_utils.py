"""Errors carried from one process or thread to another, as torch._utils has them."""

import sys
import traceback
from types import TracebackType
from typing import Any, NoReturn

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class KeyErrorMessage(str):
    """A message that KeyError shows as it is, not in quotes with its line ends escaped."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception as its type and the text of its traceback, to be raised again elsewhere.

    exc_info: as sys.exc_info() gives it, and by default what that gives now.
    where: said in the message, such as "in DataLoader worker process 0".
    """

    def __init__(self, exc_info: _ExcInfo | None = None, where: str = "in background") -> None:
        kind, value, trace = exc_info or sys.exc_info()
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self) -> NoReturn:
        """Raise an exception of the same type with the original traceback in its message.

        RuntimeError where the type cannot be made from a message.
        """
        name = self.exc_type if isinstance(self.exc_type, str) else self.exc_type.__name__
        message = f"Caught {name} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            raise KeyError(KeyErrorMessage(message))
        try:
            if getattr(self.exc_type, "message", None):
                error = self.exc_type(message=message)
            else:
                error = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        if not isinstance(error, BaseException):  # the type did not survive the way; its name did
            raise RuntimeError(message)
        raise error
