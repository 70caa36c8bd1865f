"""torch.cuda's names on a build without GPU kernels, answering as torch's build for the CPU does.

Questions are answered (there is no GPU, no memory is used), what frees or seeds does nothing, and what needs a GPU
raises an error that is both an AssertionError and a RuntimeError, as torch raises now one, now the other.
"""

import warnings
from collections import OrderedDict
from typing import Any, NoReturn

from pynn import _device, _dtypes, _lazy
from pynn.cuda import amp  # noqa: F401

# What most programs never ask for.
_LAZY = {
    **dict.fromkeys(("memory", "nvtx", "random", "streams"), ""),
    **dict.fromkeys(("CUDAGraph", "Event", "ExternalStream", "Stream", "StreamContext", "graph", "make_graphed_callables", "stream"), "streams"),
    "OutOfMemoryError": "._odds",
}  # fmt: skip
__getattr__, __dir__ = _lazy.names(__name__, _LAZY, "this build has no GPU kernels.")

has_half = True
has_magma = False
default_generators: tuple[Any, ...] = ()


def _needs_gpu(*args: Any, **kwargs: Any) -> NoReturn:
    raise _device.NotOnThisDevice(
        "Torch not compiled with CUDA enabled: no CUDA device, this build of pynn has no GPU kernels; use device='cpu'."
    )


def _refusing(*names: str) -> None:
    """Make functions of names that need a GPU."""
    for name in names:

        def function(*args: Any, **kwargs: Any) -> NoReturn:
            _needs_gpu()

        function.__name__ = function.__qualname__ = name
        function.__doc__ = (
            f"torch's `{name}`: needs a GPU; raises RuntimeError (and AssertionError), for there is none."
        )
        globals()[name] = function


_refusing(
    "caching_allocator_alloc", "caching_allocator_delete", "can_device_access_peer", "clock_rate", "cudart",
    "current_blas_handle", "current_device", "current_stream", "default_stream", "device_memory_used",
    "get_allocator_backend", "get_device_capability", "get_device_name", "get_device_properties",
    "get_per_process_memory_fraction", "get_rng_state", "get_sync_debug_mode", "init", "initial_seed", "mem_get_info",
    "memory_snapshot", "memory_summary", "memory_usage", "power_draw", "set_per_process_memory_fraction", "set_stream",
    "set_sync_debug_mode", "synchronize", "temperature", "utilization",
)  # fmt: skip


def is_available() -> bool:
    """Whether tensors can be put on a GPU: not with this build."""
    return False


def device_count() -> int:
    """How many GPUs can be used: none with this build."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU is in use."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a GPU computes in bfloat16: there is none (the CPU does)."""
    return False


def is_tf32_supported() -> bool:
    """Whether a GPU computes in TensorFloat-32: there is none."""
    return False


def is_current_stream_capturing() -> bool:
    """Whether work is being recorded in a graph: never."""
    return False


def get_arch_list() -> list[str]:
    """The GPU architectures that kernels were built for: none."""
    return []


def get_gencode_flags() -> str:
    """The flags that kernels were built with for them: none."""
    return ""


def set_device(device: Any) -> None:
    """Choose a GPU; RuntimeError, for there is none, ValueError for a device that is no GPU."""
    if isinstance(device, str):
        device = _device.device(device)
    if isinstance(device, _device.device) and device.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    if not (isinstance(device, int) and device < 0):  # torch takes a negative number as "leave it"
        _needs_gpu()


class device:
    """A block on another GPU; entering it raises RuntimeError, for there is none, but for a negative number or None."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            set_device(self.idx)

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""


class device_of(device):
    """A block on the GPU of a tensor: all tensors lie on the CPU, so it does nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


def manual_seed(seed: int) -> None:
    """Seed the GPU's generator: nothing to do, as torch does without a GPU."""


def manual_seed_all(seed: int) -> None:
    """Seed all GPUs' generators: nothing to do, as torch does without a GPU."""


def seed() -> None:
    """Seed the GPU's generator from the operating system: nothing to do."""


def seed_all() -> None:
    """Seed all GPUs' generators from the operating system: nothing to do."""


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' generators: none."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of a GPU's generator: nothing to do."""


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of all GPUs' generators: nothing to do."""


def empty_cache() -> None:
    """Give cached GPU memory back: nothing to do."""


def ipc_collect() -> None:
    """Free GPU memory shared with other processes: nothing to do."""


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that tensors take: none."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes of GPU memory that tensors took: none."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes of GPU memory held in reserve: none."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes of GPU memory held in reserve: none."""
    return 0


def memory_cached(device: Any = None) -> int:
    """The old name of memory_reserved."""
    warnings.warn("`cuda.memory_cached` has been renamed to `cuda.memory_reserved`", FutureWarning, stacklevel=2)
    return 0


def max_memory_cached(device: Any = None) -> int:
    """The old name of max_memory_reserved."""
    warnings.warn(
        "`cuda.max_memory_cached` has been renamed to `cuda.max_memory_reserved`", FutureWarning, stacklevel=2
    )
    return 0


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """Figures about GPU memory: none."""
    return OrderedDict()


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Figures about GPU memory: none."""
    return {}


def reset_peak_memory_stats(device: Any = None) -> None:
    """Start the maxima anew: nothing to do."""


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Start the sums anew: nothing to do."""


def reset_max_memory_allocated(device: Any = None) -> None:
    """Start a maximum anew: nothing to do."""


def reset_max_memory_cached(device: Any = None) -> None:
    """Start a maximum anew: nothing to do."""


def list_gpu_processes(device: Any = None) -> str:
    """The processes that use a GPU, as text."""
    return "no CUDA device: no processes"


def _typed(name: str) -> type:
    def refuse(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"type cuda.{name} not available. Torch not compiled with CUDA enabled: use pynn.{name}.")

    return type(
        name, (), {"__new__": refuse, "__doc__": f"{name} on a GPU: of no tensor here the type, and not to be made."}
    )


for _kind in _dtypes.TYPES:
    globals()[_kind + "Tensor"] = _typed(_kind + "Tensor")
