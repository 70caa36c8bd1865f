"""Apple's GPUs: none with this build."""


def is_available() -> bool:
    """Whether tensors can be put on an Apple GPU."""
    return False


def is_built() -> bool:
    """Whether this build has kernels for one."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether an Apple GPU can be used from this version of macOS on."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """The same of macOS 13."""
    return False
