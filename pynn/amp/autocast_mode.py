"""autocast: a mode of the door that converts the inputs of listed operations; see `_lists`."""

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numpy

from pynn import _core
from pynn._core import Tensor, call, state
from pynn._device import is_available
from pynn._dtypes import DTYPES, FLOAT32, FLOAT64, from_numpy, to_numpy
from pynn.amp import _lists
from pynn.ops.cast import CAST

_DEVICES = ("cpu", "cuda", "xpu", "mps", "hpu", "mtia", "maia", "ipu", "xla")  # all but the first: taken, and off

Function = TypeVar("Function", bound=Callable[..., Any])


class _Mode(threading.local):
    """What autocast is set to in one thread."""

    enabled = False
    dtype = None  # None: bfloat16
    device = "cpu"  # the device type it was switched on for
    cache_enabled = True
    nesting = 0

    def __init__(self) -> None:
        # (id of a leaf, whether grad is enabled) -> (leaf, its Version, value then, cast tensor)
        self.cache: dict[Any, Any] = {}


_mode = _Mode()


def _np_dtype() -> Any:
    return DTYPES["bfloat16"].numpy if _mode.dtype is None else _mode.dtype


class _Hook:
    """What the door calls while autocast is on."""

    def inputs(self, op: Any, inputs: Any) -> Any:
        """The inputs of an op in the dtypes that its list asks for."""
        if op.name in _lists.LOW_PRECISION:
            return _cast_inputs(inputs, _np_dtype())
        if op.name in _lists.FLOAT32:
            return _cast_inputs(inputs, FLOAT32)
        return inputs

    def wrote(self, arrays: Any) -> None:
        """Forget the casts of leaves whose memory was written by another tensor's name, as by `w.data.fill_(0)`."""
        cache = _mode.cache
        for key, (leaf, *_) in list(cache.items()) if cache else ():
            if any(numpy.may_share_memory(leaf._array, a) for a in arrays):
                del cache[key]


_hook = _Hook()


def _cast_inputs(inputs: Any, dtype: Any) -> Any:
    changed = tuple([_cast(x, dtype) for x in inputs])
    return changed if any(a is not b for a, b in zip(changed, inputs)) else inputs


def _cast(x: Any, dtype: Any) -> Any:
    """x in a dtype, if it is a floating point tensor other than float64; x itself where it has it."""
    if not isinstance(x, Tensor):
        return x
    have = x._array.dtype
    if have in (dtype, FLOAT64) or not _core.is_floating(x._array):
        return x
    if not _mode.cache_enabled or have != FLOAT32 or not x.requires_grad or not x.is_leaf or x._view is not None:
        return call(CAST, (x,), (dtype,))
    key = (id(x), _core.is_grad_enabled(), dtype)
    held = _mode.cache.get(key)
    version = _core.shared_version(x)
    if held is not None and held[1] is version and held[2] == version.value:
        return held[3]
    made = call(CAST, (x,), (dtype,))
    _mode.cache[key] = (x, version, version.value, made)
    return made


def _set_enabled(enabled: Any) -> None:
    if enabled and state.autocast is None:
        state.autocast = _hook
        _core.enter_mode()
    elif not enabled and state.autocast is not None:
        state.autocast = None
        _core.leave_mode()
        _mode.cache.clear()  # writes are not heard of until it is on again
    _mode.enabled = enabled


def _check_device_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DEVICES:
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}': use 'cpu'.")


