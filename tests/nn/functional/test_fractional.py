"""Fractional max pools."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F
from pynn import nn

RNG = numpy.random.default_rng(5)
X2, X3 = RNG.normal(size=(2, 3, 9, 7)), RNG.normal(size=(2, 3, 5, 9, 7))
DRAWN2, DRAWN3 = RNG.uniform(size=(2, 3, 2)), RNG.uniform(size=(2, 3, 3))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": (2, 3), "output_size": (4, 3)},
        {"kernel_size": 2, "output_ratio": 0.6},
        {"kernel_size": 3, "output_size": 1},
        {"kernel_size": 1, "output_size": (9, 7)},
    ],
)
def test_two_dimensions(twin, arguments):
    def call(library, x, drawn):
        return library.nn.functional.fractional_max_pool2d(
            x, **arguments, return_indices=True, _random_samples=drawn.detach()
        )

    torch = pytest.importorskip("torch")
    for x, drawn in ((X2, DRAWN2), (X2[0], DRAWN2[:1])):
        ours, theirs = pynn.tensor(x).requires_grad_(), torch.tensor(x).requires_grad_()
        size = arguments.get("output_ratio")
        fixed = dict(arguments, output_ratio=(size, size)) if size else arguments
        got = call(pynn, ours, pynn.tensor(drawn))
        want = torch.nn.functional.fractional_max_pool2d(
            theirs, **fixed, return_indices=True, _random_samples=torch.tensor(drawn)
        )
        assert numpy.array_equal(got[0].detach().numpy(), want[0].detach().numpy())
        assert numpy.array_equal(got[1].numpy(), want[1].numpy())
        got[0].square().sum().backward()
        want[0].square().sum().backward()
        numpy.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy())


def test_module_is_torchs(twin):
    drawn = {pynn.nn: pynn.tensor(DRAWN3)}

    def make(nn):
        samples = drawn[nn] if nn in drawn else __import__("torch").tensor(DRAWN3)
        return nn.FractionalMaxPool3d((2, 1, 3), output_size=(3, 4, 3), return_indices=True, _random_samples=samples)

    twin(make, X3)


def test_windows_by_hand():
    x = pynn.arange(16.0).reshape(1, 4, 4)
    # alpha = (4 - 2) / (2 - 1) = 2: the first windows begin at 0, the last at 4 - 2 = 2, whatever is drawn
    values, indices = F.fractional_max_pool2d(x, 2, 2, return_indices=True)
    assert values.tolist() == [[[5, 7], [13, 15]]]
    assert indices.tolist() == [[[5, 7], [13, 15]]]
    x[0, 0, 0] = float("nan")
    assert F.fractional_max_pool2d(x, 2, 2, return_indices=True)[1].tolist() == [[[0, 7], [13, 15]]]
    assert F.fractional_max_pool2d_with_indices(x, 2, 2)[0].shape == (1, 2, 2)
    assert F.fractional_max_pool3d(pynn.ones(2, 4, 4, 4), 2, output_ratio=0.5).shape == (2, 2, 2, 2)


def test_errors():
    x = pynn.ones(1, 1, 4, 4)
    with pytest.raises(ValueError, match="requires specifying either an output_size or an output_ratio"):
        F.fractional_max_pool2d(x, 2)
    with pytest.raises(RuntimeError, match="pool size 3 too large relative to input size 4"):
        F.fractional_max_pool2d(x, 3, output_size=3)
    with pytest.raises(RuntimeError, match="Expected 3D or 4D tensor"):
        F.fractional_max_pool2d(pynn.ones(4, 4), 2, output_size=2)
    with pytest.raises(RuntimeError, match="_random_samples must have shape"):
        F.fractional_max_pool2d(x, 2, output_size=2, _random_samples=pynn.ones(1, 1, 3))
    with pytest.raises(ValueError, match="requires specifying either an output size"):
        nn.FractionalMaxPool2d(2)
    with pytest.raises(ValueError, match="only one of output_size and output_ratio"):
        nn.FractionalMaxPool2d(2, 3, 0.5)
    with pytest.raises(ValueError, match="output_ratio must be between 0 and 1"):
        nn.FractionalMaxPool2d(2, output_ratio=1.5)
