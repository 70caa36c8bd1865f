"""The named tuples that functions with several results return: `pynn.max(x, 0).values`, `.indices` and their like."""

from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any, overload

from pynn._core import Tensor


class Named(tuple[Tensor, ...]):
    """A tuple whose places have names, made of an iterable; shown as torch shows it."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> "Named":
        return cls(iterable)

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"pynn.return_types.{type(self).__name__}(\n{parts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self).__name__, self._fields, tuple(self))

    n_fields = property(lambda self: len(self._fields))
    n_sequence_fields = n_fields
    n_unnamed_fields = 0

    if TYPE_CHECKING:  # the fields, which `named` makes

        def __getattr__(self, name: str) -> Tensor: ...


class ValuesIndices(Named):
    """What `max` along a dimension, `sort`, `topk` and their like return."""

    __slots__ = ()
    _fields = ("values", "indices")

    if TYPE_CHECKING:

        @property
        def values(self) -> Tensor: ...
        @property
        def indices(self) -> Tensor: ...

    else:
        values = property(itemgetter(0))
        indices = property(itemgetter(1))


@overload
def named(name: str) -> type[ValuesIndices]: ...


@overload
def named(name: str, fields: tuple[str, ...]) -> type[Named]: ...


def named(name: str, fields: tuple[str, ...] = ("values", "indices")) -> type[Named]:
    """The type of a function's results; one a name, found in this module under it."""
    found = globals().get(name)
    if found is None:
        body: dict[str, Any] = {"__slots__": (), "_fields": fields, "__module__": __name__}
        base = ValuesIndices if fields == ValuesIndices._fields else Named
        if base is Named:
            for i, field in enumerate(fields):
                body[field] = property(itemgetter(i))
        found = globals()[name] = type(name, (base,), body)
    result: type[Named] = found
    return result


def _rebuild(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Named:
    return named(name, fields)(values)


for _name in ("max", "min", "median", "nanmedian", "mode", "sort", "topk", "kthvalue", "cummax", "cummin"):
    named(_name)
named("aminmax", ("min", "max"))


def __getattr__(name: str) -> Any:
    """The types of pynn.linalg's results are there once it is."""
    if not name.startswith("_"):
        from pynn.linalg import _checks  # noqa: F401  (which makes them)

        if name in globals():
            return globals()[name]
    raise AttributeError(f"module 'pynn.return_types' has no attribute {name!r}.")
