"""NNPACK is not used."""


def is_available() -> bool:
    """Whether it is used."""
    return False
