"""state_dict and load_state_dict."""

from collections import OrderedDict

import pytest

import pynn
from pynn import nn


def make():
    m = nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.Sequential(nn.Linear(3, 1, bias=False))))
    m.register_buffer("count", pynn.tensor(3))
    return m


def test_keys_metadata_and_shared_memory():
    m = make()
    state = m.state_dict()
    assert type(state) is OrderedDict
    assert list(state) == ["count", "a.weight", "a.bias", "b.0.weight"]
    assert state._metadata == {"": {"version": 1}, "a": {"version": 1}, "b": {"version": 1}, "b.0": {"version": 1}}
    assert not state["a.weight"].requires_grad
    state["a.bias"].fill_(7.0)
    assert m.a.bias.tolist() == [7.0] * 3
    assert m.state_dict(keep_vars=True)["a.bias"] is m.a.bias
    assert "net.b.0.weight" in m.state_dict(prefix="net.")
    mine = {}
    assert m.state_dict(destination=mine) is mine


def test_load_copies_in_place():
    m, other = make(), make()
    weight = m.a.weight
    assert repr(m.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert m.a.weight is weight
    assert weight.requires_grad
    assert pynn.equal(weight, other.a.weight)
    x = pynn.randn(4, 2)
    assert pynn.equal(m(x), other(x))


def test_load_casts_to_the_models_dtype():
    m = make()
    m.load_state_dict(make().double().state_dict())
    assert m.a.weight.dtype is pynn.float32


def test_load_assigns():
    m, other = make().requires_grad_(False), make()
    given = other.state_dict()
    m.load_state_dict(given, assign=True)
    assert isinstance(m.a.weight, nn.Parameter)
    assert not m.a.weight.requires_grad
    given["a.weight"].fill_(2.0)
    assert m.a.weight.tolist() == [[2.0, 2.0]] * 3
    assert m.count is given["count"]


def test_load_bumps_versions():
    m = make()
    x = pynn.randn(4, 2).requires_grad_()
    y = m(x).sum()
    m.load_state_dict(make().state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_strict_errors_match_torch():
    m = make()
    state = m.state_dict()
    del state["count"], state["b.0.weight"]
    state["extra"] = pynn.ones(1)
    state["a.weight"] = pynn.ones(1, 1)
    with pytest.raises(RuntimeError) as caught:
        m.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Sequential:\n"
        '\tMissing key(s) in state_dict: "count", "b.0.weight". \n'
        '\tUnexpected key(s) in state_dict: "extra". \n'
        "\tsize mismatch for a.weight: copying a param with shape pynn.Size([1, 1]) from checkpoint, the shape in current "
        "model is pynn.Size([3, 2])."
    )


def test_not_strict_returns_the_keys():
    m = make()
    result = m.load_state_dict({"a.bias": pynn.ones(3), "c.d": pynn.ones(1)}, strict=False)
    assert result.missing_keys == ["count", "a.weight", "b.0.weight"]
    assert result.unexpected_keys == ["c.d"]
    assert m.a.bias.tolist() == [1.0] * 3
    with pytest.raises(RuntimeError, match=r"size mismatch for a.bias"):
        m.load_state_dict({"a.bias": pynn.ones(4)}, strict=False)


def test_wrong_values():
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        make().load_state_dict([])
    with pytest.raises(RuntimeError, match=r'copying the parameter named "a.bias", expected pynn.Tensor'):
        make().load_state_dict({"a.bias": [1, 2, 3]}, strict=False)


def test_old_scalars_load():
    m = make()
    m.load_state_dict({"count": pynn.tensor([5])}, strict=False)
    assert m.count.item() == 5


class WithExtra(nn.Module):
    """State beyond tensors."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def get_extra_state(self):
        return {"value": self.value}

    def set_extra_state(self, state):
        self.value = state["value"]


def test_extra_state():
    m, other = nn.Sequential(WithExtra(1)), nn.Sequential(WithExtra(2))
    state = other.state_dict()
    assert list(state) == ["0._extra_state"]
    m.load_state_dict(state)
    assert m[0].value == 2
    with pytest.raises(RuntimeError, match=r'Missing key.*"0._extra_state"'):
        m.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"_extra_state"'):
        nn.ReLU().load_state_dict({"_extra_state": 1})


def test_hooks():
    m, seen = make(), []
    handles = [
        m.a.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append(("pre", prefix, keep))),
        m.a.register_state_dict_post_hook(lambda module, state, prefix, meta: state.update(seen="post")),
        m._register_state_dict_hook(lambda module, state, prefix, meta: {"only": state["seen"]}),
    ]
    assert m.state_dict() == {"only": "post"}
    assert seen == [("pre", "a.", False)]
    for handle in handles:
        handle.remove()
    assert len(m.state_dict()) == 4

    def rename(module, state, prefix, *rest):
        seen.append(module)
        state[prefix + "bias"] = state.pop(prefix + "beta")

    m.a.register_load_state_dict_pre_hook(rename)
    m.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    result = m.load_state_dict({"a.beta": pynn.ones(3)}, strict=False)
    assert seen[-1] is m.a
    assert result.missing_keys == []
    assert m.a.bias.tolist() == [1.0] * 3
    m.register_load_state_dict_post_hook(lambda module, keys: keys)
    with pytest.raises(RuntimeError, match="not expected to return new values"):
        m.load_state_dict({"a.beta": pynn.ones(3)}, strict=False)


def test_versions_reach_the_loader():
    class Renamed(nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.new = nn.Parameter(pynn.zeros(1))

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            if local_metadata.get("version", 1) < 2:
                state_dict[prefix + "new"] = state_dict.pop(prefix + "old")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    m = Renamed()
    m.load_state_dict({"old": pynn.ones(1)})
    assert m.new.item() == 1.0
    m.load_state_dict(m.state_dict())
