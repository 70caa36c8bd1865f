"""Convolution modules."""

import math
import re

import pytest

import pynn
from pynn import nn

CONV2D = [
    {}, {"stride": 2}, {"stride": (1, 2), "padding": (0, 1)}, {"padding": "same", "dilation": 2}, {"padding": "valid"},
    {"groups": 2}, {"groups": 4, "bias": False}, {"padding": 1, "padding_mode": "reflect"},
    {"padding": (1, 2), "padding_mode": "circular", "stride": 2}, {"padding": "same", "padding_mode": "replicate"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", CONV2D, ids=str)
def test_conv2d_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.Conv2d(4, 8, (3, 2), **arguments), rng.normal(size=(2, 4, 7, 6)))


@pytest.mark.parametrize(
    "arguments", [{}, {"stride": 2, "padding": 1}, {"padding": "same", "padding_mode": "reflect"}], ids=str
)
def test_conv1d_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.Conv1d(3, 2, 3, **arguments), rng.normal(size=(2, 3, 9)))


def test_conv3d_matches_torch(twin, rng):
    twin(lambda nn: nn.Conv3d(2, 3, 2, padding=1, stride=(1, 2, 1)), rng.normal(size=(2, 2, 4, 5, 3)))


@pytest.mark.parametrize(
    "arguments", [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"groups": 2, "dilation": 2}], ids=str
)
def test_transposed_match_torch(twin, rng, arguments):
    twin(lambda nn: nn.ConvTranspose1d(4, 2, 3, **arguments), rng.normal(size=(2, 4, 5)))
    twin(lambda nn: nn.ConvTranspose2d(4, 2, 3, **arguments), rng.normal(size=(2, 4, 5, 4)))


def test_transposed_3d_matches_torch(twin, rng):
    twin(lambda nn: nn.ConvTranspose3d(2, 3, 2, stride=2), rng.normal(size=(1, 2, 3, 2, 3)))


def test_without_batch(twin, rng):
    twin(lambda nn: nn.Conv2d(3, 2, 3), rng.normal(size=(3, 5, 5)))


def test_transposed_output_size():
    m = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = pynn.ones(1, 2, 4, 4)
    assert tuple(m(x).shape) == (1, 3, 7, 7)
    assert tuple(m(x, output_size=(8, 7)).shape) == (1, 3, 8, 7)
    assert tuple(m(x, output_size=(1, 3, 8, 8)).shape) == (1, 3, 8, 8)
    with pytest.raises(
        ValueError, match=r"requested an output size of .9, 7., but valid sizes of dimension 0 range from 7 to 8"
    ):
        m(x, output_size=(9, 7))


def test_initial_values():
    pynn.manual_seed(0)
    m = nn.Conv2d(8, 64, 3)
    bound = 1 / math.sqrt(8 * 9)
    for p in m.parameters():
        assert 0.8 * bound < p.abs().max().item() <= bound


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, "groups must be a positive integer"),
        ({"groups": 3}, "in_channels must be divisible by groups, got 4 and 3"),
        ({"groups": 4, "out_channels": 6}, "out_channels must be divisible by groups, got 6 and 4"),
        ({"padding_mode": "mirror"}, "padding_mode must be one of"),
        ({"padding": "full"}, "Invalid padding string 'full'"),
        ({"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        ({"kernel_size": (1, 2, 3)}, "kernel_size takes an int or 2 of them, got (1, 2, 3)"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 8, "kernel_size": 3, **arguments})


ONE_ENTRY = [
    {"stride": [2]}, {"stride": (2,), "padding": [1], "dilation": (1,)}, {"padding": (1,), "padding_mode": "reflect"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", ONE_ENTRY, ids=str)
def test_a_list_of_one_stands_for_every_dimension(rng, arguments):
    one = nn.Conv2d(2, 3, 3, **arguments)
    two = nn.Conv2d(2, 3, 3, **{k: v if isinstance(v, str) else v[0] for k, v in arguments.items()})
    assert one.stride == two.stride
    assert one.dilation == two.dilation
    two.load_state_dict(one.state_dict())
    x = pynn.tensor(rng.normal(size=(1, 2, 7, 6)), dtype=pynn.float32)
    assert pynn.equal(one(x), two(x))


def test_a_transposed_convolution_takes_a_list_of_one_and_an_output_size():
    module = nn.ConvTranspose2d(1, 1, 3, stride=(2,), padding=[1])
    assert module(pynn.ones(1, 1, 4, 4), output_size=(8, 7)).shape == (1, 1, 8, 7)


def test_transposed_takes_zeros_only():
    with pytest.raises(ValueError, match='Only "zeros" padding mode is supported for ConvTranspose1d'):
        nn.ConvTranspose1d(1, 1, 1, padding_mode="reflect")


def test_wrong_channels_name_the_module():
    with pytest.raises(RuntimeError, match=r"\[in 0 \(Conv2d\)\]$"):
        nn.Sequential(nn.Conv2d(3, 4, 3))(pynn.ones(1, 2, 5, 5))


def test_an_iterable_of_one_size_stands_for_all():
    layer = nn.Conv2d(1, 1, [3], stride=[2], padding=[1], dilation=(1,))
    assert (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (2, 2), (1, 1), (1, 1))
    assert layer(pynn.ones(1, 1, 5, 5)).shape == (1, 1, 3, 3)
    assert nn.Conv2d(1, 1, range(2, 4)).kernel_size == (2, 3)
    assert nn.ConvTranspose2d(1, 1, [2], stride=[2])(pynn.ones(1, 1, 3, 3), [6, 7]).shape == (1, 1, 6, 7)


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_a_subclass_can_convolve_with_another_weight(mode):
    class Doubled(nn.Conv1d):
        def forward(self, input):
            return self._conv_forward(input, self.weight * 2, None)

    layer = Doubled(1, 1, 3, padding=1, padding_mode=mode)
    with pynn.no_grad():
        layer.weight.copy_(pynn.tensor([[[1.0, 10.0, 100.0]]]))
    first = {"zeros": 420.0, "circular": 426.0}[mode]
    last = {"zeros": 64.0, "circular": 264.0}[mode]
    assert layer(pynn.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[first, 642.0, last]]]
    assert layer._reversed_padding_repeated_twice == [1, 1]


def test_output_size_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="output_size must have 2 or 4 elements"):
        nn.ConvTranspose2d(1, 1, 2)(pynn.ones(1, 1, 3, 3), (4,))
