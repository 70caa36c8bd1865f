"""The memory behind pynn's arrays: what is in use, what is kept for reuse, and how much of that at most.

Kernels take the arrays they make, and their scratch space, from one allocator. What is freed stays with it: using
memory again costs a fraction of asking the system for it anew. It keeps at most `limit()` bytes, by default the
larger of 256 MB and the most that was ever in use, and never more than half of the machine's memory.

    pynn.memory.reset_peak()
    train_step()
    print(pynn.memory.report())

All functions may be called from any thread. Arrays that NumPy made (data loaded from files, what the NumPy backend
computes) are NumPy's own and not counted. Without the compiled kernels there is no such allocator: all counts are 0
and the functions have nothing to do. `pynn.cuda.memory_allocated` and its kin are about GPUs.
"""

import operator
from typing import NamedTuple

try:
    from pynn import _native
except ImportError:
    _native = None  # type: ignore[assignment]

__all__ = ["MemoryStats", "empty_cache", "limit", "report", "reset_peak", "set_limit", "stats"]

_AUTOMATIC = 2**64 - 1  # as a limit: pynn chooses


class MemoryStats(NamedTuple):
    """What `stats()` returns: bytes, and counts since the process began."""

    in_use: int  # held by arrays and by kernels under way
    cached: int  # free, kept for reuse
    peak: int  # the most in use at once since the start or `reset_peak()`
    limit: int  # the most that is kept cached
    allocations: int  # how often memory was asked for
    reused: int  # how often the cache had it


def stats() -> MemoryStats:
    """Memory in use, cached and at its peak, in bytes, and how often memory was asked for and reused."""
    if not _native:
        return MemoryStats(0, 0, 0, 0, 0, 0)
    found = _native.memory_stats()
    return MemoryStats(
        found["in_use_bytes"],
        found["cached_bytes"],
        found["peak_bytes"],
        _native.memory_limit(),
        found["allocations"],
        found["reused"],
    )


def report() -> str:
    """The same as text, for people to read."""
    now = stats()
    if not _native:
        return "memory: NumPy's, for this pynn has no compiled kernels"
    share = 100 * now.reused / now.allocations if now.allocations else 0.0
    lines = [f"{name:<12}{_size(value):>10}" for name, value in zip(now._fields[:4], now)]
    return "\n".join([*lines, f"{'allocations':<12}{now.allocations:>10}   {share:.1f} % from the cache"])


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count < 2**30 else f"{count / 2**30:.2f} GB"


def reset_peak() -> None:
    """Let the peak be what is in use now."""
    if _native:
        _native.reset_peak_memory()


def empty_cache() -> None:
    """Give all free memory back to the system; what other threads keep for small arrays follows as they free next."""
    if _native:
        _native.trim()


def limit() -> int:
    """The most bytes that are kept for reuse (0 without the compiled kernels)."""
    return _native.memory_limit() if _native else 0


def set_limit(count: int | None) -> None:
    """Set the most bytes to keep for reuse; what is over it goes back to the system at once.

    count: 0 keeps nothing, None lets pynn choose, as at the start. The environment variable PYNN_ARENA_LIMIT, in MB,
    sets the first limit. Raises TypeError for what is no integer, ValueError for a negative number.
    """
    if count is None:
        wanted = _AUTOMATIC
    else:
        try:
            wanted = operator.index(count)
        except TypeError:
            raise TypeError(
                f"memory.set_limit expects a number of bytes (an int) or None, got {type(count).__name__}."
            ) from None
        if wanted < 0:
            raise ValueError(f"memory.set_limit expects at least 0 bytes, got {count}; None lets pynn choose.")
    if _native:
        _native.set_memory_limit(min(wanted, _AUTOMATIC))
