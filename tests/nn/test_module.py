"""Module: registration, traversal, modes, copying, printing."""

import copy
import gc
import pickle
import re
import weakref

import pytest

import pynn
from pynn import nn


class Block(nn.Module):
    """A layer, a bare parameter and a buffer."""

    def __init__(self, size=2):
        super().__init__()
        self.layer = nn.Linear(size, size)
        self.scale = nn.Parameter(pynn.ones(size))
        self.register_buffer("count", pynn.zeros(1))
        self.register_buffer("scratch", pynn.zeros(1), persistent=False)

    def forward(self, x):
        return self.layer(x) * self.scale


class Net(nn.Module):
    """Two blocks, one of them twice."""

    def __init__(self):
        super().__init__()
        self.first = Block()
        self.rest = nn.ModuleList([Block(), self.first])

    def forward(self, x):
        return self.rest[0](self.first(x))


# ---- attributes ----


def test_attributes_register_by_their_kind():
    m = Block()
    assert list(m._parameters) == ["scale"]
    assert list(m._modules) == ["layer"]
    assert list(m._buffers) == ["count", "scratch"]
    m.plain = 3
    assert m.plain == 3
    assert "plain" not in m.state_dict()


def test_registered_attributes_are_read_without_getattr():
    m = Block()
    for name in ("scale", "layer", "count"):
        assert name in m.__dict__
        assert m.__dict__[name] is getattr(m, name)


def test_tables_and_attributes_agree_however_written():
    m = Block()
    new = nn.Parameter(pynn.zeros(2))
    m._parameters["scale"] = new
    assert m.scale is new
    m._buffers.update(count=pynn.ones(3))
    assert m.count.tolist() == [1.0, 1.0, 1.0]
    assert m._modules.pop("layer") is not None
    assert not hasattr(m, "layer")
    del m._buffers["scratch"]
    assert not hasattr(m, "scratch")
    m._parameters.setdefault("added", nn.Parameter(pynn.ones(1)))
    assert m.added.item() == 1.0
    assert m._parameters.popitem()[0] == "added"
    assert not hasattr(m, "added")
    m._parameters |= {"more": None}
    assert m.more is None
    m._parameters.clear()
    assert not hasattr(m, "scale")


def test_assigning_another_kind_moves_the_name():
    m = Block()
    m.scale = None
    del m.scale
    m.scale = nn.Linear(1, 1)
    assert "scale" not in m._parameters
    assert "scale" in m._modules
    m.scale = nn.Parameter(pynn.ones(1))
    assert "scale" not in m._modules
    assert "scale" in m._parameters
    m.bias = None
    m.bias = nn.Parameter(pynn.ones(1))
    assert "bias" in m._parameters


def test_assigning_none_keeps_the_name():
    m = Block()
    m.scale = None
    assert m.scale is None
    assert m._parameters == {"scale": None}
    assert "scale" not in m.state_dict()
    m.scale = nn.Parameter(pynn.ones(2))
    assert list(m._parameters) == ["scale"]


