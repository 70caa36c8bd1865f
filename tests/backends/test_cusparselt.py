from pynn.backends import cusparselt


def test_not_used():
    assert not cusparselt.is_available()
    assert cusparselt.version() is None
