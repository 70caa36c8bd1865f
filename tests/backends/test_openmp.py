from pynn.backends import openmp


def test_not_used():
    assert not openmp.is_available()
