"""What the functions over images share: sizes given as one number or one a dimension."""


def sizes(value, dims, name):
    """value as a tuple of `dims` ints: one int or a list of one stands for all; RuntimeError for another count."""
    found = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(found) == 1:
        found = found * dims
    if len(found) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values, but got {name}={list(found)}."
        )
    return found


def strides(value, kernel, dims):
    """A pool's stride, which is its kernel's size where none was given."""
    return kernel if value is None or value == () or value == [] else sizes(value, dims, "stride")
