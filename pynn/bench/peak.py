"""What the machine can do at best, measured in the run that uses it."""

import threading
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ceiling:
    """Float32 operations and bytes moved (read and written) in a second."""

    flops: float
    bandwidth: float

    def raised(self, other: "Ceiling") -> "Ceiling":
        """The higher of two measurements, each: a core that was busy elsewhere lowers one."""
        return Ceiling(max(self.flops, other.flops), max(self.bandwidth, other.bandwidth))


def copy_bandwidth(threads: int, megabytes: int = 256, rounds: int = 5) -> float:
    """Bytes read and written in a second while `threads` threads copy memory no cache holds."""
    n = megabytes * 1_000_000 // 8 // threads
    pairs = [(np.ones(n), np.ones(n)) for _ in range(threads)]
    best = 0.0
    for _ in range(rounds):
        workers = [threading.Thread(target=np.copyto, args=pair) for pair in pairs]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, threads * n * 8 * 2 / (time.perf_counter() - start))
    return best


def measure(threads: int) -> Ceiling:
    """The ceiling of `threads` threads."""
    import pynn
    from pynn import _native

    before = pynn.get_num_threads()
    pynn.set_num_threads(threads)
    try:
        flops = _native.peak_flops() if _native else float("nan")
    finally:
        pynn.set_num_threads(before)
    return Ceiling(flops, copy_bandwidth(threads))
