"""From a list of samples to one batch (`default_collate`), and from one sample to tensors (`default_convert`)."""

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import numpy

from pynn._core import Tensor
from pynn._dtypes import FLOAT64
from pynn.ops.creation import as_tensor, tensor
from pynn.ops.joining import stack

_NOT_NUMBERS = "SUO"  # the NumPy kinds of text and objects


def default_collate(batch):
    """One batch of a list of samples, with a new first dimension.

    Tensors and NumPy arrays are stacked; numbers become a tensor (float64 of floats, int64 of ints);
    strings and bytes stay a list; mappings, named tuples, tuples and sequences are collated item by item, and
    keep their type (a tuple gives a list). Raises TypeError for samples of any other type and RuntimeError for
    sequences of unequal lengths, or tensors of unequal shapes.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch), 0)
    if isinstance(first, numpy.ndarray):
        if first.dtype.kind in _NOT_NUMBERS:
            raise TypeError(_unknown(first.dtype))
        return stack([as_tensor(sample) for sample in batch], 0)
    if isinstance(first, (numpy.number, numpy.bool_)):
        return as_tensor(numpy.asarray(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=FLOAT64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _mapping_like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(samples) for samples in _columns(batch)))
    if isinstance(first, tuple):
        return [default_collate(samples) for samples in _columns(batch)]
    if isinstance(first, Sequence):
        return _sequence_like(first, [default_collate(samples) for samples in _columns(batch)])
    raise TypeError(_unknown(type(first)))


def default_convert(data):
    """A sample with its NumPy arrays and scalars turned into tensors, however deeply they lie; the rest as it is."""
    if isinstance(data, numpy.ndarray):
        return data if data.dtype.kind in _NOT_NUMBERS else as_tensor(data)
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


def _unknown(what):
    return (
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {what}. "
        "Convert the samples in the dataset, or give the loader a collate_fn of your own."
    )


def _columns(batch):
    """The samples' first items, their second items, and so on."""
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise RuntimeError(
            f"each element in list of batch should be of equal size, got lengths {sorted(lengths)}. "
            "Pad the samples to one length, or give the loader a collate_fn of your own."
        )
    return list(zip(*batch))


def _mapping_like(first, values):
    """values in a mapping of first's type where it can be copied or made from a dict, else as a plain dict."""
    try:
        if not isinstance(first, MutableMapping):
            return type(first)(values)
        clone = copy.copy(first)  # keeps what the type carries beside its items, such as a default factory
        clone.update(values)
        return clone
    except TypeError:
        return values


def _sequence_like(first, values):
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
