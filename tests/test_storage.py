"""Storages: made, seen as other dtypes, converted, shown."""

import pytest

import pynn
from pynn.storage import TypedStorage, UntypedStorage


def test_made_of_a_size_a_list_or_another_storage():
    assert TypedStorage(4, dtype=pynn.int16).nbytes() == 8
    assert TypedStorage(3).dtype == pynn.float32
    assert TypedStorage([1, 2], dtype=pynn.int64).tolist() == [1, 2]
    assert UntypedStorage([1, 255]).tolist() == [1, 255]
    bits = TypedStorage(wrap_storage=pynn.tensor([1.0, -2.0]).untyped_storage(), dtype=pynn.int32)
    assert bits.tolist() == [0x3F800000, 0xC0000000 - 2**32]
    assert UntypedStorage(2, device="cpu").size() == 2
    with pytest.raises(TypeError, match="UntypedStorage"):
        TypedStorage(wrap_storage=bits, dtype=pynn.int8)
    with pytest.raises(RuntimeError, match="negative"):
        UntypedStorage(-1)


def test_shares_memory():
    x = pynn.zeros(3)
    x.storage()[1] = 5.0
    assert x.tolist() == [0.0, 5.0, 0.0]
    assert x.storage().untyped().data_ptr() == x.data_ptr() == x.untyped_storage().untyped().data_ptr()
    assert x.storage().new().size() == 0


def test_conversions():
    s = pynn.tensor([1.75, -2.0]).storage()
    assert s.float() is s
    assert s.long().tolist() == [1, -2]
    assert s.double().dtype == pynn.float64
    assert s.bfloat16().tolist() == [1.75, -2.0]
    assert s.bfloat16().int().tolist() == [1, -2]
    assert s.type() == "pynn.FloatStorage"
    assert s.type(pynn.bool).tolist() == [True, True]
    assert s.long().pickle_storage_type() == "LongStorage"
    assert s.to(device="cpu") is s


def test_refused():
    s = pynn.zeros(2).storage()
    assert s.resize_(2) is s
    with pytest.raises(RuntimeError, match="resize_"):
        s.resize_(5)
    with pytest.raises((RuntimeError, AssertionError), match="cuda"):
        s.cuda()


def test_text():
    assert repr(pynn.tensor([1.0, 2.0]).storage()).splitlines() == [
        " 1.0",
        " 2.0",
        "[pynn.storage.TypedStorage(dtype=pynn.float32, device=cpu) of size 2]",
    ]
    assert repr(UntypedStorage([7])).splitlines() == [" 7", "[pynn.storage.UntypedStorage(device=cpu) of size 1]"]
