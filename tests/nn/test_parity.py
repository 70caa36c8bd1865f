"""Some of torch's own samples of modules; tools/parity_modules.py runs them all."""

import argparse
import pathlib
import sys
import warnings

import pytest

MODULES = [
    "nn.BatchNorm1d", "nn.CircularPad2d", "nn.Embedding",
    "nn.HuberLoss", "nn.LazyConv1d", "nn.LSTMCell",
    "nn.MultiMarginLoss", "nn.PReLU",
]  # fmt: skip


def test_torchs_samples_of_modules(monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    monkeypatch.syspath_prepend(str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
    options = argparse.Namespace(names=MODULES, dtypes="float64", v=False, traceback=False, signatures=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import parity_modules

        runner = parity_modules.Runner(options)
        runner.run()
    for name in ("parity", "parity_modules"):
        sys.modules.pop(name, None)
    assert not runner.missing
    assert not {name: [str(error) for _, error in failures] for name, failures in runner.failures.items()}
    assert sum(runner.passed.values()) > 100
