"""The table of torch's names is as its tool would write it today."""

import pytest

from tools import make_torch_names


def test_the_table_is_up_to_date():
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("the table is of torch 2.13")
    made, kept = make_torch_names.text(), make_torch_names.TARGET.read_text()
    assert made == kept, "run tools/make_torch_names.py"


def test_partial_names_are_there():
    for name in make_torch_names.PARTIAL:
        assert make_torch_names.resolve(name), f"{name} is not there at all: take it off PARTIAL"


def test_reasons():
    assert make_torch_names.reason("torch.fft.fft").startswith("Fourier")
    assert make_torch_names.reason("torch.Tensor.sparse_dim").startswith("sparse")
    assert make_torch_names.reason("torch.frobnicate") == "not written yet"
    assert not make_torch_names.resolve("torch.frobnicate")
    assert make_torch_names.resolve("torch.nn.Linear")
