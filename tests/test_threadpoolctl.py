"""threadpoolctl sees pynn's pool and sets its size, whichever is imported first."""

import subprocess
import sys

import pytest

import pynn
from pynn import _config

pytest.importorskip("threadpoolctl")
pytestmark = pytest.mark.skipif(_config._native is None, reason="only the compiled kernels have a pool")


def test_limits_hold_inside_the_block():
    from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

    before = pynn.get_num_threads()
    pynn.set_num_threads(3)
    try:
        (found,) = [entry for entry in threadpool_info() if entry["internal_api"] == "pynn"]
        assert found["num_threads"] == 3
        assert found["version"]
        assert "libpynn" in found["filepath"]
        with threadpool_limits(1):
            assert pynn.get_num_threads() == 1
        assert pynn.get_num_threads() == 3
        with threadpool_limits({"pynn": 2}):
            assert pynn.get_num_threads() == 2
        with threadpool_limits(1, user_api="blas"):
            assert pynn.get_num_threads() == 3
        assert len(ThreadpoolController().select(user_api="pynn")) == 1
    finally:
        pynn.set_num_threads(before)


@pytest.mark.parametrize("order", ["import threadpoolctl, pynn", "import pynn, threadpoolctl"])
def test_the_order_of_imports_does_not_matter(order):
    code = order + "; print([e['user_api'] for e in threadpoolctl.threadpool_info()].count('pynn'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
