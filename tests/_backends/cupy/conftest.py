"""A GPU for every test of these modules."""

import pytest

from tests import gpu


@pytest.fixture(scope="module", autouse=True)
def cupy():
    """CuPy, or what stands in for it."""
    with gpu.present() as module:
        yield module
