"""How many threads kernels use where there is no compiled library to ask: the same rules as csrc/base/pool.cpp."""

import os

_wanted = 0  # 0: not asked yet


def _of_environment(name: str) -> int:
    first = os.environ.get(name, "").split(",")[0]  # OMP_NUM_THREADS may be a list
    return int(first) if first.isdecimal() else 0


def _within_quota(most: int) -> int:
    """The cores that a control group of this process or of its parents allows, at most `most`."""
    try:
        with open("/proc/self/cgroup") as file:
            group = next((line[3:].strip() for line in file if line.startswith("0::")), None)
    except OSError:
        return most
    while group is not None:
        try:
            with open(f"/sys/fs/cgroup{group.rstrip('/')}/cpu.max") as file:
                quota, period = file.read().split()
            if quota != "max":
                most = min(most, max(1, -(-int(quota) // int(period))))
        except (OSError, ValueError):
            pass
        group = None if group in ("", "/") else group.rpartition("/")[0]
    return most


def _default() -> int:
    found = _of_environment("PYNN_NUM_THREADS") or _of_environment("OMP_NUM_THREADS")
    if found:
        return found
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _within_quota(cores)


def get() -> int:
    """The number in use."""
    global _wanted
    if not _wanted:
        _wanted = _default()
    return _wanted


def put(count: int) -> None:
    """Use another number, at least 1."""
    global _wanted
    _wanted = count
