"""The named tuples that functions with several results return: `pynn.max(x, 0).values`, `.indices` and their like."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any


class _Named(tuple[Any, ...]):
    """A tuple whose places have names, made of an iterable; shown as torch shows it."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> "_Named":
        return cls(iterable)

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"pynn.return_types.{type(self).__name__}(\n{parts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self).__name__, self._fields, tuple(self))

    n_fields = property(lambda self: len(self._fields))
    n_sequence_fields = n_fields
    n_unnamed_fields = 0


def named(name: str, fields: tuple[str, ...] = ("values", "indices")) -> type[_Named]:
    """The type of a function's results; one a name, found in this module under it."""
    found = globals().get(name)
    if found is None:
        body: dict[str, Any] = {"__slots__": (), "_fields": fields, "__module__": __name__}
        for i, field in enumerate(fields):
            body[field] = property(itemgetter(i))
        found = globals()[name] = type(name, (_Named,), body)
    result: type[_Named] = found
    return result


def _rebuild(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> _Named:
    return named(name, fields)(values)


for _name in ("max", "min", "median", "nanmedian", "mode", "sort", "topk", "kthvalue", "cummax", "cummin"):
    named(_name)
named("aminmax", ("min", "max"))


def __getattr__(name: str) -> Any:
    """The types of pynn.linalg's results are there once it is."""
    if not name.startswith("_"):
        from pynn.linalg import _checks

        if isinstance(getattr(_checks, name, None), type) and issubclass(getattr(_checks, name), _Named):
            return getattr(_checks, name)
    raise AttributeError(f"module 'pynn.return_types' has no attribute {name!r}.")
