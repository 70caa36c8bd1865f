"""The benchmark's rows: every family's run, on the same numbers for every library."""

import importlib

import pytest

import pynn
from pynn.bench import __main__ as bench
from pynn.bench.row import ROWS, Side

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
