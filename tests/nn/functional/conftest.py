"""Fixtures for nn.functional: the same call made in torch, and gradients by finite differences."""

import numpy
import pytest

import pynn


def _leaves(value, make):
    """value with its arrays (also inside tuples and lists) made tensors."""
    if isinstance(value, numpy.ndarray):
        return make(value)
    if isinstance(value, (tuple, list)) and any(isinstance(v, numpy.ndarray) for v in value):
        return type(value)(_leaves(v, make) for v in value)
    return value


def _run(library, function, args, kwargs, tensor):
    made = []

    def make(array):
        t = tensor(array)
        if array.dtype.kind == "f":
            t.requires_grad_()
            made.append(t)
        return t

    args = [_leaves(a, make) for a in args]
    kwargs = {k: _leaves(v, make) for k, v in kwargs.items()}
    out = function(library, *args, **kwargs)
    return made, out if isinstance(out, (tuple, list)) else (out,)


def _by_name(function):
    """A function of (library, ...), or the name of one of nn.functional's, as the former."""
    if not isinstance(function, str):
        return function
    return lambda library, *args, **kwargs: getattr(library.nn.functional, function)(*args, **kwargs)


def _flat(outs):
    for o in outs:
        if isinstance(o, (tuple, list)):
            yield from _flat(o)
        elif o is not None:
            yield o


@pytest.fixture
def same_as_torch():
    """same(f, *args, **kwargs): f(library, ...) gives the same values and gradients in torch and in pynn.

    Arrays among the arguments become tensors; float ones require grad. The gradient is that of the sum of all
    float outputs times fixed weights; grads=False compares values only.
    """
    torch = pytest.importorskip("torch")

    def same(function, *args, tolerance=1e-9, grads=True, **kwargs):
        function = _by_name(function)
        ours, out = _run(pynn, function, args, kwargs, lambda a: pynn.tensor(a))
        theirs, want = _run(torch, function, args, kwargs, lambda a: torch.from_numpy(a.copy()))
        out, want = list(_flat(out)), list(_flat(want))
        assert len(out) == len(want)
        totals = [None, None]
        for o, w in zip(out, want):
            assert tuple(o.shape) == tuple(w.shape)
            assert str(o.dtype).split(".")[1] == str(w.dtype).split(".")[1]
            numpy.testing.assert_allclose(o.detach().numpy(), w.detach().numpy(), rtol=tolerance, atol=tolerance)
            assert o.requires_grad == w.requires_grad
            if not (grads and w.requires_grad):
                continue
            weights = numpy.cos(numpy.arange(w.numel())).reshape(tuple(w.shape)).astype(o._array.dtype)
            for i, (t, c) in enumerate(((o, pynn.tensor(weights)), (w, torch.from_numpy(weights)))):
                part = (t * c).sum()
                totals[i] = part if totals[i] is None else totals[i] + part
        if totals[0] is None:
            return
        totals[0].backward()
        totals[1].backward()
        for mine, other in zip(ours, theirs):
            assert (mine.grad is None) == (other.grad is None)
            if mine.grad is not None:
                numpy.testing.assert_allclose(
                    mine.grad.numpy(), other.grad.numpy(), rtol=10 * tolerance, atol=10 * tolerance
                )

    return same


@pytest.fixture
def same_error():
    """same_error(f, *args, **kwargs): f(library, ...) raises the same type in torch (where installed) and in pynn.

    Returns pynn's message. The type is also given, so that the test says something without torch.
    """

    def check(kind, function, *args, **kwargs):
        function = _by_name(function)
        with pytest.raises(kind) as ours:
            _run(pynn, function, args, kwargs, lambda a: pynn.tensor(a))
        assert type(ours.value) is kind
        try:
            import torch
        except ImportError:
            return str(ours.value)
        with pytest.raises(kind) as theirs:
            _run(torch, function, args, kwargs, lambda a: torch.from_numpy(a.copy()))
        assert type(theirs.value) is kind
        return str(ours.value)

    return check


@pytest.fixture
def gradients():
    """gradients(f, *arrays): first and second derivatives of f, a function of tensors, agree with differences."""

    def total(f, arrays):
        out = f(*arrays)
        return (out * pynn.tensor(numpy.sin(1.0 + numpy.arange(out.numel())).reshape(tuple(out.shape)))).sum()

    def first(f, arrays, create_graph=False):
        leaves = [pynn.tensor(a).requires_grad_() for a in arrays]
        return leaves, pynn.autograd.grad(total(f, leaves), leaves, create_graph=create_graph)

    def differences(value, arrays, step=1e-5):
        out = []
        for i, a in enumerate(arrays):
            slope = numpy.zeros_like(a)
            for place in numpy.ndindex(a.shape):
                ends = []
                for sign in (1, -1):
                    moved = [b.copy() for b in arrays]
                    moved[i][place] += sign * step
                    ends.append(value(moved))
                slope[place] = (ends[0] - ends[1]) / (2 * step)
            out.append(slope)
        return out

    def check(f, *arrays, second=True):
        _, grads = first(f, arrays)
        wanted = differences(lambda moved: total(f, [pynn.tensor(m) for m in moved]).item(), arrays)
        for g, w in zip(grads, wanted):
            numpy.testing.assert_allclose(g.numpy(), w, rtol=1e-5, atol=1e-7)
        if not second:
            return

        def squared(grads):
            return sum(float((g.detach().numpy() ** 2).sum()) for g in grads)

        leaves, grads = first(f, arrays, create_graph=True)
        norm = sum((g * g).sum() for g in grads)
        found = pynn.autograd.grad(norm, leaves, allow_unused=True) if norm.requires_grad else [None] * len(leaves)
        wanted = differences(lambda moved: squared(first(f, moved)[1]), arrays)
        for g, w in zip(found, wanted):
            g = numpy.zeros_like(w) if g is None else g.numpy()
            numpy.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-6)

    return check
