"""Dropout modules."""

import pytest

import pynn
from pynn import nn

ALL = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout]
SHAPES = {nn.Dropout1d: (4, 3, 5), nn.Dropout2d: (4, 3, 5, 2), nn.Dropout3d: (4, 3, 5, 2, 2)}


@pytest.mark.parametrize("cls", ALL)
def test_evaluation_passes_the_input(cls):
    x = pynn.randn(*SHAPES.get(cls, (4, 3, 5)))
    assert cls(0.5).eval()(x) is x


@pytest.mark.parametrize("cls", ALL)
def test_training_changes_it_and_the_seed_repeats_it(cls):
    x = pynn.randn(*SHAPES.get(cls, (4, 3, 5)))
    m = cls(0.5)
    pynn.manual_seed(3)
    first = m(x)
    second = m(x)
    pynn.manual_seed(3)
    assert pynn.equal(m(x), first)
    assert not pynn.equal(first, second)


def test_dropout_scales_what_it_keeps():
    pynn.manual_seed(0)
    out = nn.Dropout(0.25)(pynn.ones(4000))
    assert sorted(set(out.tolist())) == [0.0, pytest.approx(4 / 3)]
    assert abs(out.mean().item() - 1.0) < 0.05


@pytest.mark.parametrize("cls", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_channels_are_dropped_whole(cls):
    pynn.manual_seed(0)
    out = cls(0.5)(pynn.ones(*SHAPES[cls])).numpy()
    channels = out.reshape(12, -1)
    assert ((channels == 0).all(1) | (channels == 2).all(1)).all()
    assert 0 < (channels[:, 0] == 0).sum() < 12


def test_probabilities():
    x = pynn.ones(5)
    assert nn.Dropout(0.0)(x).tolist() == [1.0] * 5
    assert nn.Dropout(1.0)(x).tolist() == [0.0] * 5
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"dropout probability has to be between 0 and 1, but got {p}"):
            nn.Dropout(p)


def test_inplace():
    x = pynn.ones(100)
    assert nn.Dropout(0.5, inplace=True)(x) is x
    assert (x == 0).any()


def test_repr():
    assert repr(nn.Dropout2d(0.2, True)) == "Dropout2d(p=0.2, inplace=True)"
