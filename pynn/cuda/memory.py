"""torch.cuda.memory's names; they are `pynn.cuda`'s."""

# ruff: noqa: F822 -- the names are made below

from typing import Any

from pynn import cuda

__all__ = [
    "empty_cache", "list_gpu_processes", "max_memory_allocated", "max_memory_cached", "max_memory_reserved",
    "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved", "memory_snapshot", "memory_stats",
    "memory_stats_as_nested_dict", "memory_summary", "reset_accumulated_memory_stats", "reset_max_memory_allocated",
    "reset_max_memory_cached", "reset_peak_memory_stats", "set_per_process_memory_fraction",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    return getattr(cuda, name)
