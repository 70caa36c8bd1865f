"""Apple's GPUs: none with this build."""


def is_available():
    """Whether tensors can be put on an Apple GPU."""
    return False


def is_built():
    """Whether this build has kernels for one."""
    return False
