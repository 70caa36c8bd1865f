"""The paths that programs import modules by."""

import importlib

import pytest

from pynn import nn


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("utils", ["_pair", "_triple", "_single", "_quadruple", "_ntuple", "_reverse_repeat_tuple"]),
        ("batchnorm", ["_BatchNorm", "_NormBase", "BatchNorm2d", "SyncBatchNorm"]),
        ("instancenorm", ["_InstanceNorm", "InstanceNorm2d"]),
        ("conv", ["_ConvNd", "Conv2d"]),
        ("module", ["Module", "_IncompatibleKeys", "_addindent", "register_module_forward_hook"]),
        ("loss", ["_Loss", "_WeightedLoss", "CrossEntropyLoss"]),
        ("activation", ["MultiheadAttention", "ReLU"]),
        ("container", ["ModuleList", "Sequential"]),
        ("rnn", ["RNNBase", "LSTM"]),
        ("lazy", ["LazyModuleMixin"]),
        ("linear", ["Identity", "Linear"]),
        ("transformer", ["TransformerEncoderLayer"]),
        ("pixelshuffle", ["PixelShuffle"]),
        ("adaptive", ["AdaptiveLogSoftmaxWithLoss"]),
    ],
)
def test_modules(path, names):
    module = importlib.import_module(f"pynn.nn.modules.{path}")
    for name in names:
        assert getattr(module, name) is not None
        if hasattr(nn, name):
            assert getattr(module, name) is getattr(nn, name)


def test_other_paths():
    from pynn.nn.common_types import _size_2_t  # noqa: F401
    from pynn.nn.modules import Conv2d, LazyLinear, Module
    from pynn.nn.parameter import Buffer, Parameter, UninitializedParameter

    assert Conv2d is nn.Conv2d
    assert Module is nn.Module
    assert LazyLinear is nn.LazyLinear
    assert Parameter is nn.Parameter
    assert Buffer is nn.Buffer
    assert UninitializedParameter is nn.UninitializedParameter


def test_tuples():
    from pynn.nn.modules.utils import _list_with_default, _ntuple, _pair, _reverse_repeat_tuple

    assert _pair(3) == (3, 3)
    assert _pair((1, 2)) == (1, 2)
    assert _ntuple(4)("ab") == ("a", "b")
    assert _reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
    assert _list_with_default([None, 2], [7, 8, 9]) == [8, 2]
    with pytest.raises(ValueError, match="Input dimension should be at least 3"):
        _list_with_default([None, 2], [7, 8])


def test_names_of_torch_are_all_here():
    torch = pytest.importorskip("torch")
    missing = {
        name
        for name in dir(torch.nn)
        if isinstance(getattr(torch.nn, name), type) and not hasattr(nn, name) and not name.startswith("_")
    }
    assert missing <= {"Container"}
    assert not {n for n in dir(torch.nn.utils) if not n.startswith("_")} - set(dir(nn.utils))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        nn.Nothing  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        nn.utils.nothing  # noqa: B018
    assert "LazyLinear" in dir(nn)
    assert "prune" in dir(nn.utils)