def test_assigning_a_tensor_to_a_buffer_replaces_it():
    m = Block()
    new = pynn.ones(4)
    m.count = new
    assert m._buffers["count"] is new
    assert m.count is new


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scale", "x", "cannot assign 'str' as parameter 'scale' (pynn.nn.Parameter or None expected)"),
        ("scale", pynn.ones(2), "cannot assign 'pynn.FloatTensor' as parameter 'scale'"),
        ("layer", 3, "cannot assign 'int' as child module 'layer' (pynn.nn.Module or None expected)"),
        ("count", 1.0, "cannot assign 'float' as buffer 'count' (pynn.nn.Buffer, pynn.Tensor or None expected)"),
    ],
)
def test_assigning_the_wrong_kind(name, value, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        setattr(Block(), name, value)


def test_delattr():
    m = Block()
    for name in ("scale", "layer", "scratch"):
        delattr(m, name)
        with pytest.raises(AttributeError, match=f"'Block' object has no attribute '{name}'"):
            getattr(m, name)
    m.register_buffer("scratch", pynn.zeros(1))
    assert "scratch" in m.state_dict()
    with pytest.raises(AttributeError):
        del m.missing


def test_before_init():
    class Early(nn.Module):
        def __init__(self, value):
            self.value = value

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early(nn.ReLU())
    with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__\(\) call"):
        Early(nn.Parameter(pynn.ones(1)))
    assert Early(3).value == 3


def test_init_takes_no_arguments():
    with pytest.raises(TypeError, match=r"Module.__init__\(\) takes 1 positional argument but 2 were given"):
        nn.Module(1)
    with pytest.raises(TypeError, match=r"Module.__init__\(\) got an unexpected keyword argument 'size'"):
        nn.Module(size=1)


def test_register_errors():
    m = Block()
    with pytest.raises(KeyError, match=r'contain "."'):
        m.register_parameter("a.b", None)
    with pytest.raises(KeyError, match="be empty string"):
        m.register_buffer("", None)
    with pytest.raises(KeyError, match="attribute 'forward' already exists"):
        m.add_module("forward", nn.ReLU())
    with pytest.raises(TypeError, match=r"module name should be a string. Got int"):
        m.add_module(3, nn.ReLU())
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        m.add_module("x", 3)
    with pytest.raises(TypeError, match=r"cannot assign 'pynn.FloatTensor' object to parameter 'x'"):
        m.register_parameter("x", pynn.ones(1))
    with pytest.raises(TypeError, match="cannot assign 'int' object to buffer 'x'"):
        m.register_buffer("x", 3)


def test_register_module_is_add_module():
    m = nn.Module()
    m.register_module("act", nn.ReLU())
    m.add_module("none", None)
    assert list(m.named_children()) == [("act", m.act)]


# ---- traversal ----


def test_names_and_duplicates():
    net = Net()
    names = ["first.scale", "first.layer.weight", "first.layer.bias"]
    names += ["rest.0.scale", "rest.0.layer.weight", "rest.0.layer.bias"]
    assert [n for n, _ in net.named_parameters()] == names
    assert len(list(net.parameters())) == 6
    assert len(list(net.named_parameters(remove_duplicate=False))) == 9
    assert next(net.named_parameters(prefix="net"))[0] == "net.first.scale"
    assert list(net.named_parameters(recurse=False)) == []
    assert [n for n, _ in net.named_modules()] == ["", "first", "first.layer", "rest", "rest.0", "rest.0.layer"]
    assert len(list(net.modules())) == 6
    assert [n for n, _ in net.named_buffers()] == [
        f"{p}.{n}" for p in ("first", "rest.0") for n in ("count", "scratch")
    ]
    assert len(list(net.buffers())) == 4
    assert list(net.children()) == [net.first, net.rest]


def test_shared_parameter_is_listed_once():
    m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    m[1].weight = m[0].weight
    assert [n for n, _ in m.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert "1.weight" in m.state_dict()


def test_get_submodule_parameter_buffer():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("rest.0.layer") is net.rest[0].layer
    assert net.get_parameter("first.layer.bias") is net.first.layer.bias
    assert net.get_buffer("first.count") is net.first.count
    with pytest.raises(AttributeError, match="Net has no attribute `x`"):
        net.get_submodule("x.y")
    with pytest.raises(AttributeError, match=r"`scale` is not an nn.Module"):
        net.get_submodule("first.scale")
    with pytest.raises(AttributeError, match=r"`count` is not an nn.Parameter"):
        net.get_parameter("first.count")
    with pytest.raises(AttributeError, match="Block has no attribute `y`"):
        net.get_buffer("first.y")


def test_set_submodule():
    net = Net()
    new = nn.Identity()
    net.set_submodule("first.layer", new)
    assert net.first.layer is new
    net.set_submodule("first.extra", new)
    with pytest.raises(AttributeError, match="Block has no attribute `other`"):
        net.set_submodule("first.other", new, strict=True)
    with pytest.raises(ValueError, match=r"not an nn.Module"):
        net.set_submodule("first.layer", 3)
    with pytest.raises(ValueError, match="without a target name"):
        net.set_submodule("", new)


def test_dir():
    names = dir(Net())
    assert {"first", "rest", "forward", "training"} <= set(names)
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


# ---- modes and gradients ----


def test_train_and_eval():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.rest.train()
    assert [m.training for m in (net, net.rest, net.first)] == [False, True, True]
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        net.train(1)


def test_zero_grad():
    m = Block()
    for to_none in (True, False):
        m(pynn.ones(3, 2)).sum().backward()
        assert m.scale.grad is not None
        m.zero_grad(set_to_none=to_none)
        assert m.scale.grad is None if to_none else not m.scale.grad.any()


def test_requires_grad():
    m = Block()
    assert m.requires_grad_(False) is m
    assert not any(p.requires_grad for p in m.parameters())
    assert not m(pynn.ones(1, 2)).requires_grad


def test_apply_goes_inside_out():
    seen = []
    Net().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Block", "Linear", "Block", "Linear", "Block", "ModuleList", "Net"]


# ---- copying ----


def check_is_independent(copied, net):
    assert copied.rest[1] is copied.first
    assert copied.first.scale is copied.first._parameters["scale"]
    assert copied.first.scale is not net.first.scale
    x = pynn.randn(3, 2)
    assert pynn.equal(copied(x), net(x))
    with pynn.no_grad():
        copied.first.scale.zero_()
    assert net.first.scale.tolist() == [1.0, 1.0]
    copied._parameters["late"] = nn.Parameter(pynn.ones(1))
    assert copied.late.item() == 1.0
    assert not hasattr(net, "late")


def test_deepcopy_and_pickle():
    net = Net()
    net.note = {"kept": 1}
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert copied.note == {"kept": 1}
        check_is_independent(copied, net)


class OwnState(nn.Module):
    """Says itself what is pickled."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.lock = object()

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["lock"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = object()


def test_own_getstate_and_setstate():
    m = OwnState()
    again = pickle.loads(pickle.dumps(m))
    assert pynn.equal(again.layer.weight, m.layer.weight)
    new = nn.Linear(1, 1)
    again.layer = new
    assert again.layer is new
    assert list(again.children()) == [new]


def test_freed_without_the_collector():
    gc.disable()
    try:
        m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        gone = weakref.ref(m[0])
        del m
        assert gone() is None
    finally:
        gc.enable()


# ---- calling and printing ----


def test_forward_is_required():
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_call_passes_arguments_on():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, 2, a=3) == ((1, 2), {"a": 3})
    assert Echo()(1) == ((1,), {})
    assert Echo()(first=1) == ((), {"first": 1})
    assert Echo()() == ((), {})
    hooked = Echo()
    hooked.register_forward_hook(lambda module, args, out: (args, out))
    assert hooked() == ((), ((), {}))
    assert hooked(None) == ((None,), ((None,), {}))


def test_repr_matches_torch():
    torch = pytest.importorskip("torch")

    def make(nn):
        class Inner(nn.Module):
            def extra_repr(self):
                return "one=1,\ntwo=2"

        outer = nn.Module()
        outer.a = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), Inner()))
        outer.b = Inner()
        outer.b.c = nn.Tanh()
        outer.d = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 1)])
        outer.e = None
        outer.add_module("f", None)
        return outer

    assert repr(make(nn)) == repr(make(torch.nn))


def _double(lib, m):
    m.double()
    return m


MIRROR_CHANGES = {
    "setattr": lambda lib, m: setattr(m, "weight", lib.nn.Parameter(lib.zeros(2, 2))),
    "setattr None": lambda lib, m: setattr(m, "bias", None),
    "delattr": lambda lib, m: delattr(m, "bias"),
    "register over": lambda lib, m: m.register_parameter("weight", lib.nn.Parameter(lib.zeros(2, 2))),
    "register None": lambda lib, m: m.register_parameter("bias", None),
    "table entry": lambda lib, m: m._parameters.__setitem__("weight", lib.nn.Parameter(lib.zeros(2, 2))),
    "table pop": lambda lib, m: m._parameters.pop("bias"),
    "table popitem": lambda lib, m: m._parameters.popitem(),
    "table del": lambda lib, m: m._parameters.__delitem__("bias"),
    "table update": lambda lib, m: m._parameters.update(weight=lib.nn.Parameter(lib.zeros(2, 2))),
    "table clear": lambda lib, m: m._parameters.clear(),
    "table replaced": lambda lib, m: setattr(m, "_parameters", {"weight": lib.nn.Parameter(lib.zeros(2, 2))}),
    "load": lambda lib, m: m.load_state_dict({"weight": lib.zeros(2, 2), "bias": lib.zeros(2)}),
    "load, assigned": lambda lib, m: m.load_state_dict({"weight": lib.zeros(2, 2), "bias": lib.zeros(2)}, assign=True),
    "double": _double,
    "requires_grad_": lambda lib, m: m.requires_grad_(False),
    "buffer over it": lambda lib, m: (delattr(m, "bias"), m.register_buffer("bias", lib.zeros(2))),
    "module over it": lambda lib, m: (delattr(m, "weight"), setattr(m, "weight", lib.nn.ReLU())),
    "plain after del": lambda lib, m: (delattr(m, "bias"), setattr(m, "bias", 3)),
}


@pytest.mark.parametrize("how", ["itself", "deepcopy", "pickle"])
@pytest.mark.parametrize("change", MIRROR_CHANGES.values(), ids=MIRROR_CHANGES)
def test_attributes_follow_every_change(lib, change, how):
    m = lib.nn.Linear(2, 2)
    if how == "deepcopy":
        m = copy.deepcopy(m)
    elif how == "pickle":
        m = pickle.loads(pickle.dumps(m))
    change(lib, m)
    named = dict(m.named_parameters())
    for name in ("weight", "bias"):
        for table in (m._parameters, m._buffers, m._modules):
            if name in table:
                assert getattr(m, name) is table[name]
                break
        else:
            assert getattr(m, name, 3) == 3
        assert named.get(name) is m._parameters.get(name)
        assert (name in m.state_dict()) == (m._parameters.get(name) is not None or m._buffers.get(name) is not None)


def test_no_module_over_a_parameter(lib):
    m = lib.nn.Linear(2, 2)
    with pytest.raises(
        TypeError, match=r"cannot assign '.*ReLU' as parameter 'weight' \(\w+.nn.Parameter or None expected\)"
    ):
        m.weight = lib.nn.ReLU()
    assert m.weight is m._parameters["weight"]


def test_popitem_of_an_empty_table():
    with pytest.raises(KeyError, match="empty"):
        nn.ReLU()._parameters.popitem()


def test_a_getattr_of_the_users_own_is_asked_whenever_it_is_set():
    class Plain(nn.Module):
        pass

    class Below(Plain):
        pass

    class Own(nn.Module):
        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return "own " + name

    plain, below, own = Plain(), Below(), Own()
    own.layer = nn.Linear(2, 2)
    assert own.other == "own other"
    assert isinstance(own.layer, nn.Linear)
    with pytest.raises(AttributeError, match="'Below' object has no attribute 'other'"):
        below.other  # noqa: B018
    Plain.__getattr__ = lambda self, name: "late " + name
    assert (plain.other, below.other) == ("late other", "late other")
    del Plain.__getattr__
    with pytest.raises(AttributeError, match="'Plain' object has no attribute 'other'"):
        plain.other  # noqa: B018


def test_functions_in_a_class_body_stay_functions():
    class Net(nn.Module):
        act, mix = pynn.tanh, nn.functional.linear
        run = nn.Linear.forward  # a method stays one

        def forward(self, x):
            return self.mix(self.act(x), pynn.eye(2))

    x = pynn.ones(1, 2)
    assert pynn.equal(Net()(x), x.tanh())
    assert Net().run.__self__


def test_tables_put_in_place_by_a_class_with_a_setattr_of_its_own():
    class Patched(nn.Linear):
        def __init__(self):
            nn.Module.__init__(self)
            self._parameters = {"weight": None, "bias": None}

        def __setattr__(self, name, value):
            if name in self.__dict__.get("_parameters", ()):
                self._parameters[name] = value
            else:
                object.__setattr__(self, name, value)

    net = Patched()
    net.weight, net.bias = pynn.eye(2) * 3, pynn.ones(2)
    assert net(pynn.ones(2)).tolist() == [4, 4]
