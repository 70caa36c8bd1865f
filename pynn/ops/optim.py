"""Steps of the optimizers: one call moves all tensors of a parameter group.

Inputs are runs of equal length, one after the other: the parameters, their gradients, then
each kind of state (`steps` last, 0-d tensors that the op itself counts up). All but the
gradients are written in place. The numbers an optimizer may change between steps are
attrs named in `effects.live`.
"""

from collections.abc import Callable
from typing import Any

import numpy

from pynn.ops.registry import Effects, Sample, register


def each(xp: Any, arrays: Any, groups: Any, update: Any) -> Any:
    """Run update on the arrays of each tensor."""
    count = len(arrays) // groups
    for i in range(count):
        update(*arrays[i::count])
    return arrays


def lerp(xp: Any, start: Any, end: Any, weight: Any) -> None:
    """start moved towards end by weight, in place, from the nearer side."""
    if weight < 0.5:
        start += weight * (end - start)
    else:
        xp.copyto(start, end - (end - start) * (1 - weight))


def descent(grad: Any, param: Any, weight_decay: Any, maximize: Any) -> Any:
    """The direction to descend: the gradient, turned round to maximize, with weight decay as an L2 penalty."""
    grad = -grad if maximize else grad
    return grad + weight_decay * param if weight_decay != 0 else grad


def _check(inputs: Any, attrs: Any, groups: Any) -> Any:
    count, over = divmod(len(inputs), groups)
    if over:
        raise RuntimeError(
            f"an optimizer step with these options takes {groups} lists of equal length, got {len(inputs)} tensors."
        )
    for param, grad in zip(inputs[:count], inputs[count : 2 * count]):
        p, g = param._array, grad._array
        if p.dtype.kind not in "fV":
            raise RuntimeError(
                f"an optimizer can only move floating point tensors, got one of {p.dtype}. Use .float() first."
            )
        if p.shape != g.shape or p.dtype != g.dtype:
            raise RuntimeError(
                f"a parameter of shape {list(p.shape)} and {p.dtype} has a gradient of shape {list(g.shape)} and {g.dtype}. "
                f"Both must be alike; was the parameter's .data replaced? Set .grad to None and run backward again."
            )
    for i, state in enumerate(inputs[2 * count :]):
        p, s = inputs[i % count]._array, state._array
        if s.shape != p.shape and s.ndim != 0:  # step counts and the like are 0-d
            raise RuntimeError(
                f"a parameter of shape {list(p.shape)} has an optimizer state of shape {list(s.shape)}; both must be "
                "alike. Was the state_dict of another model loaded, or the parameter's .data replaced? Take it out of "
                "optimizer.state to start anew."
            )
    return inputs


def register_step(name: str, groups: Callable[[Any], int], attrs: Any, live: Any, samples: Any) -> Any:
    """Register a step; `groups` counts its runs of inputs from its attrs."""
    return register(
        name,
        shape=None,
        dtype=None,
        outputs=0,
        differentiable=False,
        variadic=True,
        groups=groups,
        attrs=attrs,
        effects=Effects(writes=(0, 2, 3, 4, 5), live=live),
        check=lambda inputs, attrs: _check(inputs, attrs, groups(attrs)),
        samples=samples,
        tolerance={"float32": 1e-6},
    )


def samples_of(rng: Any, groups: Callable[[Any], int], cases: Any, scalars: int = 1) -> Any:
    """For each of the attrs: two parameters and a 0-d one, with states as after 3 steps.

    scalars: how many of the last runs are 0-d tensors: the steps, and before them others.
    """
    shapes = ((3, 4), (5,), ())
    samples = []
    for attrs in cases:
        runs = [[rng.normal(size=s) for s in shapes] for _ in range(2)]
        runs += [[rng.uniform(0.5, 1.5, size=s) for s in shapes] for _ in range(groups(attrs) - 2)]
        if groups is _rmsprop_groups:  # a mean square is more than the square of the mean
            runs[2] = [numpy.asarray(v + 2) for v in runs[2]]
        for back in range(1, scalars + 1):
            runs[-back] = [numpy.full((), 3.0 if back == 1 else 0.5) for _ in shapes]
        samples.append(Sample(tuple(a for run in runs for a in run), attrs, grad=False))
    return samples


# ---- SGD ----


def _sgd_groups(attrs: Any) -> Any:
    return 3 if attrs[1] != 0 else 2


def _sgd(
    xp: Any,
    arrays: Any,
    lr: Any,
    momentum: Any,
    dampening: Any,
    weight_decay: Any,
    nesterov: Any,
    maximize: Any,
    first: Any,
) -> Any:
    """p -= lr * g, or with momentum b = momentum * b + (1 - dampening) * g; p -= lr * b.

    Inputs: params, grads, [momentum buffers, where momentum is not 0].
    nesterov: p -= lr * (g + momentum * b). first: the buffers hold nothing yet; they become g.
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    """

    def update(param: Any, grad: Any, buffer: Any = None) -> None:
        grad = descent(grad, param, weight_decay, maximize)
        if buffer is not None:
            if first:
                xp.copyto(buffer, grad)
            else:
                buffer *= momentum
                buffer += (1 - dampening) * grad
            grad = grad + momentum * buffer if nesterov else buffer
        param -= lr * grad

    return each(xp, arrays, _sgd_groups((lr, momentum)), update)