def old_name(device_type: str, name: str) -> None:
    """Warn whoever makes one of the classes that a device's own amp has, as torch does."""
    warnings.warn(
        f"`pynn.{device_type}.amp.{name}(args...)` is deprecated. Please use `pynn.amp.{name}('{device_type}', args...)` "
        "instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast:
    """Run matrix products, convolutions, attention and recurrent layers in a 16-bit dtype, losses in float32.

    A context manager and a decorator; contexts nest, and one with enabled=False inside another switches it off.
    Backward runs in the dtypes of the forward pass, so call it outside. float32 leaves that require grad are cast
    once per outermost context, or again after they were written to (writes through NumPy arrays are not seen).

    device_type: "cpu" or "cuda", which warns where there is no GPU, and does nothing then. Inside, the tensors of both
        devices are computed so.
    dtype: bfloat16 or float16; by default bfloat16 on the CPU and float16 on a GPU.
    Lists of operations and their precision: torch's for the CPU (`pynn.amp._lists`).
    """

    def __init__(self, device_type: Any, dtype: Any = None, enabled: bool = True, cache_enabled: Any = None) -> None:
        _check_device_type(device_type)
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else from_numpy(to_numpy(dtype))
        self._cache_enabled = _mode.cache_enabled if cache_enabled is None else cache_enabled
        if enabled and device_type != "cpu" and not is_available(device_type):
            what = (
                f"User provided device_type of '{device_type}', but {device_type.upper()} is not available. Disabling"
            )
            warnings.warn(what, stacklevel=2)
            enabled = False
        if enabled and self.fast_dtype.name not in ("bfloat16", "float16"):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of pynn.bfloat16, pynn.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[Any] = []

    def __enter__(self) -> Any:
        self._before.append((_mode.enabled, _mode.dtype, _mode.cache_enabled, _mode.device))
        if is_available(self.device):
            _set_enabled(self._enabled)
            _mode.dtype = self.fast_dtype.numpy if self._enabled else _mode.dtype
            _mode.device = self.device if self._enabled else _mode.device
        _mode.cache_enabled = self._cache_enabled
        _mode.nesting += 1
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> Literal[False]:
        _mode.nesting -= 1
        if _mode.nesting == 0:
            _mode.cache.clear()
        enabled, _mode.dtype, _mode.cache_enabled, _mode.device = self._before.pop()
        _set_enabled(enabled)
        return False

    def __call__(self, func: Any) -> Any:
        """func run inside this context."""

        @functools.wraps(func)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return run


# ---- questions and switches ----


def is_autocast_available(device_type: Any) -> bool:
    """Whether autocast takes a device type."""
    return device_type in _DEVICES


def is_autocast_enabled(device_type: Any = None) -> Any:
    """Whether autocast is on in this thread for a device type; without one, for GPUs."""
    return _mode.enabled and _mode.device == ("cuda" if device_type is None else device_type)


def set_autocast_enabled(device_type: Any, enabled: Any = None) -> None:
    """Switch autocast on or off in this thread: set_autocast_enabled("cpu", True)."""
    if is_available(device_type):
        _set_enabled(bool(enabled))
        _mode.device = device_type if enabled else "cpu"


def get_autocast_dtype(device_type: Any) -> Any:
    """The 16-bit dtype of autocast for a device type."""
    if device_type == "cuda" and (_mode.device != "cuda" or _mode.dtype is None):
        return DTYPES["float16"]
    return DTYPES["bfloat16"] if _mode.dtype is None else from_numpy(_mode.dtype)


def set_autocast_dtype(device_type: Any, dtype: Any) -> None:
    """Set the 16-bit dtype of autocast for a device type in this thread."""
    if is_available(device_type):
        _mode.dtype = to_numpy(dtype)


def is_autocast_cache_enabled() -> Any:
    """Whether casts of leaves are kept for the length of a context."""
    return _mode.cache_enabled


def set_autocast_cache_enabled(enabled: Any) -> None:
    """Keep casts of leaves for the length of a context, or not."""
    _mode.cache_enabled = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the casts kept so far."""
    _mode.cache.clear()


def is_autocast_cpu_enabled() -> Any:
    """`is_autocast_enabled("cpu")`."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: Any) -> None:
    """`set_autocast_enabled("cpu", enabled)`."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Any:
    """`get_autocast_dtype("cpu")`."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """`set_autocast_dtype("cpu", dtype)`."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Any:
    """`get_autocast_dtype("cuda")`."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """`set_autocast_dtype("cuda", dtype)`."""
    set_autocast_dtype("cuda", dtype)


# ---- for functions and for autograd.Function ----


def float32_function(function: Function) -> Function:
    """Decorate a function of tensors that autocast runs in float32 as a whole."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if state.autocast is None:
            return function(*args, **kwargs)
        args, kwargs = _converted(args, FLOAT32), _converted(kwargs, FLOAT32)
        with autocast("cpu", enabled=False):
            return function(*args, **kwargs)

    return cast(Function, run)


def low_precision_function(function: Function) -> Function:
    """Decorate a function of tensors that autocast runs in its 16-bit dtype as a whole."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if state.autocast is None:
            return function(*args, **kwargs)
        return function(*_converted(args, _np_dtype()), **_converted(kwargs, _np_dtype()))

    return cast(Function, run)


def plain_function(function: Any) -> Any:
    """Decorate a function of tensors that autocast leaves alone, though what it is made of is on a list."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if state.autocast is None:
            return function(*args, **kwargs)
        with autocast("cpu", enabled=False):
            return function(*args, **kwargs)

    return run


def promoting_function(function: Any) -> Any:
    """Decorate a function of tensors that autocast runs in the widest floating point dtype among them."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if state.autocast is None:
            return function(*args, **kwargs)
        floats = [
            x._array.dtype for x in (*args, *kwargs.values()) if isinstance(x, Tensor) and _core.is_floating(x._array)
        ]
        if len(set(floats)) > 1:
            wide = FLOAT32 if FLOAT64 not in floats else FLOAT64
            args, kwargs = _converted(args, wide), _converted(kwargs, wide)
        return function(*args, **kwargs)

    return run


def _converted(value: Any, dtype: Any) -> Any:
    if isinstance(value, Tensor):
        return _cast(value, dtype)
    if isinstance(value, dict):
        return {k: _converted(v, dtype) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_converted(v, dtype) for v in value)
    return value


def custom_fwd(fwd: Any = None, *, device_type: Any, cast_inputs: Any = None) -> Any:
    """Decorate the forward of an `autograd.Function`: backward will run in the autocast state of forward.

    cast_inputs: a dtype for floating point inputs inside autocast; forward then runs with autocast off.
    """
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def run(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        if cast_inputs is None or not on:
            ctx._fwd_used_autocast = on
            return fwd(*args, **kwargs)
        ctx._fwd_used_autocast = False
        dtype = to_numpy(cast_inputs)
        args, kwargs = _converted(args, dtype), _converted(kwargs, dtype)
        with autocast(device_type, enabled=False):
            return fwd(*args, **kwargs)

    return run


def custom_bwd(bwd: Any = None, *, device_type: Any) -> Any:
    """Decorate the backward of an `autograd.Function` whose forward has custom_fwd."""
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def run(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return run
