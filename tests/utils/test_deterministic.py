"""What new memory holds where algorithms are to be deterministic."""

import pynn
from pynn.utils import deterministic


def _fresh():
    x = pynn.ones(2)
    return pynn.empty(2), pynn.empty_like(x), x.new_empty(2), pynn.empty_strided((2,), (1,)), x.clone().resize_(4)[2:]


def test_new_memory_holds_values_that_show(monkeypatch):
    pynn.use_deterministic_algorithms(True)
    try:
        assert all(x.isnan().all() for x in _fresh())
        assert pynn.empty(2, dtype=pynn.int32).tolist() == [2**31 - 1] * 2
        assert pynn.empty(2, dtype=pynn.bool).all()
        assert pynn.empty(2, dtype=pynn.bfloat16).isnan().all()
        monkeypatch.setattr(deterministic, "fill_uninitialized_memory", False)
        assert [x.shape for x in _fresh()] == [(2,)] * 5
    finally:
        pynn.use_deterministic_algorithms(False)
