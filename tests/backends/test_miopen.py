from pynn.backends import miopen


def test_the_switch_is_kept(monkeypatch):
    assert miopen.immediate is False
    monkeypatch.setattr(miopen, "immediate", True)
    assert miopen.immediate
