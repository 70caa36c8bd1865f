"""Matrix products in blocks: c = a @ b with any strides, rows or columns shared among threads.

b is copied into panels as wide as a tile, padded with zeros; tiles of c then take all of a block's depth at once
(`vectors.outer_tile`). Each element of c is summed over k in the same order wherever tiles and cuts fall, so that its
bits do not depend on the number of threads.
"""

# mypy: disable-error-code="no-untyped-def"

from typing import Any

import numpy

from pynn._backends.numba.arrays import flat, matrix
from pynn._backends.numba.runtime import jit, parallel
from pynn._backends.numba.vectors import ROWS, TILE_BYTES, outer_row, outer_tile

DEPTH = 256  # of a block: a tile's rows of a stay in the first-level cache
BLOCK_BYTES = 1 << 18  # of a packed block of b: half of a second-level cache


@jit
def pack_b(packed, b, b_at, b_row, b_column, depth, columns, width):
    """b (depth, columns) into panels (depth, width), the last one padded with zeros."""
    for start in range(0, columns, width):
        count = min(width, columns - start)
        panel = packed[start * depth : (start + width) * depth]
        if b_column == 1:
            for k in range(depth):
                to = panel[k * width : (k + 1) * width]
                row = b[b_at + start + k * b_row : b_at + start + k * b_row + count]
                for j in range(count):
                    to[j] = row[j]
                for j in range(count, width):
                    to[j] = 0
        else:
            if count < width:
                panel[:] = 0
            for j in range(count):
                column = b[b_at + (start + j) * b_column :]
                to = panel[j:]
                for k in range(depth):
                    to[k * width] = column[k * b_row]


@jit
def tile_rows(rows, a, a_at, a_row, a_step, b, b_at, steps, steps_at, c, c_at, c_row, depth, add):
    """One tile, of which the last may have fewer rows."""
    if rows == ROWS:
        outer_tile(a, a_at, a_row, a_step, b, b_at, steps, steps_at, c, c_at, c_row, depth, add)
    else:
        for i in range(rows):
            outer_row(
                a, a_at + i * a_row, a_row, a_step, b, b_at, steps, steps_at, c, c_at + i * c_row, c_row, depth, add
            )


@jit
def product(m0, m1, n0, n1, depth, a, a_at, a_row, a_column, b, b_at, b_row, b_column, c, c_at, c_row, add):
    """c[m0:m1, n0:n1] = or += a @ b, each a matrix by its place and strides in a one-dimensional array."""
    width = TILE_BYTES // c.itemsize
    most = min(DEPTH, depth)
    block = min(BLOCK_BYTES // c.itemsize // DEPTH // width * width, (n1 - n0 + width - 1) // width * width)
    packed = numpy.empty(block * most, c.dtype)
    left = numpy.empty(ROWS * most, c.dtype)
    edge = numpy.empty(ROWS * width, c.dtype)
    steps = numpy.arange(0, most * width, width)
    for k0 in range(0, depth, DEPTH):
        deep = min(DEPTH, depth - k0)
        more = add or k0 > 0
        for j0 in range(n0, n1, block):
            columns = min(block, n1 - j0)
            pack_b(packed, b, b_at + k0 * b_row + j0 * b_column, b_row, b_column, deep, columns, width)
            for i in range(m0, m1, ROWS):
                rows = min(ROWS, m1 - i)
                here, step, height = a_at + i * a_row + k0 * a_column, a_column, a_row
                source = a
                if a_column != 1:  # a tile's rows would be read across memory for every panel
                    for k in range(deep):
                        for r in range(rows):
                            left[k * ROWS + r] = a[here + k * a_column + r * a_row]
                    here, step, height, source = 0, ROWS, 1, left
                for j in range(0, columns, width):
                    at = c_at + i * c_row + j0 + j
                    if columns - j >= width:
                        tile_rows(
                            rows, source, here, height, step, packed, j * deep, steps, 0, c, at, c_row, deep, more
                        )
                    else:
                        tile_rows(
                            rows, source, here, height, step, packed, j * deep, steps, 0, edge, 0, width, deep, False
                        )
                        for r in range(rows):
                            for q in range(columns - j):
                                x = edge[r * width + q]
                                c[at + r * c_row + q] = c[at + r * c_row + q] + x if more else x


@jit
def _by_rows(
    start, stop, rows, columns, depth, a, a_at, a_row, a_column, b, b_at, b_row, b_column, c, c_at, c_row, add
):
    product(start * ROWS, min(stop * ROWS, rows), 0, columns, depth, a, a_at, a_row, a_column, b, b_at, b_row, b_column,
            c, c_at, c_row, add)  # fmt: skip


@jit
def _by_columns(
    start, stop, rows, columns, depth, a, a_at, a_row, a_column, b, b_at, b_row, b_column, c, c_at, c_row, add
):
    width = TILE_BYTES // c.itemsize
    product(0, rows, start * width, min(stop * width, columns), depth, a, a_at, a_row, a_column, b, b_at, b_row, b_column,
            c, c_at, c_row, add)  # fmt: skip


def multiply(a: Any, b: Any, out: Any) -> None:
    """out = a @ b for matrices of one dtype; out is row-major."""
    (rows, depth), columns = a.shape, b.shape[1]
    width = TILE_BYTES // out.itemsize
    tall, wide = -(-rows // ROWS), -(-columns // width)
    function, count = (_by_rows, tall) if rows >= columns else (_by_columns, wide)
    parallel(function, count, rows * columns * depth // 8, rows, columns, depth, *matrix(a), *matrix(b),
             out.reshape(-1), 0, columns, False)  # fmt: skip


@jit
def _stack(start, stop, rows, columns, depth, a, a_row, a_column, b, b_row, b_column, c):
    for i in range(start, stop):
        product(0, rows, 0, columns, depth, a, i * rows * depth, a_row, a_column, b, i * depth * columns, b_row, b_column,
                c, i * rows * columns, columns, False)  # fmt: skip


def _matrices(x: Any) -> tuple[Any, int, int]:
    """A stack of matrices as (one-dimensional array, row stride, column stride)."""
    turned = x.swapaxes(-1, -2)
    if turned.flags.carray and not x.flags.c_contiguous:
        return turned.reshape(-1), 1, x.shape[-2]
    return flat(x), x.shape[-1], 1


def multiply_many(a: Any, b: Any, out: Any) -> None:
    """out = a @ b for stacks of matrices of one shape and dtype; out is row-major."""
    (rows, depth), columns = a.shape[-2:], b.shape[-1]
    parallel(_stack, out.size // (rows * columns), out.size * depth // 8, rows, columns, depth, *_matrices(a),
             *_matrices(b), out.reshape(-1))  # fmt: skip
