"""AdaptiveLogSoftmaxWithLoss."""

import numpy
import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize("cutoffs", [[4, 10], [5], [1, 2, 3]])
def test_is_torchs(twin, rng, cutoffs):
    x, y = rng.normal(size=(7, 8)), numpy.array([0, 19, 3, 12, 4, 10, 2])
    twin(lambda nn: nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs, div_value=2.0), x, y)
    twin(lambda nn: nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs, head_bias=True, div_value=1.5), x, y * 0)
    twin(lambda nn: nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs, div_value=2.0), x[0], numpy.array(19))


def test_log_probabilities_sum_to_one_and_predict_the_largest(rng):
    pynn.manual_seed(1)
    module = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], div_value=2.0).double()
    x = pynn.tensor(rng.normal(size=(30, 8)) * 5)
    log_prob = module.log_prob(x)
    assert log_prob.shape == (30, 20)
    assert pynn.allclose(log_prob.exp().sum(1), pynn.ones(30, dtype=pynn.float64))
    y = pynn.tensor(rng.integers(0, 20, 30))
    output, loss = module(x, y)
    assert pynn.allclose(output, log_prob.gather(1, y.unsqueeze(1)).squeeze(1))
    assert loss.item() == pytest.approx(-output.mean().item())
    head = module.head(x).argmax(1)
    wanted = [h if h < 4 else log_prob[i].argmax().item() for i, h in enumerate(head.tolist())]
    assert module.predict(x).tolist() == wanted
    module.reset_parameters()


def test_errors():
    for cutoffs in ([], [5, 3], [0, 3], [3, 3], [20], [2.5]):
        with pytest.raises(ValueError, match="cutoffs should be a sequence"):
            nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)
    module = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4], div_value=2.0)
    with pytest.raises(RuntimeError, match=r"Target values should be in \[0, 19\]"):
        module(pynn.ones(2, 8), pynn.tensor([0, 20]))
    with pytest.raises(RuntimeError, match="same size in the batch dimension"):
        module(pynn.ones(2, 8), pynn.tensor([0]))
    with pytest.raises(RuntimeError, match="1D target tensor expects 2D input"):
        module(pynn.ones(8), pynn.tensor([0]))
    with pytest.raises(RuntimeError, match="multi-target not supported"):
        module(pynn.ones(2, 8), pynn.tensor([[0]]))
