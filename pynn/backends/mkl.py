"""Whether this build uses mkl: it has kernels and threads of its own."""


def is_available():
    """Whether mkl is used."""
    return False
