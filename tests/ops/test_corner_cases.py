"""Rarely met arguments: in-place reshapes of views and recorded tensors, numbers that do not fit, odd sizes, dims, indices."""

import math

import numpy
import pytest

import pynn


def test_in_place_reshape_of_a_view():
    x = pynn.arange(6.0).reshape(2, 3)
    row = x[0]
    assert row.unsqueeze_(0) is row
    row.mul_(3)
    assert row.shape == (1, 3)
    assert x.tolist() == [[0, 3, 6], [3, 4, 5]]


def test_in_place_reshape_of_a_recorded_tensor_keeps_its_history():
    x = pynn.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 2
    y.unsqueeze_(0)
    y.transpose_(0, 1)
    y.mul_(pynn.arange(3.0))
    y.squeeze_(1)
    (y * y).sum().backward()
    assert x.grad.tolist() == [[0, 8, 64], [0, 32, 160]]


def test_views_made_before_an_in_place_reshape():
    x = pynn.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 2
    row = y[0]
    y.t_()
    y.mul_(pynn.arange(6.0).reshape(3, 2))
    assert row.tolist() == [0, 4, 16]
    (row * row).sum().backward()
    assert x.grad.tolist() == [[0, 32, 256], [0, 0, 0]]


def test_a_write_through_such_a_view():
    x, w = pynn.arange(6.0), pynn.ones(3, requires_grad=True)
    y = x.reshape(2, 3) + 0
    row = y[0]
    y.swapdims_(0, 1)
    row.mul_(w)
    (y * y).sum().backward()
    assert y.requires_grad
    assert w.grad.tolist() == [0, 2, 8]


