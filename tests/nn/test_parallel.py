"""The wrappers for several devices run the module on the one there is."""

import pytest

import pynn
from pynn import nn


def test_data_parallel():
    inner = nn.Linear(2, 3)
    module = nn.DataParallel(inner)
    assert list(module.state_dict()) == ["module.weight", "module.bias"]
    assert module.module is inner
    x = pynn.ones(4, 2)
    assert pynn.equal(module(x), inner(x))
    assert pynn.equal(nn.parallel.data_parallel(inner, x), inner(x))
    assert repr(module).startswith("DataParallel(\n  (module): Linear(")


def test_distributed_data_parallel(monkeypatch):
    inner = nn.Linear(2, 3)
    module = nn.parallel.DistributedDataParallel(inner, device_ids=None)
    assert list(module.state_dict()) == ["module.weight", "module.bias"]
    with module.no_sync():
        module(pynn.ones(1, 2)).sum().backward()
    assert inner.bias.grad.tolist() == [1.0, 1.0, 1.0]
    with module.join():
        pass
    with pytest.raises(RuntimeError, match="doesn't have any parameter that requires a gradient"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="WORLD_SIZE is 2, but pynn trains in one process"):
        nn.parallel.DistributedDataParallel(inner)


def test_consume_prefix():
    from pynn.nn.modules.utils import consume_prefix_in_state_dict_if_present

    state = nn.DataParallel(nn.Linear(2, 3)).state_dict()
    consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == ["weight", "bias"]
    nn.Linear(2, 3).load_state_dict(state)


def test_what_spreads_over_devices_can_be_imported_and_says_why_not():
    from pynn.nn.parallel.scatter_gather import scatter

    with pytest.raises(NotImplementedError, match="one device to compute on"):
        scatter(pynn.ones(2), [0, 1])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        nn.parallel.nothing  # noqa: B018
