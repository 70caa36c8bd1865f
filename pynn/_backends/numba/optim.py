"""Steps of the optimizers over all tensors of a parameter group: the same order of operations as the records'."""

# mypy: disable-error-code="no-untyped-def"

from typing import Any

import numpy

from pynn._backends.numba.runtime import jit, parallel


@jit
def _sgd(start, stop, param, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, maximize, first):
    for i in range(start, stop):
        g = -grad[i] if maximize else grad[i]
        g += weight_decay * param[i]
        if buffer.size:
            b = g if first else momentum * buffer[i] + (1 - dampening) * g
            buffer[i] = b
            g = g + momentum * b if nesterov else b
        param[i] -= lr * g


@jit
def _adam(
    start, stop, param, grad, exp_avg, exp_avg_sq, most, lr, beta1, beta2, eps, weight_decay, maximize, decoupled, taken
):
    step_size = lr / (1 - beta1**taken)
    root = (1 - beta2**taken) ** 0.5
    for i in range(start, stop):
        g, p = -grad[i] if maximize else grad[i], param[i]
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            g += weight_decay * p
        m = exp_avg[i] + (1 - beta1) * (g - exp_avg[i])
        v = beta2 * exp_avg_sq[i] + (1 - beta2) * g * g
        exp_avg[i], exp_avg_sq[i] = m, v
        if most.size:
            v = max(most[i], v)
            most[i] = v
        param[i] = p - step_size * m / (v**0.5 / root + eps)


@jit
def _rmsprop(start, stop, param, grad, square_avg, buffer, grad_avg, lr, alpha, eps, weight_decay, momentum, maximize):
    for i in range(start, stop):
        g = -grad[i] if maximize else grad[i]
        g += weight_decay * param[i]
        v = alpha * square_avg[i] + (1 - alpha) * g * g
        square_avg[i] = v
        if grad_avg.size:
            mean = grad_avg[i] + (1 - alpha) * (g - grad_avg[i])
            grad_avg[i] = mean
            v -= mean * mean
        move = g / (v**0.5 + eps)
        if buffer.size:
            move += momentum * buffer[i]
            buffer[i] = move
        param[i] -= lr * move


def _runs(arrays: Any, groups: int, steps: bool) -> Any:
    """The arrays of each tensor as one-dimensional views; None unless all are row-major float32, writeable but the gradients."""
    if type(arrays) not in (tuple, list) or len(arrays) % groups:
        return None
    count = len(arrays) // groups
    for i, a in enumerate(arrays):
        if type(a) is not numpy.ndarray or a.dtype != numpy.float32 or not a.dtype.isnative or not a.flags.carray:
            return None
        if a.size != (1 if steps and i >= len(arrays) - count else arrays[i % count].size):
            return None
    flat = [a.reshape(-1) for a in arrays]
    return [flat[i::count] for i in range(count)]


def _numbers(values: Any) -> Any:
    """The values as numbers of the arrays' own precision, so that loops need not widen them."""
    return tuple(map(numpy.float32, values))


def sgd_step(arrays: Any, *options: Any) -> Any:
    """(arrays, lr, momentum, dampening, weight_decay, nesterov, maximize, first)."""
    runs = _runs(arrays, 3 if options[1] != 0 else 2, False)
    if runs is None:
        return None
    nothing, numbers = numpy.empty(0, numpy.float32), _numbers(options[:4])
    for param, grad, *buffer in runs:
        parallel(
            _sgd,
            param.size,
            param.size,
            param,
            grad,
            buffer[0] if buffer else nothing,
            *numbers,
            *map(bool, options[4:]),
        )
    return arrays


def adam_step(
    arrays: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    amsgrad: Any,
    maximize: Any,
    decoupled: Any,
) -> Any:
    """(arrays, options); the steps, last in arrays, are counted up."""
    runs = _runs(arrays, 6 if amsgrad else 5, True)
    if runs is None:
        return None
    nothing = numpy.empty(0, numpy.float32)
    for param, grad, exp_avg, exp_avg_sq, *rest in runs:
        rest[-1] += 1
        parallel(_adam, param.size, 2 * param.size, param, grad, exp_avg, exp_avg_sq, rest[0] if amsgrad else nothing,
                 float(lr), float(beta1), float(beta2), float(eps), float(weight_decay), bool(maximize), bool(decoupled),
                 float(rest[-1][0]))  # fmt: skip
    return arrays


def rmsprop_step(
    arrays: Any, lr: Any, alpha: Any, eps: Any, weight_decay: Any, momentum: Any, centered: Any, maximize: Any
) -> Any:
    """(arrays, options); the steps, last in arrays, are counted up."""
    runs = _runs(arrays, 4 + (momentum > 0) + bool(centered), True)
    if runs is None:
        return None
    nothing, numbers = numpy.empty(0, numpy.float32), _numbers((lr, alpha, eps, weight_decay, momentum))
    for param, grad, square_avg, *rest in runs:
        rest[-1] += 1
        parallel(_rmsprop, param.size, 2 * param.size, param, grad, square_avg, rest[0] if momentum > 0 else nothing,
                 rest[-2] if centered else nothing, *numbers, bool(maximize))  # fmt: skip
    return arrays


KERNELS = {"sgd_step": sgd_step, "adam_step": adam_step, "rmsprop_step": rmsprop_step}
