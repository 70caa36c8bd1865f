import pytest

import pynn
from pynn.backends import opt_einsum


def test_not_used():
    assert not opt_einsum.is_available()
    assert opt_einsum.get_opt_einsum() is None


@pytest.mark.parametrize("strategy", [None, "greedy"])
def test_einsum_is_the_same_whatever_is_set(monkeypatch, strategy):
    monkeypatch.setattr(opt_einsum, "enabled", True)
    monkeypatch.setattr(opt_einsum, "strategy", strategy)
    a, b, c = (pynn.arange(4.0).reshape(2, 2) + i for i in range(3))
    assert pynn.equal(pynn.einsum("ij,jk,kl->il", a, b, c), a @ b @ c)


def test_flags_last_as_long_as_their_block():
    with opt_einsum.flags(enabled=True, strategy="greedy"):
        assert (opt_einsum.enabled, opt_einsum.strategy) == (True, "greedy")
    assert (opt_einsum.enabled, opt_einsum.strategy) == (False, None)
