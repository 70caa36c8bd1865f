"""torch.__future__: how `Module.to` and its like, and load_state_dict, change parameters.

pynn's write the new values into the Parameter that is there, whatever is set here: what is set is kept, without further
effect.
"""

_overwrite = False
_swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Ask that conversions of a module give it new parameters."""
    global _overwrite
    _overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What set_overwrite_module_params_on_conversion was given; False by default."""
    return _overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Ask that conversions of a module, and load_state_dict, swap parameters' contents with new ones."""
    global _swap
    _swap = value


def get_swap_module_params_on_conversion() -> bool:
    """What set_swap_module_params_on_conversion was given; False by default."""
    return _swap


__all__ = [
    "get_overwrite_module_params_on_conversion", "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion", "set_swap_module_params_on_conversion",
]  # fmt: skip
