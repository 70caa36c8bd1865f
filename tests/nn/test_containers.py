"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

import copy
import pickle
from collections import OrderedDict

import numpy
import pytest

import pynn
from pynn import nn


def acts():
    return nn.ReLU(), nn.Tanh(), nn.Sigmoid()


# ---- Sequential ----


def test_sequential_runs_in_order():
    a, b, c = acts()
    x = pynn.randn(5)
    assert pynn.equal(nn.Sequential(a, b, c)(x), c(b(a(x))))
    named = nn.Sequential(OrderedDict(one=a, two=b))
    assert named.one is a
    assert list(named._modules) == ["one", "two"]
    assert pynn.equal(nn.Sequential()(x), x)


def test_sequential_index_slice_and_names():
    a, b, c = acts()
    s = nn.Sequential(a, b, c)
    assert s[0] is a
    assert s[-1] is c
    assert list(s[1:]) == [b, c]
    assert list(s[1:]._modules) == ["1", "2"]
    assert len(s) == 3
    with pytest.raises(IndexError, match="index 3 is out of range"):
        s[3]
    s[1] = c
    assert s[1] is c
    assert s._modules["1"] is c


def test_sequential_changes():
    a, b, c = acts()
    s = nn.Sequential(a)
    assert s.append(b) is s
    assert s.extend([c, a]) is s
    s.insert(1, c)
    assert list(s) == [a, c, b, c, a]
    del s[0]
    assert list(s._modules) == ["0", "1", "2", "3"]
    assert s.pop(0) is c
    del s[1:]
    assert list(s) == [b]
    assert list(nn.Sequential(a) + nn.Sequential(b)) == [a, b]
    s += nn.Sequential(c)
    assert list(s) == [b, c]
    assert list(s * 2) == [b, c, b, c]
    assert list(2 * s) == [b, c, b, c]
    s *= 2
    assert len(s) == 4


def test_sequential_errors():
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        nn.Sequential(3)
    with pytest.raises(TypeError):
        nn.Sequential().append(3)
    with pytest.raises(AssertionError, match="module should be of type"):
        nn.Sequential().insert(0, 3)
    with pytest.raises(IndexError, match="Index out of range: 2"):
        nn.Sequential(nn.ReLU()).insert(2, nn.ReLU())
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        nn.ModuleList().insert(0, 3)
    with pytest.raises(ValueError, match="only objects of Sequential class"):
        nn.Sequential() + nn.ReLU()
    with pytest.raises(ValueError, match="Non-positive multiplication factor 0"):
        nn.Sequential() * 0
    with pytest.raises(TypeError, match="unsupported operand"):
        nn.Sequential() * 1.5
    with pytest.raises(TypeError, match="should be called with an iterable"):
        nn.Sequential().extend(3)


class Recorder:
    """Notes the names of the ops that pass the door."""

    def __init__(self):
        self.names = []

    def forward(self, op, *rest):
        self.names.append(op.name)

    def __getattr__(self, name):
        return lambda *args: None


@pytest.fixture
def ops_of(monkeypatch):
    """ops_of(f): the names of the ops that f() runs."""
    from pynn import _core

    def run(f):
        recorder = Recorder()
        _core.state.recorder = recorder
        _core.enter_mode()
        try:
            f()
        finally:
            _core.leave_mode()
            _core.state.recorder = None
        return recorder.names

    return run


def test_linear_and_relu_are_fused_with_the_same_numbers(ops_of):
    m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 2))
    x = pynn.randn(6, 4)
    assert ops_of(lambda: m(x)) == ["linear"] * 3
    plain = copy.deepcopy(m)

    class Own(nn.ReLU):
        """Not the class that is fused."""

    plain[1], plain[3] = Own(), Own()
    assert ops_of(lambda: plain(x)) == ["linear", "relu", "linear", "relu", "linear"]
    results = []
    for model in (m, plain):
        inner = x.detach().requires_grad_()
        out = model(inner)
        out.sum().backward()
        results.append([out, inner.grad, *(p.grad for p in model.parameters())])
    for fused, reference in zip(*results):
        numpy.testing.assert_allclose(fused.detach().numpy(), reference.detach().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("place", [0, 1])
def test_hooks_stop_the_fusion(ops_of, place):
    m, seen = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), []
    m[place].register_forward_hook(lambda module, args, out: seen.append(type(module)))
    x = pynn.randn(6, 4)
    assert ops_of(lambda: m(x)) == ["linear", "relu"]
    assert seen == [type(m[place])]


@pytest.mark.parametrize("place", [0, 1])
def test_a_replaced_forward_stops_the_fusion(place):
    m = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
    m[place].forward = lambda x: x * 0 + 5.0
    assert (m(pynn.randn(6, 4)) == 5.0).all()


def test_a_subclass_of_linear_is_not_fused():
    class Own(nn.Linear):
        def forward(self, x):
            return super().forward(x) - 100.0

    assert (nn.Sequential(Own(4, 8), nn.ReLU())(pynn.randn(6, 4)) == 0.0).all()


# ---- ModuleList and ModuleDict ----


def test_module_list():
    a, b, c = acts()
    m = nn.ModuleList([a, b])
    m.append(c).extend([a])
    m.insert(0, c)
    assert list(m) == [c, a, b, c, a]
    assert m[-1] is a
    assert isinstance(m[1:3], nn.ModuleList)
    assert list(m[1:3]._modules) == ["0", "1"]
    del m[0]
    assert m.pop(1) is b
    assert list(m._modules) == ["0", "1", "2"]
    m[0] = b
    m += [a]
    assert list(m + [c]) == [b, c, a, a, c]
    del m[1:]
    assert list(m) == [b]
    assert b in m
    with pytest.raises(IndexError, match="out of range"):
        m[5]
    with pytest.raises(NotImplementedError):
        m(1)


