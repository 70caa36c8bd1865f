"""torch.cuda's names: GPUs through CuPy. Without one they answer as torch's build for the CPU does.

Questions are answered (how many, how much memory), what frees or seeds does nothing without a GPU, and what needs one
raises an error that is both an AssertionError and a RuntimeError, as torch raises now one, now the other.
"""

import sys
from collections import namedtuple
from typing import Any, NoReturn

from pynn import _device, _dtypes, _gpu, _lazy, _random
from pynn.cuda import amp  # noqa: F401

# What most programs never ask for.
_LAZY = {
    **dict.fromkeys(("memory", "nvtx", "random", "streams"), ""),
    **dict.fromkeys((
        "CUDAGraph", "Event", "ExternalStream", "Stream", "StreamContext", "current_stream", "default_stream", "graph",
        "make_graphed_callables", "set_stream", "stream",
    ), "streams"),
    **dict.fromkeys((
        "empty_cache", "list_gpu_processes", "max_memory_allocated", "max_memory_cached", "max_memory_reserved",
        "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved", "memory_snapshot", "memory_stats",
        "memory_stats_as_nested_dict", "memory_summary", "reset_accumulated_memory_stats", "reset_max_memory_allocated",
        "reset_max_memory_cached", "reset_peak_memory_stats", "set_per_process_memory_fraction",
    ), "memory"),
    "OutOfMemoryError": "._odds",
}  # fmt: skip
_find, __dir__ = _lazy.names(__name__, _LAZY, "pynn has no such part of torch.cuda.")


def __getattr__(name: str) -> Any:
    return is_initialized() if name == "_initialized" else _find(name)


has_half = True
has_magma = False


def _refusing(*names: str) -> None:
    """Make functions of names that nothing here serves."""
    for name in names:

        def function(*args: Any, **kwargs: Any) -> NoReturn:
            _gpu.cupy()
            raise NotImplementedError(
                "pynn.cuda has no means for this: ask CuPy or the driver's own tools (nvidia-smi)."
            )

        function.__name__ = function.__qualname__ = name
        function.__doc__ = (
            f"torch's `{name}`: RuntimeError (and AssertionError) without a GPU, else NotImplementedError."
        )
        globals()[name] = function


_refusing(
    "caching_allocator_alloc", "caching_allocator_delete", "clock_rate", "cudart", "current_blas_handle",
    "device_memory_used", "get_allocator_backend", "get_per_process_memory_fraction", "get_sync_debug_mode",
    "memory_usage", "power_draw", "set_sync_debug_mode", "temperature", "utilization",
)  # fmt: skip


def is_available() -> bool:
    """Whether tensors can be put on a GPU: CuPy is installed and finds one."""
    return _gpu.reason() is None


def device_count() -> int:
    """How many GPUs can be used."""
    return _gpu.count()


def is_initialized() -> bool:
    """Whether a GPU is in use."""
    return _gpu.in_use()


def init() -> None:
    """Look for a GPU now; RuntimeError where there is none."""
    _gpu.cupy()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16 (without emulation: from compute capability 8.0 on); False without one."""
    return is_available() and (including_emulation or get_device_capability() >= (8, 0))


def is_tf32_supported() -> bool:
    """Whether the GPU computes in TensorFloat-32; False without one."""
    return is_available() and get_device_capability() >= (8, 0)


def is_current_stream_capturing() -> bool:
    """Whether work is being recorded in a graph: never."""
    return False


def get_arch_list() -> list[str]:
    """The GPU architectures that our own kernels were built for: none where they are not built."""
    try:
        from pynn import _cuda  # type: ignore[attr-defined]
    except ImportError:
        return []
    return list(getattr(_cuda, "architectures", list)())


def get_gencode_flags() -> str:
    """The flags that kernels were built with for them."""
    return " ".join(f"-gencode compute={a.replace('sm_', 'compute_')},code={a}" for a in get_arch_list())


# ---- which GPU ----


def _index(device: Any) -> int:
    """The number of a GPU given as a number, a name or a device; of the one in use for None."""
    if device is None:
        return current_device()
    if isinstance(device, int) and not isinstance(device, bool):
        return int(_gpu.checked(_device.device("cuda", device)).index or 0)
    found = _device.device(device)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return int(_gpu.checked(found).index or 0)


def current_device() -> int:
    """The number of the GPU in use; RuntimeError where there is none."""
    return int(_gpu.cupy().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Use a GPU from here on; RuntimeError where there is none such, ValueError for a device that is no GPU."""
    if not (isinstance(device, int) and device < 0):  # torch takes a negative number as "leave it"
        _gpu.cupy_device(_index(device)).use()


