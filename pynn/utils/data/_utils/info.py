"""What is known of workers where there are none yet: `get_worker_info`, and what a worker is told at its start."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from pynn._random import Generator


class _Record:
    """Fields that are set once. (A dataclass takes a millisecond to make, which every `import pynn` would pay.)"""

    __slots__: tuple[str, ...] = ()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} says what is; it cannot be set.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class RNG(_Record):
    """Generators of a worker thread's own: threads share the global ones with the rest of the program."""

    __slots__ = ("numpy_generator", "random_generator", "torch_generator")

    random_generator: "random.Random"
    torch_generator: "Generator"
    numpy_generator: Any

    def __init__(
        self, random_generator: "random.Random", torch_generator: "Generator", numpy_generator: Any = None
    ) -> None:
        self._set(random_generator=random_generator, torch_generator=torch_generator, numpy_generator=numpy_generator)


class WorkerInfo(_Record):
    """What a worker knows of itself.

    id: from 0 to num_workers - 1. seed: base seed + id. dataset: this worker's own copy (the loader's in a thread).
    worker_method: "multiprocessing" or "thread". rng: a thread's generators, seeded by seed.
    """

    __slots__ = ("id", "num_workers", "seed", "dataset", "rng", "worker_method")  # noqa: RUF023  the order of repr

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: RNG | None
    worker_method: str | None

    def __init__(
        self,
        id: int,
        num_workers: int,
        seed: int,
        dataset: Any,
        rng: RNG | None = None,
        worker_method: str | None = "multiprocessing",
    ) -> None:
        self._set(id=id, num_workers=num_workers, seed=seed, dataset=dataset, rng=rng, worker_method=worker_method)


_worker_info: WorkerInfo | None = None  # of this process, if it is a worker
_thread = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """What the worker that calls this knows of itself (id, num_workers, seed, dataset); None outside a worker."""
    return getattr(_thread, "info", None) or _worker_info


class Resume:
    """Where a worker goes on: how many batches it gave, and what it said of itself with the last of them."""

    __slots__ = ("given", "state")

    def __init__(self, given: int, state: bytes | None) -> None:
        self.given = given
        self.state = state


class Job:
    """All a worker is told when it starts. batch_size: of an iterable dataset."""

    def __init__(
        self,
        id: int,
        num_workers: int,
        base_seed: int,
        dataset: Any,
        iterable: bool,
        batch_size: int | None,
        batched: bool,
        collate_fn: Callable[[Any], Any],
        drop_last: bool,
        init_fn: Callable[[int], Any] | None,
        resume: Resume | None,
    ) -> None:
        self.id = id
        self.num_workers = num_workers
        self.base_seed = base_seed
        self.dataset = dataset
        self.iterable = iterable
        self.batch_size = batch_size
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.init_fn = init_fn
        self.resume = resume


__all__ = ["RNG", "Job", "Resume", "WorkerInfo", "get_worker_info"]
