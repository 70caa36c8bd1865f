"""Samplers: the order in which a loader takes the keys of a dataset."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from pynn._dtypes import DTYPES
from pynn._random import Generator
from pynn.ops.from_data import as_tensor
from pynn.ops.random import multinomial, randint, randperm

T_co = TypeVar("T_co", covariant=True)
_BLOCK = 1024  # numbers drawn at a time where a sampler draws without end


class Sampler(Generic[T_co]):
    """An order of keys. Subclasses define `__iter__`, and `__len__` where the number of keys is known."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(): a sampler yields indices.")


def _positive_int(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _own_generator() -> Generator:
    """A generator seeded by a draw from the default one: other draws during the loop do not change the order."""
    generator = Generator()
    generator.manual_seed(randint(0, 2**63 - 1, ()).item())
    return generator


class SequentialSampler(Sampler[int]):
    """0, 1, ... len(data_source) - 1."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, every one once; or drawn independently, with replacement.

    num_samples: how many to draw, by default len(data_source). Without replacement, more than that
        go through further permutations.
    generator: where to draw from; by default one seeded from `pynn.manual_seed`'s.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _positive_int("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one iteration yields; follows the dataset's length where none was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        generator = self.generator if self.generator is not None else _own_generator()
        left = self.num_samples
        while left > 0:
            if self.replacement:
                drawn = randint(0, n, (min(left, _BLOCK),), generator=generator).tolist()
            else:
                drawn = randperm(n, generator=generator).tolist()[:left]
            left -= len(drawn)
            yield from drawn

    def __len__(self) -> int:
        out: int = self.num_samples
        return out


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, every one once."""

    def __init__(self, indices: Sequence[Any], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """num_samples indices of 0..len(weights)-1 drawn with the given weights, of any sum.

    Raises ValueError for weights that are not one row, or a num_samples that is no positive integer.
    """

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        _positive_int("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, DTYPES["float64"])
        if self.weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Any:
        # A generator function: nothing is drawn before the first index is asked for, as by the other samplers.
        yield from multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist()

    def __len__(self) -> int:
        out: int = self.num_samples
        return out


class BatchSampler(Sampler[list[Any]]):
    """Lists of batch_size indices of another sampler; the last may be shorter, or is dropped.

    Raises ValueError for a batch_size that is no positive integer or a drop_last that is no bool.
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _positive_int("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        keys = iter(self.sampler)
        while batch := list(itertools.islice(keys, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        out: int = n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return out
