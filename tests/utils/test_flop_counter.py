"""A counter of operations can be made and asked; entering it says that nothing is counted."""

import pytest

from pynn.utils.flop_counter import FlopCounterMode


def test_it_counts_nothing_and_says_so():
    counter = FlopCounterMode(display=False)
    assert counter.get_total_flops() == 0
    assert counter.get_flop_counts() == {}
    with pytest.raises(NotImplementedError, match="not counted"), counter:
        pass
