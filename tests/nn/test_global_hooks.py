"""Hooks on every module, and the two kinds of backward hook."""

import pytest

import pynn
from pynn import nn
from pynn.nn.modules import module as everywhere


@pytest.fixture
def registered(monkeypatch):
    """registered(name, hook, ...): registers a hook on all modules for this test."""
    from pynn.nn._hooks import HookMixin

    handles = []
    monkeypatch.setattr(HookMixin, "_hooked", False)

    def register(name, *args, **kwargs):
        handles.append(getattr(everywhere, name)(*args, **kwargs))
        return handles[-1]

    yield register
    for handle in handles:
        handle.remove()


def test_forward_hooks_run_before_the_modules_own(registered):
    seen = []
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    model[0].register_forward_pre_hook(lambda m, args: seen.append("own pre"))
    model[0].register_forward_hook(lambda m, args, out: seen.append("own"))
    registered("register_module_forward_pre_hook", lambda m, args: seen.append(f"pre {type(m).__name__}"))
    handle = registered("register_module_forward_hook", lambda m, args, out: seen.append(f"post {type(m).__name__}"))
    model(pynn.ones(1, 2))
    assert seen == [
        "pre Sequential", "pre Linear", "own pre", "post Linear", "own", "pre ReLU", "post ReLU", "post Sequential",
    ]  # fmt: skip
    handle.remove()
    seen.clear()
    model(pynn.ones(1, 2))
    assert seen == ["pre Sequential", "pre Linear", "own pre", "own", "pre ReLU"]


def test_forward_hooks_change_values(registered):
    registered("register_module_forward_pre_hook", lambda m, args: (args[0] + 1,))
    registered("register_module_forward_hook", lambda m, args, out: out * 10)
    assert nn.Identity()(pynn.tensor([1.0, 2.0])).tolist() == [20.0, 30.0]


def test_forward_hook_with_kwargs_and_always_called(registered):
    seen = []

    class Failing(nn.Module):
        def forward(self, x, *, scale):
            raise RuntimeError("no")

    registered(
        "register_module_forward_hook",
        lambda m, args, kwargs, out: seen.append((kwargs, out)),
        with_kwargs=True,
        always_call=True,
    )
    with pytest.raises(RuntimeError, match="no"):
        Failing()(1, scale=2)
    assert seen == [({"scale": 2}, None)]


def test_backward_hooks(registered):
    seen = []
    registered(
        "register_module_full_backward_pre_hook", lambda m, grad: seen.append(("pre", grad[0].tolist())) and None
    )
    registered("register_module_full_backward_hook", lambda m, gi, go: seen.append((gi[0].tolist(), go[0].tolist())))
    x = pynn.ones(2, requires_grad=True)
    nn.Softplus(beta=1e9)(x).sum().backward()
    assert seen == [("pre", [1.0, 1.0]), ([1.0, 1.0], [1.0, 1.0])]


def test_registration_hooks(registered):
    seen = []
    registered("register_module_parameter_registration_hook", lambda m, name, p: seen.append(name))
    registered("register_module_buffer_registration_hook", lambda m, name, b: seen.append(name))
    registered("register_module_module_registration_hook", lambda m, name, child: nn.Tanh() if name == "x" else None)
    nn.BatchNorm1d(3)
    assert seen == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    module = nn.Module()
    module.x = nn.ReLU()
    module.y = nn.ReLU()
    module.add_module("z", nn.ReLU())
    assert [type(m).__name__ for m in module.children()] == ["Tanh", "ReLU", "ReLU"]


def test_the_two_kinds_of_backward_hook_do_not_mix():
    for first, second in (
        ("register_backward_hook", "register_full_backward_hook"),
        ("register_full_backward_hook", "register_backward_hook"),
    ):
        module = nn.ReLU()
        getattr(module, first)(lambda *args: None)
        with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
            getattr(module, second)(lambda *args: None)


def test_module_methods_of_other_devices_and_compilation():
    module = nn.Linear(2, 3)
    assert module.compile() is None
    assert module.to_empty(device="cpu") is module
    assert module._call_impl(pynn.ones(1, 2)).shape == (1, 3)
    for move in (module.ipu, module.xpu, module.mtia):
        with pytest.raises(RuntimeError, match=r"device|Expected one of"):
            move()


def test_call_super_init_reaches_the_other_bases():
    class Other:
        def __init__(self, value=0):
            self.value = value

    class Both(nn.Module, Other):
        call_super_init = True

        def __init__(self):
            super().__init__(value=3)

    assert Both().value == 3
