"""torch.cuda's names on a build without GPU kernels: every question is answered, nothing can be moved there."""

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
