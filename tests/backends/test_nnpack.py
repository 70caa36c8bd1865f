from pynn.backends import nnpack


def test_not_used():
    assert not nnpack.is_available()
