"""BatchNorm and InstanceNorm."""

import pytest

import pynn
from pynn import nn

SHAPES = {"1d": (4, 3, 5), "2d": (4, 3, 2, 5), "3d": (2, 3, 2, 2, 3)}


@pytest.mark.parametrize("dims", SHAPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"affine": False}, {"bias": False}, {"momentum": None}, {"momentum": 0.4, "eps": 1e-2}, {"track_running_stats": False}],
    ids=str,
)  # fmt: skip
def test_batch_norm_matches_torch(twin, rng, dims, training, arguments):
    twin(
        lambda nn: getattr(nn, "BatchNorm" + dims)(3, **arguments),
        rng.normal(2.0, 3.0, size=SHAPES[dims]),
        training=training,
        calls_before=2,
        tolerance=1e-9,
    )


def test_batch_norm_of_features_matches_torch(twin, rng):
    twin(lambda nn: nn.BatchNorm1d(3), rng.normal(size=(6, 3)))


@pytest.mark.parametrize("dims", SHAPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"affine": True}, {"affine": True, "track_running_stats": True}], ids=str)
def test_instance_norm_matches_torch(twin, rng, dims, training, arguments):
    def make(nn):
        return getattr(nn, "InstanceNorm" + dims)(3, **arguments)

    x = rng.normal(2.0, 3.0, size=SHAPES[dims])
    twin(make, x, training=training, calls_before=2, tolerance=1e-9)
    twin(make, x[0], training=training, tolerance=1e-9)


def test_running_statistics_are_learnt_then_used():
    m = nn.BatchNorm1d(2)
    x = pynn.tensor([[1.0, 10.0], [3.0, 30.0]])
    out = m(x)
    assert pynn.allclose(out.mean(0), pynn.zeros(2), atol=1e-6)
    assert m.running_mean.tolist() == pytest.approx([0.2, 2.0])
    assert m.running_var.tolist() == pytest.approx([0.9 + 0.2, 0.9 + 20.0])
    assert m.num_batches_tracked.item() == 1
    m.eval()
    held = m.running_mean.clone()
    assert pynn.allclose(m(x), (x - held) / (m.running_var + 1e-5).sqrt())
    assert pynn.equal(m.running_mean, held)
    m.reset_running_stats()
    assert m.running_mean.tolist() == [0.0, 0.0]
    assert m.running_var.tolist() == [1.0, 1.0]
    assert m.num_batches_tracked.item() == 0


def test_momentum_none_averages():
    m = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 2.0, 6.0):
        m(pynn.tensor([[value], [value + 2]]))
    assert m.running_mean.item() == pytest.approx(4.0)


def test_state_of_version_one_loads():
    m = nn.BatchNorm2d(3)
    m.num_batches_tracked.fill_(7)
    state = m.state_dict()
    assert list(state) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert state._metadata[""]["version"] == 2
    del state["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        nn.BatchNorm2d(3).load_state_dict(state)
    state._metadata[""]["version"] = 1
    again = nn.BatchNorm2d(3)
    again.load_state_dict(state)
    assert again.num_batches_tracked.item() == 0


def test_half_precision_module_keeps_its_count():
    assert nn.BatchNorm2d(3).double().num_batches_tracked.dtype is pynn.int64


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: nn.BatchNorm1d(3), (2, 3, 4, 4), "expected 2D or 3D input .got 4D input"),
        (lambda: nn.BatchNorm2d(3), (2, 3), "expected 4D input .got 2D input"),
        (lambda: nn.BatchNorm3d(3), (2, 3, 4), "expected 5D input .got 3D input"),
        (lambda: nn.InstanceNorm2d(3), (2, 3), "expected 3D or 4D input .got 2D input"),
        (lambda: nn.InstanceNorm1d(3, affine=True), (2, 4, 5), "to match num_features .3., but got: 4"),
    ],
)
def test_wrong_inputs(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make()(pynn.ones(*shape))


def test_one_value_a_channel_cannot_train():
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        nn.BatchNorm1d(3)(pynn.ones(1, 3))


def test_channels_that_instance_norm_does_not_use(lib):
    layer = lib.nn.InstanceNorm1d(4)
    with pytest.warns(UserWarning, match=r"size at dim=1 .*match num_features"):
        assert layer(lib.ones(2, 3, 5)).shape == (2, 3, 5)
