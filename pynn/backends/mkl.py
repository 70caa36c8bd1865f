"""Whether this build uses mkl: it has kernels and threads of its own."""

VERBOSE_OFF = 0
VERBOSE_ON = 1


def is_available() -> bool:
    """Whether mkl is used."""
    return False


class verbose:
    """A block in which torch has mkl print its calls: there are none."""

    def __init__(self, enable: int) -> None:
        self.enable = enable

    def __enter__(self) -> "verbose":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""
