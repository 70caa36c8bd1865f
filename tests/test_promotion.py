"""Type promotion: the table of dtype x dtype, dtype x number and dtype x 0-d tensor, as torch 2.13 gives it."""

import pytest

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
SHORT = {"b": "bool", "u8": "uint8", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64"}
SHORT |= {"f16": "float16", "f32": "float32", "f64": "float64"}

# Rows: the left dtype in NAMES' order. Columns: the right one.
TENSORS = """
b    u8   i8   i16  i32  i64  f16  f32  f64
u8   u8   i16  i16  i32  i64  f16  f32  f64
i8   i16  i8   i16  i32  i64  f16  f32  f64
i16  i16  i16  i16  i32  i64  f16  f32  f64
i32  i32  i32  i32  i32  i64  f16  f32  f64
i64  i64  i64  i64  i64  i64  f16  f32  f64
f16  f16  f16  f16  f16  f16  f16  f32  f64
f32  f32  f32  f32  f32  f32  f32  f32  f64
f64  f64  f64  f64  f64  f64  f64  f64  f64
"""

# Rows: a number or a 0-d tensor of a dtype. Columns: the dtype of the tensor with dimensions.
NUMBERS = {
    True: "b   u8  i8  i16 i32 i64 f16 f32 f64",
    3: "i64 u8  i8  i16 i32 i64 f16 f32 f64",
    2.5: "f32 f32 f32 f32 f32 f32 f16 f32 f64",
}
SCALARS = """
b    u8   i8   i16  i32  i64  f16  f32  f64
u8   u8   i8   i16  i32  i64  f16  f32  f64
i8   u8   i8   i16  i32  i64  f16  f32  f64
i16  u8   i8   i16  i32  i64  f16  f32  f64
i32  u8   i8   i16  i32  i64  f16  f32  f64
i64  u8   i8   i16  i32  i64  f16  f32  f64
f16  f16  f16  f16  f16  f16  f16  f32  f64
f32  f32  f32  f32  f32  f32  f16  f32  f64
f64  f64  f64  f64  f64  f64  f16  f32  f64
"""


def table(text):
    return [[SHORT[cell] for cell in line.split()] for line in text.strip().splitlines()]


def dtype(lib, name):
    return getattr(lib, name)


@pytest.mark.parametrize("left", NAMES)
def test_tensor_and_tensor(lib, left):
    row = table(TENSORS)[NAMES.index(left)]
    for right, wanted in zip(NAMES, row):
        a, b = lib.ones(2, dtype=dtype(lib, left)), lib.ones(2, dtype=dtype(lib, right))
        assert (a * b).dtype == dtype(lib, wanted), right
        assert (a.reshape(2, 1) + b).dtype == dtype(lib, wanted), right
        assert lib.promote_types(a.dtype, b.dtype) == dtype(lib, wanted), right
        assert lib.result_type(a, b) == dtype(lib, wanted), right
        assert (a < b).dtype == lib.bool
        assert lib.cat([a, b]).dtype == dtype(lib, wanted), right


@pytest.mark.parametrize("number", NUMBERS)
def test_tensor_and_number(lib, number):
    for left, wanted in zip(NAMES, table(NUMBERS[number])[0]):
        a = lib.ones(2, dtype=dtype(lib, left))
        assert (a * number).dtype == dtype(lib, wanted), left
        assert (number + a).dtype == dtype(lib, wanted), left
        assert lib.result_type(a, number) == dtype(lib, wanted), left


@pytest.mark.parametrize("scalar", NAMES)
def test_tensor_and_0d_tensor(lib, scalar):
    row = table(SCALARS)[NAMES.index(scalar)]
    for left, wanted in zip(NAMES, row):
        a, b = lib.ones(2, dtype=dtype(lib, left)), lib.ones((), dtype=dtype(lib, scalar))
        assert (a * b).dtype == dtype(lib, wanted), left
        assert (b * a).dtype == dtype(lib, wanted), left


@pytest.mark.parametrize("name", NAMES)
def test_division_sums_and_functions(lib, name):
    a = lib.ones(2, dtype=dtype(lib, name))
    real = name if name.startswith("float") else "float32"
    assert (a / a).dtype == dtype(lib, real)
    assert a.exp().dtype == dtype(lib, real)
    assert (a.sum().dtype, a.cumsum(0).dtype) == (dtype(lib, name if name.startswith("float") else "int64"),) * 2
    assert a.argmax().dtype == lib.int64 if name != "bool" else True
    assert lib.where(a > 0, a, 2.5).dtype == dtype(lib, real)


def test_default_dtype(lib):
    assert lib.tensor(1.5).dtype == lib.float32
    try:
        lib.set_default_dtype(lib.float64)
        assert lib.tensor(1.5).dtype == lib.float64
        assert (lib.ones(2, dtype=lib.int64) * 1.5).dtype == lib.float64
        assert lib.zeros(2).dtype == lib.float64
        assert lib.get_default_dtype() == lib.float64
    finally:
        lib.set_default_dtype(lib.float32)
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        lib.set_default_dtype(lib.int64)


def test_in_place_keeps_the_dtype(lib):
    a = lib.ones(2, dtype=lib.float32)
    a += lib.ones(2, dtype=lib.float64)
    assert a.dtype == lib.float32
    b = lib.ones(2, dtype=lib.int32)
    b *= 2
    assert b.dtype == lib.int32
    for write in (lambda: b.add_(1.5), lambda: b.div_(2), lambda: lib.ones(2, dtype=lib.bool).add_(1)):
        with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
            write()


def test_gradients_keep_their_inputs_dtype(lib):
    a = lib.ones(2, dtype=lib.float32, requires_grad=True)
    b = lib.ones(2, dtype=lib.float64, requires_grad=True)
    (a * b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (lib.float32, lib.float64)
