"""A small problem that every optimizer is run on, by pynn, by torch and for the golden file; and the options to try."""

import numpy

SHAPES = ((3, 4), (5,), ())
STEPS = 20

CASES = {
    "SGD": (
        {},
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"lr": 0.001, "weight_decay": 0.1, "maximize": True},
    ),
    "Adam": (
        {},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "amsgrad": True, "eps": 1e-3},
        {"lr": 0.05, "betas": (0.3, 0.9), "maximize": True},
    ),
    "AdamW": ({}, {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    "RMSprop": (
        {},
        {"centered": True},
        {"momentum": 0.9, "centered": True, "weight_decay": 0.1},
        {"momentum": 0.5, "alpha": 0.9, "maximize": True},
    ),
    "Adagrad": ({}, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    "Adadelta": ({}, {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    "Adamax": ({}, {"lr": 0.1, "betas": (0.4, 0.9), "weight_decay": 0.1}),
    "NAdam": (
        {},
        {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1},
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ),
    "RAdam": ({}, {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "Rprop": ({}, {"lr": 0.3, "etas": (0.3, 1.7), "step_sizes": (0.1, 0.8), "maximize": True}),
    "Adafactor": (
        {},
        {"lr": 0.1, "beta2_decay": -0.5, "weight_decay": 0.1, "maximize": True},
        {"eps": (1e-3, 1e-2), "d": 2.0},
    ),
    "ASGD": ({}, {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 5, "weight_decay": 0.1}),
}
FLAT = [(name, i) for name, options in CASES.items() for i in range(len(options))]


def numbers(shape, seed):
    """Fixed numbers between -1 and 1."""
    count = int(numpy.prod(shape))
    return numpy.sin(3.7 * numpy.arange(count) + seed).reshape(shape).astype(numpy.float32)


def parameters(lib, dtype="float32"):
    """The leaves to optimize."""
    dtype = getattr(lib, dtype)
    return [lib.tensor(numbers(s, i).tolist(), dtype=dtype).requires_grad_() for i, s in enumerate(SHAPES)]


def backward(lib, params, step, skip=()):
    """Give the parameters their gradients at a step: of weighted squares around a target; those in `skip` get none."""
    loss = 0.0
    for i, p in enumerate(params):
        if i not in skip:
            target = lib.tensor(numbers(SHAPES[i], 10 + i).tolist(), dtype=p.dtype)
            loss = loss + (((p - target) ** 2) * (1 + 0.1 * step)).sum()
    loss.backward()
    return loss


def descend(lib, optimizer, params, steps=range(STEPS), scheduler=None):
    """Take steps. Every fifth leaves the second parameter without a gradient."""
    for step in steps:
        optimizer.zero_grad()
        backward(lib, params, step, skip=(1,) if step % 5 == 3 else ())
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def run(lib, name, options, dtype="float32"):
    """Parameters and optimizer after all steps."""
    params = parameters(lib, dtype)
    optimizer = getattr(lib.optim, name)(params, **options)
    descend(lib, optimizer, params)
    return params, optimizer


def flat(params, optimizer):
    """All parameters and all state as one list of (key, array)."""
    found = [(f"p{i}", p.detach().numpy()) for i, p in enumerate(params)]
    for i, state in optimizer.state_dict()["state"].items():
        found += [(f"{i}.{key}", value.numpy()) for key, value in state.items() if hasattr(value, "numpy")]
    return found
