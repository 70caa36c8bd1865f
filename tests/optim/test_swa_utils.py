"""Averaged models, their rates and their batch statistics."""

import numpy
import pytest

import pynn
from pynn import nn
from pynn.optim import swa_utils


def model(value):
    net = nn.Linear(2, 1)
    with pynn.no_grad():
        for p in net.parameters():
            p.fill_(value)
    net.register_buffer("seen", pynn.full((2,), float(value)))
    return net


def weights(averaged):
    return averaged.module.weight.detach().numpy()[0, 0], averaged.module.seen.numpy()[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (3.0, 6.0)),
        ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, (3.0, 6.0)),
        ({"use_buffers": True}, (3.0, 3.0)),
        ({"avg_fn": swa_utils.get_ema_avg_fn(0.5)}, (3.75, 6.0)),
        ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.5), "use_buffers": True}, (3.75, 3.75)),
        ({"avg_fn": lambda average, new, count: average + count.item()}, (4.0, 6.0)),
    ],
)
def test_average_of_three_models(options, expected):
    averaged = swa_utils.AveragedModel(model(7.0), **options)
    for value in (1.0, 2.0, 6.0):
        averaged.update_parameters(model(value))
    assert weights(averaged) == expected
    assert averaged.n_averaged.item() == 3
    assert averaged(pynn.ones(1, 2)).item() == pytest.approx(3 * expected[0])


def test_the_average_is_its_own_and_can_be_saved():
    source = model(1.0)
    averaged = swa_utils.AveragedModel(source)
    averaged.update_parameters(source)
    source.weight.data.fill_(9.0)
    assert weights(averaged)[0] == 1.0
    assert list(averaged.state_dict()) == ["n_averaged", "module.weight", "module.bias", "module.seen"]


def test_what_cannot_be():
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa_utils.AveragedModel(model(1.0), avg_fn=max, multi_avg_fn=max)
    for make in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"Invalid decay value 1.5"):
            make(1.5)
    optimizer = pynn.optim.SGD([pynn.ones(1, requires_grad=True)])
    with pytest.raises(ValueError, match="must be one of 'cos' or 'linear', instead got cubic"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="cubic")
    with pytest.raises(ValueError, match="equal or greater than 0, got -1"):
        swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="swa_lr has 2 values"):
        swa_utils.SWALR(optimizer, [0.1, 0.2])


def rates(lib, **options):
    optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.5)
    scheduler = lib.optim.swa_utils.SWALR(optimizer, 0.1, **options)
    seen = []
    for _ in range(8):
        optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr()[0])
    return seen


def test_rates_go_to_the_target():
    assert rates(pynn, anneal_epochs=4, anneal_strategy="linear") == pytest.approx([0.4, 0.3, 0.2] + [0.1] * 5)
    cosine = [0.1 + 0.4 * (1 + numpy.cos(numpy.pi * t / 4)) / 2 for t in (1, 2, 3, 4)]
    assert rates(pynn, anneal_epochs=4) == pytest.approx(cosine + [0.1] * 4)


@pytest.mark.parametrize("options", [{}, {"anneal_epochs": 3, "anneal_strategy": "linear"}, {"anneal_epochs": 0}])
def test_rates_are_torchs(options):
    torch = pytest.importorskip("torch")
    numpy.testing.assert_allclose(rates(pynn, **options), rates(torch, **options), rtol=1e-12)


class Watching(nn.BatchNorm1d):
    """A batch normalisation that notes how it is called."""

    def forward(self, x):
        self.calls = [*getattr(self, "calls", []), (self.training, self.momentum, x)]
        return x


def test_update_bn_starts_anew_and_puts_back():
    net = nn.Sequential(Watching(2, momentum=0.25)).eval()
    net[0].running_mean.fill_(3.0)
    batches = [pynn.ones(4, 2), (pynn.zeros(4, 2), "label"), [pynn.ones(2, 2)]]
    swa_utils.update_bn(batches, net, device="cpu")
    assert [call[:2] for call in net[0].calls] == [(True, None)] * 3
    assert net[0].calls[1][2] is batches[1][0]
    assert net[0].running_mean.numpy().tolist() == [0.0, 0.0]
    assert net[0].momentum == 0.25
    assert not net.training


def test_update_bn_leaves_other_models_alone():
    swa_utils.update_bn(iter(lambda: pytest.fail("no batch is needed"), None), nn.Linear(2, 1))
