"""Settings that torch has and scripts set. The precision of float32 products counts on a GPU; the others are kept and
checked, without further effect."""

import sys
import threading

from pynn import _core
from pynn._core import state
from pynn._device import CPU, check_device, device

_precision = "highest"
_deterministic = False
_warn_only = False
_warn_always = False


def set_float32_matmul_precision(precision: str) -> None:
    """Choose how a GPU multiplies float32: "highest", in full float32; "high" or "medium", in TF32.

    On the CPU products are always computed in full float32. RuntimeError for other names.
    """
    global _precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"{precision!r} is not one of 'highest', 'high', or 'medium'.")
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What set_float32_matmul_precision was given."""
    return _precision


def float32_products(of: str) -> str:
    """How the CUDA kernels multiply float32, in "matmul" or "conv": "split" (as accurate as float32), "tf32" or "exact".

    As in torch: backends.cuda.matmul.fp32_precision, or cudnn's for convolutions, decides where it is "ieee" (exact) or
    "tf32"; else set_float32_matmul_precision does. Unlike in torch convolutions stay accurate under "highest", whatever
    cudnn.allow_tf32 says; under the others they use TF32 if that allows it.
    """
    cuda, cudnn = sys.modules.get("pynn.backends.cuda"), sys.modules.get("pynn.backends.cudnn")
    switches = cudnn if of == "conv" else getattr(cuda, "matmul", None)
    given = getattr(switches, "fp32_precision", "none")
    if given in ("ieee", "tf32"):
        return "exact" if given == "ieee" else "tf32"
    if _precision == "highest" or (of == "conv" and not getattr(cudnn, "allow_tf32", True)):
        return "split"
    return "tf32"


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: every kernel gives the same bits on each run already. TypeError for what is no bool."""
    global _deterministic, _warn_only
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"use_deterministic_algorithms(): argument {name!r} must be bool, not {type(value).__name__}"
            )
    _deterministic, _warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """What use_deterministic_algorithms was given."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What use_deterministic_algorithms was given as warn_only."""
    return _warn_only


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by number or name: 0 "default", 1 "warn", 2 "error"; RuntimeError for others."""
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    elif not isinstance(debug_mode, int):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2, as set_deterministic_debug_mode takes them."""
    return (1 if _warn_only else 2) if _deterministic else 0


def set_warn_always(b: bool) -> None:
    """Accepted: which warnings show is Python's `warnings` to say. RuntimeError for what is no bool."""
    global _warn_always
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _warn_always = b


def is_warn_always_enabled() -> bool:
    """What set_warn_always was given."""
    return _warn_always


def set_flush_denormal(mode: bool) -> bool:
    """Subnormal numbers are always kept: returns False, as torch does where it cannot flush them."""
    return False


def get_num_interop_threads() -> int:
    """How many operations run side by side: one."""
    return 1


def set_num_interop_threads(n: int) -> None:
    """Accepted; operations run one after the other. RuntimeError for what is no positive integer."""
    if not isinstance(n, int) or isinstance(n, bool):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(n).__name__}")
    if n < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, got {n}")


def get_default_device() -> device:
    """Where new tensors lie in this thread."""
    return (state.device if _core.has_modes() else None) or CPU


_default_device = threading.local()  # .given: whether set_default_device chose one in this thread


def set_default_device(device: "device | str | int | None") -> None:
    """Make new tensors of this thread lie on a device; None is the CPU. RuntimeError for one this build cannot use."""
    found = None if device is None else check_device(device)
    if found == CPU:
        found = None
    given = getattr(_default_device, "given", False)
    if given != (found is not None):
        _default_device.given = not given
        _core.leave_mode() if given else _core.enter_mode()
    state.device = found


def start_on(kind: str) -> None:
    """Make new tensors lie on a type of device in every thread, from the start (PYNN_BACKEND)."""
    _core.ThreadState.device = check_device(kind)
    _core.enter_mode()
