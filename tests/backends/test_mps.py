from pynn.backends import mps


def test_none_here():
    assert not mps.is_available()
    assert not mps.is_built()
    assert not mps.is_macos_or_newer(12, 0)
    assert not mps.is_macos13_or_newer()
