"""Results that are set later: torch.futures over the standard library's."""

import concurrent.futures
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
S = TypeVar("S")

__all__ = ["Future", "collect_all", "wait_all"]


class Future(Generic[T]):
    """A result that some thread sets once: `set_result` or `set_exception`, and `wait` for it elsewhere.

    devices: accepted; results lie where they are.
    """

    def __init__(self, *, devices: list[Any] | None = None) -> None:
        self._held: concurrent.futures.Future[T] = concurrent.futures.Future()

    def done(self) -> bool:
        """Whether it holds a result or an error."""
        return self._held.done()

    def wait(self) -> T:
        """The result, once it is there; raises the error that was set instead."""
        return self._held.result()

    def value(self) -> T:
        """The result, which must be there. Raises RuntimeError where it is not, or the error that was set."""
        if not self.done():
            raise RuntimeError("Future.value(): the result is not there yet; wait() waits for it.")
        return self.wait()

    def then(self, callback: "Callable[[Future[T]], S]") -> "Future[S]":
        """A Future of callback(self), which runs once this one is done: in the thread that sets it, or here if it is."""
        after: Future[S] = Future()

        def run(future: "Future[T]") -> None:
            try:
                after.set_result(callback(future))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after

    def add_done_callback(self, callback: "Callable[[Self], Any]") -> None:
        """Call callback(self) once this is done; what it returns or raises is not kept (an error is logged)."""
        self._held.add_done_callback(lambda _: callback(self))

    def set_result(self, result: T) -> None:
        """Hold a result. Raises RuntimeError where there is one already."""
        self._set(lambda: self._held.set_result(result))

    def set_exception(self, result: BaseException) -> None:
        """Hold an error, which `wait` raises. AssertionError for what is none, RuntimeError where there is a result."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result!r} is of type {type(result).__name__}, not an Exception.")
        self._set(lambda: self._held.set_exception(result))

    def _set(self, put: Callable[[], None]) -> None:
        try:
            put()
        except concurrent.futures.InvalidStateError as error:
            raise RuntimeError("Future can only be marked completed once: it holds a result already.") from error


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A Future of the list of futures, done when all are."""
    import threading

    together: Future[list[Future[Any]]] = Future()
    left = len(futures)
    lock = threading.Lock()

    def one_less(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            together.set_result(futures)

    if not futures:
        together.set_result(futures)
    for future in futures:
        future.add_done_callback(one_less)
    return together


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The results of all futures; raises the first error among them, once all are done."""
    return [future.wait() for future in collect_all(futures).wait()]
