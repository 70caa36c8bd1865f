"""Settings that torch has and scripts set; here they are kept, checked and without further effect."""

from pynn._device import check_device

_precision = "highest"
_deterministic = False
_warn_only = False


def set_float32_matmul_precision(precision):
    """Accept "highest", "high" or "medium"; products are always computed in full float32."""
    global _precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"{precision!r} is not one of 'highest', 'high', or 'medium'.")
    _precision = precision


def get_float32_matmul_precision():
    """What set_float32_matmul_precision was given."""
    return _precision


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accepted: every kernel gives the same bits on each run already."""
    global _deterministic, _warn_only
    _deterministic, _warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled():
    """What use_deterministic_algorithms was given."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled():
    """What use_deterministic_algorithms was given as warn_only."""
    return _warn_only


def set_flush_denormal(mode):
    """Subnormal numbers are always kept: returns False, as torch does where it cannot flush them."""
    return False


def get_num_interop_threads():
    """How many operations run side by side: one."""
    return 1


def set_num_interop_threads(n):
    """Accepted; operations run one after the other."""


def get_default_device():
    """Where new tensors lie: the CPU."""
    return check_device("cpu")


def set_default_device(device):
    """Accept the CPU, or None; RuntimeError for a device that this build cannot use."""
    if device is not None:
        check_device(device)
