"""The benchmark command: its comparison finds differences, its figures read well, its rows can be listed."""

import numpy as np
import pytest

from pynn.bench import __main__ as bench
from pynn.bench.row import Row
from tests.interpreter import run


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


@pytest.mark.parametrize(
    ("flops", "moved", "text"), [(5, None, "50% of peak"), (None, 2, "50% of bandwidth"), (None, None, "")]
)
def test_share(flops, moved, text):
    row = Row("family", "name", None, flops, moved, 0)
    assert bench.share(row, 1.0, bench.peak.Ceiling(10, 4)) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-6, "4.2 us")])
def test_duration(seconds, text):
    assert bench.duration(seconds) == text


def test_lists_rows():
    listed = run(
        "import runpy, sys; sys.argv = ['bench', 'matmul', '--list']; runpy.run_module('pynn.bench', run_name='__main__')"
    )
    assert listed.splitlines()[0] == "matmul: 64 x 64 x 64"
