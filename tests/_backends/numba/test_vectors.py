"""Tiles of products that stay in registers, against sums written out."""

import numpy
import pytest

pytest.importorskip("numba", exc_type=ImportError)

import numba

from pynn._backends.numba import vectors
from pynn._backends.numba.vectors import DOTS, ROWS, TILE_BYTES, VECTOR_BYTES, VECTORS, dot_tile, outer_tile

RNG = numpy.random.default_rng(0)


@numba.njit
def multiply(a, a_at, a_row, a_step, b, b_at, steps, c, c_at, c_row, depth, add):
    outer_tile(a, a_at, a_row, a_step, b, b_at, steps, 1, c, c_at, c_row, depth, add)


@numba.njit
def dots(a, a_row, a_image, b, places, b_image, images, c, c_row, depth):
    dot_tile(a, 0, a_row, a_image, b, 0, places, 0, b_image, images, c, 0, c_row, depth)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("add", [False, True])
def test_outer_tile(dtype, add):
    width, depth = TILE_BYTES // numpy.dtype(dtype).itemsize, 7
    a = RNG.normal(size=(depth, ROWS)).astype(dtype)  # turned: a row is a column of it
    b = RNG.normal(size=(2 * depth, width)).astype(dtype)
    steps = numpy.array([-1, *(2 * k * width for k in range(depth))])  # every second row; the first entry is not read
    c = RNG.normal(size=(ROWS, width + 3)).astype(dtype)
    before = c.copy()
    multiply(a.ravel(), 0, 1, ROWS, b.ravel(), 0, steps, c.ravel(), 2, width + 3, depth, add)
    expected = before.copy()
    expected[:, 2 : 2 + width] = a.T @ b[::2] + (before[:, 2 : 2 + width] if add else 0)
    numpy.testing.assert_allclose(c, expected, rtol=1e-5 if dtype == "f4" else 1e-12, atol=1e-6)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_dot_tile_adds(dtype):
    depth, images = 2 * VECTOR_BYTES // numpy.dtype(dtype).itemsize, 3
    a = RNG.normal(size=(images, DOTS, depth)).astype(dtype)
    b = RNG.normal(size=(images, DOTS + 1, depth)).astype(dtype)
    places = numpy.arange(DOTS)[::-1].copy() * depth
    c = numpy.ones((DOTS, DOTS), dtype)
    dots(a.ravel(), depth, DOTS * depth, b.ravel(), places, (DOTS + 1) * depth, images, c.ravel(), DOTS, depth)
    expected = 1 + numpy.einsum("nip,njp->ij", a, b[:, :DOTS][:, ::-1])
    numpy.testing.assert_allclose(c, expected, rtol=1e-4 if dtype == "f4" else 1e-12)


def test_registers_are_as_wide_as_numba_finds_them():
    assert VECTOR_BYTES in (16, 32, 64)
    assert TILE_BYTES == VECTORS * VECTOR_BYTES
    assert ROWS * VECTORS + VECTORS + 1 <= vectors._COUNT  # sums, a row of b and an element of a are in registers


def test_float_of_bits():
    @numba.njit
    def convert(bits):
        return vectors.float_of(bits)

    assert convert(numpy.int32(0x40490FDB)) == numpy.float32(numpy.pi)
    assert convert(numpy.float64(numpy.pi).view(numpy.int64)) == numpy.pi
