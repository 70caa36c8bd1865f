"""cuSPARSELt is not used."""


def is_available() -> bool:
    """Whether it is used."""
    return False


def version() -> int | None:
    """Its version: None."""
    return None
