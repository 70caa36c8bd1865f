"""LBFGS: finds minima, keeps torch's counts, takes torch's steps."""

import copy
import pickle

import numpy
import pytest

import pynn


def rosenbrock(lib, x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def minimise(lib, steps, start=(-1.5, 2.0), loss=rosenbrock, **options):
    """Where LBFGS gets to, the losses its steps gave, and the optimizer."""
    x = lib.tensor(start, dtype=lib.float64).requires_grad_()
    optimizer = lib.optim.LBFGS([x], **options)

    def closure():
        optimizer.zero_grad()
        value = loss(lib, x)
        value.backward()
        return value

    losses = [optimizer.step(closure).item() for _ in range(steps)]
    return x.detach().numpy(), losses, optimizer


def bowl(lib, x):
    return (x * x * lib.tensor([1.0, 9.0], dtype=lib.float64)).sum()


@pytest.mark.parametrize("loss", [rosenbrock, bowl])
def test_finds_the_minimum(loss):
    found, losses, _ = minimise(pynn, 5, loss=loss, line_search_fn="strong_wolfe")
    numpy.testing.assert_allclose(found, (1.0, 1.0) if loss is rosenbrock else (0.0, 0.0), atol=1e-5)
    assert losses[-1] < 1e-9


def test_first_step_without_a_search_is_lr_over_the_sum_of_the_gradient():
    found, losses, optimizer = minimise(pynn, 1, start=(1.0, 1.0), loss=bowl, lr=0.5, max_iter=1)
    assert losses == [10.0]
    numpy.testing.assert_allclose(found, [1 - 0.5 * 2 / 20, 1 - 0.5 * 18 / 20])
    state = optimizer.state_dict()["state"][0]
    assert state["n_iter"] == state["func_evals"] == 1


OPTIONS = (
    {},
    {"lr": 0.1, "max_iter": 7},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 5},
    {"line_search_fn": "strong_wolfe", "max_eval": 3},
    {"line_search_fn": "strong_wolfe", "lr": 3.0, "tolerance_grad": 0.1},
)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("loss", [rosenbrock, bowl])
def test_steps_are_torchs(options, loss):
    torch = pytest.importorskip("torch")
    (ours, our_losses, a), (theirs, their_losses, b) = (
        minimise(lib, 4, (-0.5, 0.7), loss, **options) for lib in (pynn, torch)
    )
    numpy.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    numpy.testing.assert_allclose(our_losses, their_losses, rtol=1e-6, atol=1e-12)
    a, b = a.state_dict(), b.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert a["state"][0].keys() == b["state"][0].keys()
    assert [a["state"][0][k] for k in ("n_iter", "func_evals")] == [b["state"][0][k] for k in ("n_iter", "func_evals")]


def test_state_is_carried_on_copied_and_pickled():
    def closure(optimizer):
        def run():
            optimizer.zero_grad()
            loss = bowl(pynn, optimizer.param_groups[0]["params"][0])
            loss.backward()
            return loss

        return run

    _, _, first = minimise(pynn, 1, loss=bowl, max_iter=3, lr=0.1)
    for other in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        other.step(closure(other))
        assert (first.state_dict()["state"][0]["n_iter"], other.state_dict()["state"][0]["n_iter"]) == (2, 4)
    x = first.param_groups[0]["params"][0].detach().clone().requires_grad_()
    resumed = pynn.optim.LBFGS([x], max_iter=3, lr=0.1)
    resumed.load_state_dict(first.state_dict())
    resumed.step(closure(resumed))
    first.step(closure(first))
    numpy.testing.assert_allclose(x.detach().numpy(), first.param_groups[0]["params"][0].detach().numpy())


def test_what_it_refuses():
    p, q = pynn.ones(2, requires_grad=True), pynn.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        pynn.optim.LBFGS([{"params": p}, {"params": q}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        minimise(pynn, 1, line_search_fn="armijo")
    with pytest.raises(TypeError, match="closure"):
        pynn.optim.LBFGS([p]).step()


def test_a_minimum_is_left_alone():
    found, losses, optimizer = minimise(pynn, 2, start=(0.0, 0.0), loss=bowl)
    assert found.tolist() == [0.0, 0.0]
    assert losses == [0.0, 0.0]
    assert optimizer.state_dict()["state"][0] == {"func_evals": 2, "n_iter": 0}


def test_parameters_without_gradients_stand_still():
    p, q = pynn.ones(2, requires_grad=True), pynn.ones(2, 2, requires_grad=True)
    optimizer = pynn.optim.LBFGS([p, q], line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = ((p - 3) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    numpy.testing.assert_allclose(p.detach().numpy(), [3.0, 3.0], rtol=1e-5)
    assert (q == 1).all()
