"""The base class: groups, hooks, state_dict, errors."""

from collections import OrderedDict

import numpy
import pytest

import pynn
from pynn.optim import SGD, Adam, Optimizer
from pynn.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)


def leaf(*shape, grad=None):
    p = pynn.ones(*(shape or (2,)), requires_grad=True)
    if grad is not None:
        p.grad = pynn.full(p.shape, float(grad))
    return p


class Fixed(Optimizer):
    """An optimizer of a user's own: subtracts lr, and counts."""

    def __init__(self, params, lr=0.5):
        super().__init__(params, {"lr": lr})

    @pynn.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with pynn.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["count"] = state.get("count", 0) + 1
                p.sub_(group["lr"])
        return loss


# ---- groups ----


def test_options_of_groups_and_defaults():
    a, b, c = leaf(), leaf(), leaf()
    optimizer = SGD([{"params": a, "lr": 0.5}, {"params": (p for p in (b, c))}], lr=0.1)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.1]
    assert optimizer.param_groups[0]["params"] == [a]
    assert optimizer.param_groups[1]["params"] == [b, c]
    optimizer.add_param_group({"params": [leaf()], "momentum": 0.5})
    assert optimizer.param_groups[2]["momentum"] == 0.5


def test_names_of_parameters():
    a, b = leaf(), leaf()
    optimizer = Adam([("weight", a), ("bias", b)])
    assert optimizer.param_groups[0]["params"] == [a, b]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": [leaf()]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        Adam([("weight", a), b])


def test_groups_that_cannot_be():
    p = leaf()
    with pytest.raises(TypeError, match="iterable of Tensors or dicts, but got Tensor"):
        SGD(p)
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        SGD([])
    with pytest.raises(TypeError, match="can only optimize Tensors, but one of the params is float"):
        SGD([p, 1.0])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        SGD([p * 2])
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        SGD([{"params": [p]}, {"params": [p]}])
    with pytest.raises(TypeError, match="ordered collections"):
        SGD([{"params": {p}}])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        SGD([p]).add_param_group([leaf()])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        SGD([p, p])


def test_options_that_must_be_given():
    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter rate"):
        Optimizer([leaf()], {"rate": required})
    assert Optimizer([{"params": [leaf()], "rate": 1}], {"rate": required}).param_groups[0]["rate"] == 1
    assert repr(required) == "<required parameter>"


# ---- steps ----


def test_an_optimizer_of_ones_own():
    p = leaf()
    optimizer = Fixed([p])
    assert optimizer.step(lambda: 7) == 7
    assert optimizer.step() is None
    assert p.detach().numpy().tolist() == [0.0, 0.0]
    assert optimizer.state[p] == {"count": 2}
    with pytest.raises(NotImplementedError, match="does not define step"):
        Optimizer([p], {}).step()


@pytest.mark.parametrize("make", [SGD, Adam, Fixed])
def test_closure_runs_with_gradients(make):
    p = leaf()
    optimizer = make([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with pynn.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 2.0
    assert p.grad.numpy().tolist() == [2.0, 2.0]
    assert p.detach().numpy()[0] < 1


def test_step_hooks_in_order_and_removal():
    p = leaf(grad=1)
    optimizer = SGD([p], lr=0.25)
    calls = []

    def noting(name):
        return lambda o, args, kwargs: calls.append((name, o is optimizer, args, kwargs))

    handles = [
        optimizer.register_step_post_hook(noting("post")),
        register_optimizer_step_post_hook(noting("all post")),
        optimizer.register_step_pre_hook(noting("pre")),
        register_optimizer_step_pre_hook(noting("all pre")),
    ]
    optimizer.step()
    assert [name for name, *_ in calls] == ["all pre", "pre", "post", "all post"]
    assert all(own and args == (optimizer,) and kwargs == {} for _, own, args, kwargs in calls)
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(calls) == 4
    assert p.detach().numpy()[0] == 0.5


def test_a_pre_hook_may_change_the_arguments():
    optimizer = SGD([leaf(grad=1)])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"closure": lambda: 3}))
    assert optimizer.step() == 3
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 5)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_hooks_run_once_around_an_inherited_step():
    class Twice(SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    p, calls = leaf(grad=1), []
    optimizer = Twice([p], lr=0.25)
    optimizer.register_step_pre_hook(lambda *args: calls.append("pre"))
    optimizer.register_step_post_hook(lambda *args: calls.append("post"))
    optimizer.step()
    assert calls == ["pre", "post"]
    assert p.detach().numpy()[0] == 0.5


def test_zero_grad():
    p, q = leaf(grad=1), leaf()
    optimizer = SGD([p, q])
    grad = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is grad
    assert grad.numpy().tolist() == [0.0, 0.0]
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_zero_grad_forgets_the_history_of_a_gradient():
    p = leaf()
    (p.grad,) = pynn.autograd.grad((p**3).sum(), p, create_graph=True)
    assert p.grad.requires_grad
    SGD([p]).zero_grad(set_to_none=False)
    assert not p.grad.requires_grad
    assert p.grad.numpy().tolist() == [0.0, 0.0]


# ---- description and state ----


def test_description():
    assert repr(Fixed([{"params": [leaf()]}, {"params": [leaf()], "lr": 1}])) == (
        "Fixed (\nParameter Group 0\n    lr: 0.5\n\nParameter Group 1\n    lr: 1\n)"
    )


def test_state_dict_numbers_parameters_in_order():
    a, b, c = leaf(grad=1), leaf(), leaf(grad=1)
    optimizer = SGD([{"params": [a]}, {"params": [b, c]}], momentum=0.5)
    optimizer.step()
    saved = optimizer.state_dict()
    assert list(saved["state"]) == [0, 2]
    assert type(saved["state"][2]) is dict
    assert saved["state"][2]["momentum_buffer"] is optimizer.state[c]["momentum_buffer"]
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1, 2]]


