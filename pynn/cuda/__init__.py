"""torch.cuda's names on a build without GPU kernels: every question is answered, nothing can be moved there."""

from pynn.cuda import amp  # noqa: F401

_NONE = "this build of pynn has no GPU kernels; use device='cpu'"


def is_available():
    """Whether tensors can be put on a GPU: not with this build."""
    return False


def device_count():
    """How many GPUs can be used: none with this build."""
    return 0


def is_initialized():
    """Whether a GPU is in use."""
    return False


def current_device():
    """The index of the GPU in use; RuntimeError, for there is none."""
    raise RuntimeError(f"no CUDA device: {_NONE}.")


def get_device_name(device=None):
    """A GPU's name; RuntimeError, for there is none."""
    raise RuntimeError(f"no CUDA device: {_NONE}.")


def synchronize(device=None):
    """Wait for a GPU's work; RuntimeError, for there is none."""
    raise RuntimeError(f"no CUDA device: {_NONE}.")


def manual_seed(seed):
    """Seed the GPU's generator: nothing to do, as torch does without a GPU."""


def manual_seed_all(seed):
    """Seed all GPUs' generators: nothing to do, as torch does without a GPU."""


def empty_cache():
    """Give cached GPU memory back: nothing to do."""


def set_device(device):
    """Choose a GPU; RuntimeError, for there is none."""
    raise RuntimeError(f"no CUDA device: {_NONE}.")


def get_device_properties(device=None):
    """What a GPU is; RuntimeError, for there is none."""
    raise RuntimeError(f"no CUDA device: {_NONE}.")


def seed():
    """Seed the GPU's generator from the operating system: nothing to do."""


def seed_all():
    """Seed all GPUs' generators from the operating system: nothing to do."""


def memory_allocated(device=None):
    """Bytes of GPU memory that tensors take: none."""
    return 0


def max_memory_allocated(device=None):
    """The most bytes of GPU memory that tensors took: none."""
    return 0


def memory_reserved(device=None):
    """Bytes of GPU memory held in reserve: none."""
    return 0


def max_memory_reserved(device=None):
    """The most bytes of GPU memory held in reserve: none."""
    return 0


def reset_peak_memory_stats(device=None):
    """Start the maxima anew: nothing to do."""


def ipc_collect():
    """Free GPU memory shared with other processes: nothing to do."""