SGD_STEP = register_step(
    "sgd_step",
    _sgd_groups,
    attrs=("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "first"),
    live=("lr", "momentum", "dampening", "weight_decay", "first"),
    samples=lambda rng: samples_of(
        rng,
        _sgd_groups,
        (
            (0.1, 0.0, 0.0, 0.0, False, False, False),
            (0.1, 0.9, 0.0, 0.01, True, False, False),
            (0.1, 0.9, 0.3, 0.01, False, True, False),
            (0.1, 0.9, 0.3, 0.0, False, False, True),
        ),
        scalars=0,
    ),
)(_sgd)


# ---- Adam ----


def _adam_groups(attrs: Any) -> Any:
    return 6 if attrs[5] else 5


def _adam(
    xp: Any,
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
    """m = lerp(g, m, beta1); v = lerp(g^2, v, beta2); p -= lr * m^ / (sqrt(v^) + eps), m^ and v^ unbiased.

    Inputs: params, grads, exp_avgs (m), exp_avg_sqs (v), [max_exp_avg_sqs, with amsgrad], steps.
    decoupled: weight decay shrinks p by 1 - lr * weight_decay (AdamW), else it is part of g.
    Kingma and Ba, "Adam" (2014); Reddi et al., "On the convergence of Adam and beyond" (2018);
    Loshchilov and Hutter, "Decoupled weight decay regularization" (2017).
    """

    def update(param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, *rest: Any) -> None:
        step = rest[-1]
        step += 1
        grad = descent(grad, param, 0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay != 0:
            param *= 1 - lr * weight_decay
        lerp(xp, exp_avg, grad, 1 - beta1)
        exp_avg_sq *= beta2
        exp_avg_sq += (1 - beta2) * grad * grad
        if amsgrad:
            xp.copyto(rest[0], xp.maximum(rest[0], exp_avg_sq))
        taken = float(step)
        step_size = lr / (1 - beta1**taken)
        denom = xp.sqrt(rest[0] if amsgrad else exp_avg_sq) / (1 - beta2**taken) ** 0.5 + eps
        param -= step_size * exp_avg / denom

    return each(xp, arrays, 6 if amsgrad else 5, update)


ADAM_STEP = register_step(
    "adam_step",
    _adam_groups,
    attrs=("lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad", "maximize", "decoupled"),
    live=("lr", "beta1", "beta2", "eps", "weight_decay"),
    samples=lambda rng: samples_of(
        rng,
        _adam_groups,
        (
            (0.01, 0.9, 0.999, 1e-8, 0.0, False, False, False),
            (0.01, 0.9, 0.999, 1e-8, 0.1, True, True, False),
            (0.01, 0.4, 0.9, 1e-6, 0.1, False, False, True),
        ),
    ),
)(_adam)


# ---- RMSprop ----


def _rmsprop_groups(attrs: Any) -> Any:
    return 4 + (attrs[4] > 0) + bool(attrs[5])


def _rmsprop(
    xp: Any, arrays: Any, lr: Any, alpha: Any, eps: Any, weight_decay: Any, momentum: Any, centered: Any, maximize: Any
) -> Any:
    """v = lerp(g^2, v, alpha); p -= lr * g / (sqrt(v) + eps), or with momentum b = momentum * b + that; p -= lr * b.

    Inputs: params, grads, square_avgs (v), [momentum buffers, where momentum > 0], [grad_avgs, where centered], steps.
    centered: v is reduced by the square of the running mean of g.
    Tieleman and Hinton, lecture 6.5 (2012); Graves, "Generating sequences with recurrent neural networks" (2013).
    """

    def update(param: Any, grad: Any, square_avg: Any, *rest: Any) -> None:
        step = rest[-1]
        step += 1
        grad = descent(grad, param, weight_decay, maximize)
        square_avg *= alpha
        square_avg += (1 - alpha) * grad * grad
        spread = square_avg
        if centered:
            grad_avg = rest[-2]
            lerp(xp, grad_avg, grad, 1 - alpha)
            spread = square_avg - grad_avg * grad_avg
        denom = xp.sqrt(spread) + eps
        if momentum > 0:
            buffer = rest[0]
            buffer *= momentum
            buffer += grad / denom
            param -= lr * buffer
        else:
            param -= lr * grad / denom

    return each(xp, arrays, 4 + (momentum > 0) + centered, update)


RMSPROP_STEP = register_step(
    "rmsprop_step",
    _rmsprop_groups,
    attrs=("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"),
    live=("lr", "alpha", "eps", "weight_decay", "momentum"),
    samples=lambda rng: samples_of(
        rng,
        _rmsprop_groups,
        (
            (0.01, 0.99, 1e-8, 0.0, 0.0, False, False),
            (0.01, 0.9, 1e-8, 0.1, 0.9, False, True),
            (0.01, 0.9, 1e-3, 0.0, 0.9, True, False),
        ),
    ),
)(_rmsprop)
