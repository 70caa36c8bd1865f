"""torch.utils.deterministic: whether new memory gets values under `use_deterministic_algorithms(True)`."""

fill_uninitialized_memory = True
"""Whether `empty` and its like hold NaN, the largest integer or True then, so that reading them shows."""

__all__ = ["fill_uninitialized_memory"]
