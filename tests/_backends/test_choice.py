"""Which backend computes."""

import pytest

import pynn
from pynn import _backends
from tests.interpreter import run


def test_an_unknown_backend_in_the_environment_is_named_and_ignored():
    code = (
        "import warnings\nwith warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n    import pynn\nprint(seen[0].message)"
    )
    text = run(code, PYNN_BACKEND="abacus")
    assert "unknown backend 'abacus'" in text
    assert "numpy" in text


def test_backend_is_chosen_for_a_block_only():
    x = pynn.ones(3)
    with pynn.backend("numpy") as chosen:
        assert chosen.name == "numpy"
        assert (x + x).tolist() == [2, 2, 2]
        assert _backends.state.backend is chosen
    assert _backends.state.backend is None
    with pytest.raises(ValueError, match="unknown backend 'abacus': the backends are"):
        pynn.backend("abacus")


def test_a_nodes_backward_runs_on_the_backend_of_its_forward(monkeypatch):
    calls = []
    chosen = _backends.BACKENDS["numpy"]
    monkeypatch.setattr(chosen, "kernel", lambda name: calls.append(name))
    x = pynn.ones(3, requires_grad=True)
    with pynn.backend("numpy"):
        y = x.exp()
    y.backward(pynn.ones(3))
    assert "exp.backward" in calls


def test_naming_a_gpus_backend_from_outside_puts_new_tensors_there():
    """In every thread, so that a program runs unchanged."""
    code = (
        "import sys, threading; from tests import cupy_stand_in; sys.modules['cupy'] = cupy_stand_in\n"
        "import pynn\n"
        "seen = [pynn.zeros(2).device, pynn.nn.Linear(2, 3)(pynn.ones(1, 2)).device]\n"
        "other = threading.Thread(target=lambda: seen.append(pynn.rand(1).device))\n"
        "other.start(); other.join()\n"
        "print(seen == [pynn.device('cuda:0')] * 3, pynn._backends.default().device, pynn.zeros(2, device='cpu').device)"
    )
    assert run(code, PYNN_BACKEND="cupy").split() == ["True", "cpu", "cpu"]


def test_the_cpus_tensors_stay_there_under_a_gpus_backend():
    """Also before there ever was a tensor on a GPU."""
    code = (
        "import sys; from tests import cupy_stand_in; sys.modules['cupy'] = cupy_stand_in\n"
        "import pynn\n"
        "with pynn.backend('cupy') as chosen:\n"
        "    served = []\n"
        "    chosen.kernel = lambda name: served.append(name)\n"
        "    x = pynn.ones(2, 3, device='cpu', requires_grad=True)\n"
        "    bias = pynn.ones(3, device='cpu', requires_grad=True)\n"
        "    y = (x * x + bias).sum()\n"
        "    y.backward()\n"
        "    print(y.device, bias.grad.tolist() == [2.0] * 3, served)"
    )
    assert run(code).split() == ["cpu", "True", "[]"]
