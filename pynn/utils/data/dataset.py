"""Datasets: what a loader takes its samples from.

A dataset may answer for a whole batch at once: `__getitems__(indices)` returns the list
of samples. Those made of tensors also have `_gather(indices)`, the batch as
`default_collate` would build it, by one index operation a tensor; the loader asks for
it where nobody overrode how samples are made.
"""

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy

from pynn._core import Tensor, wrap
from pynn._random import Generator, default_generator
from pynn.ops.random import randperm

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map from keys to samples. Subclasses define `__getitem__(index)` and usually `__len__`.

    They may define `__getitems__(indices)`, returning a list of samples, where fetching many
    at once is cheaper. `a + b` concatenates two datasets.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(
            f"{type(self).__name__} must define __getitem__(index): a dataset maps an index to a sample."
        )

    def __add__(self, other: "Dataset[T_co]") -> "ConcatDataset[T_co]":
        return ConcatDataset([self, other])

    # No __len__ here: len() of a dataset that defines none raises Python's own TypeError.


class IterableDataset(Dataset[T_co]):
    """A stream of samples. Subclasses define `__iter__`; `a + b` chains two streams."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(
            f"{type(self).__name__} must define __iter__(): an iterable dataset yields its samples."
        )

    def __add__(self, other: Dataset[T_co]) -> "ChainDataset":  # type: ignore[override]  # it is no map
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples from tensors of the same first dimension: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    Raises AssertionError (torch's choice) where first dimensions differ.
    """

    def __init__(self, *tensors: Tensor) -> None:
        for i, tensor in enumerate(tensors):
            if isinstance(tensor, numpy.ndarray):
                raise TypeError(f"TensorDataset takes Tensors, got ndarray as number {i}. Use pynn.from_numpy(...).")
        sizes = [tensor.size(0) for tensor in tensors]
        if not sizes:
            raise IndexError("TensorDataset needs at least one tensor, got none.")
        if len(set(sizes)) > 1:
            raise AssertionError(
                f"Size mismatch between tensors: the first dimensions are {sizes}; they must be equal."
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        out: int = self.tensors[0].size(0)
        return out

    def _gather(self, indices: Any) -> Any:
        if type(self).__getitem__ is not TensorDataset.__getitem__ or hasattr(self, "__getitems__"):
            return None
        index = wrap(indices)
        return [tensor[index] for tensor in self.tensors]


class StackDataset(Dataset[Any]):
    """Several datasets of one length side by side: sample i is the tuple (or dict) of theirs.

    `StackDataset(images, texts)` gives tuples, `StackDataset(image=images, text=texts)` dicts.
    Raises ValueError for both forms at once, for none, and for different lengths.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                f"StackDataset takes datasets as arguments (samples are tuples) or as keywords (samples are dicts), "
                f"not both; got {len(args)} and {len(kwargs)}."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed to StackDataset.")
        self.datasets = kwargs or args
        lengths = [len(dataset) for dataset in self._parts()]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}; they must be equal.")
        self._length = lengths[0]

    def _parts(self) -> list[Any]:
        return list(self.datasets.values()) if isinstance(self.datasets, dict) else list(self.datasets)

    def _sample(self, values: Iterable[Any]) -> dict[str, Any] | tuple[Any, ...]:
        return dict(zip(self.datasets, values)) if isinstance(self.datasets, dict) else tuple(values)

    def __getitem__(self, index: Any) -> Any:
        return self._sample([dataset[index] for dataset in self._parts()])

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [fetch(dataset, indices) for dataset in self._parts()]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(
                    f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}: "
                    f"__getitems__ must return one sample an index."
                )
        return [self._sample(values) for values in zip(*columns)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Datasets one after another.

    Raises AssertionError (torch's choice) for no datasets or an IterableDataset; chain those with ChainDataset.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable: ConcatDataset needs at least one.")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise AssertionError("ConcatDataset does not support IterableDataset; use ChainDataset.")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The lengths of datasets, each with those before it."""
        return list(itertools.accumulate(len(dataset) for dataset in sequence))

    def __len__(self) -> int:
        out: int = self.cumulative_sizes[-1]
        return out

    def __getitem__(self, idx: Any) -> Any:
        if idx < 0:
            if -idx > len(self):
                raise ValueError(f"absolute value of index should not exceed dataset length: got {idx} of {len(self)}.")
            idx += len(self)
        i = bisect.bisect_right(self.cumulative_sizes, idx)
        if i == len(self.datasets):
            raise IndexError(f"index {idx} is out of range for a ConcatDataset of {len(self)} samples.")
        return self.datasets[i][idx - (self.cumulative_sizes[i - 1] if i else 0)]


class ChainDataset(IterableDataset[Any]):
    """Iterable datasets one after another. Raises AssertionError (torch's choice) for any other kind."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}; use ConcatDataset."
                )
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T_co]):
    """The samples of a dataset at given indices.

    A subclass that overrides `__getitem__` must override `__getitems__` too, or the loader,
    which asks for whole batches, would pass it by: NotImplementedError says so.
    """

    def __init__(self, dataset: Any, indices: Sequence[Any]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: Sequence[Any]) -> list[T_co]:
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__, which the loader calls. Add:\n"
                "    def __getitems__(self, indices):\n"
                "        return [self[i] for i in indices]"
            )
        samples: list[T_co] = fetch(self.dataset, [self.indices[i] for i in indices])
        return samples

    def __len__(self) -> int:
        return len(self.indices)

    def _gather(self, indices: Any) -> Any:
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ or cls.__getitems__ is not Subset.__getitems__:
            return None
        return gather(self.dataset, [self.indices[i] for i in indices.tolist()])


def fetch(dataset: Any, indices: Sequence[Any]) -> Any:
    """The samples at indices, as a list: by the dataset's own `__getitems__` where it has one."""
    if callable(getattr(dataset, "__getitems__", None)):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


def gather(dataset: Any, indices: Any) -> Any:
    """The batch `default_collate` would make of the samples at indices, or None where only sampling one by one tells."""
    if not isinstance(dataset, (TensorDataset, Subset)) or not isinstance(indices, list) or not indices:
        return None
    if not isinstance(indices[0], (int, numpy.integer)):
        return None
    index = numpy.asarray(indices)
    return dataset._gather(index) if index.ndim == 1 and index.dtype.kind == "i" else None


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = default_generator
) -> list[Subset[Any]]:
    """Split a dataset at random into Subsets of given lengths, or of given fractions that sum to 1.

    Fractions are rounded down and what is left goes to the parts in turn. Raises ValueError where the
    lengths do not sum to the dataset's, or a fraction is not between 0 and 1; warns of an empty part.
    """
    counts: list[Any] = list(lengths)
    total = len(dataset)
    if math.isclose(sum(counts), 1) and sum(counts) <= 1:
        for i, fraction in enumerate(counts):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}.")
        counts = [math.floor(total * fraction) for fraction in counts]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
        for i, length in enumerate(counts):
            if length == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
    if sum(counts) != total:
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset: {counts} sum to {sum(counts)}, "
            f"the dataset has {total} samples."
        )
    order = randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, counts)]
