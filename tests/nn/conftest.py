"""Fixtures for nn: the same module in torch, with the same state."""

import numpy
import pytest

import pynn


def _flat(out):
    """The tensors in a module's output, in order."""
    if isinstance(out, (tuple, list)):
        return [x for part in out for x in _flat(part)]
    return [out]


def _tensors(arrays, make):
    out = []
    for a in arrays:
        if isinstance(a, tuple):
            out.append(tuple(_tensors(a, make)))
        elif isinstance(a, numpy.ndarray):
            t = make(a.copy())
            out.append(t.requires_grad_() if a.dtype.kind == "f" else t)
        else:
            out.append(a)
    return out


@pytest.fixture
def twin():
    """twin(make, *arguments): make(nn) is the same module in torch.nn and pynn.nn.

    Compares, in float64: repr; the state_dict's keys, shapes and order; and, once torch's state is loaded, outputs,
    the gradients of arguments and parameters, and the buffers afterwards. Float arrays require grad.
    """
    torch = pytest.importorskip("torch")

    def check(make, *arguments, training=True, tolerance=1e-10, steps=1):
        theirs, ours = make(torch.nn).double().train(training), make(pynn.nn).double().train(training)
        assert repr(ours) == repr(theirs).replace("torch.", "pynn.")
        wanted = theirs.state_dict()
        assert [(k, tuple(v.shape)) for k, v in ours.state_dict().items()] == [
            (k, tuple(v.shape)) for k, v in wanted.items()
        ]
        assert str(ours.load_state_dict({k: pynn.tensor(v.numpy()) for k, v in wanted.items()})) == (
            "<All keys matched successfully>"
        )
        for _ in range(steps):
            a, b = _tensors(arguments, pynn.tensor), _tensors(arguments, torch.from_numpy)
            mine, other = _flat(ours(*a)), _flat(theirs(*b))
            assert len(mine) == len(other)
            total, reference = 0.0, 0.0
            for m, o in zip(mine, other):
                assert tuple(m.shape) == tuple(o.shape)
                numpy.testing.assert_allclose(m.detach().numpy(), o.detach().numpy(), rtol=tolerance, atol=tolerance)
                if o.requires_grad:
                    weights = numpy.cos(numpy.arange(o.numel())).reshape(tuple(o.shape))
                    total = total + (m * pynn.tensor(weights)).sum()
                    reference = reference + (o * torch.from_numpy(weights)).sum()
        if isinstance(total, float):
            return ours
        total.backward()
        reference.backward()
        pairs = [(str(i), m, o) for i, (m, o) in enumerate(zip(_flat(a), _flat(b))) if isinstance(o, torch.Tensor)]
        pairs += [(n, m, o) for (n, m), o in zip(ours.named_parameters(), theirs.parameters())]
        for name, m, o in pairs:
            assert (m.grad is None) == (o.grad is None), name
            if o.grad is not None:
                numpy.testing.assert_allclose(
                    m.grad.numpy(), o.grad.numpy(), rtol=10 * tolerance, atol=10 * tolerance, err_msg=name
                )
        for (name, m), o in zip(ours.named_buffers(), theirs.buffers()):
            numpy.testing.assert_allclose(m.numpy(), o.numpy(), rtol=tolerance, atol=tolerance, err_msg=name)
        return ours

    return check


@pytest.fixture
def rng():
    """A seeded source of numbers."""
    return numpy.random.default_rng(7)
