"""The emulated kernels, over NumPy's arrays again after tests that gave them others: the module is one in a process."""

import pytest

from tests.cuda_kernels import emulated


@pytest.fixture(autouse=True)
def arrays_of_its_own():
    if emulated.module is not None:
        emulated.module.use(emulated.MODULE)
