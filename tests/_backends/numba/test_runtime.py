"""Compiling, the cache, threads and forks; and what stands in for a Numba that is missing."""

import os
import subprocess
import sys
import threading

import numpy
import pytest

import pynn
from pynn import nn
from pynn.utils.data import DataLoader, TensorDataset
from tests import cases
from tests.interpreter import run
from tests.test_threads import wait_for


def product(seed=0):
    """A training step's gradient, large enough for several threads."""
    rng = numpy.random.default_rng(seed)
    x = pynn.from_numpy(rng.standard_normal((150, 120)).astype("f4"))
    layer = nn.Linear(120, 90)
    with pynn.no_grad():
        layer.weight.copy_(pynn.from_numpy(rng.standard_normal((90, 120)).astype("f4")))
        layer.bias.fill_(0.5)
    layer(x).relu().sum().backward()
    return layer.weight.grad.numpy()


@pytest.fixture
def numba_threads():
    pytest.importorskip("numba", exc_type=ImportError)
    before = pynn.get_num_threads()
    pynn.set_num_threads(3)
    with cases.running_on("numba", None):
        yield
    pynn.set_num_threads(before)


def test_several_threads_at_once(numba_threads):
    expected = [product(seed) for seed in range(3)]
    found = {}
    threads = [
        threading.Thread(target=lambda s=s: found.__setitem__(s, [product(s) for _ in range(10)])) for s in range(3)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for seed, wanted in enumerate(expected):
        for got in found[seed]:
            numpy.testing.assert_array_equal(got, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own(numba_threads):
    expected = product()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if numpy.array_equal(product(), expected) else 1)
        except BaseException:
            os._exit(2)
    assert wait_for(pid) == 0
    numpy.testing.assert_array_equal(product(), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_beside_the_workers_of_a_loader(numba_threads):
    expected = product()
    loader = DataLoader(TensorDataset(pynn.rand(12, 64, 64)), batch_size=4, num_workers=2, collate_fn=squares)
    for batch in loader:
        numpy.testing.assert_array_equal(product(), expected)
        assert batch.shape == (4, 64, 64)


def squares(items):
    """Products in the workers, which were forked with the pool running."""
    return pynn.stack([x @ x for (x,) in items])


def test_what_a_kernel_raises_comes_out_of_its_thread():
    pytest.importorskip("numba", exc_type=ImportError)
    from pynn._backends.numba import runtime

    def fails(start, stop):
        if start > 0:
            raise RuntimeError("in a worker")

    before = pynn.get_num_threads()
    pynn.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="in a worker"):
            runtime.parallel(fails, 2, 1e9)
        done = []
        runtime.parallel(lambda start, stop: done.append((start, stop)), 5, 1e9)
        assert sorted(done) == [(0, 2), (2, 5)]
    finally:
        pynn.set_num_threads(before)


# ---- in an interpreter of its own ----

STEP = "import pynn\nx = pynn.ones(64, 64)\nwith pynn.backend('numba'):\n    y = (x @ x).sum()\nprint(y.item())"


def messages(code, **environment):
    """(what it prints, what it says on the side)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYNN_", "NUMBA_"))} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr.strip()


def test_the_first_use_is_announced_and_later_processes_find_the_cache(tmp_path):
    pytest.importorskip("numba", exc_type=ImportError)
    out, said = messages(STEP, NUMBA_CACHE_DIR=str(tmp_path))
    assert out == "262144.0"
    assert said.count("\n") == 0
    assert "compiles" in said
    assert str(tmp_path) in said
    assert list(tmp_path.rglob("*.nbc"))
    assert messages(STEP, NUMBA_CACHE_DIR=str(tmp_path)) == (out, "")


def test_without_a_folder_to_write_to_a_temporary_one_serves(tmp_path):
    pytest.importorskip("numba", exc_type=ImportError)
    file = tmp_path / "file"
    file.write_text("")
    code = "from pynn._backends.numba import runtime; print(runtime.FOLDER)"
    folder = run(code, NUMBA_CACHE_DIR=str(file / "below"), TMPDIR=str(tmp_path))
    assert folder.startswith(str(tmp_path / "pynn-numba-"))


def test_importing_pynn_does_not_import_numba():
    code = "import sys, pynn; print(pynn._backends.default().name, 'numba' in sys.modules)"
    assert run(code, PYNN_BACKEND="numpy") == "numpy False"
    pytest.importorskip("numba", exc_type=ImportError)
    assert run(code, PYNN_PURE="1") == "numba False"
    assert run(code, PYNN_BACKEND="numba") == "numba False"


def test_a_missing_numba_is_told_in_one_line():
    code = (
        "import sys; sys.modules['numba'] = None\nimport pynn\npynn.show_config()\n"
        "try: pynn.backend('numba')\nexcept RuntimeError as error: print(error)"
    )
    out = run(code, PYNN_PURE="1").splitlines()
    assert "default backend: numpy" in out
    reason = 'Numba is not installed (pip install "pynn-kernels[numba]")'
    assert f"  numba: unavailable: {reason}" in out
    assert out[-1] == f"backend 'numba' is not available: {reason}."


def test_a_numba_that_does_not_compile_is_no_backend():
    pytest.importorskip("numba", exc_type=ImportError)
    code = "import pynn; print(pynn._backends.BACKENDS['numba'].reason)"
    assert run(code, NUMBA_DISABLE_JIT="1") == "NUMBA_DISABLE_JIT is set in the environment"


def test_numpy_serves_where_numba_does_not_import(tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ImportError('Numba needs NumPy 1.0 or less')")
    code = (
        f"import sys, warnings; sys.path.insert(0, {str(tmp_path)!r})\nimport pynn\n"
        "with warnings.catch_warnings(record=True) as seen:\n    warnings.simplefilter('always')\n"
        "    x = pynn.ones(64, 64)\n    print((x @ x).sum().item())\n    (x @ x).sum()\n"
        "print([str(w.message) for w in seen])\nprint(pynn._backends.BACKENDS['numba'].reason)"
    )
    out = run(code, PYNN_PURE="1", PYNN_BACKEND="numba").splitlines()
    assert out[0] == "262144.0"
    assert out[1] == "['The Numba backend computes on NumPy: Numba did not import (Numba needs NumPy 1.0 or less).']"
    assert out[2] == "Numba did not import (Numba needs NumPy 1.0 or less)"
