"""pynn: a small compiled neural-network library with PyTorch's API.

    import pynn as torch

Tensors, autograd, `nn`, `optim` and `utils.data` under torch's names, on compiled CPU
kernels. `pynn.show_config()` tells what this installation can do.
"""

from typing import Any


from pynn import _bootstrap

# isort: split
from pynn import _core, _random
from pynn._backends import backend
from pynn._core import Tensor
from pynn._device import device
from pynn._dtypes import ALIASES, DTYPES, dtype, get_default_dtype, promote_types, result_type, set_default_dtype
from pynn._printing import set_printoptions
from pynn._random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from pynn._version_info import __version__

# isort: split
from pynn import ops
from pynn import autograd
from pynn.autograd import enable_grad, inference_mode, no_grad, set_grad_enabled
from pynn.ops.view import Size

# isort: split
from pynn import amp, nn, random, serialization
from pynn.serialization import load, save

# isort: split
from pynn.amp.autocast_mode import (
    autocast,
    clear_autocast_cache,
    get_autocast_cpu_dtype,
    get_autocast_dtype,
    get_autocast_gpu_dtype,
    is_autocast_cache_enabled,
    is_autocast_cpu_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_cpu_dtype,
    set_autocast_cpu_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from pynn.amp.grad_scaler import GradScaler
from pynn import _layout
from pynn._layout import layout, memory_format, qscheme
from pynn._config import get_include, get_num_threads, set_num_threads, show_config
from pynn._info import finfo, iinfo
from pynn._switches import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled,
    set_default_device,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_warn_always,
    use_deterministic_algorithms,
)
from pynn._typed import TYPES, set_default_tensor_type

globals().update(DTYPES)
globals().update({alias: DTYPES[name] for alias, name in ALIASES.items()})
globals().update(ops.registry.FUNCTIONS)
globals().update(TYPES)
globals().update(_layout.NAMES)
from math import e, inf, nan, pi

newaxis = None


from pynn import _einops_hook

_einops_hook.install()


# Modules that most programs never ask for: imported when first used.
# (One a line.)
_LAZY = frozenset(
    (
        "__config__",
        "accelerator",
        "backends",
        "compiler",
        "cpu",
        "cuda",
        "distributed",
        "func",
        "fx",
        "hub",
        "jit",
        "linalg",
        "mps",
        "mtia",
        "multiprocessing",
        "onnx",
        "optim",
        "overrides",
        "profiler",
        "quasirandom",
        "return_types",
        "signal",
        "special",
        "storage",
        "testing",
        "types",
        "utils",
        "version",
        "vision",
        "xpu",
    )
)

# Names that live in such modules: imported from the module named when first used.
_LAZY_NAMES = {
    "vmap": "func",
    "compile": "compiler",
    "Storage": "storage",
    "Event": "cpu.streams",
    "Stream": "cpu.streams",
    **dict.fromkeys((
        "AcceleratorError", "OutOfMemoryError", "_assert", "SymBool", "SymFloat", "SymInt", "can_cast",
        "compiled_with_cxx11_abi",
        "get_device", "get_device_module", "init_num_threads", "is_distributed", "is_storage", "is_vulkan_available",
        "_assert", "_assert_async", "_check", "_check_index", "_check_is_size", "_check_not_implemented", "_check_tensor_all",
        "_check_type", "_check_value", "_shape_as_tensor", "sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum",
        "thread_safe_generator", "typename",
    ), "_odds"),
    **{
        name + "Storage": "storage"
        for name in (
            "Typed", "Untyped", "Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool",
        )
    },
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY or name in _LAZY_NAMES:
        import importlib

        module = importlib.import_module("pynn." + _LAZY_NAMES.get(name, name))
        found = globals()[name] = getattr(module, name) if name in _LAZY_NAMES else module
        return found
    if name in ops.deferred.FUNCTION_MODULES:
        found = globals()[name] = ops.deferred.load(name)
        return found
    from pynn._absent import explain

    if name.startswith("_foreach_"):
        from pynn import _foreach

        found = globals()[name] = _foreach.find(name)
        return found
    if not name.startswith("_"):  # not what `from pynn import _module` asks for
        import pynn._functions as more

        if name in more.NAMES or (name in more.INPLACE and hasattr(Tensor, name)):
            found = globals()[name] = getattr(more, name)
            return found
    raise AttributeError(explain("pynn", name))


def __dir__() -> Any:
    import pynn._functions as more

    return sorted(
        globals().keys() | _LAZY | _LAZY_NAMES.keys() | set(more.NAMES) | ops.deferred.FUNCTION_MODULES.keys()
    )
