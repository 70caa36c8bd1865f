"""Schedulers with their options, run by pynn, by torch and for the golden file over the same steps."""

import math
import warnings

STEPS = 60


def half_wave(t):
    """A schedule for LambdaLR."""
    return 0.5 + 0.5 * math.cos(0.1 * t)


def shrink(t):
    """A schedule for MultiplicativeLR."""
    return 0.97 if t % 3 else 1.02


def metric(t):
    """A noisy metric that stops improving."""
    return 1 / (1 + min(t, 20)) + 0.01 * math.sin(5 * t)


def _sequential(s, optimizer):
    parts = [s.ConstantLR(optimizer, 0.1, 4), s.ExponentialLR(optimizer, 0.9), s.StepLR(optimizer, 3, 0.5)]
    return s.SequentialLR(optimizer, parts, [6, 30])


def _warmup_cosine(s, optimizer):
    parts = [s.LinearLR(optimizer, 0.01, total_iters=10), s.CosineAnnealingLR(optimizer, 50, eta_min=1e-4)]
    return s.SequentialLR(optimizer, parts, [10])


def _chained(s, optimizer):
    return s.ChainedScheduler([s.ConstantLR(optimizer, 0.5, 20), s.ExponentialLR(optimizer, 0.95)])


def _nested(s, optimizer):
    chain = s.ChainedScheduler([s.LinearLR(optimizer, 0.25, total_iters=8), s.PolynomialLR(optimizer, 40, 0.9)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the chain's first step counts as one before the optimizer's, in torch too
        return s.SequentialLR(optimizer, [chain, s.ExponentialLR(optimizer, 0.9)], [12])


# name -> (optimizer, make(lr_scheduler module, optimizer))
CASES = {
    "lambda": ("SGD", lambda s, o: s.LambdaLR(o, half_wave)),
    "lambda list": ("SGD", lambda s, o: s.LambdaLR(o, [half_wave, shrink])),
    "multiplicative": ("SGD", lambda s, o: s.MultiplicativeLR(o, shrink)),
    "step": ("SGD", lambda s, o: s.StepLR(o, 7, 0.5)),
    "multistep": ("SGD", lambda s, o: s.MultiStepLR(o, [5, 5, 20, 41], 0.3)),
    "constant": ("SGD", lambda s, o: s.ConstantLR(o)),
    "linear": ("SGD", lambda s, o: s.LinearLR(o, 0.1, 0.8, 30)),
    "exponential": ("SGD", lambda s, o: s.ExponentialLR(o, 0.93)),
    "polynomial": ("SGD", lambda s, o: s.PolynomialLR(o, 40, 2.0)),
    "cosine": ("SGD", lambda s, o: s.CosineAnnealingLR(o, 13, 0.001)),
    "restarts": ("SGD", lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.001)),
    "restarts alike": ("SGD", lambda s, o: s.CosineAnnealingWarmRestarts(o, 9)),
    "triangular": ("SGD", lambda s, o: s.CyclicLR(o, 0.01, 0.5, 5, 8)),
    "triangular2": ("Adam", lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.5, 0.3], 4, mode="triangular2")),
    "exp_range": ("SGD", lambda s, o: s.CyclicLR(o, 0.01, 0.5, 6, mode="exp_range", gamma=0.95, cycle_momentum=False)),
    "own scale": ("SGD", lambda s, o: s.CyclicLR(o, 0.01, 0.5, 6, scale_fn=half_wave, scale_mode="iterations")),
    "one cycle": ("SGD", lambda s, o: s.OneCycleLR(o, 0.5, 60)),
    "one cycle linear": ("Adam", lambda s, o: s.OneCycleLR(o, [0.5, 0.1], epochs=6, steps_per_epoch=10, pct_start=0.4, anneal_strategy="linear")),
    "one cycle in three": ("AdamW", lambda s, o: s.OneCycleLR(o, 0.5, 61, three_phase=True, div_factor=10.0, final_div_factor=100.0)),
    "plateau": ("SGD", lambda s, o: s.ReduceLROnPlateau(o, patience=3, factor=0.5, min_lr=[0.01, 0.2])),
    "plateau abs": ("SGD", lambda s, o: s.ReduceLROnPlateau(o, patience=2, threshold=0.02, threshold_mode="abs", cooldown=4)),
    "plateau max": ("SGD", lambda s, o: s.ReduceLROnPlateau(o, "max", patience=5, factor=0.7, eps=0.01)),
    "plateau max abs": ("SGD", lambda s, o: s.ReduceLROnPlateau(o, "max", patience=4, threshold=0.3, threshold_mode="abs")),
    "sequential": ("SGD", _sequential),
    "warmup cosine": ("SGD", _warmup_cosine),
    "chained": ("SGD", _chained),
    "nested": ("SGD", _nested),
}  # fmt: skip


def make(lib, name):
    """An optimizer with two groups, and its scheduler."""
    kind, build = CASES[name]
    params = [lib.ones(2, requires_grad=True) for _ in range(2)]
    groups = [{"params": [params[0]], "lr": 0.1}, {"params": [params[1]], "lr": 0.3}]
    options = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(lib.optim, kind)(groups, **options)
    return optimizer, build(lib.optim.lr_scheduler, optimizer)


def advance(optimizer, scheduler, steps):
    """Take steps; a row (rate and momentum of each group) before each."""
    rows = []
    for t in steps:
        rows.append([v for g in optimizer.param_groups for v in (g["lr"], g.get("momentum", g.get("betas", (0,))[0]))])
        optimizer.step()
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            scheduler.step(metric(t))
        else:
            scheduler.step()
    return rows
