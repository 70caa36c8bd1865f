"""Arguments that are a number, the same for every dimension, or a tuple with one for each; torch.nn.modules.utils."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def spread(value: Any, dims: int, name: str = "argument", one: bool = False) -> Any:
    """value as a tuple of `dims` entries: an int repeated, a sequence as it is; ValueError for another length.

    one: a sequence of one entry stays as it is too: torch's convolutions read it as that number for every dimension.
    """
    if isinstance(value, (tuple, list)):
        if len(value) != dims and not (one and len(value) == 1):
            raise ValueError(f"{name} takes an int or {dims} of them, got {value!r}.")
        return tuple(value)
    return (value,) * dims


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that makes a tuple of n entries of a number, and a tuple of an iterable as it is."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: Sequence[Any], n: int) -> tuple[Any, ...]:
    """t's entries from the last to the first, each n times."""
    return tuple(x for x in reversed(t) for _ in range(n))


def _list_with_default(out_size: Sequence[int | None] | int, defaults: Sequence[int]) -> Any:
    """out_size with the last of defaults in place of None; ValueError where there are too few of them."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    return [d if v is None else v for v, d in zip(out_size, defaults[-len(out_size) :])]


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix such as "module." off the keys of a state that have it, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata):
            if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
                metadata[key[len(prefix) :]] = metadata.pop(key)