def test_load_state_dict_casts_to_the_parameter_but_not_the_step():
    p = leaf(grad=1)
    optimizer = Adam([p])
    optimizer.step()
    double = pynn.ones(2, dtype=pynn.float64, requires_grad=True)
    other = Adam([double], lr=0.5)
    saved = optimizer.state_dict()
    other.load_state_dict(saved)
    assert other.param_groups[0]["lr"] == 1e-3
    assert other.param_groups[0]["params"] == [double]
    assert saved["param_groups"][0]["params"] == [0]
    assert other.state[double]["exp_avg"].dtype is pynn.float64
    assert other.state[double]["step"].dtype is pynn.float32


def test_load_state_dict_keeps_options_a_checkpoint_lacks():
    p = leaf(grad=1)
    saved = Adam([p]).state_dict()
    for name in ("maximize", "amsgrad", "decoupled_weight_decay"):
        del saved["param_groups"][0][name]
    saved["state"][0] = {"step": 3, "exp_avg": pynn.zeros(2), "exp_avg_sq": pynn.ones(2)}
    optimizer = Adam([p])
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert float(optimizer.state[p]["step"]) == 4
    weighted = pynn.optim.AdamW([p])
    weighted.load_state_dict(Adam([p]).state_dict())
    assert weighted.param_groups[0]["decoupled_weight_decay"] is True


def test_load_state_dict_of_other_groups():
    saved = SGD([leaf(), leaf()]).state_dict()
    with pytest.raises(ValueError, match="different number of parameter groups: 1, and the optimizer 2"):
        SGD([{"params": [leaf()]}, {"params": [leaf()]}]).load_state_dict(saved)
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group: 2 parameters"):
        SGD([leaf()]).load_state_dict(saved)


def test_state_of_ones_own_survives():
    p = leaf()
    optimizer = Fixed([p])
    optimizer.step()
    optimizer.state["all"] = [1, 2]
    other = Fixed([leaf()])
    other.load_state_dict(optimizer.state_dict())
    assert other.state["all"] == [1, 2]
    assert other.state[other.param_groups[0]["params"][0]] == {"count": 1}


def test_state_dict_hooks():
    optimizer, calls = Fixed([leaf()]), []
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("pre"))
    optimizer.register_state_dict_post_hook(lambda o, saved: OrderedDict(saved, extra=1))
    optimizer.register_load_state_dict_pre_hook(lambda o, saved: calls.append("second"))
    optimizer.register_load_state_dict_pre_hook(lambda o, saved: calls.append(saved.pop("extra")), prepend=True)
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append("post"))
    saved = optimizer.state_dict()
    assert saved["extra"] == 1
    optimizer.load_state_dict(saved)
    assert calls == ["pre", 1, "second", "post"]
    assert saved["extra"] == 1


def test_training_reaches_the_minimum():
    rng = numpy.random.default_rng(0)
    x = pynn.tensor(rng.normal(size=(64, 3)).astype("float32"))
    y = x @ pynn.tensor([[1.0], [-2.0], [0.5]])
    w = pynn.zeros(3, 1, requires_grad=True)
    optimizer = Adam([w], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        ((x @ w - y) ** 2).mean().backward()
        optimizer.step()
    numpy.testing.assert_allclose(w.detach().numpy(), [[1.0], [-2.0], [0.5]], atol=1e-3)


def test_an_optimizer_around_another_needs_no_hooks_of_its_own():
    class Around(Optimizer):
        def __init__(self, inner):
            self.inner, self.param_groups = inner, inner.param_groups

        def step(self, closure=None):
            self.inner.step(closure)

    w = pynn.ones(2, requires_grad=True)
    w.sum().backward()
    Around(SGD([w], lr=1.0)).step()
    assert w.tolist() == [0, 0]