def test_in_place_reshape_of_leaves():
    x = pynn.zeros(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.t_()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[0].unsqueeze_(0)
    with pynn.no_grad():
        x.t_()
    assert x.is_leaf
    assert x.shape == (3, 2)


def test_a_saved_tensor_reshaped_in_place_is_noticed():
    y = pynn.ones(2, 3, requires_grad=True) * 2
    z = (y * y).sum()
    y.t_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_numbers_that_do_not_fit():
    x = pynn.tensor([1, 5], dtype=pynn.uint8)
    assert x.clone().fill_(-3).tolist() == [253, 253]
    assert x.clamp(min=-3).tolist() == [253, 253]
    assert x.masked_fill(x > 3, -3).tolist() == [1, 253]
    assert pynn.full((1,), -1, dtype=pynn.uint8).item() == 255
    x[0] = -2
    assert x.tolist() == [254, 5]
    for call in (
        lambda: x.fill_(300),
        lambda: pynn.full((1,), 300, dtype=pynn.int8),
        lambda: pynn.tensor([300], dtype=pynn.uint8),
        lambda: pynn.tensor(float("nan")).to(pynn.float32).int().fill_(float("nan")),
        lambda: pynn.zeros(1).fill_(1e300),
        lambda: pynn.zeros(1).half().masked_fill(pynn.tensor([True]), 1e9),
    ):
        with pytest.raises(RuntimeError, match="without overflow"):
            call()
    assert pynn.zeros(1).half().fill_(1e9).item() == float("inf")


def test_bool_tensors_stay_bool_when_filled():
    filled = pynn.tensor([False, True]).masked_fill(pynn.tensor([True, False]), 3)
    assert filled.dtype == pynn.bool
    assert filled.tolist() == [True, True]


@pytest.mark.parametrize("call", [lambda x: x - True, lambda x: False - x, lambda x: pynn.sub(x, True)])
def test_subtracting_a_bool(call):
    with pytest.raises(RuntimeError, match="bool tensor"):
        call(pynn.ones(2))


def test_tensors_as_sizes_and_dims():
    two, x = pynn.tensor(2), pynn.ones(2, 3)
    assert pynn.zeros(two).shape == (2,)
    assert pynn.rand(size=(two, 3)).shape == pynn.randn(size=(2, 3)).shape == (2, 3)
    assert x.sum(pynn.tensor(0)).shape == (3,)
    assert pynn.cat([x, x], pynn.tensor(1)).shape == (2, 6)
    assert x[:1].squeeze(numpy.int64(0)).shape == (3,)
    with pytest.raises(TypeError, match="dim must be int"):
        x.sum(1.0)
    with pytest.raises(RuntimeError, match="-2"):
        x.expand(-2, 3)


def test_lists_as_indices():
    x = pynn.arange(9.0).reshape(3, 3)
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert x[[[0, 1], [1, 2]]].tolist() == [1, 5]
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert x[[slice(None), 1]].tolist() == [1, 4, 7]
    assert x[[0, 2]].shape == (2, 3)
    assert x[(0, 1), (1, 2)].tolist() == [1, 5]
    with pytest.warns(UserWarning, match="uint8"):
        assert x[pynn.tensor([1, 0, 1], dtype=pynn.uint8)].shape == (2, 3)
    with pytest.raises(IndexError, match="int8"):
        x[pynn.tensor([0], dtype=pynn.int8)]


def test_writing_single_elements_of_an_expanded_tensor():
    x = pynn.ones(3, 1)
    wide = x.expand(3, 4)
    wide[2, 2] = 0
    assert x.tolist() == [[1], [1], [0]]
    with pytest.raises(RuntimeError, match="single memory location"):
        wide[1] = 0


def test_read_only_arrays_are_shared(recwarn):
    array = numpy.arange(3.0)
    array.flags.writeable = False
    assert pynn.from_numpy(array).data_ptr() == array.ctypes.data
    assert pynn.frombuffer(b"ab", dtype=pynn.uint8).tolist() == [97, 98]
    mapped = pynn.from_numpy(numpy.broadcast_to(numpy.float32(1), (3,)))
    with pytest.raises(RuntimeError, match="single memory location"):
        mapped.add_(1)


def test_a_read_only_mapped_file_is_not_written(tmp_path, recwarn):
    numpy.arange(4.0).tofile(tmp_path / "data")
    x = pynn.from_numpy(numpy.memmap(tmp_path / "data", "float64", "r"))
    with pytest.raises(RuntimeError, match="read-only"):
        x.add_(1)
    with pytest.raises((RuntimeError, ValueError), match="read-only"):
        x.fill_(1)
    assert x.tolist() == [0, 1, 2, 3]


def test_legacy_constructor():
    assert pynn.Tensor(pynn.Size([2, 3])).shape == (2, 3)
    assert pynn.Tensor((2, 3)).tolist() == [2, 3]
    for bad in (3.5, None, True):
        with pytest.raises(TypeError, match="data must be a sequence"):
            pynn.Tensor(bad)


def test_asarray_keeps_the_history():
    x = pynn.ones(2, requires_grad=True)
    assert pynn.asarray(x * 2).grad_fn is not None
    assert not pynn.asarray(x, requires_grad=False).requires_grad


def test_refusals():
    for error, call in (
        (RuntimeError, lambda: pynn.meshgrid(pynn.ones(2, 2))),
        (RuntimeError, lambda: pynn.meshgrid(pynn.ones(2), pynn.ones(2).int())),
        (RuntimeError, lambda: pynn.ones(2).repeat_interleave(pynn.tensor([[1, 2]]))),
        (NotImplementedError, lambda: pynn.randn(2, dtype=pynn.int64)),
        (ValueError, lambda: pynn.frombuffer([1], dtype=pynn.int32)),
        (RuntimeError, lambda: pynn.tensor([None])),
        (TypeError, lambda: pynn.ones(2).flip()),
        (ValueError, lambda: pynn.broadcast_shapes((-1,), (2,))),
        (TypeError, lambda: pynn.ones(2, 3).movedim(0, (0, 1))),
    ):
        with pytest.raises(error):
            call()


def test_logsumexp_of_integers():
    assert pynn.tensor([0, 0]).logsumexp(0).item() == pytest.approx(math.log(2))


def test_grid_sample_counts_the_elements_of_large_images():
    side = 4100  # more than 2 ** 24 elements
    image = pynn.zeros(1, 1, side, side)
    image[0, 0, -1, -1] = 5.0  # at an odd place, which float32 has no number for
    grid = pynn.ones(1, 1, 1, 2)
    found = pynn.nn.functional.grid_sample(image, grid, mode="nearest", align_corners=True)
    assert found.item() == 5.0


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: x.median(), [1.0, 3.0, 3.0, 2.0, 3.0], [0, 1 / 3, 1 / 3, 0, 1 / 3]),
        (lambda x: x.median(), [1.0, math.nan, 3.0, math.nan], [0, 0.5, 0, 0.5]),
        (lambda x: x.nanmedian(), [1.0, math.nan, 1.0, 2.0], [0.5, 0, 0.5, 0]),
        (lambda x: x.nanmedian(), [math.nan, math.nan], [0.5, 0.5]),
        (lambda x: x.std(), [2.0, 2.0, 2.0], [0, 0, 0]),
        (lambda x: x.amax(0), [1.0, math.nan, 3.0], [math.nan] * 3),
        (lambda x: x.logsumexp(0), [math.inf, 1.0], [math.nan, 0]),
        (lambda x: x.logsumexp(0), [-math.inf, -math.inf], [math.nan, math.nan]),
        (lambda x: (0.0**x).sum(), [-1.0, 0.0, 1.0], [-math.inf, 0, 0]),
        (lambda x: ((-2.0) ** x).sum(), [2.0, 3.0], [math.nan, math.nan]),
        (lambda x: (x.new_tensor([0.0, 0.0, 2.0, -2.0]) ** x).sum(), [-1.0, 1.0, 0.0, 2.0], [-math.inf, 0, math.log(2), math.nan]),
    ],
)  # fmt: skip
def test_slopes_at_ties_zeros_and_infinities(lib, f, x, slope):
    x = lib.tensor(x, dtype=lib.float64, requires_grad=True)
    f(x).backward()
    assert x.grad.tolist() == pytest.approx(slope, nan_ok=True)


def test_the_slopes_where_hardswish_bends(lib):
    x = lib.tensor([-3.0, 3.0, 0.0], requires_grad=True)
    lib.nn.functional.hardswish(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 0.5]


def test_the_slope_of_a_deviation_of_equal_numbers_has_slopes(lib):
    x = lib.full((3,), 2.0, dtype=lib.float64, requires_grad=True)
    (slope,) = lib.autograd.grad(x.std() * 2, x, create_graph=True)
    slope.sum().backward()
    assert not x.grad.isnan().any()
