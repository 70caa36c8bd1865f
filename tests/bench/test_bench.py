"""The benchmark command: its rows run, its comparison finds differences, its workers answer."""

import importlib

import numpy as np
import pytest

import pynn
from pynn.bench import __main__ as bench
from pynn.bench.row import ROWS, Row, Side
from tests.interpreter import run

for _family in bench.families():
    importlib.import_module(f"pynn.bench.rows.{_family}")


@pytest.mark.parametrize("family", bench.families())
def test_rows_have_names_of_their_own(family):
    names = [row.name for row in ROWS[family]]
    assert names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", bench.families())
def test_first_row_runs(family):
    step = ROWS[family][0].make(Side(pynn))
    step()
    step()


def test_sides_get_the_same_numbers():
    first, second = Side(pynn), Side(pynn)
    assert pynn.equal(first.randn(3, 4), second.randn(3, 4))
    assert pynn.equal(first.fill(pynn.nn.Linear(4, 2)).weight, second.fill(pynn.nn.Linear(4, 2)).weight)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ([np.ones(3)], None),
        ([np.ones(3) * 1.00001], None),
        ([np.ones(3) * 1.01], "off by 9.9e-03"),
        ([np.array([1, np.nan, 1])], "off by nan"),
        ([np.ones(4)], "shapes"),
        ([], "1 results and 0"),
    ],
)
def test_differs(second, reason):
    found = bench.differs([np.ones(3)], second, 1e-4)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize(("flops", "moved", "text"), [(5, None, "50% of peak"), (None, 2, "50% of bandwidth"), (None, None, "")])
def test_share(flops, moved, text):
    row = Row("family", "name", None, flops, moved, 0)
    assert bench.share(row, 1.0, bench.peak.Ceiling(10, 4)) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-6, "4.2 us")])
def test_duration(seconds, text):
    assert bench.duration(seconds) == text


def test_worker_makes_and_times():
    worker = bench.Worker("pynn", 1)
    try:
        (product,) = worker.ask("make", "matmul", 0)
        assert product.shape == (64, 64)
        assert all(t > 0 for t in worker.ask("time", 0.01))
        with pytest.raises(RuntimeError, match="IndexError"):
            worker.ask("make", "matmul", 10_000)
    finally:
        worker.close()


def test_lists_rows():
    listed = run("import runpy, sys; sys.argv = ['bench', 'matmul', '--list']; runpy.run_module('pynn.bench', run_name='__main__')")
    assert listed.splitlines()[0] == "matmul: 64 x 64 x 64"
