"""Helpers: gradient clipping, parameters as one vector, batches of sequences (`utils.rnn`), weight normalization,
fusion, and by their own names `utils.parametrize`, `utils.parametrizations`, `utils.prune` and `utils.stateless`."""

from pynn import _lazy
from pynn.nn.utils import rnn as rnn
from pynn.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from pynn.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from pynn.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from pynn.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format", "fuse_conv_bn_eval",
    "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights", "get_total_norm", "parameters_to_vector",
    "parametrizations", "parametrize", "prune", "remove_spectral_norm", "remove_weight_norm", "skip_init",
    "spectral_norm", "stateless", "vector_to_parameters", "weight_norm",
]  # fmt: skip

# Imported when first asked for: name -> the module it stands in ("" where it is a module itself).
_LAZY = {
    "convert_conv2d_weight_memory_format": "memory_format",
    "convert_conv3d_weight_memory_format": "memory_format",
    "fuse_conv_bn_eval": "fusion",
    "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
    "fuse_linear_bn_weights": "fusion",
    "fusion": "",
    "init": "",
    "memory_format": "",
    "parametrizations": "",
    "parametrize": "",
    "prune": "",
    "skip_init": "init",
    "stateless": "",
}

__getattr__, __dir__ = _lazy.names(__name__, _LAZY)
