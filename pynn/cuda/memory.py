"""torch.cuda.memory's names: the memory of GPUs, as CuPy's pool has it. 0 everywhere without a GPU."""

import warnings
from collections import OrderedDict
from typing import Any

from pynn import _gpu
from pynn.cuda import _index, current_device

__all__ = [
    "empty_cache", "list_gpu_processes", "max_memory_allocated", "max_memory_cached", "max_memory_reserved",
    "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved", "memory_snapshot", "memory_stats",
    "memory_stats_as_nested_dict", "memory_summary", "reset_accumulated_memory_stats", "reset_max_memory_allocated",
    "reset_max_memory_cached", "reset_peak_memory_stats", "set_per_process_memory_fraction",
]  # fmt: skip


def _pool(device: Any) -> Any:
    """CuPy's pool, with a GPU chosen for what is asked of it; None without one."""
    if _gpu.reason() is not None:
        return None
    return _gpu.pool(_index(device))


def memory_allocated(device: Any = None) -> int:
    """Bytes of a GPU's memory that tensors take."""
    pool = _pool(device)
    return 0 if pool is None else int(pool.used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes of a GPU's memory that the pool holds: taken by tensors, or kept for the next ones."""
    pool = _pool(device)
    return 0 if pool is None else int(pool.total_bytes())


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors took since `reset_peak_memory_stats`; before that was called, what the pool holds."""
    if _gpu.reason() is not None:
        return 0
    return _gpu.peak(_index(device), memory_reserved(device))


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the pool held: what it holds, unless `empty_cache` gave some back."""
    return max(memory_reserved(device), max_memory_allocated(device))


def reset_peak_memory_stats(device: Any = None) -> None:
    """Start the maxima anew. From then on each allocation is noted, which costs about a microsecond."""
    if _gpu.reason() is None:
        _gpu.watch_peak(_index(device))


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Start the sums anew: there are none."""


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def empty_cache() -> None:
    """Give memory that the pool keeps for later tensors back to the system."""
    if _gpu.in_use():
        _gpu.cupy().get_default_memory_pool().free_all_blocks()
        _gpu.cupy().get_default_pinned_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU's memory; RuntimeError where there is none."""
    free, total = _gpu.cupy_device(_index(device)).mem_info
    return int(free), int(total)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let tensors take at most a part of a GPU's memory; RuntimeError where there is none."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    _gpu.cupy()
    _pool(device).set_limit(fraction=fraction)


def memory_stats(device: Any = None) -> "OrderedDict[str, int]":
    """Figures about a GPU's memory under torch's names; none without one."""
    if _gpu.reason() is not None:
        return OrderedDict()
    return OrderedDict([
        ("allocated_bytes.all.current", memory_allocated(device)), ("allocated_bytes.all.peak", max_memory_allocated(device)),
        ("reserved_bytes.all.current", memory_reserved(device)), ("reserved_bytes.all.peak", max_memory_reserved(device)),
    ])  # fmt: skip


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """`memory_stats` with its names taken apart at the dots."""
    found: dict[str, Any] = {}
    for name, value in memory_stats(device).items():
        first, second, third = name.split(".")
        found.setdefault(first, {}).setdefault(second, {})[third] = value
    return found


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The figures as text; RuntimeError where there is no GPU."""
    free, total = mem_get_info(device)
    lines = [f"GPU {current_device() if device is None else _index(device)}: {free:,} of {total:,} bytes free"]
    return "\n".join(lines + [f"  {name:<28}{value:>18,}" for name, value in memory_stats(device).items()])


def memory_snapshot(mempool_id: Any = None) -> list[Any]:
    """The blocks of memory one by one: not known of CuPy's pool; RuntimeError where there is no GPU."""
    _gpu.cupy()
    return []


def list_gpu_processes(device: Any = None) -> str:
    """The processes that use a GPU, as text: nvidia-smi tells."""
    if _gpu.reason() is not None:
        return "no CUDA device: no processes"
    return f"GPU:{_index(device)}\nask nvidia-smi: this process takes {memory_reserved(device):,} bytes"


def memory_cached(device: Any = None) -> int:
    """The old name of memory_reserved."""
    warnings.warn("`cuda.memory_cached` has been renamed to `cuda.memory_reserved`", FutureWarning, stacklevel=2)
    return memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """The old name of max_memory_reserved."""
    warnings.warn(
        "`cuda.max_memory_cached` has been renamed to `cuda.max_memory_reserved`", FutureWarning, stacklevel=2
    )
    return max_memory_reserved(device)
