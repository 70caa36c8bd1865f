"""`out=`: what is written, resized, refused and returned; for every public function that takes it."""

import warnings

import pytest

import pynn
from pynn.ops import out as outs
from pynn.ops.registry import FUNCTIONS

X = [[1.5, 0.5], [0.25, 2.0]]


def test_the_result_is_written_and_out_returned():
    for f in (pynn.exp, pynn.hypot, pynn.amax, pynn.matmul, pynn.tril, pynn.nan_to_num):
        args = (pynn.tensor(X),) * (2 if f in (pynn.hypot, pynn.matmul) else 1)
        wanted = f(*args)
        out = pynn.full(wanted.shape, 7.0)
        memory = out._array
        assert f(*args, out=out) is out
        assert out._array is memory
        assert out.tolist() == wanted.tolist()


def test_out_may_be_an_input_or_a_view():
    x = pynn.tensor([1.0, 2.0])
    pynn.add(x, x, out=x)
    assert x.tolist() == [2.0, 4.0]
    base = pynn.zeros(3, 2)
    pynn.mul(x, 10, out=base[1])
    assert base.tolist() == [[0, 0], [20, 40], [0, 0]]
    pynn.mul(x, 10, out=base.T[:, 0].unsqueeze(0).squeeze(0))
    assert base[0].tolist() == [20, 40]


def test_an_empty_out_is_resized_without_a_word():
    out = pynn.empty(0)
    assert pynn.add(pynn.ones(2, 3), 1, out=out) is out
    assert out.shape == (2, 3)
    assert out.sum().item() == 12


def test_another_shape_is_resized_with_a_warning():
    out = pynn.zeros(5)
    with pytest.warns(UserWarning, match="An output with one or more elements was resized"):
        pynn.exp(pynn.zeros(2), out=out)
    assert out.tolist() == [1, 1]
    out = pynn.zeros(2)
    with pytest.warns(UserWarning, match="resized"):
        pynn.hypot(pynn.full((2, 2), 3.0), pynn.full((2, 2), 4.0), out=out)
    assert out.tolist() == [[5, 5], [5, 5]]


def test_makers_resize_in_silence_and_take_the_dtype_of_out():
    out = pynn.zeros(5, dtype=pynn.float64)
    assert pynn.arange(3, out=out) is out
    assert out.tolist() == [0.0, 1.0, 2.0]
    assert out.dtype is pynn.float64
    assert pynn.full((2,), 1.5, out=pynn.zeros(2, dtype=pynn.int64)).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="does not match dtype of out"):
        pynn.zeros(3, dtype=pynn.float32, out=out)


def test_sums_are_taken_in_the_dtype_of_out():
    x = pynn.tensor([1, 2, 3], dtype=pynn.int32)
    assert pynn.sum(x, out=pynn.zeros((), dtype=pynn.float64)).item() == 6.0
    assert pynn.prod(pynn.tensor([1.5, 2.5]), out=pynn.zeros((), dtype=pynn.int64)).item() == 2
    assert pynn.cumsum(x, 0, out=pynn.zeros(3)).tolist() == [1.0, 3.0, 6.0]


def test_dtypes_that_cannot_be_cast_are_refused():
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        pynn.exp(pynn.ones(2), out=pynn.zeros(2, dtype=pynn.int64))
    with pytest.raises(RuntimeError, match="can't be cast"):
        pynn.add(pynn.tensor([1]), 1, out=pynn.zeros(1, dtype=pynn.bool))
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
        pynn.mm(pynn.ones(2, 2), pynn.ones(2, 2), out=pynn.zeros(2, 2, dtype=pynn.float64))
    assert pynn.exp(pynn.zeros(2), out=pynn.zeros(2, dtype=pynn.float64)).tolist() == [1, 1]
    assert pynn.eq(pynn.ones(2), 1, out=pynn.zeros(2)).tolist() == [1, 1]


def test_out_takes_no_part_in_autograd():
    x = pynn.ones(2, requires_grad=True)
    for f in (pynn.exp, pynn.frac, pynn.cumsum):
        args = (x, 0) if f is pynn.cumsum else (x,)
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            f(*args, out=pynn.zeros(2))
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        pynn.exp(pynn.ones(2), out=x)
    with pynn.no_grad():
        pynn.exp(x, out=x)
    assert x.is_leaf
    assert x.requires_grad


def test_a_write_is_seen_by_backward():
    x = pynn.ones(2, requires_grad=True)
    held = pynn.ones(2)
    y = (x * held).sum()
    pynn.add(held, 1, out=held)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_several_results_go_into_a_tuple():
    x = pynn.tensor(X)
    out = (pynn.empty(0), pynn.empty(0, dtype=pynn.int64))
    found = pynn.max(x, 1, out=out)
    assert found.values is out[0]
    assert found.indices is out[1]
    assert out[0].tolist() == [1.5, 2.0]
    assert out[1].tolist() == [0, 1]
    with pytest.raises(TypeError, match="must be a tuple of 2 Tensors"):
        pynn.max(x, 1, out=out[0])
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
        pynn.max(x, 1, out=(out[0], pynn.empty(0)))


def test_what_is_no_tensor_or_expanded_is_refused():
    with pytest.raises(TypeError, match="argument 'out' must be Tensor"):
        pynn.add(pynn.ones(2), 1, out=3)
    with pytest.raises(TypeError, match="argument 'out' must be Tensor"):
        pynn.frac(pynn.ones(2), out=[])
    with pytest.raises(RuntimeError, match="single memory location"):
        pynn.exp(pynn.ones(2), out=pynn.zeros(1).expand(2))


@pytest.mark.parametrize("name", sorted(outs.TAKES_OUT & set(FUNCTIONS)))
def test_every_function_of_the_list_takes_it(name):
    function = FUNCTIONS[name]
    while not outs.has_out(function):  # wrapped for other ways of calling it
        function = function.__wrapped__


def test_no_warning_where_the_shape_fits():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pynn.add(pynn.ones(2), 1, out=pynn.zeros(2))
