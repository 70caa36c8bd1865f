"""LinearCrossEntropyLoss and functional.linear_cross_entropy."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F
from pynn import nn


def test_is_torchs(rng):
    torch = pytest.importorskip("torch")
    if not hasattr(torch.nn, "LinearCrossEntropyLoss"):
        pytest.skip("this torch has no LinearCrossEntropyLoss")
    x = rng.normal(size=(5, 3))
    cases = [
        ({}, rng.integers(0, 4, 5)),
        ({"bias": True, "reduction": "sum", "label_smoothing": 0.1}, rng.integers(0, 4, 5)),
        ({"ignore_index": 2, "reduction": "none"}, rng.integers(0, 4, 5)),
        ({"out_features": (2,), "bias": True}, rng.integers(0, 4, (5, 2))),
        ({}, rng.uniform(size=(5, 4))),
    ]
    for kwargs, target in cases:
        theirs = torch.nn.LinearCrossEntropyLoss(3, 4, **kwargs).double()
        ours = nn.LinearCrossEntropyLoss(3, 4, **kwargs).double()
        assert repr(ours) == repr(theirs)
        ours.load_state_dict({k: pynn.tensor(v.numpy().copy()) for k, v in theirs.state_dict().items()})
        want, got = theirs(torch.tensor(x), torch.tensor(target)), ours(pynn.tensor(x), pynn.tensor(target))
        numpy.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-9)


def test_is_cross_entropy_of_a_linear_map(rng):
    x, w = (pynn.tensor(rng.normal(size=n)).requires_grad_() for n in ((5, 3), (4, 3)))
    b, y = pynn.tensor(rng.normal(size=4)), pynn.tensor(rng.integers(0, 4, 5))
    loss = F.linear_cross_entropy(x, w, y, linear_bias=b, options=nn.LinearCrossEntropyOptions())
    assert pynn.allclose(loss, F.cross_entropy(F.linear(x, w, b), y))
    loss.backward()
    assert x.grad is not None
    assert w.grad is not None


def test_errors():
    with pytest.raises(RuntimeError, match="expected weight shape to be"):
        nn.LinearCrossEntropyLoss(3, 4, weight=pynn.ones(3))
    with pytest.raises(RuntimeError, match="label_smoothing to be in range"):
        nn.LinearCrossEntropyLoss(3, 4, label_smoothing=2.0)
    with pytest.raises(RuntimeError, match="2 or more dimensions"):
        F.linear_cross_entropy(pynn.ones(3), pynn.ones(3), pynn.tensor(0))
    with pytest.raises(RuntimeError, match=r"takes an input \(N, in_features\)"):
        F.linear_cross_entropy(pynn.ones(3), pynn.ones(4, 2, 3), pynn.tensor(0))
