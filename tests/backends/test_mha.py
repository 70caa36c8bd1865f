import pynn
from pynn.backends import mha


def test_the_switch_is_kept():
    before = mha.get_fastpath_enabled()
    try:
        mha.set_fastpath_enabled(False)
        assert not pynn.backends.mha.get_fastpath_enabled()
    finally:
        mha.set_fastpath_enabled(before)
    assert mha.get_fastpath_enabled() is before