def test_module_list_repr():
    m = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Sequential(nn.Tanh()), nn.ReLU()])
    assert repr(m) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Sequential(\n    (0): Tanh()\n  )\n  (3): ReLU()\n)"
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict():
    a, b, c = acts()
    m = nn.ModuleDict({"a": a, "b": b})
    m["c"] = c
    assert list(m) == ["a", "b", "c"]
    assert len(m) == 3
    assert "a" in m
    assert m["a"] is m.a
    assert list(m.values()) == [a, b, c]
    assert dict(m.items())["b"] is b
    m.update([("a", c)])
    m.update(nn.ModuleDict({"d": a}))
    assert list(m.keys()) == ["a", "b", "c", "d"]
    assert m.pop("a") is c
    del m["b"]
    with pytest.raises(KeyError):
        m["b"]
    m.clear()
    assert len(m) == 0
    with pytest.raises(TypeError, match="should be called with an iterable of key/value pairs, but got int"):
        m.update(3)
    with pytest.raises(TypeError, match="element #0 should be Iterable; is int"):
        m.update([3])
    with pytest.raises(ValueError, match="element #0 has length 1; 2 is required"):
        m.update([(3,)])
    with pytest.raises(KeyError):
        m["keys"] = a


# ---- ParameterList and ParameterDict ----


def test_parameter_list():
    m = nn.ParameterList([nn.Parameter(pynn.ones(2)), pynn.zeros(3), "text"])
    assert isinstance(m[1], nn.Parameter)
    assert m[2] == "text"
    assert list(m.state_dict()) == ["0", "1"]
    assert len(list(m.parameters())) == 2
    m.append(pynn.ones(1))
    m += [pynn.ones(1)]
    m[0] = pynn.ones(4)
    assert [tuple(p.shape) for p in (m[0], m[-1])] == [(4,), (1,)]
    assert len(m[1:3]) == 2
    assert len(list(iter(m))) == len(m) == 5
    with pytest.raises(IndexError):
        m[5]
    with pytest.raises(TypeError, match="should be called with an iterable"):
        m.extend(pynn.ones(2))
    with pytest.raises(RuntimeError, match="should not be called"):
        m(1)


def test_parameter_dict():
    m = nn.ParameterDict({"a": nn.Parameter(pynn.ones(2)), "b": pynn.zeros(3), "c": 3})
    assert isinstance(m["b"], nn.Parameter)
    assert m["c"] == 3
    assert list(m.state_dict()) == ["a", "b"]
    assert m.get("missing") is None
    assert m.setdefault("a") is m["a"]
    assert m.setdefault("d", pynn.ones(1)).item() == 1.0
    assert list(reversed(m)) == ["d", "c", "b", "a"]
    assert list((m | {"e": pynn.ones(1)}).keys()) == ["a", "b", "c", "d", "e"]
    m |= {"f": pynn.ones(1)}
    assert m.popitem()[0] == "f"
    assert m.pop("c") == 3
    assert "c" not in m
    assert m.copy()["a"] is m["a"]
    assert list(m.fromkeys(["x", "y"], 1).items()) == [("x", 1), ("y", 1)]
    assert len(list(m.values())) == len(m) == 3
    m.clear()
    assert list(m.parameters()) == []
    with pytest.raises(AttributeError, match="'ParameterDict' object has no attribute 'a'"):
        m["a"]
    assert list(nn.ParameterDict({"b": pynn.ones(1), "a": pynn.ones(1)})) == ["a", "b"]  # as in torch
    assert list(nn.ParameterDict([("b", pynn.ones(1)), ("a", pynn.ones(1))])) == ["b", "a"]
    with pytest.raises(KeyError, match="is empty"):
        m.popitem()
    with pytest.raises(TypeError, match="not a string"):
        m[3] = pynn.ones(1)
    with pytest.raises(RuntimeError, match="should not be called"):
        m(1)


def test_parameter_containers_print_as_torch_does():
    torch = pytest.importorskip("torch")

    def make(library):
        one = library.nn.Parameter(library.ones(2, 3))
        return [library.nn.ParameterList([one, 3]), library.nn.ParameterDict({"a": one, "b": "x"})]

    for ours, theirs in zip(make(pynn), make(torch)):
        assert repr(ours) == repr(theirs).replace("torch.", "pynn.")


def test_containers_pickle():
    m = nn.ModuleList(
        [nn.ParameterList([pynn.ones(2)]), nn.ParameterDict({"a": pynn.ones(1)}), nn.Sequential(nn.ReLU())]
    )
    again = pickle.loads(pickle.dumps(m))
    assert again[0][0].tolist() == [1.0, 1.0]
    assert again[1]["a"].item() == 1.0
    assert repr(again) == repr(m)


def test_container_warns_and_holds_what_it_is_given():
    with pytest.warns(FutureWarning, match="nn.Container is deprecated"):
        held = nn.Container(a=nn.ReLU(), b=nn.Linear(2, 3))
    assert [name for name, _ in held.named_children()] == ["a", "b"]


def test_a_copied_parameter_dict_keeps_its_order():
    one = nn.ParameterDict([("b", pynn.ones(1)), ("a", pynn.ones(1))])
    assert list(one.copy()) == ["b", "a"]
    assert list(one | {"c": pynn.ones(1)}) == ["b", "a", "c"]
