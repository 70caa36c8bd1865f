"""Functions of functions: grad, vjp, jvp, jacobians, vmap, and modules as functions of their parameters."""

from pynn.func._modules import functional_call, replace_all_batch_norm_modules_, stack_module_state
from pynn.func._transforms import (
    debug_unwrap,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
)
from pynn.func._vmap import vmap

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "linearize", "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
