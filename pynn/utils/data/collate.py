"""From a list of samples to one batch (`default_collate`), and from one sample to tensors (`default_convert`)."""

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy

from pynn._core import Tensor
from pynn._dtypes import DTYPES
from pynn.ops.from_data import as_tensor, tensor
from pynn.ops.joining import stack

np_str_obj_array_pattern = re.compile("[SaUO]")  # in the codes of NumPy's types for text and objects


def collate(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """One batch of a list of samples, by functions of one's own for chosen types.

    collate_fn_map: from types (or tuples of types) to functions `f(batch, *, collate_fn_map)`. A sample's own type is
        looked up first, then the first entry that it is an instance of is taken. Mappings, named tuples, tuples and
        sequences that are not in it are collated item by item, and keep their type (a tuple gives a list).

    Raises TypeError for samples of any other type and RuntimeError for sequences of unequal lengths.
    """
    first = batch[0]
    if collate_fn_map is not None:
        found = collate_fn_map.get(type(first))
        if found is None:
            found = next((f for kind, f in collate_fn_map.items() if isinstance(first, kind)), None)
        if found is not None:
            return found(batch, collate_fn_map=collate_fn_map)

    def each(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _mapping_like(first, {key: each([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(each(samples) for samples in _columns(batch)))
    if isinstance(first, tuple):
        return [each(samples) for samples in _columns(batch)]
    if isinstance(first, Sequence):
        return _sequence_like(first, [each(samples) for samples in _columns(batch)])
    raise TypeError(_unknown(type(first)))


def collate_tensor_fn(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """Tensors, stacked; RuntimeError where their shapes differ."""
    try:
        return stack(list(batch), 0)
    except RuntimeError as error:
        raise RuntimeError(
            f"{error} The samples of a batch must have one shape: bring them to it in the dataset, or give the loader a "
            "collate_fn of your own, with nn.utils.rnn.pad_sequence for sequences of unequal lengths."
        ) from None


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """NumPy arrays, stacked as tensors; TypeError for arrays of text and objects."""
    if np_str_obj_array_pattern.search(batch[0].dtype.str):
        raise TypeError(_unknown(batch[0].dtype))
    return collate([as_tensor(sample) for sample in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """NumPy's numbers."""
    return as_tensor(numpy.asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """Floats, as float64."""
    return tensor(batch, dtype=DTYPES["float64"])


def collate_int_fn(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """Integers, as int64; bools, as bool."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: "_Map | None" = None) -> Any:
    """Text and bytes, as they are."""
    return batch


_Map = dict[type | tuple[type, ...], Callable[..., Any]]
default_collate_fn_map: _Map = {
    Tensor: collate_tensor_fn,
    numpy.ndarray: collate_numpy_array_fn,
    (numpy.bool_, numpy.number, numpy.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """One batch of a list of samples, with a new first dimension.

    Tensors and NumPy arrays are stacked; numbers become a tensor (float64 of floats, int64 of ints);
    strings and bytes stay a list; mappings, named tuples, tuples and sequences are collated item by item, and
    keep their type (a tuple gives a list). `default_collate_fn_map` can be given further types.
    Raises TypeError for samples of any other type and RuntimeError for sequences of unequal lengths, or tensors of
    unequal shapes.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """A sample with its NumPy arrays and scalars turned into tensors, however deeply they lie; the rest as it is."""
    if isinstance(data, numpy.ndarray):
        return data if np_str_obj_array_pattern.search(data.dtype.str) else as_tensor(data)
    if isinstance(data, (numpy.number, numpy.bool_)):
        return as_tensor(numpy.asarray(data))
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data


default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _unknown(what: Any) -> str:
    return (
        f"{default_collate_err_msg_format.format(what)}. "
        "Convert the samples in the dataset, or give the loader a collate_fn of your own."
    )


def _columns(batch: Any) -> list[Any]:
    """The samples' first items, their second items, and so on."""
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise RuntimeError(
            f"each element in list of batch should be of equal size, got lengths {sorted(lengths)}. "
            "Pad the samples to one length, or give the loader a collate_fn of your own."
        )
    return list(zip(*batch))


def _mapping_like(first: Any, values: dict[Any, Any]) -> Any:
    """values in a mapping of first's type where it can be copied or made from a dict, else as a plain dict."""
    try:
        if not isinstance(first, MutableMapping):
            return type(first)(values)
        clone = copy.copy(first)  # keeps what the type carries beside its items, such as a default factory
        clone.update(values)
        return clone
    except TypeError:
        return values


def _sequence_like(first: Any, values: list[Any]) -> Any:
    """values in a sequence of first's type where it can be copied or made from a list, else as a plain list."""
    try:
        if not isinstance(first, MutableSequence):
            return type(first)(values)
        clone = copy.copy(first)
        for i, value in enumerate(values):
            clone[i] = value
        return clone
    except TypeError:
        return values


def pinned(batch: Any) -> Any:
    """A batch with its tensors in page-locked memory; what has a `pin_memory()` of its own is asked, other values stay."""
    if isinstance(batch, Tensor) or hasattr(batch, "pin_memory"):
        return batch.pin_memory()
    if isinstance(batch, (str, bytes)):
        return batch
    if isinstance(batch, Mapping):
        return _mapping_like(batch, {key: pinned(value) for key, value in batch.items()})
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*[pinned(value) for value in batch])
    if isinstance(batch, (list, tuple)):
        return type(batch)([pinned(value) for value in batch])
    return batch
