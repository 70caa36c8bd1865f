"""Where a loader is in its pass, as something to save; and how it gets there again.

A pass is known by the state of the generators (and of samplers that have one) at its beginning and by the number of
batches given: run again from there, the sampler gives the same keys, and those of the batches given are skipped.
That holds whatever the workers have loaded ahead.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from pynn import _random
from pynn.utils.data._utils.fetch import is_stateful

_VERSION = 1
_PLACES = ("", "sampler", "batch_sampler", "batch_sampler.sampler")  # of a loader, where samplers are


class Progress:
    """How far a pass is; kept by the loader, so that it can be asked for after a `for` was left."""

    def __init__(self, start: dict[str, Any], base_seed: int, workers: int) -> None:
        self.start = start
        self.base_seed = base_seed
        self.given = 0
        self.finished = False
        self.turn = 0
        self.workers: list[dict[str, Any]] = [{"given": 0, "state": None, "ended": False} for _ in range(workers)]
        self.fetcher: Any = None  # of a pass without workers: asked for its state when that is wanted

    def note(self, i: int, state: bytes | None) -> None:
        """Worker i gave a batch."""
        worker = self.workers[i]
        worker["given"] += 1
        worker["state"] = state
        self.given += 1


def _samplers(loader: Any) -> Iterator[tuple[str, Any]]:
    for place in _PLACES:
        found = loader
        for name in place.split(".") if place else ():
            found = getattr(found, name, None)
        if found is not None:
            yield place, found


def _pair(generator: Any) -> list[int]:
    return [generator._seed, generator._offset]


def starting(loader: Any) -> dict[str, Any]:
    """The state of everything that decides the order of keys."""
    generators, samplers = {}, {}
    for place, owner in _samplers(loader):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, _random.Generator):
            generators[place] = _pair(generator)
        if place and is_stateful(owner):
            samplers[place] = owner.state_dict()
    return {"default": _pair(_random.default_generator), "generators": generators, "samplers": samplers}


def _restore(loader: Any, start: dict[str, Any]) -> None:
    for place, owner in _samplers(loader):
        generator = getattr(owner, "generator", None)
        if place in start["generators"] and isinstance(generator, _random.Generator):
            generator._seed, generator._offset = start["generators"][place]
        if place in start["samplers"] and is_stateful(owner):
            owner.load_state_dict(start["samplers"][place])


def keys_from(loader: Any, resume: dict[str, Any]) -> Iterator[Any]:
    """The keys of the batches that are left of a saved pass."""
    _restore(loader, resume["start"])
    default = _random.default_generator
    now = _pair(default)
    default._seed, default._offset = resume["start"]["default"]
    try:
        keys = iter(loader._index_sampler)
        if loader._iterable:  # endless, and all alike
            result: Iterator[Any] = keys
            return result
        left = list(itertools.islice(keys, resume["given"], resume["given"] + 1))  # the first draws may be lazy
    finally:
        default._seed, default._offset = now
    return itertools.chain(left, keys)


def save(loader: Any, progress: Progress | None) -> dict[str, Any]:
    """The state_dict of a loader."""
    common = {"version": _VERSION, "num_workers": loader.num_workers, "iterable": loader._iterable}
    if progress is None or progress.finished:
        return {**common, "start": starting(loader), "finished": True}
    if loader.num_workers and not loader.in_order:
        raise RuntimeError(
            "state_dict() needs in_order=True: with in_order=False the batches given so far are not the first of the pass."
        )
    return {
        **common,
        "finished": False,
        "start": progress.start,
        "base_seed": progress.base_seed,
        "given": progress.given,
        "turn": progress.turn,
        "workers": [dict(worker) for worker in progress.workers],
        "dataset": None if progress.fetcher is None else progress.fetcher.state(),
    }


def check(loader: Any, state: Any) -> None:
    """Raise ValueError for a state that this loader cannot go on from."""
    if not isinstance(state, dict) or state.get("version") != _VERSION or not {"start", "finished"} <= set(state):
        raise ValueError(
            f"load_state_dict takes what state_dict() of a pynn DataLoader returned, got {type(state).__name__} with "
            f"{list(state)[:5] if isinstance(state, dict) else state!r}."
        )
    if state["iterable"] != loader._iterable:
        kinds = {True: "an iterable", False: "a map-style"}
        raise ValueError(
            f"the state is of a loader of {kinds[state['iterable']]} dataset, this one has {kinds[loader._iterable]} one."
        )
    if loader._iterable and state["num_workers"] != loader.num_workers and not state["finished"]:
        raise ValueError(
            f"the state is of a pass over an iterable dataset by {state['num_workers']} workers, each with its own share; "
            f"this loader has num_workers={loader.num_workers}. Make it with the same number."
        )
