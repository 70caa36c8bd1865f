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
