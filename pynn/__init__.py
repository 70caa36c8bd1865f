"""pynn: a small compiled neural-network library with PyTorch's API.

    import pynn as torch

Tensors, autograd, `nn`, `optim` and `utils.data` under torch's names, on compiled CPU
kernels. `pynn.show_config()` tells what this installation can do.
"""

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
from pynn import optim
from pynn.ops.view import Size

# isort: split
from pynn import amp, backends, cpu, cuda, linalg, nn, random, serialization, utils
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
from pynn._config import get_include, get_num_threads, set_num_threads, show_config
from pynn._info import finfo, iinfo
from pynn._switches import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    use_deterministic_algorithms,
)
from pynn._typed import TYPES, set_default_tensor_type

globals().update(DTYPES)
globals().update({alias: DTYPES[name] for alias, name in ALIASES.items()})
globals().update(ops.registry.FUNCTIONS)
globals().update(TYPES)
from math import inf, nan, pi
strided = "strided"
contiguous_format, preserve_format, channels_last = "contiguous_format", "preserve_format", "channels_last"


from pynn import _einops_hook

_einops_hook.install()


# Modules that most programs never ask for: imported when first used.
_LAZY = frozenset(("fx", "vision"))


def __getattr__(name):
    if name in _LAZY:
        import importlib

        return importlib.import_module("pynn." + name)
    from pynn._absent import explain

    raise AttributeError(explain("pynn", name))


def __dir__():
    return sorted(globals().keys() | _LAZY)
