"""Anonymous shared memory: mapped, written, given back."""

import gc
import os

import numpy
import pytest

from pynn import _shared


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_a_file_is_written_and_mapped():
    fd = _shared.create(12)
    try:
        assert os.fstat(fd).st_size == 12
        _shared.write(fd, numpy.arange(2, dtype=numpy.uint16), 4)
        mapping = _shared.Mapping(fd, 12)
    finally:
        os.close(fd)
    found = mapping.array()
    assert found.dtype == numpy.uint8
    assert found.view(numpy.uint16).tolist() == [0, 0, 0, 1, 0, 0]
    found[0] = 7
    assert mapping.array()[0] == 7  # the mapping outlives the caller's descriptor


def test_two_mappings_of_a_file_are_one_memory():
    fd = _shared.create(4)
    try:
        one, other = _shared.Mapping(fd, 4).array(), _shared.Mapping(fd, 4).array()
    finally:
        os.close(fd)
    one[:] = [1, 2, 3, 4]
    assert other.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("keep", [True, False])
def test_the_last_array_closes_the_file_where_the_mapping_keeps_it(keep):
    fd = _shared.create(8)
    view = _shared.Mapping(fd, 8, keep=keep).array()[2:4]
    gc.collect()
    assert is_open(fd)
    view[0] = 1
    del view
    gc.collect()
    assert is_open(fd) is not keep
    if not keep:
        os.close(fd)


def test_mapping_of():
    x = _shared.shared_copy(numpy.arange(6.0).reshape(2, 3))
    mapping = _shared.mapping_of(x)
    assert isinstance(mapping, _shared.Mapping)
    assert _shared.mapping_of(x.T[1:]) is mapping
    assert _shared.mapping_of(numpy.frombuffer(memoryview(x), numpy.float64)) is mapping
    assert _shared.mapping_of(numpy.ones(3)[1:]) is None
    assert _shared.mapping_of(x.copy()) is None


@pytest.mark.parametrize(
    "array",
    [numpy.arange(6, dtype=numpy.int16).reshape(2, 3).T, numpy.float32(2.5).reshape(()), numpy.zeros((0, 3)), numpy.array([True])],
    ids=["turned", "0-d", "empty", "bool"],
)  # fmt: skip
def test_shared_copy(array):
    twin = _shared.shared_copy(array)
    assert (twin.shape, twin.dtype) == (array.shape, array.dtype)
    assert twin.flags.c_contiguous
    numpy.testing.assert_array_equal(twin, array)
    mapping = _shared.mapping_of(twin)
    assert os.fstat(mapping.fd).st_size == array.nbytes


def test_what_cannot_be_mapped():
    with pytest.raises(OSError, match="cannot map 4 bytes of shared memory: Bad file descriptor"):
        _shared.Mapping(-1, 4)
    fd = _shared.create(0)
    try:
        with pytest.raises(OSError, match=f"cannot map {2**60} bytes"):
            _shared.Mapping(fd, 2**60)
    finally:
        os.close(fd)


def test_a_failed_copy_leaves_no_descriptor(monkeypatch):
    made = []
    create = _shared.create
    monkeypatch.setattr(_shared, "create", lambda size: made.append(create(size)) or made[-1])
    monkeypatch.setattr(_shared, "Mapping", lambda *args, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _shared.shared_copy(numpy.ones(2))
    assert not is_open(made[0])
