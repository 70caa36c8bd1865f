"""functional_call, stack_module_state and what batch norms need."""

import importlib

import pytest

import pynn


def func_of(lib):
    return pynn.func if lib is pynn else importlib.import_module("torch.func")


class Tied:
    """Built for either library: two layers that share a weight."""

    def __new__(cls, lib):
        class Net(lib.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = lib.nn.Linear(2, 2, bias=False)
                self.b = lib.nn.Linear(2, 2, bias=False)
                self.b.weight = self.a.weight

            def forward(self, x):
                return self.b(self.a(x))

        return Net()


def test_functional_call(lib):
    call = func_of(lib).functional_call
    layer = lib.nn.Linear(2, 2)
    before = layer.weight
    weight = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    out = call(layer, {"weight": weight, "bias": lib.zeros(2)}, lib.ones(2))
    assert out.tolist() == [3.0, 7.0]
    out.sum().backward()
    assert weight.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert layer.weight is before
    assert before.grad is None
    out = call(layer, [{"weight": weight}, {"bias": lib.ones(2)}], (), {"input": lib.ones(2)})
    assert out.tolist() == [4.0, 8.0]


def test_the_module_is_restored_after_an_error(lib):
    layer = lib.nn.Linear(2, 2)
    before = dict(layer.named_parameters())
    with pytest.raises(RuntimeError):
        func_of(lib).functional_call(layer, {"weight": lib.ones(2, 3)}, lib.ones(2))
    assert all(p is before[n] for n, p in layer.named_parameters())
    assert layer.weight is before["weight"]


def test_tied_weights(lib):
    call, net = func_of(lib).functional_call, Tied(lib)
    weight = lib.tensor([[2.0, 0.0], [0.0, 2.0]])
    assert call(net, {"a.weight": weight}, lib.ones(2)).tolist() == [4.0, 4.0]
    eye = lib.eye(2)
    assert call(net, {"a.weight": weight, "b.weight": eye}, lib.ones(2), tie_weights=False).tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match="functional_call got multiple values for keys"):
        call(net, {"a.weight": weight, "b.weight": eye}, lib.ones(2))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"weight": 1}, RuntimeError, "Missing key"),
        ({"weight": 1, "bias": 1, "extra": 1}, RuntimeError, "Unexpected key"),
        ([{"weight": 1}, {"weight": 1}], ValueError, "appeared in multiple dictionaries"),
        (3, ValueError, "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts"),
    ],
)
def test_errors(lib, given, error, message):
    layer = lib.nn.Linear(2, 2)
    if isinstance(given, dict):
        given = {name: lib.ones(2, 2) for name in given}
    elif isinstance(given, list):
        given = [{name: lib.ones(2, 2) for name in d} for d in given]
    with pytest.raises(error, match=message):
        func_of(lib).functional_call(layer, given, lib.ones(2), strict=True)


def test_stack_module_state(lib):
    fn = func_of(lib)
    models = [lib.nn.BatchNorm1d(2) for _ in range(3)]
    params, buffers = fn.stack_module_state(models)
    assert {k: tuple(v.shape) for k, v in params.items()} == {"weight": (3, 2), "bias": (3, 2)}
    assert tuple(buffers["running_mean"].shape) == (3, 2)
    assert params["weight"].requires_grad
    assert params["weight"].is_leaf
    assert not buffers["running_mean"].requires_grad
    with pytest.raises(RuntimeError, match="Expected at least one model"):
        fn.stack_module_state([])
    with pytest.raises(RuntimeError, match="to be of the same class"):
        fn.stack_module_state([lib.nn.ReLU(), lib.nn.Tanh()])
    with pytest.raises(RuntimeError, match="same training/eval mode"):
        fn.stack_module_state([lib.nn.ReLU(), lib.nn.ReLU().eval()])


def test_batch_norms_without_statistics(lib):
    net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
    func_of(lib).replace_all_batch_norm_modules_(net)
    assert net[1].running_mean is None
    assert not net[1].track_running_stats
    net.eval()
    out = net(lib.randn(8, 2))
    assert abs(out.mean().item()) < 1e-5
