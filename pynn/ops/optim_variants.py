"""Steps of the less common optimizers, laid out as those of `pynn.ops.optim`."""

from typing import Any

from pynn.ops.optim import descent, each, lerp, register_step, samples_of


def _register(name: str, groups: Any, attrs: Any, live: Any, cases: Any, scalars: int = 1) -> Any:
    """Register a step whose inputs are always `groups` runs, the last `scalars` of them 0-d tensors."""

    def count(attrs: Any) -> Any:
        return groups

    return register_step(name, count, attrs, live, lambda rng: samples_of(rng, count, cases, scalars))


def _moments(xp: Any, exp_avg: Any, exp_avg_sq: Any, grad: Any, beta1: Any, beta2: Any) -> None:
    """The running means of g and of g^2, in place."""
    lerp(xp, exp_avg, grad, 1 - beta1)
    exp_avg_sq *= beta2
    exp_avg_sq += (1 - beta2) * grad * grad


def _decay(param: Any, grad: Any, lr: Any, weight_decay: Any, decoupled: Any, maximize: Any) -> Any:
    """The direction to descend; decoupled weight decay shrinks param in place instead of joining it."""
    if decoupled and weight_decay != 0:
        param *= 1 - lr * weight_decay
    return descent(grad, param, 0 if decoupled else weight_decay, maximize)


def _adagrad(xp: Any, arrays: Any, lr: Any, lr_decay: Any, eps: Any, weight_decay: Any, maximize: Any) -> Any:
    """s += g^2; p -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps).

    Inputs: params, grads, sums (s), steps.
    Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
    """

    def update(param: Any, grad: Any, total: Any, step: Any) -> None:
        step += 1
        grad = descent(grad, param, weight_decay, maximize)
        total += grad * grad
        rate = lr / (1 + (float(step) - 1) * lr_decay)
        param -= rate * grad / (xp.sqrt(total) + eps)

    return each(xp, arrays, 4, update)


ADAGRAD_STEP = _register(
    "adagrad_step",
    4,
    attrs=("lr", "lr_decay", "eps", "weight_decay", "maximize"),
    live=("lr", "lr_decay", "eps", "weight_decay"),
    cases=((0.1, 0.0, 1e-10, 0.0, False), (0.1, 0.1, 1e-3, 0.1, True)),
)(_adagrad)


def _adadelta(xp: Any, arrays: Any, lr: Any, rho: Any, eps: Any, weight_decay: Any, maximize: Any) -> Any:
    """v = lerp(g^2, v, rho); d = sqrt(a + eps) / sqrt(v + eps) * g; a = lerp(d^2, a, rho); p -= lr * d.

    Inputs: params, grads, square_avgs (v), acc_deltas (a), steps. Zeiler, "ADADELTA" (2012).
    """

    def update(param: Any, grad: Any, square_avg: Any, acc_delta: Any, step: Any) -> None:
        step += 1
        grad = descent(grad, param, weight_decay, maximize)
        square_avg *= rho
        square_avg += (1 - rho) * grad * grad
        delta = xp.sqrt(acc_delta + eps) / xp.sqrt(square_avg + eps) * grad
        acc_delta *= rho
        acc_delta += (1 - rho) * delta * delta
        param -= lr * delta

    return each(xp, arrays, 5, update)


ADADELTA_STEP = _register(
    "adadelta_step",
    5,
    attrs=("lr", "rho", "eps", "weight_decay", "maximize"),
    live=("lr", "rho", "eps", "weight_decay"),
    cases=((1.0, 0.9, 1e-6, 0.0, False), (0.5, 0.5, 1e-3, 0.1, True)),
)(_adadelta)


def _adamax(xp: Any, arrays: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, weight_decay: Any, maximize: Any) -> Any:
    """m = lerp(g, m, beta1); u = max(beta2 * u, |g| + eps); p -= lr / (1 - beta1^step) * m / u.

    Inputs: params, grads, exp_avgs (m), exp_infs (u), steps. Kingma and Ba, "Adam" (2014), section 7.1.
    """

    def update(param: Any, grad: Any, exp_avg: Any, exp_inf: Any, step: Any) -> None:
        step += 1
        grad = descent(grad, param, weight_decay, maximize)
        lerp(xp, exp_avg, grad, 1 - beta1)
        exp_inf *= beta2
        xp.copyto(exp_inf, xp.maximum(exp_inf, xp.abs(grad) + eps))
        param -= lr / (1 - beta1 ** float(step)) * exp_avg / exp_inf

    return each(xp, arrays, 5, update)


ADAMAX_STEP = _register(
    "adamax_step",
    5,
    attrs=("lr", "beta1", "beta2", "eps", "weight_decay", "maximize"),
    live=("lr", "beta1", "beta2", "eps", "weight_decay"),
    cases=((0.1, 0.9, 0.999, 1e-8, 0.0, False), (0.1, 0.4, 0.9, 1e-3, 0.1, True)),
)(_adamax)


