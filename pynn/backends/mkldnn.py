"""Whether this build uses mkldnn: it has kernels and threads of its own."""

enabled = False


def is_available():
    """Whether mkldnn is used."""
    return False
