"""Joining tensors however they lie in memory, and copies into them."""

import numpy
import pytest

import pynn


def parts(ways, dtype):
    """Tensors of shape (3, n, 5) whose memory is that of a slice, a transpose, an expanded row, ..."""
    rng = numpy.random.default_rng(0)

    def array(*shape):
        return pynn.tensor(rng.integers(0, 2 if dtype is pynn.bool else 50, shape)).to(dtype)

    made = {
        "plain": lambda: array(3, 4, 5),
        "narrow": lambda: array(3, 9, 5)[:, 2:5],
        "every second": lambda: array(3, 8, 5)[:, ::2],
        "transposed": lambda: array(5, 2, 3).permute(2, 1, 0),
        "expanded": lambda: array(1, 1, 5).expand(3, 2, 5),
        "backwards": lambda: array(3, 3, 5).flip(0)[:, :, ::1],
        "empty": lambda: array(3, 0, 5),
        "one": lambda: array(3, 1, 5),
    }
    return [made[way]() for way in ways]


DTYPES = [pynn.float32, pynn.bfloat16, pynn.float64, pynn.int64, pynn.uint8, pynn.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_parts_lie_in_any_way(dtype):
    ways = ["narrow", "plain", "every second", "empty", "transposed", "expanded", "backwards", "one"]
    xs = parts(ways, dtype)
    whole = pynn.cat(xs, 1)
    assert whole.dtype is dtype
    assert whole.is_contiguous()
    start = 0
    for x in xs:
        assert whole[:, start : start + x.shape[1]].tolist() == x.tolist()
        start += x.shape[1]
    assert start == whole.shape[1]


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_along_each_dimension(dim):
    xs = [pynn.arange(24).reshape(2, 3, 4), pynn.arange(24, 48).reshape(4, 3, 2).permute(2, 1, 0)]
    joined = numpy.concatenate([x.numpy() for x in xs], dim)
    numpy.testing.assert_array_equal(pynn.cat(xs, dim).numpy(), joined)
    numpy.testing.assert_array_equal(pynn.stack(xs, dim).numpy(), numpy.stack([x.numpy() for x in xs], dim))


@pytest.mark.parametrize("shape", [(3, 50_000), (50_000, 3), (2, 3, 70_000)])
def test_large_parts_are_shared_by_threads(shape):
    xs = [pynn.randn(*shape) for _ in range(3)]
    for dim in range(len(shape)):
        numpy.testing.assert_array_equal(
            pynn.cat(xs, dim).numpy(), numpy.concatenate([x.numpy() for x in xs], dim)
        )


def test_dtypes_are_promoted(lib):
    x = lib.cat([lib.tensor([1, 2]), lib.tensor([0.5]), lib.tensor([True])])
    assert x.dtype is lib.float32
    assert x.tolist() == [1, 2, 0.5, 1]
    assert lib.cat([lib.tensor([], dtype=lib.float64), lib.ones(2, 3)]).dtype is lib.float64


def test_sizes_must_agree(lib):
    with pytest.raises(RuntimeError, match="Sizes of tensors must match except in dimension 1"):
        lib.cat([lib.zeros(2, 3), lib.zeros(3, 3)], 1)
    with pytest.raises(RuntimeError, match="same number of dimensions"):
        lib.cat([lib.zeros(2, 3), lib.zeros(3)])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_copy_into_takes_any_source(dtype):
    for way in ("plain", "narrow", "every second", "transposed", "expanded", "backwards", "one"):
        (source,) = parts([way], dtype)
        target = pynn.zeros(2, *source.shape, dtype=dtype)
        target.copy_(source)
        assert target.tolist() == [source.tolist()] * 2
        target = pynn.zeros(*source.shape, 2, dtype=dtype)[..., 0]  # not row-major
        target.copy_(source)
        assert target.tolist() == source.tolist()


def test_copy_of_a_part_of_itself():
    x = pynn.arange(6.0)
    x.copy_(x)
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    x[:3].copy_(x[3:])
    assert x.tolist() == [3, 4, 5, 3, 4, 5]


def test_expanded_memory_is_not_copied_nor_written():
    x = pynn.arange(3.0)
    wide = x.expand(2, 3)
    x[1] = 7
    assert wide.tolist() == [[0, 7, 2]] * 2
    with pytest.raises(RuntimeError):
        wide.add_(1)
    same = x.expand(1, 3)
    same.add_(1)
    assert x.tolist() == [1, 8, 3]
