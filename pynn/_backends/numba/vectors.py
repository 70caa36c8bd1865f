"""What plain Numba code cannot say: tiles of products that stay in vector registers, and the float that bits are.

LLVM gets vectors as wide as the processor's registers and as many sums as those hold; on another processor than the
constants were chosen for, the code is still right. Arrays are one-dimensional, places and steps count elements.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _registers() -> tuple[int, int]:
    """(bytes of a vector register, how many there are)."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2"):
        return 32, 16
    x86 = llvmlite.binding.get_default_triple().startswith(("x86", "i686", "amd64"))
    return 16, 16 if x86 else 32


VECTOR_BYTES, _COUNT = _registers()
VECTORS = 2  # a tile's width in vectors
TILE_BYTES = VECTORS * VECTOR_BYTES
ROWS = 8 if _COUNT == 32 else 6  # its height; rows times vectors are sums held in registers
DOTS = 4 if _COUNT == 32 else 3  # height and width of a tile of dot products


class _Code:
    """A builder and the vectors of one element type."""

    def __init__(self, context: Any, builder: Any, element_type: Any) -> None:
        self.context, self.builder = context, builder
        self.element = context.get_value_type(element_type)
        self.size = element_type.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.size
        self.vector = ir.VectorType(self.element, self.lanes)
        self.index = ir.IntType(64)

    def pointer(self, array_type: Any, array: Any, place: Any) -> Any:
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        return self.builder.gep(data, [place])

    def load(self, pointer: Any) -> Any:
        return self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.size)

    def store(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.size)

    def spread(self, pointer: Any) -> Any:
        """The element at a pointer in every lane."""
        value = self.builder.load(pointer, align=self.size)
        first = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        places = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, ir.Constant(self.vector, ir.Undefined), places)

    def sums(self, count: int) -> list[Any]:
        """Vectors of zeros, which LLVM keeps in registers."""
        zero = ir.Constant(self.vector, None)
        found = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        for place in found:
            self.builder.store(zero, place)
        return found

    def add_product(self, total: Any, a: Any, b: Any) -> None:
        product = self.builder.fmul(a, b, flags=("contract",))
        self.builder.store(self.builder.fadd(self.builder.load(total), product, flags=("contract",)), total)

    def reduced(self, vector: Any) -> Any:
        """The sum of a vector's lanes, halves added to halves."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            half = [ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(s, s + lanes))) for s in (0, lanes)]
            low, high = (self.builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), h) for h in half)
            vector = self.builder.fadd(low, high)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def _outer_tile(rows: int, vectors: int) -> Any:
    """tile(a, a_at, a_row, a_step, b, b_at, steps, steps_at, c, c_at, c_row, depth, add).

    c[i, j] = or += sum over k of a[a_at + i * a_row + k * a_step] * b[b_at + steps[steps_at + k] + j], for i < rows and
    j over the width of `vectors`: the row of b for each k stands where the table `steps` says.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(typing: Any, a: Any, a_at: Any, a_row: Any, a_step: Any, b: Any, b_at: Any, steps: Any, steps_at: Any,
             c: Any, c_at: Any, c_row: Any, depth: Any, add: Any) -> Any:  # fmt: skip
        signature = types.void(a, types.int64, types.int64, types.int64, b, types.int64, steps, types.int64, c,
                               types.int64, types.int64, types.int64, types.boolean)  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            a_type, b_type, steps_type, c_type = (signature.args[i] for i in (0, 4, 6, 8))
            a, a_at, a_row, a_step, b, b_at, steps, steps_at, c, c_at, c_row, depth, add = args
            code = _Code(context, builder, c_type.dtype)
            first = code.pointer(a_type, a, a_at)
            heads = [builder.gep(first, [builder.mul(a_row, ir.Constant(code.index, i))]) for i in range(rows)]
            base, table = code.pointer(b_type, b, b_at), code.pointer(steps_type, steps, steps_at)
            sums = code.sums(rows * vectors)
            with cgutils.for_range(builder, depth, intp=code.index) as loop:
                row = builder.gep(base, [builder.load(builder.gep(table, [loop.index]))])
                columns = [
                    code.load(builder.gep(row, [ir.Constant(code.index, j * code.lanes)])) for j in range(vectors)
                ]
                along = builder.mul(loop.index, a_step)
                for i, head in enumerate(heads):
                    left = code.spread(builder.gep(head, [along]))
                    for j, column in enumerate(columns):
                        code.add_product(sums[i * vectors + j], left, column)
            start = code.pointer(c_type, c, c_at)
            places = [
                builder.gep(start, [builder.add(builder.mul(c_row, ir.Constant(code.index, i)),
                                                ir.Constant(code.index, j * code.lanes))])
                for i in range(rows) for j in range(vectors)
            ]  # fmt: skip
            with builder.if_then(add):
                for total, place in zip(sums, places):
                    builder.store(builder.fadd(builder.load(total), code.load(place)), total)
            for total, place in zip(sums, places):
                code.store(builder.load(total), place)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _dot_tile(rows: int, columns: int) -> Any:
    """tile(a, a_at, a_row, a_image, b, b_at, places, places_at, b_image, images, c, c_at, c_row, depth).

    c[i, j] += sum over n < images and p < depth of a[a_at + n * a_image + i * a_row + p] * b[b_at + n * b_image +
    places[places_at + j] + p], for i < rows and j < columns; depth is a multiple of a vector's length.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(typing: Any, a: Any, a_at: Any, a_row: Any, a_image: Any, b: Any, b_at: Any, places: Any, places_at: Any,
             b_image: Any, images: Any, c: Any, c_at: Any, c_row: Any, depth: Any) -> Any:  # fmt: skip
        signature = types.void(a, types.int64, types.int64, types.int64, b, types.int64, places, types.int64,
                               types.int64, types.int64, c, types.int64, types.int64, types.int64)  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            a_type, b_type, places_type, c_type = (signature.args[i] for i in (0, 4, 6, 10))
            a, a_at, a_row, a_image, b, b_at, places, places_at, b_image, images, c, c_at, c_row, depth = args
            code = _Code(context, builder, c_type.dtype)
            table = code.pointer(places_type, places, places_at)
            shifts = [builder.load(builder.gep(table, [ir.Constant(code.index, j)])) for j in range(columns)]
            a_first, b_first = code.pointer(a_type, a, a_at), code.pointer(b_type, b, b_at)
            sums = code.sums(rows * columns)
            vectors = builder.udiv(depth, ir.Constant(code.index, code.lanes))
            with cgutils.for_range(builder, images, intp=code.index) as image:
                a_start = builder.gep(a_first, [builder.mul(image.index, a_image)])
                b_start = builder.gep(b_first, [builder.mul(image.index, b_image)])
                left = [builder.gep(a_start, [builder.mul(a_row, ir.Constant(code.index, i))]) for i in range(rows)]
                right = [builder.gep(b_start, [shift]) for shift in shifts]
                with cgutils.for_range(builder, vectors, intp=code.index) as loop:
                    along = builder.mul(loop.index, ir.Constant(code.index, code.lanes))
                    above = [code.load(builder.gep(x, [along])) for x in left]
                    for j, x in enumerate(right):
                        below = code.load(builder.gep(x, [along]))
                        for i, y in enumerate(above):
                            code.add_product(sums[i * columns + j], y, below)
            start = code.pointer(c_type, c, c_at)
            for i in range(rows):
                for j in range(columns):
                    place = builder.gep(start, [builder.add(builder.mul(c_row, ir.Constant(code.index, i)),
                                                            ir.Constant(code.index, j))])  # fmt: skip
                    total = code.reduced(builder.load(sums[i * columns + j]))
                    builder.store(builder.fadd(builder.load(place), total), place)
            return context.get_dummy_value()

        return signature, generate

    return tile


outer_tile = _outer_tile(ROWS, VECTORS)
outer_half = _outer_tile(ROWS, VECTORS // 2)
outer_row = _outer_tile(1, VECTORS)
dot_tile = _dot_tile(DOTS, DOTS)


@intrinsic  # type: ignore[untyped-decorator]
def float_of(typing: Any, x: Any) -> Any:
    """The float whose bits an integer has."""
    to = types.float32 if x == types.int32 else types.float64

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(to))

    return to(x), generate
