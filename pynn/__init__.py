"""pynn: a small compiled neural-network library with PyTorch's API.

    import pynn as torch

Tensors, autograd, `nn`, `optim` and `utils.data` under torch's names, on compiled CPU
kernels. `pynn.show_config()` tells what this installation can do.
"""

from typing import Any

from pynn import _bootstrap

# isort: split
from pynn import _core, _lazy, _random
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
    set_autocast_gpu_dtype,
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

for _class in (Tensor, Size, dtype, device, layout, memory_format, qscheme, Generator):
    _core.publish(_class)

newaxis = None
legacy_contiguous_format = _layout.contiguous_format


from pynn import _import_hook

_import_hook.install()


# What most programs never ask for, imported when first used: name -> the module that has it, "" for a module itself.
_LAZY = {
    **dict.fromkeys((
        "_C", "__config__", "__future__", "_dynamo", "_inductor", "_utils", "accelerator", "backends", "compiler", "cpu", "cuda", "distributed", "distributions", "func", "futures", "fx",
        "hub", "jit", "library", "linalg", "memory", "mps", "mtia", "multiprocessing", "onnx", "optim", "overrides", "profiler",
        "quasirandom",
        "return_types", "signal", "special", "storage", "testing", "types", "utils", "version", "vision", "xpu",
    ), ""),
    **dict.fromkeys((
        "AcceleratorError", "OutOfMemoryError", "PyTorchFileReader", "SymBool", "SymFloat", "SymInt", "_assert", "_assert_async",
        "_check", "_check_index", "_check_is_size", "_check_not_implemented", "_check_tensor_all", "_check_type", "_check_value",
        "_shape_as_tensor", "_softmax_backward_data", "compiled_with_cxx11_abi", "get_device", "get_device_module",
        "init_num_threads", "is_storage", "is_vulkan_available", "sym_float", "sym_int", "sym_ite",
        "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum", "thread_safe_generator", "torch", "typename",
    ), "_odds"),
    **dict.fromkeys((
        "BFloat16Storage", "BoolStorage", "ByteStorage", "CharStorage", "DoubleStorage", "FloatStorage", "HalfStorage",
        "IntStorage", "LongStorage", "ShortStorage", "Storage", "TypedStorage", "UntypedStorage",
    ), "storage"),
    **dict.fromkeys((
        "bits16", "bits1x8", "bits2x4", "bits4x2", "bits8", "cdouble", "cfloat", "chalf", "complex128", "complex32", "complex64",
        "float4_e2m1fn_x2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "int1",
        "int2", "int3", "int4", "int5", "int6", "int7", "qint32", "qint8", "quint2x4", "quint4x2", "quint8", "uint1", "uint16",
        "uint2", "uint3", "uint32", "uint4", "uint5", "uint6", "uint64", "uint7",
    ), "_named_dtypes"),
    **dict.fromkeys(ops.deferred.FUNCTION_MODULES, "ops.deferred"),
    "Event": "cpu.streams",
    "Tag": "library",
    "_grouped_mm": "ops.grouped",
    "Stream": "cpu.streams",
    "Future": "futures",
    "ScriptFunction": "jit",
    "ScriptModule": "jit",
    "compile": "compiler",
    "cond": "_control_flow",
    "fork": "jit",
    "to_dlpack": "utils.dlpack",
    "vmap": "func",
    "wait": "jit",
    "while_loop": "_control_flow",
}  # fmt: skip
_find, __dir__ = _lazy.names(__name__, _LAZY)


def __getattr__(name: str) -> Any:
    if name.startswith("_foreach_"):
        from pynn import _foreach

        found = globals()[name] = _foreach.find(name)
        return found
    return _find(name)
