"""Arguments that are a number, the same for every dimension, or a tuple with one for each."""


def spread(value, dims, name="argument"):
    """value as a tuple of `dims` entries: an int repeated, a sequence as it is; ValueError for another length."""
    if isinstance(value, (tuple, list)):
        if len(value) != dims:
            raise ValueError(f"{name} takes an int or {dims} of them, got {value!r}.")
        return tuple(value)
    return (value,) * dims
