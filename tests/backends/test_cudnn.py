import pynn

cudnn = pynn.backends.cudnn


def test_not_here():
    assert not cudnn.is_available()
    assert not cudnn.is_acceptable(pynn.ones(1))
    assert cudnn.version() is None


def test_set_flags_returns_what_was():
    before = cudnn.set_flags(_benchmark=True, _deterministic=True)
    try:
        assert cudnn.benchmark
        assert cudnn.deterministic
        assert cudnn.enabled is before[0]  # not given
    finally:
        cudnn.set_flags(*before)
    assert (cudnn.enabled, cudnn.benchmark) == before[:2]


def test_flags_hold_for_a_block():
    before = cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32
    with cudnn.flags(enabled=False, benchmark=True, allow_tf32=False):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32) == (False, True, False)
    assert (cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32) == before
