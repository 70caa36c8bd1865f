"""show_config, threads, devices, dtypes, backends and the ways to run without compiled code."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import pynn
from pynn import _backends, _config


def run(code, **environment):
    """What a fresh interpreter prints for the code."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYNN_")} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_show_config_names_what_there_is(capsys):
    pynn.show_config()
    text = capsys.readouterr().out
    for part in ("version: " + pynn.__version__, "isa: ", "threads: ", "native: ", "numpy: available"):
        assert part in text
    assert _config.config()["threads"] == pynn.get_num_threads()


@pytest.mark.parametrize("environment", [{"PYNN_PURE": "1"}, {"PYNN_INTERPRETED": "1"}])
def test_runs_without_the_compiled_core(environment):
    code = (
        "import pynn; x = pynn.ones(3, requires_grad=True); (x * x).sum().backward(); "
        "print(x.grad.tolist(), pynn._config.config()['core'])"
    )
    assert run(code, **environment) == "[2.0, 2.0, 2.0] interpreted"


def test_pure_says_why_native_is_not_there():
    assert "did not load" in run("import pynn; pynn.show_config()", PYNN_PURE="1")


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


def test_threads_are_checked():
    before = pynn.get_num_threads()
    pynn.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive integer, got 0"):
        pynn.set_num_threads(0)
    with pytest.raises(TypeError, match="expects an int, but got float"):
        pynn.set_num_threads(1.5)


def test_device_values():
    assert pynn.device("cuda:1") == pynn.device("cuda", 1)
    assert str(pynn.device("cuda:1")) == "cuda:1"
    assert repr(pynn.device("cpu")) == "device(type='cpu')"
    assert len({pynn.device("cpu"), pynn.device("cpu")}) == 1
    assert pickle.loads(pickle.dumps(pynn.device("cpu"))) == pynn.device("cpu")
    with pytest.raises(RuntimeError, match="at start of device string: 'tpu'"):
        pynn.device("tpu")
    with pytest.raises(RuntimeError, match="Invalid device string: 'cuda:x'"):
        pynn.device("cuda:x")


def test_dtypes_are_single_objects():
    assert pynn.float is pynn.float32
    assert pynn.zeros(2).dtype is pynn.float32
    assert copy.deepcopy(pynn.int64) is pynn.int64
    assert pickle.loads(pickle.dumps(pynn.bool)) is pynn.bool
    assert repr(pynn.float64) == "pynn.float64"
    assert (pynn.int8.is_signed, pynn.uint8.is_signed, pynn.half.is_floating_point) == (True, False, True)


def test_default_dtype():
    try:
        pynn.set_default_dtype(pynn.float64)
        assert pynn.tensor(1.0).dtype is pynn.float64
        assert pynn.zeros(1).dtype is pynn.float64
    finally:
        pynn.set_default_dtype(pynn.float32)
    with pytest.raises(TypeError, match="only floating-point types"):
        pynn.set_default_dtype(pynn.int32)


def test_what_is_no_dtype_is_named():
    with pytest.raises(TypeError, match="dtype must be a pynn dtype"):
        pynn.zeros(2, dtype="nonsense")
    with pytest.raises(TypeError, match="NumPy dtype complex128"):
        pynn.from_numpy(np.zeros(2, complex))
