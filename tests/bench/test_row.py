"""The benchmark's rows: every family's run on pynn, and give the same on every side that is installed."""

import importlib

import pytest

import pynn
from pynn.bench.__main__ import families
from pynn.bench._worker import results
from pynn.bench.compare import differs
from pynn.bench.row import EAGER, ROWS
from pynn.bench.side import Side
from pynn.bench.sides import SIDES
from pynn.bench.worker import Worker

for _family in families():
    importlib.import_module(f"pynn.bench.rows.{_family}")


@pytest.mark.parametrize("family", families())
def test_rows_have_names_and_sides_of_their_own(family):
    names = [row.name for row in ROWS[family]]
    assert names
    assert len(set(names)) == len(names)
    assert all(set(EAGER) <= set(row.sides) <= set(SIDES) for row in ROWS[family])


@pytest.mark.parametrize("family", families())
def test_first_row_runs(family):
    side = Side(pynn)
    step = ROWS[family][0].make(side)
    with side.scope():
        step()
        step()


BRIEF = {
    "matmul: 64 x 64 x 64",
    "models: MLP 20-64-32-1 b32, train, SGD",
    "models: MLP 20-64-32-1 b32, train, Adam",
    "models: MLP 20-64-32-1 b32, inference",
    "recurrent: GRU T20 B16 I64 H64, train",
    "recurrent: LSTM T20 B16 I64 H64, train",
    "recurrent: RNN T20 B16 I64 H64, train",
    "recurrent: GRU T50 B1 I50 H50, inference",
    "conv: 8 -> 8, 3x3, 8x8, batch 1",
    "conv: 8 -> 8, 3x3, 8x8, batch 1, train",
    "attention: b1 h4 L8 E16, causal, train",
    "attention: b1 h4 L8 E16, causal, forward",
    "pointwise: softmax over dim 1 of 32 x 10, train",
    "small: mul, tanh, sum, backward, 4 x 4",
    "small: AdamW over six tensors of the 20-64-32-1 network",
}
"""Rows of every form that take no time."""


@pytest.mark.parametrize("name", [name for name in SIDES if name not in ("pynn", "torch compile")])
def test_sides_agree(name):
    if SIDES[name].missing():
        pytest.skip(SIDES[name].missing())
    worker = Worker(name, 1)  # in a process of its own: JAX's threads would forbid other tests to fork
    compared = 0
    try:
        for family in families():
            for index, row in enumerate(ROWS[family]):
                if name not in row.sides or f"{family}: {row.name}" not in BRIEF:
                    continue
                side = Side(pynn)
                step = row.make(side)
                with side.scope():
                    own = [array for _ in range(row.checked) for array in results(step())]
                assert differs(own, worker.ask("make", family, index)[0], row.tolerance) is None, row.name
                compared += 1
    finally:
        worker.close()
    assert compared


def test_brief_rows_exist():
    assert {f"{family}: {row.name}" for family in families() for row in ROWS[family]} >= BRIEF
