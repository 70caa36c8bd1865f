"""The table of torch's names is as its tool would write it today."""

import subprocess
import sys

import pytest

from tools import make_torch_names


def test_the_table_is_up_to_date():
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("the table is of torch 2.13")
    # In a process of its own: torch has more modules once other tests have imported them.
    write = "import sys; from tools import make_torch_names; sys.stdout.buffer.write(make_torch_names.text().encode())"
    made = subprocess.run([sys.executable, "-c", write], capture_output=True, cwd=make_torch_names.ROOT, check=True)
    assert made.stdout.decode() == make_torch_names.TARGET.read_text(), "run tools/make_torch_names.py"


def test_partial_names_are_there():
    for name in make_torch_names.PARTIAL:
        assert make_torch_names.resolve(name), f"{name} is not there at all: take it off PARTIAL"


def test_reasons():
    assert make_torch_names.reason("torch.fft.fft").startswith("Fourier")
    assert make_torch_names.reason("torch.Tensor.sparse_dim").startswith("sparse")
    assert make_torch_names.reason("torch.frobnicate") == "not written yet"
    assert not make_torch_names.resolve("torch.frobnicate")
    assert make_torch_names.resolve("torch.nn.Linear")
