from pynn.backends import mkldnn


def test_not_used():
    assert not mkldnn.is_available()
    assert not mkldnn.is_acl_available()


def test_flags_hold_for_a_block(monkeypatch):
    monkeypatch.setattr(mkldnn, "enabled", True)
    with mkldnn.flags(enabled=False, deterministic=True, fp32_precision="tf32"):
        assert (mkldnn.enabled, mkldnn.deterministic, mkldnn.allow_tf32) == (False, True, True)
        assert mkldnn.fp32_precision == "tf32"
    assert (mkldnn.enabled, mkldnn.deterministic, mkldnn.allow_tf32) == (True, False, None)
    assert mkldnn.fp32_precision == "none"


def test_a_block_that_would_print_calls():
    with mkldnn.verbose(mkldnn.VERBOSE_ON_CREATION) as block:
        assert block.level == 2