class device:
    """A block on another GPU: a negative number or None leaves the one in use."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else device if isinstance(device, int) and device < 0 else _index(device)
        self._before = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self._before = current_device()
            set_device(self.idx)

    def __exit__(self, *exc: object) -> None:
        if self.idx >= 0:
            set_device(self._before)


class device_of(device):
    """A block on the GPU of a tensor; nothing for one on the CPU."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if getattr(obj, "is_cuda", False) else -1)


DeviceProperties = namedtuple(
    "DeviceProperties",
    "name major minor total_memory multi_processor_count warp_size max_threads_per_multi_processor regs_per_multiprocessor "
    "L2_cache_size shared_memory_per_block shared_memory_per_block_optin shared_memory_per_multiprocessor is_integrated",
)
_CUDA_NAMES = (
    "major", "minor", "totalGlobalMem", "multiProcessorCount", "warpSize", "maxThreadsPerMultiProcessor",
    "regsPerMultiprocessor", "l2CacheSize", "sharedMemPerBlock", "sharedMemPerBlockOptin", "sharedMemPerMultiprocessor",
    "integrated",
)  # fmt: skip


def get_device_properties(device: Any = None) -> DeviceProperties:
    """What a GPU is: name, compute capability, memory, processors."""
    found = _gpu.cupy().cuda.runtime.getDeviceProperties(_index(device))
    return DeviceProperties(found["name"].decode(), *[int(found.get(name, 0)) for name in _CUDA_NAMES])


def get_device_name(device: Any = None) -> str:
    """The name of a GPU."""
    return str(get_device_properties(device).name)


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU: (9, 0) for an H100."""
    found = get_device_properties(device)
    return found.major, found.minor


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether a GPU can read another's memory."""
    return bool(_gpu.cupy().cuda.runtime.deviceCanAccessPeer(_index(device), _index(peer_device)))


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done all that it was given. IndexError where one of its kernels met an index out of range."""
    _gpu.cupy_device(_index(device)).synchronize()
    kernels = sys.modules.get("pynn._cuda")
    if kernels is not None:
        kernels.check_indices()


def ipc_collect() -> None:
    """Free GPU memory shared with other processes: none is."""


# ---- random numbers: one generator serves every device, so that a seed gives the same numbers on each ----


default_generators: tuple[Any, ...] = (_random.default_generator,)


def manual_seed(seed: int) -> None:
    """Seed the generator, which serves the CPU too; nothing without a GPU, as in torch."""
    if is_available():
        _random.manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """`manual_seed`."""
    manual_seed(seed)


def seed() -> None:
    """Seed the generator from the operating system; nothing without a GPU."""
    if is_available():
        _random.seed()


def seed_all() -> None:
    """`seed`."""
    seed()


def initial_seed() -> int:
    """The seed in use; RuntimeError where there is no GPU."""
    _gpu.cupy()
    return int(_random.initial_seed())


def get_rng_state(device: Any = "cuda") -> Any:
    """The generator's state; RuntimeError where there is no GPU."""
    _gpu.cupy()
    return _random.get_rng_state()


def get_rng_state_all() -> list[Any]:
    """The generator's state, once for each GPU."""
    return [_random.get_rng_state() for _ in range(device_count())]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Go back to a state of the generator; nothing without a GPU."""
    if is_available():
        _random.set_rng_state(new_state)


def set_rng_state_all(new_states: Any) -> None:
    """`set_rng_state` of the first of them."""
    for state in list(new_states)[:1]:
        set_rng_state(state)


def _typed(name: str) -> type:
    def refuse(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"type cuda.{name} not available. Torch not compiled with CUDA enabled: use pynn.{name}.")

    return type(
        name, (), {"__new__": refuse, "__doc__": f"{name} on a GPU: of no tensor here the type, and not to be made."}
    )


for _kind in _dtypes.TYPES:
    globals()[_kind + "Tensor"] = _typed(_kind + "Tensor")
