"""A backend to start from: two ops of its own, NumPy's references for all others. docs/adding_a_backend.md explains it.

    import backend_template
    from pynn import _backends

    _backends.add(backend_template.load())
    with pynn.backend("template"):
        ...
"""

import numpy

from pynn._backends import Backend


def _takes(*arrays):
    """What the kernels are written for: float32, row-major."""
    return all(isinstance(a, numpy.ndarray) and a.dtype == numpy.float32 and a.flags.c_contiguous for a in arrays)


def silu(x, beta):
    """The record's inputs, then its attrs; None leaves the call to the reference."""
    if not _takes(x):
        return None
    return (x / (1 + numpy.exp(-beta * x))).astype(numpy.float32)


def silu_backward(g, saved, attrs, needs):
    """g: the gradient of the output; saved: (output, input 0, ...) with None for what the record does not save.

    needs: a bit mask of the inputs whose gradients are wanted. Returns an array, or a tuple of one an input.
    """
    x, (beta,) = saved[1], attrs
    if not _takes(g, x):
        return None
    s = 1 / (1 + numpy.exp(-beta * x))
    return (g * s * (1 + beta * x * (1 - s))).astype(numpy.float32)


def sgd_step(arrays, lr, momentum, dampening, weight_decay, nesterov, maximize, first):
    """A variadic op takes its inputs as one sequence: here parameters, then gradients, then momentum buffers."""
    if momentum or weight_decay or maximize or not _takes(*arrays):
        return None
    count = len(arrays) // 2
    for param, grad in zip(arrays[:count], arrays[count:]):
        param -= numpy.float32(lr) * grad
    return arrays


KERNELS = {"silu": silu, "silu.backward": silu_backward, "sgd_step": sgd_step}


def load():
    """The backend; with a reason in place of kernels where it cannot be used here."""
    try:
        import numpy  # noqa: F401  (where a real one imports what it computes with)
    except ImportError as error:
        return Backend("template", reason=f"its library is not installed ({error})")
    return Backend("template", KERNELS)
