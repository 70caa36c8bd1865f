"""Every row of `python -m pynn.bench` under pytest-benchmark, pynn alone: how it fares from one commit to the next."""

import importlib

import numpy as np
import pytest

import pynn
from pynn.bench.__main__ import families
from pynn.bench.row import ROWS
from pynn.bench.side import Side

for _family in families():
    importlib.import_module(f"pynn.bench.rows.{_family}")


def rows():
    """A parameter a row, named after its family and its work."""
    every = (row for family in families() for row in ROWS[family])
    return [pytest.param(row, id=f"{row.family}: {row.name}") for row in every]


@pytest.mark.parametrize("row", rows())
def test_row(benchmark, row):
    side = Side(pynn)
    step = row.make(side)
    benchmark.group = row.family
    with side.scope():
        benchmark(step)
        result = step()
    if isinstance(result, pynn.Tensor):
        assert np.isfinite(result.detach().float().numpy()).all()
