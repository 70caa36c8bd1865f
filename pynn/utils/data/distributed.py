"""DistributedSampler: each of several processes takes its own part of a dataset."""

import math
from collections.abc import Iterator
from typing import Any, TypeVar

from pynn._random import Generator
from pynn.ops.random import randperm
from pynn.utils.data.sampler import Sampler

_T_co = TypeVar("_T_co", covariant=True)


class DistributedSampler(Sampler[_T_co]):
    """Every num_replicas-th index of a dataset, from rank on; all ranks get the same number of them.

    num_replicas, rank: by default those of the process group.
    shuffle: take the parts of an order that depends on seed and on the epoch told by `set_epoch`.
    drop_last: leave the tail out so that it divides evenly, instead of repeating the first indices.

    Raises ValueError for a rank outside 0..num_replicas-1, RuntimeError where one is left out and no group is there.
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from pynn import distributed

            if not distributed.is_initialized():
                raise RuntimeError(
                    "Requires distributed package to be available: pynn runs in one process. Pass num_replicas and rank."
                )
            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        if self.shuffle:
            order: list[int] = randperm(n, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            order = list(range(n))
        if not self.drop_last and order:
            order = (order * math.ceil(self.total_size / n))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which pass comes next, for another order than the last one's."""
        self.epoch = epoch


__all__ = ["DistributedSampler"]
