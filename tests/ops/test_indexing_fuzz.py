"""Reading and writing by random indices gives what NumPy gives, and gradients that count every element read."""

import numpy
import pytest

import pynn


def random_index(rng, shape):
    """An index of a shape as torch and NumPy both understand it: ints, slices, None, ..., one list, mask or integer array."""
    out = []
    advanced = False
    kept = rng.integers(0, len(shape) + 1)
    for n in shape[:kept]:
        kind = rng.integers(7)
        if kind == 0 and n:
            out.append(int(rng.integers(-n, n)))
        elif kind == 1:
            out.append(None)
            out.append(slice(None))
        elif kind == 2 and n and not advanced:
            out.append(rng.integers(-n, n, rng.integers(0, 4)))
            advanced = True
        elif kind == 3 and n and not advanced:
            out.append(rng.uniform(size=n) > 0.5)
            advanced = True
        else:
            start, stop = (None if rng.uniform() < 0.3 else int(rng.integers(-n - 2, n + 3)) for _ in range(2))
            out.append(slice(start, stop, int(rng.integers(1, 3))))
    if rng.uniform() < 0.3:
        out.append(Ellipsis)
    return tuple(out)


def torch_result(x, index):
    """x[index] as torch has it, by NumPy: a number takes its dimension away first, where NumPy counts it among the arrays."""
    basic = tuple(slice(None) if isinstance(part, numpy.ndarray) else part for part in index)
    kept = [part for part in index if not isinstance(part, int)]
    rest = tuple(part if part is Ellipsis or isinstance(part, numpy.ndarray) else slice(None) for part in kept)
    return x[basic][rest]


def ours(index):
    """The same index with pynn tensors for arrays."""
    return tuple(pynn.from_numpy(i.copy()) if isinstance(i, numpy.ndarray) else i for i in index)


def cases(count, seed):
    rng = numpy.random.default_rng(seed)
    for _ in range(count):
        shape = tuple(int(n) for n in rng.integers(0, 5, rng.integers(1, 4)))
        yield rng, rng.normal(size=shape), random_index(rng, shape)


def test_reading():
    for _, x, index in cases(600, 0):
        got = pynn.from_numpy(x.copy())[ours(index)]
        numpy.testing.assert_array_equal(got.numpy(), torch_result(x, index), err_msg=f"{x.shape} {index}", strict=True)


def test_basic_reading_is_a_view_and_advanced_a_copy():
    for _, x, index in cases(300, 1):
        base = pynn.from_numpy(x.copy())
        got = base[ours(index)]
        if got.numel():
            advanced = any(isinstance(i, numpy.ndarray) for i in index)
            assert numpy.shares_memory(got.numpy(), base.numpy()) != advanced, index


@pytest.mark.parametrize("kind", ["number", "tensor", "broadcast"])
def test_writing(kind):
    for rng, x, index in cases(300, 2):
        wanted, base = x.copy(), pynn.from_numpy(x.copy())
        shape = x[index].shape
        if kind == "number":
            value = 7.5
        else:
            shape = shape[len(shape) // 2 :] if kind == "broadcast" else shape
            value = rng.normal(size=shape)
        wanted[index] = value
        base[ours(index)] = value if kind == "number" else pynn.from_numpy(value)
        numpy.testing.assert_array_equal(base.numpy(), wanted, err_msg=f"{x.shape} {index}")


def test_gradients_of_reading_count_every_element():
    for _, x, index in cases(300, 3):
        base = pynn.from_numpy(x.copy()).requires_grad_()
        got = base[ours(index)]
        weight = numpy.arange(1.0, got.numel() + 1).reshape(got.shape)
        wanted = numpy.zeros_like(x)
        numpy.add.at(wanted, index, weight)
        (got * pynn.from_numpy(weight)).sum().backward()
        numpy.testing.assert_array_equal(base.grad.numpy(), wanted, err_msg=f"{x.shape} {index}")


def test_gradients_of_writing():
    """The target keeps its gradient where nothing was written; the value gets the rest."""
    for rng, x, index in cases(300, 4):
        if any(isinstance(i, numpy.ndarray) and i.dtype.kind == "i" for i in index):
            continue  # which of two writes to one place counts is not defined
        leaf, value = (
            pynn.from_numpy(x.copy()).requires_grad_(),
            pynn.from_numpy(rng.normal(size=x[index].shape)).requires_grad_(),
        )
        target = leaf * 2
        target[ours(index)] = value * 3
        weight = numpy.arange(1.0, x.size + 1).reshape(x.shape)
        (target * pynn.from_numpy(weight)).sum().backward()
        wanted = 2 * weight
        wanted[index] = 0
        numpy.testing.assert_array_equal(leaf.grad.numpy(), wanted, err_msg=f"{x.shape} {index}")
        numpy.testing.assert_array_equal(value.grad.numpy(), 3 * weight[index], err_msg=f"{x.shape} {index}")


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (3, IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (-4, IndexError, "index -4 is out of bounds for dimension 0 with size 3"),
        ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (1.5, (TypeError, IndexError), "only integers, slices"),
    ],
)
def test_errors(lib, index, error, message):
    with pytest.raises(error, match=message):
        lib.ones(3, 4)[index]


def test_index_tensors_of_floats(lib):
    with pytest.raises(IndexError, match="tensors used as indices must be long, int, byte or bool tensors"):
        lib.ones(3)[lib.ones(2)]


def test_a_mask_must_fit(lib):
    with pytest.raises(IndexError, match=r"(?i)the shape of the mask|boolean index did not match"):
        lib.ones(3)[lib.tensor([True, False])]


def test_a_scalar_has_no_elements(lib):
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        lib.tensor(1)[0]
    assert lib.tensor(5)[...].item() == 5
    assert lib.tensor(5)[None].shape == (1,)


def test_values_that_do_not_fit(lib):
    x = lib.zeros(3, 4)
    with pytest.raises(RuntimeError):
        x[1:] = lib.ones(3, 4)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        x[lib.tensor([0, 1])] = lib.ones(3, 4)


def test_leading_ones_of_a_value_are_dropped(lib):
    x = lib.zeros(3, 4)
    x[0] = lib.ones(1, 1, 4)
    assert x.sum().item() == 4
