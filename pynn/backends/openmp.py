"""Whether this build uses openmp: it has kernels and threads of its own."""


def is_available() -> bool:
    """Whether openmp is used."""
    return False
