"""The networks that are measured: their shapes, and the operations they are said to take."""

import pytest

import pynn
from pynn.bench import networks


@pytest.mark.parametrize(
    ("network", "shape", "out"),
    [
        (networks.mlp, (2, 20), (2, 1)),
        (networks.cifar_cnn, (2, 3, 32, 32), (2, 10)),
        (networks.encoder, (1, 4, 256), (1, 4, 256)),
        *(
            (lambda lib, kind=kind: networks.recurrent(lib, kind), (3, 2, 64), (2, 10))
            for kind in ("LSTM", "GRU", "RNN")
        ),
    ],
)
def test_shapes(network, shape, out):
    with pynn.no_grad():
        assert network(pynn)(pynn.randn(*shape)).shape == out


def test_gpt_looks_back_only():
    model = networks.gpt(pynn, width=16, layers=1, heads=2, length=8)
    tokens = pynn.arange(8).view(1, 8)
    with pynn.no_grad():
        whole, part = model(tokens), model(tokens[:, :5])
    assert whole.shape == (1, 8, networks.WORDS)
    assert pynn.allclose(whole[:, :5], part, atol=1e-5)


def counted(model, x):
    """Floating-point operations of the convolutions and linear layers in a forward pass."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        total += 2 * output.numel() * module.weight[0].numel()

    for module in model.modules():
        if isinstance(module, (pynn.nn.Conv2d, pynn.nn.Linear)):
            module.register_forward_hook(count)
    with pynn.no_grad():
        model(x)
    return total


def test_operations_are_counted_right():
    assert counted(networks.mlp(pynn), pynn.randn(32, 20)) == networks.MLP_FLOPS
    assert counted(networks.cifar_cnn(pynn), pynn.randn(1, 3, 32, 32)) == networks.cifar_flops()
    tokens = pynn.zeros(2, 128, dtype=pynn.int64)
    model = networks.gpt(pynn, width=32, layers=2, heads=2)
    attention = 2 * 128 * 2 * 4 * 128 * 32 // 2
    assert counted(model, tokens) + attention == networks.transformer_flops(2, 128, 32, 2, True, networks.WORDS)


def test_resnet50_is_the_known_one():
    model = networks.resnet50(pynn)
    assert sum(p.numel() for p in model.parameters()) == 25_557_032
    assert counted(model.eval(), pynn.randn(1, 3, 224, 224)) == networks.RESNET50_FLOPS
