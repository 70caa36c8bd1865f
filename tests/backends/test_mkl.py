from pynn.backends import mkl


def test_not_used():
    assert not mkl.is_available()


def test_a_block_that_would_print_calls():
    with mkl.verbose(mkl.VERBOSE_ON) as block:
        assert block.enable == mkl.VERBOSE_ON != mkl.VERBOSE_OFF
