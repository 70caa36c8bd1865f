"""vmap: dimensions in and out, randomness, nesting and complaints."""

import importlib

import numpy
import pytest

import pynn


def func_of(lib):
    return pynn.func if lib is pynn else importlib.import_module("torch.func")


def test_dimensions(lib):
    vmap = func_of(lib).vmap
    x = lib.arange(6.0).reshape(2, 3)
    assert vmap(lambda r: r.sum())(x).tolist() == [3.0, 12.0]
    assert vmap(lambda c: c.sum(), in_dims=1)(x).tolist() == [3.0, 5.0, 7.0]
    assert vmap(lambda c: c.sum(), in_dims=-1)(x).tolist() == [3.0, 5.0, 7.0]
    assert vmap(lambda r: r * 2, out_dims=1)(x).tolist() == [[0.0, 6.0], [2.0, 8.0], [4.0, 10.0]]
    assert vmap(lambda r, k: r * k, in_dims=(0, None))(x, 3).tolist() == (x * 3).tolist()
    a, b = vmap(lambda r: (r, r.sum()), out_dims=(-1, 0))(x)
    assert (tuple(a.shape), tuple(b.shape)) == ((3, 2), (2,))
    assert lib.vmap(lambda r: r.sum())(x).tolist() == [3.0, 12.0]


def test_trees(lib):
    vmap = func_of(lib).vmap
    x = lib.arange(6.0).reshape(2, 3)
    out = vmap(lambda d, y: {"sum": d["a"] + y, "same": d["b"]}, in_dims=({"a": 0, "b": None}, 0))({"a": x, "b": x}, x)
    assert out["sum"].tolist() == (x * 2).tolist()
    assert tuple(out["same"].shape) == (2, 2, 3)
    whole = vmap(lambda pair: pair[0] * pair[1])((x, x))
    assert whole.tolist() == (x * x).tolist()


def test_nested(lib):
    vmap = func_of(lib).vmap
    x = lib.arange(3.0)
    table = vmap(vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(x, x)
    assert table.tolist() == [[0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 2.0, 4.0]]


def test_results_that_depend_on_no_sample(lib):
    vmap = func_of(lib).vmap
    assert vmap(lambda x: lib.ones(2))(lib.zeros(3)).tolist() == [[1.0, 1.0]] * 3
    assert vmap(lambda x: lib.ones(2), out_dims=None)(lib.zeros(3)).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="can not return a BatchedTensor when out_dim is None"):
        vmap(lambda x: x, out_dims=None)(lib.arange(3.0))


def test_no_samples():
    assert tuple(pynn.vmap(lambda x: pynn.cat([x, x]), out_dims=1)(pynn.ones(0, 3)).shape) == (6, 0)


def test_batches_of_a_layer(lib):
    layer = lib.nn.Conv2d(3, 4, 3)
    x = lib.randn(5, 3, 6, 6)
    out = func_of(lib).vmap(layer)(x)
    numpy.testing.assert_allclose(out.detach().numpy(), layer(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_gradients_by_one_graph_for_all_samples(lib):
    x = lib.arange(3.0).requires_grad_()
    y = x**2

    def row(g):
        return lib.autograd.grad(y, x, g)[0]

    assert func_of(lib).vmap(row)(lib.eye(3)).tolist() == [[0, 0, 0], [0, 2, 0], [0, 0, 4]]
    with pytest.raises(RuntimeError, match="a second time"):
        row(lib.ones(3))


def test_chunks(lib):
    x = lib.arange(10.0)
    assert func_of(lib).vmap(lambda v: v * 2, chunk_size=3)(x).tolist() == (x * 2).tolist()


def test_randomness(lib):
    vmap = func_of(lib).vmap
    draw = lambda x: x + lib.rand(2)  # noqa: E731
    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        vmap(draw)(lib.zeros(3))
    same = vmap(draw, randomness="same")(lib.zeros(3))
    assert same[0].tolist() == same[1].tolist() == same[2].tolist()
    different = vmap(draw, randomness="different")(lib.zeros(3))
    assert len({tuple(r) for r in different.tolist()}) == 3
    assert lib.rand(2).tolist() != lib.rand(2).tolist()  # and afterwards all is as before


def test_same_randomness_in_several_draws():
    out = pynn.vmap(lambda x: pynn.stack([x + pynn.rand(()), x + pynn.rand(())]), randomness="same")(pynn.zeros(2))
    assert out[0].tolist() == out[1].tolist()
    assert out[0, 0].item() != out[0, 1].item()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda v, x: v(lambda a: a)(3),
            ValueError,
            "Got in_dim=0 for an input but the input is of type <class 'int'>",
        ),
        (
            lambda v, x: v(lambda a: a, in_dims=5)(x),
            ValueError,
            "Got in_dim=5 for some input, but that input is a Tensor of",
        ),
        (lambda v, x: v(lambda a: a, in_dims=(0, 0))(x), ValueError, "in_dims is not compatible with the structure"),
        (
            lambda v, x: v(lambda a, b: a)(x, x[:2]),
            ValueError,
            "Expected all tensors to have the same size in the mapped",
        ),
        (lambda v, x: v(lambda a: a, in_dims=None)(x), ValueError, "expected `in_dims` to be int or a"),
        (lambda v, x: v(lambda a: a, in_dims=(None,))(x), ValueError, "Expected at least one Tensor to vmap over"),
        (lambda v, x: v(lambda a: 3)(x), ValueError, "must only return Tensors, got type <class 'int'>"),
        (
            lambda v, x: v(lambda a: (a, a), out_dims=(0,))(x),
            ValueError,
            "out_dims is not compatible with the structure",
        ),
        (lambda v, x: v(lambda a: a, randomness="foo")(x), RuntimeError, "Only allowed values for randomness are"),
        (lambda v, x: v(lambda a: a, chunk_size=0)(x), ValueError, "chunk_size should be None or greater than 0"),
        (lambda v, x: v(lambda: 1)(), ValueError, "got no inputs"),
        (lambda v, x: v(lambda a: a, out_dims=3)(x), IndexError, "Dimension out of range"),
    ],
)
def test_errors(lib, call, error, message):
    with pytest.raises(error, match=message):
        call(func_of(lib).vmap, lib.arange(3.0))


def test_the_mode_ends_with_an_error():
    with pytest.raises(ZeroDivisionError):
        pynn.vmap(lambda x: 1 // 0)(pynn.ones(2))
    assert pynn._core.state.draws is None
    pynn.rand(2)


def test_keyword_arguments_are_passed_whole():
    x = pynn.arange(6.0).view(2, 3)
    assert pynn.vmap(lambda r, k=None: r * k)(x, k=pynn.tensor([1.0, 10.0, 100.0])).tolist() == [[0, 10, 200], [3, 40, 500]]


def test_writes_to_what_is_not_mapped_are_refused():
    total = pynn.zeros(3)
    with pytest.raises(RuntimeError, match="not mapped over"):
        pynn.vmap(lambda t, r: t.add_(r), in_dims=(None, 0))(total, pynn.ones(2, 3))
