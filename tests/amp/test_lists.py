"""The lists of operations that autocast runs in one precision."""

from pynn.amp import _lists
from pynn.ops.registry import OPS


def test_lists_name_operations():
    assert not (_lists.LOW_PRECISION | _lists.FLOAT32) - OPS.keys()


def test_no_operation_is_in_both():
    assert not _lists.LOW_PRECISION & _lists.FLOAT32