def _nadam(
    xp: Any,
    arrays: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: Any,
    weight_decay: Any,
    momentum_decay: Any,
    decoupled: Any,
    maximize: Any,
) -> Any:
    """Adam with Nesterov's momentum: its weight mu rises with the step, from beta1 / 2 towards beta1.

    Inputs: params, grads, exp_avgs, exp_avg_sqs, mu_products (0-d, the product of all mu), steps.
    Dozat, "Incorporating Nesterov momentum into Adam" (2016).
    """

    def update(param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, mu_product: Any, step: Any) -> None:
        step += 1
        taken = float(step)
        grad = _decay(param, grad, lr, weight_decay, decoupled, maximize)
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (taken, taken + 1))
        mu_product *= mu
        product = float(mu_product)
        _moments(xp, exp_avg, exp_avg_sq, grad, beta1, beta2)
        denom = xp.sqrt(exp_avg_sq / (1 - beta2**taken)) + eps
        param -= lr * (1 - mu) / (1 - product) * grad / denom
        param -= lr * mu_next / (1 - product * mu_next) * exp_avg / denom

    return each(xp, arrays, 6, update)


NADAM_STEP = _register(
    "nadam_step",
    6,
    attrs=("lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay", "decoupled", "maximize"),
    live=("lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay"),
    cases=((0.1, 0.9, 0.999, 1e-8, 0.0, 4e-3, False, False), (0.1, 0.4, 0.9, 1e-3, 0.1, 0.1, True, True)),
    scalars=2,
)(_nadam)


def _radam(
    xp: Any, arrays: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, weight_decay: Any, decoupled: Any, maximize: Any
) -> Any:
    """Adam that leaves out its denominator while too few steps were taken to know the variance of g.

    rho is the length of the running mean of g^2; from rho > 5 on the rate is multiplied by a rectification.
    Inputs: params, grads, exp_avgs, exp_avg_sqs, steps.
    Liu et al., "On the variance of the adaptive learning rate and beyond" (2019).
    """

    def update(param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, step: Any) -> None:
        step += 1
        taken = float(step)
        grad = _decay(param, grad, lr, weight_decay, decoupled, maximize)
        _moments(xp, exp_avg, exp_avg_sq, grad, beta1, beta2)
        correction = 1 - beta2**taken
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * taken * beta2**taken / correction
        move = exp_avg / (1 - beta1**taken) * lr
        if rho > 5:
            rectify = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
            move = move * (correction**0.5 / (xp.sqrt(exp_avg_sq) + eps)) * rectify
        param -= move

    return each(xp, arrays, 5, update)


RADAM_STEP = _register(
    "radam_step",
    5,
    attrs=("lr", "beta1", "beta2", "eps", "weight_decay", "decoupled", "maximize"),
    live=("lr", "beta1", "beta2", "eps", "weight_decay"),
    cases=((0.1, 0.9, 0.999, 1e-8, 0.0, False, False), (0.1, 0.4, 0.9, 1e-3, 0.1, True, True)),
)(_radam)


def _rprop(xp: Any, arrays: Any, eta_minus: Any, eta_plus: Any, smallest: Any, largest: Any, maximize: Any) -> Any:
    """Each element has a step size, that grows by eta_plus while the sign of g holds and shrinks by eta_minus when not.

    Inputs: params, grads, prevs (the last g, 0 where its sign had changed), step_sizes, steps.
    Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning" (1993).
    """

    def update(param: Any, grad: Any, prev: Any, step_size: Any, step: Any) -> None:
        step += 1
        grad = descent(grad, param, 0, maximize)
        turned = grad * prev < 0
        # In param's dtype throughout: numbers alone, chosen by `where`, would have the default one.
        shrinks, grows = xp.astype(turned, param.dtype), xp.astype(grad * prev > 0, param.dtype)
        factor = (1 - shrinks - grows) + shrinks * eta_minus + grows * eta_plus
        xp.copyto(step_size, xp.clip(step_size * factor, smallest, largest))
        xp.copyto(prev, xp.where(turned, 0, grad))
        param -= xp.sign(prev) * step_size

    return each(xp, arrays, 5, update)


RPROP_STEP = _register(
    "rprop_step",
    5,
    attrs=("eta_minus", "eta_plus", "smallest", "largest", "maximize"),
    live=("eta_minus", "eta_plus", "smallest", "largest"),
    cases=((0.5, 1.2, 1e-6, 50.0, False), (0.25, 2.0, 0.75, 1.25, True)),
)(_rprop)


def _asgd(xp: Any, arrays: Any, lr: Any, lambd: Any, alpha: Any, t0: Any, weight_decay: Any, maximize: Any) -> Any:
    """p -= eta * (g + lambd * p), with eta = lr / (1 + lambd * lr * step)^alpha; a is the mean of p from step t0 on.

    Inputs: params, grads, axs (a), mus and etas (0-d, the weight of p in a and the rate, for the next step), steps.
    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
    """

    def update(param: Any, grad: Any, ax: Any, mu: Any, eta: Any, step: Any) -> None:
        step += 1
        taken = float(step)
        grad = descent(grad, param, weight_decay, maximize)
        rate = float(eta)
        param *= 1 - lambd * rate
        param -= rate * grad
        if float(mu) == 1:
            xp.copyto(ax, param)
        else:
            ax += (param - ax) * mu
        xp.copyto(eta, lr / (1 + lambd * lr * taken) ** alpha)
        xp.copyto(mu, 1 / max(1, taken - t0))

    return each(xp, arrays, 6, update)


ASGD_STEP = _register(
    "asgd_step",
    6,
    attrs=("lr", "lambd", "alpha", "t0", "weight_decay", "maximize"),
    live=("lr", "lambd", "alpha", "t0", "weight_decay"),
    cases=((0.1, 1e-4, 0.75, 1e6, 0.0, False), (0.1, 0.1, 0.5, 1.0, 0.1, True)),
    scalars=3,
)(_asgd)
